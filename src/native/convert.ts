/** One JavaScript value to the number or bytes that Arrow stores for a SQL type. What does not fit is refused with the
 *  column's name; nothing is rounded but a NUMERIC to its scale, as PostgreSQL does. */
import {
  Code,
  type DataType,
  INTEGER_LIMITS,
  type IntervalParts,
  type Literal,
  parseUuid,
  parseValue,
  typeName,
} from '../../sql/index.js'
import { Decimal } from '../values/decimal.js'
import { epochMicroseconds } from '../values/instant.js'
import { jsonText } from '../values/json.js'
import { MillraceError } from './errors.js'

/** Fifteen digits of a double are its decimal text. */
const EXACT_UNITS_MAX = 1e15
const INT64 = INTEGER_LIMITS.bigint

export const convert = {
  boolean(value: unknown, column: string): boolean {
    return typeof value === 'boolean' ? value : refuse(value, { type: 'boolean' }, column)
  },

  integer(value: unknown, type: DataType & { type: 'smallint' | 'integer' }, column: string): number {
    const number = typeof value === 'bigint' ? Number(value) : value
    if (typeof number !== 'number') return refuse(value, type, column)
    if (!Number.isInteger(number)) return refuse(value, type, column, 'The value is not an integer.')
    const [least, most] = INTEGER_LIMITS[type.type]
    return number >= least && number <= most ? number : outOfRange(value, type, column)
  },

  bigint(value: unknown, column: string): bigint {
    const type: DataType = { type: 'bigint' }
    if (typeof value === 'bigint')
      return value >= INT64[0] && value <= INT64[1] ? value : outOfRange(value, type, column)
    if (typeof value !== 'number') return refuse(value, type, column)
    if (Number.isSafeInteger(value)) return BigInt(value)
    return refuse(value, type, column, 'A number holds integers exactly only up to 2^53.', 'Give a bigint.')
  },

  float(value: unknown, type: DataType & { type: 'real' | 'double' }, column: string): number {
    if (typeof value === 'number') {
      if (type.type === 'double' || !Number.isFinite(value)) return value
      return Number.isFinite(Math.fround(value)) ? value : outOfRange(value, type, column)
    }
    if (typeof value === 'bigint') return Number(value)
    return value instanceof Decimal ? value.toNumber() : refuse(value, type, column)
  },

  /** The unscaled integer at the column's scale. */
  numeric(value: unknown, type: DataType & { type: 'numeric' }, column: string): bigint {
    if (typeof value === 'number') {
      // A double that is a whole number of units at this scale needs no reading of its text.
      const factor = 10 ** type.scale
      const units = Math.round(value * factor)
      if (Math.abs(units) < EXACT_UNITS_MAX && units / factor === value && Math.abs(units) < 10 ** type.precision)
        return BigInt(units)
    }
    let decimal: Decimal
    if (value instanceof Decimal) decimal = value
    else if (typeof value === 'bigint' || typeof value === 'string') decimal = decimalOf(value, type, column)
    else if (typeof value === 'number' && Number.isFinite(value)) decimal = Decimal.from(value)
    else return refuse(value, type, column)
    const { unscaled } = decimal.rescale(type.scale)
    const limit = 10n ** BigInt(type.precision)
    if (unscaled < limit && unscaled > -limit) return unscaled
    throw new MillraceError(Code.NumericValueOutOfRange, `numeric field overflow in column "${column}"`, {
      detail: `A field with precision ${type.precision}, scale ${type.scale} must round to an absolute value less than 10^${type.precision - type.scale}.`,
    })
  },

  text(value: unknown, column: string): string {
    return typeof value === 'string' ? value : refuse(value, { type: 'text' }, column)
  },

  uuid(value: unknown, column: string): Uint8Array {
    if (value instanceof Uint8Array && value.length === 16) return value
    if (typeof value !== 'string') return refuse(value, { type: 'uuid' }, column)
    const uuid = parseUuid(value)
    if (uuid !== undefined) return uuid
    const message = `invalid input syntax for type uuid: "${value}" in column "${column}"`
    throw new MillraceError(Code.InvalidTextRepresentation, message)
  },

  /** JSON text. A string is a string of JSON, not its text. */
  jsonb(value: unknown, column: string): string {
    return jsonText(value) ?? refuse(value, { type: 'jsonb' }, column, 'JSON has no such value.')
  },

  array(value: unknown, type: DataType, column: string): readonly unknown[] {
    if (Array.isArray(value)) return value
    const numbers = ArrayBuffer.isView(value) && !(value instanceof DataView)
    return numbers ? Array.from(value as unknown as ArrayLike<unknown>) : refuse(value, type, column)
  },

  /** The values of the fields, in their order. */
  row(value: unknown, type: DataType & { type: 'row' }, column: string): readonly unknown[] {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return refuse(value, type, column)
    const extra = Object.keys(value).find((name) => !type.fields.some((field) => field.name === name))
    if (extra !== undefined) return refuse(value, type, column, `The type has no field "${extra}".`)
    return type.fields.map((field) => (value as Record<string, unknown>)[field.name])
  },

  /** Keys and values: of a Map, or of an object. */
  map(value: unknown, type: DataType, column: string): readonly (readonly [unknown, unknown])[] {
    if (value instanceof Map) return [...value]
    const plain = typeof value === 'object' && value !== null && !Array.isArray(value) && !ArrayBuffer.isView(value)
    return plain ? Object.entries(value) : refuse(value, type, column)
  },

  bytea(value: unknown, column: string): Uint8Array {
    return value instanceof Uint8Array ? value : refuse(value, { type: 'bytea' }, column)
  },

  /** Days since 1970. A Date counts as its day in UTC. */
  date(value: unknown, column: string): number {
    if (value instanceof Date && !Number.isNaN(value.getTime())) return Math.floor(value.getTime() / 86_400_000)
    return parsed(value, { type: 'date' }, column).value
  },

  /** Microseconds since midnight. */
  time(value: unknown, column: string): bigint {
    if (typeof value === 'bigint' && value >= 0n && value <= 86_400_000_000n) return value
    return parsed(value, { type: 'time' }, column).value
  },

  /** Microseconds since 1970: a Date, a text, or the microseconds as bigint. A plain number could be of any unit. */
  moment(value: unknown, type: DataType & { type: 'timestamp' | 'timestamptz' }, column: string): bigint {
    if (value instanceof Date) return epochMicroseconds(value) ?? refuse(value, type, column, 'The date is invalid.')
    if (typeof value === 'bigint')
      return value >= INT64[0] && value <= INT64[1] ? value : outOfRange(value, type, column)
    if (typeof value === 'string') return parsed(value, type, column).value
    return refuse(value, type, column, undefined, 'Give a Date, a text, or microseconds since 1970 as a bigint.')
  },

  interval(value: unknown, column: string): IntervalParts {
    if (typeof value === 'string') return parsed(value, { type: 'interval' }, column)
    if (typeof value !== 'object' || value === null) return refuse(value, { type: 'interval' }, column)
    const { months = 0, days = 0, microseconds = 0n } = value as Partial<IntervalParts>
    const fits =
      int32(months) && int32(days) && (typeof microseconds === 'bigint' || Number.isSafeInteger(microseconds))
    return fits ? { months, days, microseconds: BigInt(microseconds) } : refuse(value, { type: 'interval' }, column)
  },
}

function int32(value: unknown): boolean {
  return typeof value === 'number' && Number.isInteger(value) && Math.abs(value) <= 0x7fff_ffff
}

function decimalOf(value: string | bigint, type: DataType, column: string): Decimal {
  try {
    return Decimal.from(value)
  } catch {
    return refuse(value, type, column)
  }
}

type LiteralOf<T extends DataType['type']> = Extract<Literal, { type: T }>

/** A text as the SQL literal of that type would be read. */
function parsed<T extends 'date' | 'time' | 'timestamp' | 'timestamptz' | 'interval'>(
  value: unknown,
  type: DataType & { type: T },
  column: string,
): LiteralOf<T> {
  if (typeof value !== 'string') return refuse(value, type, column)
  const result = parseValue(value, type)
  if ('literal' in result) return result.literal as LiteralOf<T>
  throw new MillraceError(Code[result.code], `${result.message} in column "${column}"`)
}

function outOfRange(value: unknown, type: DataType, column: string): never {
  throw new MillraceError(
    Code.NumericValueOutOfRange,
    `value ${String(value)} is out of range for column "${column}" of type ${typeName(type)}`,
  )
}

function refuse(value: unknown, type: DataType, column: string, detail?: string, hint?: string): never {
  throw new MillraceError(
    Code.DatatypeMismatch,
    `column "${column}" is of type ${typeName(type)} but the value is ${describe(value)}`,
    {
      detail,
      hint,
    },
  )
}

function describe(value: unknown): string {
  if (value === null) return 'null'
  if (typeof value === 'string')
    return `the text ${JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value)}`
  if (typeof value === 'object') return `an object of class ${value.constructor?.name ?? 'null'}`
  if (typeof value === 'bigint') return `the bigint ${value}n`
  return `the ${typeof value} ${String(value)}`
}
