/** PostgreSQL's text output of a value, as psql and its drivers show it. */
import type { DataType } from '../../sql/index.js'
import type { Decimal } from './decimal.js'
import { formatNested } from './format-nested.js'
import { Instant } from './instant.js'
import type { Interval } from './interval.js'
import { formatJson, type JsonValue } from './json.js'

/** A value of a result, by its SQL type; see the README for the choice of each. */
export type Value =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | Decimal
  | Interval
  | Instant
  | JsonValue
  | Nested

/** An array, a row (by the names of its fields) or a map. */
export type Nested = readonly Value[] | { readonly [name: string]: Value } | ReadonlyMap<Value, Value>

/** The text of a value that is not NULL. */
export function formatText(value: unknown, type: DataType): string {
  switch (type.type) {
    case 'boolean':
      return value === true ? 't' : 'f'
    case 'real':
      return formatReal(value as number)
    case 'double':
      return formatDouble(value as number)
    case 'bytea':
      return `\\x${Buffer.from(value as Uint8Array).toString('hex')}`
    case 'timestamptz':
      return value instanceof Instant ? value.toText() : new Instant(BigInt((value as Date).getTime()) * 1000n).toText()
    case 'jsonb':
      return formatJson(value as JsonValue)
    case 'array':
    case 'row':
    case 'map':
      return formatNested(value as Nested, type)
    default:
      return String(value)
  }
}

/** Shortest text that reads back as the same double; an exponent below 1e-4 and from 1e15, as PostgreSQL. */
export function formatDouble(value: number): string {
  return formatFloat(value, String(value), 15)
}

/** Shortest text that reads back as the same 4-byte float. */
export function formatReal(value: number): string {
  for (let digits = 1; digits < 9; digits++) {
    const text = value.toPrecision(digits)
    if (Math.fround(Number(text)) === value) return formatFloat(value, text, 6)
  }
  return formatFloat(value, value.toPrecision(9), 6)
}

function formatFloat(value: number, shortest: string, exponentFrom: number): string {
  if (Number.isNaN(value)) return 'NaN'
  if (!Number.isFinite(value)) return value > 0 ? 'Infinity' : '-Infinity'
  if (value === 0) return Object.is(value, -0) ? '-0' : '0'
  const [mantissa = '', exponentText = '0'] = Number(shortest).toExponential().split('e')
  const exponent = Number(exponentText)
  if (exponent < -4 || exponent >= exponentFrom) {
    const absolute = Math.abs(exponent)
    return `${mantissa}e${exponent < 0 ? '-' : '+'}${absolute < 10 ? '0' : ''}${absolute}`
  }
  const negative = mantissa.startsWith('-')
  const digits = mantissa.replace('-', '').replace('.', '')
  return (negative ? '-' : '') + placePoint(digits, exponent)
}

function placePoint(digits: string, exponent: number): string {
  if (exponent < 0) return `0.${'0'.repeat(-exponent - 1)}${digits}`
  if (digits.length <= exponent + 1) return digits.padEnd(exponent + 1, '0')
  return `${digits.slice(0, exponent + 1)}.${digits.slice(exponent + 1)}`
}
