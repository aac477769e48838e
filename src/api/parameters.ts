/** JavaScript values as typed constants of a statement. They are bound, never spliced into the text. */
import { Code, INTEGER_LIMITS, type Literal, precisionOf } from '../../sql/index.js'
import { MillraceError } from '../native/errors.js'
import { Decimal } from '../values/decimal.js'
import { epochMicroseconds } from '../values/instant.js'
import { Interval } from '../values/interval.js'
import { jsonText } from '../values/json.js'

export type Parameter =
  | null
  | undefined
  | boolean
  | number
  | bigint
  | string
  | Date
  | Uint8Array
  | Decimal
  | Interval
  | JsonObject

/** A plain object or an array, which becomes JSONB. */
export type JsonObject = readonly unknown[] | { readonly [name: string]: unknown }

/** PostgreSQL's limit on the number of parameters. */
const PARAMETERS_MAX = 65_535

export function toLiterals(parameters: readonly Parameter[]): Literal[] {
  if (parameters.length > PARAMETERS_MAX) {
    throw new MillraceError(Code.StatementTooComplex, `a statement may have ${PARAMETERS_MAX} parameters`)
  }
  return parameters.map(toLiteral)
}

function toLiteral(value: Parameter, index: number): Literal {
  if (value === null || value === undefined) return { type: 'null', data_type: { type: 'text' } }
  switch (typeof value) {
    case 'boolean':
      return { type: 'boolean', value }
    case 'string':
      return { type: 'text', value }
    case 'number':
      if (!Number.isSafeInteger(value) || Object.is(value, -0)) return { type: 'double', value }
      return fits(BigInt(value), 'integer') ? { type: 'integer', value } : { type: 'bigint', value: BigInt(value) }
    case 'bigint':
      return fits(value, 'bigint') ? { type: 'bigint', value } : decimalLiteral(new Decimal(value, 0), index)
    default:
      return objectLiteral(value, index)
  }
}

function objectLiteral(value: object, index: number): Literal {
  if (value instanceof Decimal) return decimalLiteral(value, index)
  if (value instanceof Interval) {
    return { type: 'interval', months: value.months, days: value.days, microseconds: value.microseconds }
  }
  if (value instanceof Uint8Array) return { type: 'bytea', value }
  if (value instanceof Date) {
    const microseconds = epochMicroseconds(value)
    if (microseconds !== undefined) return { type: 'timestamptz', value: microseconds }
    throw new MillraceError(Code.DatetimeFieldOverflow, `parameter $${index + 1} is an invalid date`)
  }
  const plain = Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype
  const json = plain ? jsonText(value) : undefined
  if (json !== undefined) return { type: 'jsonb', value: json }
  const shown = value.constructor?.name ?? 'object'
  throw new MillraceError(Code.DatatypeMismatch, `parameter $${index + 1} is an object of class ${shown}`, {
    hint: 'Parameters are booleans, numbers, bigints, strings, Date, Uint8Array, Decimal, Interval, plain objects and arrays (as JSONB) and null.',
  })
}

function decimalLiteral(value: Decimal, index: number): Literal {
  const precision = precisionOf(value)
  if (precision !== undefined) return { type: 'numeric', value: value.toString(), precision, scale: value.scale }
  throw new MillraceError(Code.NumericValueOutOfRange, `parameter $${index + 1} has more digits than a numeric holds`)
}

function fits(value: bigint, type: 'integer' | 'bigint'): boolean {
  const [least, most] = INTEGER_LIMITS[type]
  return value >= least && value <= most
}
