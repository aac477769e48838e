/** Text to a typed constant, by PostgreSQL's input functions: what an unknown literal such as '2024-01-01' becomes once its
 *  type is known. A text that the engine would read otherwise must never be folded here. */
import type { DataType, Literal } from '../contract/plan.generated.js'
import type { CodeName } from '../diag/codes.js'
import { typeName } from './data-type.js'
import { parseDate, parseTime, parseTimestamp, type TimeProblem } from './date-time.js'
import { formatDecimal, parseDecimal, precisionOf, rescale } from './decimal.js'
import { intervalOverflows, parseInterval } from './interval.js'
import { integerLiteral } from './literal.js'
import { parseUuid } from './uuid.js'

export interface ValueProblem {
  readonly code: CodeName
  readonly message: string
}

export type ParsedValue = { readonly literal: Literal } | ValueProblem

export function parseValue(text: string, type: DataType): ParsedValue {
  const invalid: ValueProblem = {
    code: 'InvalidTextRepresentation',
    message: `invalid input syntax for type ${type.type === 'numeric' ? 'numeric' : typeName(type)}: "${text}"`,
  }
  switch (type.type) {
    case 'text':
      return { literal: { type: 'text', value: text } }
    case 'boolean': {
      const value = parseBoolean(text)
      return value === undefined ? invalid : { literal: { type: 'boolean', value } }
    }
    case 'smallint':
    case 'integer':
    case 'bigint': {
      if (!/^\s*[+-]?\d+\s*$/.test(text)) return invalid
      const literal = integerLiteral(type.type, BigInt(text.trim().replace(/^\+/, '')))
      return literal === undefined ? outOfRange(text, type) : { literal }
    }
    case 'real':
    case 'double': {
      const value = parseFloatText(text)
      if (value === undefined) return invalid
      const kept = type.type === 'real' ? Math.fround(value) : value
      const overflow = !Number.isFinite(kept) && !/inf/i.test(text) && !Number.isNaN(kept)
      const underflow = kept === 0 && /[1-9]/.test(text.replace(/e.*/i, ''))
      return overflow || underflow ? outOfRange(text, type) : { literal: { type: type.type, value: kept } }
    }
    case 'numeric':
      return parseNumeric(text, type, invalid)
    case 'bytea': {
      if (!/^\\x([0-9a-fA-F]{2})*$/.test(text)) return invalid
      const bytes = text.slice(2).match(/../g) ?? []
      return { literal: { type: 'bytea', value: Uint8Array.from(bytes, (byte) => Number.parseInt(byte, 16)) } }
    }
    case 'date': {
      const value = parseDate(text)
      return typeof value === 'number' ? { literal: { type: 'date', value } } : badTime(text, type, value)
    }
    case 'time': {
      const value = parseTime(text)
      return typeof value === 'bigint' ? { literal: { type: 'time', value } } : badTime(text, type, value)
    }
    case 'timestamp':
    case 'timestamptz': {
      const value = parseTimestamp(text, type.type === 'timestamp' ? 'ignore-zone' : 'utc')
      return typeof value === 'bigint' ? { literal: { type: type.type, value } } : badTime(text, type, value)
    }
    case 'interval': {
      const parts = parseInterval(text)
      if (parts !== undefined) return { literal: { type: 'interval', ...parts } }
      return intervalOverflows(text)
        ? { code: 'IntervalFieldOverflow', message: `interval field value out of range: "${text}"` }
        : badTime(text, type, { problem: 'syntax' })
    }
    case 'uuid': {
      const value = parseUuid(text)
      return value === undefined ? invalid : { literal: { type: 'uuid', value } }
    }
    case 'jsonb':
      return isJson(text)
        ? { literal: { type: 'jsonb', value: text } }
        : { code: 'InvalidTextRepresentation', message: 'invalid input syntax for type json' }
    case 'array':
    case 'row':
    case 'map':
      return invalid // the binder leaves these to the engine
    default:
      return type satisfies never
  }
}

function parseNumeric(text: string, type: DataType & { type: 'numeric' }, invalid: ValueProblem): ParsedValue {
  const decimal = parseDecimal(text)
  if (decimal === undefined) return invalid
  const rounded = rescale(decimal, type.scale)
  const precision = precisionOf(rounded)
  if (precision === undefined || precision > type.precision) {
    return { code: 'NumericValueOutOfRange', message: 'numeric field overflow' }
  }
  return { literal: { type: 'numeric', value: formatDecimal(rounded), precision: type.precision, scale: type.scale } }
}

/** The engine reads the value: JSON.parse loses digits. */
function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

/** PostgreSQL takes unique prefixes of its boolean words. */
function parseBoolean(text: string): boolean | undefined {
  const word = text.trim().toLowerCase()
  if (word === '') return undefined
  if (word === '1' || word === 'on' || 'true'.startsWith(word) || 'yes'.startsWith(word)) return true
  if (word === '0' || (word.length > 1 && 'off'.startsWith(word)) || 'false'.startsWith(word) || 'no'.startsWith(word))
    return false
  return undefined
}

function parseFloatText(text: string): number | undefined {
  const word = text.trim().toLowerCase()
  if (/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/.test(word)) return Number(word)
  if (word === 'nan') return Number.NaN
  if (/^[+]?inf(inity)?$/.test(word)) return Number.POSITIVE_INFINITY
  if (/^-inf(inity)?$/.test(word)) return Number.NEGATIVE_INFINITY
  return undefined
}

function outOfRange(text: string, type: DataType): ValueProblem {
  const shown = type.type === 'real' || type.type === 'double' ? `"${text.trim()}"` : `value "${text.trim()}"`
  const message = `${shown} is out of range for type ${typeName(type)}`
  return { code: 'NumericValueOutOfRange', message }
}

function badTime(text: string, type: DataType, { problem }: TimeProblem): ValueProblem {
  return problem === 'range'
    ? { code: 'DatetimeFieldOverflow', message: `date/time field value out of range: "${text}"` }
    : { code: 'InvalidDatetimeFormat', message: `invalid input syntax for type ${typeName(type)}: "${text}"` }
}
