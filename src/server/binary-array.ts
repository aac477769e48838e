/** PostgreSQL's binary arrays as their text: the statement reads it as the type that it wants. */
import {
  Code,
  formatDate,
  formatInterval,
  formatTime,
  formatTimestamp,
  formatUuid,
  type Literal,
} from '../../sql/index.js'
import { MillraceError } from '../native/errors.js'
import { BodyReader } from './body-reader.js'
import { parameterValue } from './parameter-values.js'

const DIMENSIONS_MAX = 6

export function binaryArray(bytes: Buffer, element: number, number: number): string {
  const body = new BodyReader(bytes)
  const dimensions = body.int32()
  body.int32() // whether there are NULLs
  const oid = body.uint32()
  if (dimensions < 0 || dimensions > DIMENSIONS_MAX || oid !== element) {
    throw new MillraceError(
      Code.InvalidBinaryRepresentation,
      `incorrect binary data format in bind parameter ${number}`,
    )
  }
  const lengths = Array.from({ length: dimensions }, () => {
    const length = body.int32()
    body.int32() // where its numbers begin
    return length
  })
  // Each element takes four bytes at least.
  const count = lengths.reduce((product, length) => product * length, 1)
  if (lengths.some((length) => length < 0) || count > bytes.length / 4) {
    throw new MillraceError(
      Code.InvalidBinaryRepresentation,
      `incorrect binary data format in bind parameter ${number}`,
    )
  }
  const read = (depth: number): string => {
    if (depth === dimensions) {
      const length = body.int32()
      if (length === -1) return 'NULL'
      return quoted(textOf(parameterValue(body.bytes(length), element, 1, number)))
    }
    return `{${Array.from({ length: lengths[depth]! }, () => read(depth + 1)).join(',')}}`
  }
  const text = dimensions === 0 ? '{}' : read(0)
  body.end()
  return text
}

function quoted(text: string): string {
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`
}

function textOf(literal: Literal): string {
  switch (literal.type) {
    case 'null':
      return 'NULL'
    case 'bytea':
      return `\\x${Buffer.from(literal.value).toString('hex')}`
    case 'date':
      return formatDate(literal.value)
    case 'time':
      return formatTime(literal.value)
    case 'timestamp':
      return formatTimestamp(literal.value)
    case 'timestamptz':
      return `${formatTimestamp(literal.value)}+00`
    case 'interval':
      return formatInterval(literal)
    case 'uuid':
      return formatUuid(literal.value)
    default:
      return String(literal.value)
  }
}
