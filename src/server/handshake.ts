/** From the first byte to the first ReadyForQuery: TLS, who it is, and the password. */

import { Code, SETTINGS } from '../../sql/index.js'
import type { Settings } from '../engine/settings.js'
import { MillraceError, toMillraceError } from '../native/errors.js'
import { BodyReader } from './body-reader.js'
import type { Message } from './message-reader.js'
import * as messages from './messages.js'
import type { Outgoing } from './outgoing.js'
import { ScramExchange, type Verifier } from './scram.js'

/** Settings whose values clients are told, in PostgreSQL's spelling. */
const REPORTED = [
  'server_version',
  'server_encoding',
  'client_encoding',
  'application_name',
  'default_transaction_read_only',
  'is_superuser',
  'DateStyle',
  'IntervalStyle',
  'TimeZone',
  'integer_datetimes',
  'standard_conforming_strings',
] as const

export type Startup =
  | { readonly kind: 'tls' | 'gss' }
  | { readonly kind: 'cancel'; readonly process: number; readonly secret: number }
  | { readonly kind: 'session'; readonly parameters: ReadonlyMap<string, string>; readonly minor: number }

export function readStartup({ body }: Message): Startup {
  const reader = new BodyReader(body)
  const version = reader.uint32()
  if (version === messages.SSL_REQUEST) return { kind: 'tls' }
  if (version === messages.GSS_REQUEST) return { kind: 'gss' }
  if (version === messages.CANCEL_REQUEST) {
    return { kind: 'cancel', process: reader.int32(), secret: reader.int32() }
  }
  const [major, minor] = [version >>> 16, version & 0xffff]
  if (major !== 3) {
    throw new MillraceError(Code.FeatureNotSupported, `unsupported frontend protocol ${major}.${minor}`, {
      detail: 'The server speaks 3.0.',
    })
  }
  const parameters = new Map<string, string>()
  for (;;) {
    const name = reader.text()
    if (name === '') break
    parameters.set(name, reader.text())
  }
  reader.end()
  return { kind: 'session', parameters, minor }
}

/** The start-up message's parameters that are settings; those that cannot be are left alone, as the client is told what holds. */
export function applyStartup(parameters: ReadonlyMap<string, string>, settings: Settings): void {
  if ((parameters.get('user') ?? '') === '') {
    throw new MillraceError(Code.InvalidAuthorization, 'no PostgreSQL user name specified in startup packet')
  }
  const replication = parameters.get('replication')?.toLowerCase() ?? 'false'
  if (!['false', 'off', 'no', '0'].includes(replication)) {
    throw new MillraceError(Code.FeatureNotSupported, 'replication is not supported')
  }
  const encoding = parameters.get('client_encoding')
  if (encoding !== undefined && !['utf8', 'unicode'].includes(encoding.toLowerCase().replaceAll(/[^a-z0-9]/g, ''))) {
    throw new MillraceError(Code.FeatureNotSupported, `client_encoding "${encoding}" is not supported`, {
      hint: 'Set it to UTF8.',
    })
  }
  for (const [name, value] of parameters) {
    const setting = SETTINGS.get(name.toLowerCase())
    if (setting?.free === true && !setting.shared) settings.set(name, value)
  }
}

/** Checks the password, if there is one. `next` gives the client's next message. */
export async function authenticate(
  verifier: Verifier | undefined,
  user: string,
  out: Outgoing,
  next: () => Promise<Message | undefined>,
): Promise<boolean> {
  if (verifier !== undefined) {
    const exchange = new ScramExchange(verifier)
    out.send(messages.authenticationSasl)
    await out.flush()
    const first = await next()
    if (first === undefined) return false
    const reader = new BodyReader(password(first))
    const mechanism = reader.text()
    if (mechanism !== 'SCRAM-SHA-256') {
      throw new MillraceError(Code.ProtocolViolation, 'client selected an invalid SASL authentication mechanism')
    }
    const length = reader.int32()
    out.send(messages.authenticationSaslContinue(exchange.first(reader.bytes(length).toString())))
    await out.flush()
    const final = await next()
    if (final === undefined) return false
    out.send(messages.authenticationSaslFinal(exchange.final(password(final).toString(), user)))
  }
  out.send(messages.authenticationOk)
  return true
}

function password({ type, body }: Message): Buffer {
  if (type === 'p') return body
  throw new MillraceError(Code.ProtocolViolation, `expected SASL response, got message type "${type}"`)
}

/** All that a client is told before its first statement. */
export function greet(out: Outgoing, settings: Settings, user: string, process: number, secret: number): void {
  for (const name of REPORTED) out.send(reported(name, settings))
  out.send(messages.parameterStatus('session_authorization', user))
  out.send(messages.backendKeyData(process, secret))
}

function reported(name: string, settings: Settings): Buffer {
  const value = settings.get(name.toLowerCase()) ?? ''
  return messages.parameterStatus(name, name === 'server_version' ? `${value} (Millrace)` : value)
}

/** The one reported setting that SET changes. */
export function reportChange(out: Outgoing, settings: Settings): void {
  out.send(reported('application_name', settings))
}

/** An error that ends the connection. */
export function fatal(error: unknown): Buffer {
  return messages.errorResponse(toMillraceError(error), 'FATAL')
}
