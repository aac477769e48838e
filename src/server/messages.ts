/** Messages to a client, as bytes. Shapes: PostgreSQL's documentation, "Message Formats". */
import type { Field } from '../../sql/index.js'
import type { MillraceError } from '../native/errors.js'
import { wireTypeOf } from './wire-types.js'

export const PROTOCOL_3 = 0x0003_0000
export const SSL_REQUEST = 80_877_103
export const GSS_REQUEST = 80_877_104
export const CANCEL_REQUEST = 80_877_102

type Part = Buffer | string | { readonly int16: number } | { readonly int32: number }

/** Strings end with a zero byte. */
function message(type: string, ...parts: readonly Part[]): Buffer {
  const buffers = parts.map((part) => {
    if (typeof part === 'string') return Buffer.from(`${part}\0`)
    if (Buffer.isBuffer(part)) return part
    return 'int16' in part ? int16(part.int16) : int32(part.int32)
  })
  const length = 4 + buffers.reduce((sum, buffer) => sum + buffer.length, 0)
  return Buffer.concat([Buffer.from(type, 'latin1'), int32(length), ...buffers])
}

function int16(value: number): Buffer {
  const buffer = Buffer.allocUnsafe(2)
  buffer.writeInt16BE((value << 16) >> 16)
  return buffer
}

function int32(value: number): Buffer {
  const buffer = Buffer.allocUnsafe(4)
  buffer.writeInt32BE(value | 0)
  return buffer
}

export const authenticationOk = message('R', { int32: 0 })
export const authenticationSasl = message('R', { int32: 10 }, 'SCRAM-SHA-256', Buffer.of(0))
export const parseComplete = message('1')
export const bindComplete = message('2')
export const closeComplete = message('3')
export const noData = message('n')
export const portalSuspended = message('s')
export const emptyQueryResponse = message('I')

export function authenticationSaslContinue(data: string): Buffer {
  return message('R', { int32: 11 }, Buffer.from(data))
}

export function authenticationSaslFinal(data: string): Buffer {
  return message('R', { int32: 12 }, Buffer.from(data))
}

export function parameterStatus(name: string, value: string): Buffer {
  return message('S', name, value)
}

export function backendKeyData(process: number, secret: number): Buffer {
  return message('K', { int32: process }, { int32: secret })
}

/** `options` are those of the start-up message that are not known here. */
export function negotiateProtocolVersion(options: readonly string[]): Buffer {
  return message('v', { int32: PROTOCOL_3 }, { int32: options.length }, ...options)
}

/** ReadyForQuery. I: in no transaction, T: in one, E: in one that has failed. */
export const READY = {
  I: message('Z', Buffer.from('I')),
  T: message('Z', Buffer.from('T')),
  E: message('Z', Buffer.from('E')),
} as const

/** `formats` has one code a column, one for all of them, or none for text. */
export function rowDescription(fields: readonly Field[], formats: readonly number[]): Buffer {
  const parts = fields.flatMap((field, index): Part[] => {
    const { oid, size, modifier } = wireTypeOf(field.data_type)
    const format = formats.length === 1 ? formats[0]! : (formats[index] ?? 0)
    return [
      field.name,
      { int32: 0 }, // the table and
      { int16: 0 }, // its column: not told
      { int32: oid },
      { int16: size },
      { int32: modifier },
      { int16: format },
    ]
  })
  return message('T', { int16: fields.length }, ...parts)
}

export function parameterDescription(oids: readonly number[]): Buffer {
  return message('t', { int16: oids.length }, ...oids.map((oid) => ({ int32: oid })))
}

export function commandComplete(tag: string): Buffer {
  return message('C', tag)
}

export function errorResponse(error: MillraceError, severity: 'ERROR' | 'FATAL'): Buffer {
  return report('E', severity, error.code, error.message, error)
}

export function notice(text: string, severity: 'NOTICE' | 'WARNING', code: string): Buffer {
  return report('N', severity, code, text, {})
}

function report(
  type: 'E' | 'N',
  severity: string,
  code: string,
  text: string,
  more: Partial<Pick<MillraceError, 'detail' | 'hint' | 'position'>>,
): Buffer {
  const fields = [`S${severity}`, `V${severity}`, `C${code}`, `M${text}`]
  if (more.detail !== undefined) fields.push(`D${more.detail}`)
  if (more.hint !== undefined) fields.push(`H${more.hint}`)
  if (more.position !== undefined) fields.push(`P${more.position}`)
  return message(type, ...fields.map((field) => field.replaceAll('\0', ' ')), Buffer.of(0))
}
