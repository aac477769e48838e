/** Typed constants: how they are made, compared and written as SQL. */
import type { DataType, Literal } from '../contract/plan.generated.js'
import { numeric, shortTypeName } from './data-type.js'
import { formatDate, formatTime, formatTimestamp } from './date-time.js'
import { formatDecimal, parseDecimal, precisionOf } from './decimal.js'
import { formatInterval } from './interval.js'
import { formatUuid } from './uuid.js'

export type { Literal } from '../contract/plan.generated.js'

export const TRUE: Literal = { type: 'boolean', value: true }
export const FALSE: Literal = { type: 'boolean', value: false }

export function nullOf(type: DataType): Literal {
  return { type: 'null', data_type: type }
}

export function literalType(literal: Literal): DataType {
  switch (literal.type) {
    case 'null':
      return literal.data_type
    case 'numeric':
      return numeric(literal.precision, literal.scale)
    default:
      return { type: literal.type }
  }
}

/** The type that PostgreSQL gives a number as written: integer, bigint, else numeric; double past NUMERIC's 38 digits. */
export function numberLiteral(text: string): Literal | undefined {
  if (/^\d+$/.test(text)) {
    const value = BigInt(text)
    if (value <= 0x7fffffffn) return { type: 'integer', value: Number(value) }
    if (value <= 0x7fffffffffffffffn) return { type: 'bigint', value }
  }
  const decimal = parseDecimal(text)
  if (decimal === undefined) return undefined
  const precision = precisionOf(decimal)
  if (precision !== undefined) {
    return { type: 'numeric', value: formatDecimal(decimal), precision, scale: decimal.scale }
  }
  const value = Number(text)
  return Number.isFinite(value) ? { type: 'double', value } : undefined
}

export const INTEGER_LIMITS = {
  smallint: [-0x8000n, 0x7fffn],
  integer: [-0x80000000n, 0x7fffffffn],
  bigint: [-0x8000000000000000n, 0x7fffffffffffffffn],
} as const

/** An integer constant of that type, or undefined when it does not fit. */
export function integerLiteral(type: 'smallint' | 'integer' | 'bigint', value: bigint): Literal | undefined {
  const [least, most] = INTEGER_LIMITS[type]
  if (value < least || value > most) return undefined
  return type === 'bigint' ? { type, value } : { type, value: Number(value) }
}

/** The value of an integer constant of any width. */
export function integerValue(literal: Literal): bigint | undefined {
  switch (literal.type) {
    case 'smallint':
    case 'integer':
      return BigInt(literal.value)
    case 'bigint':
      return literal.value
    default:
      return undefined
  }
}

export function sameLiteral(a: Literal, b: Literal): boolean {
  return a.type === b.type && literalKey(a) === literalKey(b)
}

/** A text that is equal exactly for equal constants; -0 and NaN are told apart from 0. */
export function literalKey(literal: Literal): string {
  switch (literal.type) {
    case 'null':
      return `null:${shortTypeName(literal.data_type)}`
    case 'real':
    case 'double':
      return Object.is(literal.value, -0) ? '-0' : String(literal.value)
    case 'interval':
      return `${literal.months}:${literal.days}:${literal.microseconds}`
    case 'numeric':
      return `${literal.value}:${literal.precision}`
    case 'bytea':
    case 'uuid':
      return hex(literal.value)
    default:
      return String(literal.value)
  }
}

/** As SQL text, for EXPLAIN. */
export function printLiteral(literal: Literal): string {
  switch (literal.type) {
    case 'null':
      return 'NULL'
    case 'text':
      return `'${literal.value.replaceAll("'", "''")}'`
    case 'bytea':
      return `'\\x${hex(literal.value)}'`
    case 'boolean':
      return literal.value ? 'true' : 'false'
    case 'date':
      return `date '${formatDate(literal.value)}'`
    case 'time':
      return `time '${formatTime(literal.value)}'`
    case 'timestamp':
      return `timestamp '${formatTimestamp(literal.value)}'`
    case 'timestamptz':
      return `timestamptz '${formatTimestamp(literal.value)}+00'`
    case 'interval':
      return `interval '${formatInterval(literal)}'`
    case 'uuid':
      return `uuid '${formatUuid(literal.value)}'`
    case 'jsonb':
      return `jsonb '${literal.value.replaceAll("'", "''")}'`
    default:
      return String(literal.value)
  }
}

export function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}
