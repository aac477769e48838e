/** Values of Bind as constants of the statement, from PostgreSQL's text or binary form. */
import { Code, formatDecimal, type Literal, parseDecimal, parseValue, precisionOf } from '../../sql/index.js'
import { MillraceError } from '../native/errors.js'
import { binaryArray } from './binary-array.js'
import { BodyReader, decodeText } from './body-reader.js'
import { elementOid, OID, typeOfOid } from './wire-types.js'

/** Days and microseconds from 1970 to 2000, from which PostgreSQL counts. */
const EPOCH_DAYS = 10_957
const EPOCH_MICROSECONDS = BigInt(EPOCH_DAYS) * 86_400_000_000n
const NUMERIC_NEGATIVE = 0x4000
const JSONB_VERSION = 1

/** `format` is 0 for text and 1 for binary; `null` is NULL. */
export function parameterValue(bytes: Buffer | null, oid: number, format: number, number: number): Literal {
  const type = typeOfOid(oid)
  if (type === undefined) {
    throw new MillraceError(Code.FeatureNotSupported, `parameter $${number} has a type that is not known: OID ${oid}`)
  }
  if (bytes === null) return { type: 'null', data_type: { type: 'text' } }
  if (format !== 0 && format !== 1) throw new MillraceError(Code.ProtocolViolation, `invalid format code: ${format}`)
  if (type === 'text') {
    const element = elementOid(oid)
    if (format === 1 && element !== undefined) return { type: 'text', value: binaryArray(bytes, element, number) }
    return { type: 'text', value: decodeText(bytes) }
  }
  if (type === 'numeric') return numericLiteral(format === 0 ? decodeText(bytes) : binaryNumeric(bytes, number), number)
  if (format === 0) {
    const parsed = parseValue(decodeText(bytes), type)
    if ('literal' in parsed) return parsed.literal
    throw new MillraceError(Code[parsed.code], parsed.message)
  }
  const size = (expected: number) => {
    if (bytes.length !== expected) throw incorrect(number)
  }
  switch (type.type) {
    case 'boolean':
      size(1)
      return { type: 'boolean', value: bytes[0] !== 0 }
    case 'smallint':
      size(2)
      return { type: 'smallint', value: bytes.readInt16BE() }
    case 'integer':
      size(4)
      return { type: 'integer', value: bytes.readInt32BE() }
    case 'bigint':
      size(8)
      return { type: 'bigint', value: bytes.readBigInt64BE() }
    case 'real':
      size(4)
      return { type: 'real', value: bytes.readFloatBE() }
    case 'double':
      size(8)
      return { type: 'double', value: bytes.readDoubleBE() }
    case 'bytea':
      return { type: 'bytea', value: new Uint8Array(bytes) }
    case 'date':
      size(4)
      return { type: 'date', value: bytes.readInt32BE() + EPOCH_DAYS }
    case 'time':
      size(8)
      return { type: 'time', value: bytes.readBigInt64BE() }
    case 'timestamp':
    case 'timestamptz':
      size(8)
      return { type: type.type, value: BigInt.asIntN(64, bytes.readBigInt64BE() + EPOCH_MICROSECONDS) }
    case 'uuid':
      size(16)
      return { type: 'uuid', value: new Uint8Array(bytes) }
    case 'jsonb': {
      const text = oid === OID.json ? bytes : bytes.subarray(1)
      if (oid !== OID.json && bytes[0] !== JSONB_VERSION) throw incorrect(number)
      const parsed = parseValue(decodeText(text), type)
      if ('literal' in parsed) return parsed.literal
      throw new MillraceError(Code[parsed.code], parsed.message)
    }
    case 'interval':
      size(16)
      return {
        type: 'interval',
        microseconds: bytes.readBigInt64BE(),
        days: bytes.readInt32BE(8),
        months: bytes.readInt32BE(12),
      }
    default:
      throw incorrect(number)
  }
}

function numericLiteral(text: string, number: number): Literal {
  const value = parseDecimal(text.trim())
  if (value === undefined) {
    throw new MillraceError(Code.InvalidTextRepresentation, `invalid input syntax for type numeric: "${text}"`)
  }
  const precision = precisionOf(value)
  if (precision === undefined) {
    throw new MillraceError(Code.NumericValueOutOfRange, `parameter $${number} has more digits than a numeric holds`)
  }
  return { type: 'numeric', value: formatDecimal(value), precision, scale: value.scale }
}

/** The text of PostgreSQL's binary NUMERIC: digits to the base 10,000. */
function binaryNumeric(bytes: Buffer, number: number): string {
  const body = new BodyReader(bytes)
  const count = body.uint16()
  const weight = body.int16()
  const sign = body.uint16()
  const scale = body.uint16()
  if (sign !== 0 && sign !== NUMERIC_NEGATIVE) {
    throw new MillraceError(Code.NumericValueOutOfRange, `parameter $${number} is no finite number`)
  }
  // More than any numeric here can hold; what is refused later need not be built first.
  if (count > 100 || Math.abs(weight) > 100 || scale > 400) {
    throw new MillraceError(Code.NumericValueOutOfRange, `parameter $${number} has more digits than a numeric holds`)
  }
  const digits = Array.from({ length: count }, () => body.uint16())
  body.end()
  if (digits.some((digit) => digit > 9999)) throw incorrect(number)
  const group = (index: number) => String(digits[index] ?? 0).padStart(4, '0')
  let whole = ''
  for (let index = 0; index <= weight; index++) whole += group(index)
  let fraction = ''
  for (let index = weight + 1; fraction.length < scale; index++) fraction += index < 0 ? '0000' : group(index)
  fraction = fraction.slice(0, scale)
  return `${sign === NUMERIC_NEGATIVE ? '-' : ''}${whole === '' ? '0' : whole}${scale > 0 ? `.${fraction}` : ''}`
}

function incorrect(number: number): MillraceError {
  return new MillraceError(Code.InvalidBinaryRepresentation, `incorrect binary data format in bind parameter ${number}`)
}
