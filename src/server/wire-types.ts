/** PostgreSQL's numbers of our types (`pg_type.oid`), their sizes and modifiers. */
import type { DataType } from '../../sql/index.js'

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

export function isArrayOid(oid: number): boolean {
  return Object.values(ARRAY_OID).includes(oid)
}

/** The type of a parameter that the client has given one; texts take the type that the statement wants. */
export function typeOfOid(oid: number): DataType | 'text' | 'numeric' | undefined {
  if (oid === OID.numeric) return 'numeric'
  if (oid === OID.json) return { type: 'jsonb' }
  // An array's text takes the type that the statement wants.
  if (isArrayOid(oid)) return 'text'
  const texts: readonly number[] = [0, OID.text, OID.unknown, OID.varchar, OID.bpchar, OID.name]
  return texts.includes(oid) ? 'text' : TYPES.get(oid)
}
