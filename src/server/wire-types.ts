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
} as const

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
}

const MODIFIER_OFFSET = 4

export function wireTypeOf(type: DataType): WireType {
  const modifier = type.type === 'numeric' ? ((type.precision << 16) | type.scale) + MODIFIER_OFFSET : -1
  return { oid: OID[type.type], size: SIZES[type.type], modifier }
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
    ] as const
  ).map((type) => [OID[type], { type }]),
)

/** The type of a parameter that the client has given one; texts take the type that the statement wants. */
export function typeOfOid(oid: number): DataType | 'text' | 'numeric' | undefined {
  if (oid === OID.numeric) return 'numeric'
  const texts: readonly number[] = [0, OID.text, OID.unknown, OID.varchar, OID.bpchar, OID.name]
  return texts.includes(oid) ? 'text' : TYPES.get(oid)
}
