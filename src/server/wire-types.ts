/** PostgreSQL's numbers of our types (`pg_type.oid`), their sizes and modifiers. */
import { Code, type DataType } from '../../sql/index.js'
import { MillraceError } from '../native/errors.js'

export interface WireType {
  readonly oid: number
  /** Bytes of a value; -1 where they vary. */
  readonly size: number
  /** `atttypmod`: precision and scale of a NUMERIC; -1 for none. */
  readonly modifier: number
}

export const OID = {
  boolean: 16,
  bytea: 17,
  bigint: 20,
  smallint: 21,
  integer: 23,
  text: 25,
  real: 700,
  double: 701,
  unknown: 705,
  bpchar: 1042,
  varchar: 1043,
  date: 1082,
  time: 1083,
  timestamp: 1114,
  timestamptz: 1184,
  interval: 1186,
  numeric: 1700,
  name: 19,
  oid: 26,
  regclass: 2205,
  uuid: 2950,
  jsonb: 3802,
  json: 114,
  row: 2249,
} as const

/** The arrays of each type; of an array of arrays it is that of the innermost elements. */
const ARRAY_OID: Readonly<Record<DataType['type'], number>> = {
  boolean: 1000,
  bytea: 1001,
  smallint: 1005,
  integer: 1007,
  text: 1009,
  bigint: 1016,
  real: 1021,
  double: 1022,
  timestamp: 1115,
  date: 1182,
  time: 1183,
  timestamptz: 1185,
  interval: 1187,
  numeric: 1231,
  uuid: 2951,
  jsonb: 3807,
  row: 2287,
  map: 1009,
  array: 1009,
}

const SIZES: Readonly<Record<DataType['type'], number>> = {
  boolean: 1,
  smallint: 2,
  integer: 4,
  bigint: 8,
  real: 4,
  double: 8,
  numeric: -1,
  text: -1,
  bytea: -1,
  date: 4,
  time: 8,
  timestamp: 8,
  timestamptz: 8,
  interval: 16,
  uuid: 16,
  jsonb: -1,
  array: -1,
  row: -1,
  map: -1,
}

const MODIFIER_OFFSET = 4

export function wireTypeOf(type: DataType): WireType {
  const modifier = type.type === 'numeric' ? ((type.precision << 16) | type.scale) + MODIFIER_OFFSET : -1
  return { oid: oidOf(type), size: SIZES[type.type], modifier }
}

function oidOf(type: DataType): number {
  if (type.type === 'map') return OID.text // PostgreSQL has no such type
  if (type.type !== 'array') return OID[type.type]
  let { element } = type
  while (element.type === 'array') element = element.element
  return ARRAY_OID[element.type]
}

const TYPES: ReadonlyMap<number, DataType> = new Map(
  (
    [
      'boolean',
      'bytea',
      'bigint',
      'smallint',
      'integer',
      'real',
      'double',
      'date',
      'time',
      'timestamp',
      'timestamptz',
      'interval',
      'uuid',
      'jsonb',
    ] as const
  ).map((type) => [OID[type], { type }]),
)

/** The element types of arrays, by the array's number. */
const ELEMENTS: ReadonlyMap<number, number> = new Map([
  ...Object.entries(ARRAY_OID)
    .filter(([type]) => type !== 'row' && type !== 'map' && type !== 'array')
    .map(([type, array]): [number, number] => [array, OID[type as keyof typeof OID]]),
  [1014, OID.bpchar],
  [1015, OID.varchar],
  [1003, OID.name],
  [1028, OID.oid],
])

/** The number of an array's elements; nothing of other types. */
export function elementOid(oid: number): number | undefined {
  return ELEMENTS.get(oid)
}

const TEXTS: ReadonlySet<number> = new Set([0, OID.text, OID.unknown, OID.varchar, OID.bpchar, OID.name])

/** The type of a value with this number; an array's text takes the type that the statement wants. */
export function typeOfOid(oid: number): DataType | 'text' | 'numeric' | undefined {
  if (oid === OID.numeric) return 'numeric'
  if (oid === OID.json) return { type: 'jsonb' }
  if (oid === OID.oid || oid === OID.regclass) return { type: 'bigint' }
  if (ELEMENTS.has(oid)) return 'text'
  return TEXTS.has(oid) ? 'text' : TYPES.get(oid)
}

/** The type that a client's declaration gives a parameter. Texts take the type that the statement wants: so are most values sent
 *  whose type the client does not know. */
export function declaredType(oid: number, number: number): DataType | undefined {
  const element = ELEMENTS.get(oid)
  if (element !== undefined) {
    const type = declaredType(element, number)
    return { type: 'array', element: type ?? { type: 'text' } }
  }
  const type = typeOfOid(oid)
  if (type === undefined) {
    throw new MillraceError(Code.FeatureNotSupported, `parameter $${number} has a type that is not known: OID ${oid}`)
  }
  if (type === 'numeric') return { type: 'numeric', precision: 38, scale: 16 }
  return type === 'text' ? undefined : type
}
