/** One client: messages in, statements through the session, messages out. One statement runs at a time. */
import type { Socket } from 'node:net'
import { Code, type Literal } from '../../sql/index.js'
import type { Outcome, Session } from '../engine/session.js'
import { Settings } from '../engine/settings.js'
import { TransactionScope } from '../engine/transaction-scope.js'
import { canceled, MillraceError, toMillraceError } from '../native/errors.js'
import { BodyReader } from './body-reader.js'
import { reportChange } from './handshake.js'
import type { Message } from './message-reader.js'
import * as messages from './messages.js'
import { Outgoing } from './outgoing.js'
import { parameterValue } from './parameter-values.js'
import { Portal, type Prepared } from './portal.js'
import { OID } from './wire-types.js'

const STATUS = { idle: 'I', active: 'T', failed: 'E' } as const
const NOTICE_CODE = '00000'
const WARNING_CODE = '01000'
/** What may change a setting that the client is told of. */
const SETS: ReadonlySet<string> = new Set(['SET', 'RESET', 'DISCARD ALL'])
/** Statements and portals of one client. */
const KEPT_MAX = 10_000

export class Connection {
  readonly settings = new Settings()
  readonly out: Outgoing
  readonly #session: Session
  readonly #scope = new TransactionScope(false)
  readonly #statements = new Map<string, Prepared>()
  readonly #portals = new Map<string, Portal>()
  /** After an error of the extended protocol: all is skipped until Sync. */
  #skipping = false
  #running: AbortController | undefined

  constructor(socket: Socket, session: Session) {
    this.out = new Outgoing(socket)
    this.#session = session
  }

  /** Ends the statement that runs. */
  cancel(reason: MillraceError): void {
    this.#running?.abort(reason)
  }

  async ready(): Promise<void> {
    this.out.send(messages.readyForQuery(STATUS[this.#scope.status]))
    await this.out.flush()
  }

  /** Frees what the client has begun. */
  async end(): Promise<void> {
    if (this.#scope.status !== 'idle') await this.#session.rollback(this.#scope).catch(() => undefined)
  }

  /** False when the client is done. */
  async handle({ type, body }: Message): Promise<boolean> {
    if (type === 'X') return false
    if (this.#skipping && type !== 'S') return true
    const reader = new BodyReader(body)
    switch (type) {
      case 'Q':
        await this.#simple(reader)
        return true
      case 'S':
        this.#skipping = false
        if (this.#scope.status === 'idle') this.#portals.clear()
        await this.ready()
        return true
      case 'H':
        await this.out.flush()
        return true
      // What is left of a COPY that has failed.
      case 'd':
      case 'c':
      case 'f':
        return true
      default:
        try {
          await this.#extended(type, reader)
        } catch (error) {
          this.#skipping = true
          this.out.send(messages.errorResponse(toMillraceError(error), 'ERROR'))
        }
        return true
    }
  }

  async #simple(reader: BodyReader): Promise<void> {
    try {
      const text = reader.text()
      reader.end()
      // As in PostgreSQL, a simple query ends the unnamed ones.
      this.#statements.delete('')
      this.#portals.delete('')
      await this.#cancellable(async (signal, begin) => {
        let any = false
        for await (const outcome of this.#session.script(text, { ...this.#options, signal })) {
          any = true
          await this.#give(outcome)
          begin()
        }
        if (!any) this.out.send(messages.emptyQueryResponse)
      })
    } catch (error) {
      this.out.send(messages.errorResponse(toMillraceError(error), 'ERROR'))
    }
    await this.ready()
  }

  get #options() {
    return { scope: this.#scope, settings: this.settings, prepared: this.#statements }
  }

  /** The whole of a result, as text. */
  async #give(outcome: Outcome): Promise<void> {
    this.#notices(outcome)
    if (outcome.ipc === undefined) {
      this.out.send(messages.commandComplete(outcome.tag))
      return await this.out.sent()
    }
    const { rows, bytes } = await this.#session.engine.dataRows(outcome.ipc, [])
    this.out.send(messages.rowDescription(outcome.fields, []))
    await this.out.bulk(asBuffer(bytes))
    this.out.send(messages.commandComplete(withCount(outcome.tag, rows)))
  }

  #notices(outcome: Outcome): void {
    for (const text of outcome.notices) this.out.send(messages.notice(text, 'NOTICE', NOTICE_CODE))
    for (const text of outcome.warnings ?? []) this.out.send(messages.notice(text, 'WARNING', WARNING_CODE))
    if (SETS.has(outcome.tag)) reportChange(this.out, this.settings)
  }

  async #extended(type: string, reader: BodyReader): Promise<void> {
    switch (type) {
      case 'P':
        return this.#parse(reader)
      case 'B':
        return this.#bind(reader)
      case 'D':
        return await this.#describe(reader)
      case 'E':
        return await this.#execute(reader)
      case 'C': {
        const kind = reader.letter()
        const name = reader.text()
        if (kind === 'S') this.#statements.delete(name)
        else this.#portals.delete(name)
        this.out.send(messages.closeComplete)
        return
      }
      case 'F':
        throw new MillraceError(Code.FeatureNotSupported, 'function calls of the protocol are not supported', {
          hint: 'Use SELECT function(…).',
        })
      default:
        throw new MillraceError(Code.ProtocolViolation, `invalid frontend message type ${JSON.stringify(type)}`)
    }
  }

  #parse(reader: BodyReader): void {
    const name = reader.text()
    const text = reader.text()
    const parameterOids = Array.from({ length: reader.uint16() }, () => reader.uint32())
    reader.end()
    if (name !== '' && this.#statements.has(name)) {
      throw new MillraceError(Code.DuplicateStatement, `prepared statement "${name}" already exists`)
    }
    if (this.#statements.size >= KEPT_MAX) {
      throw new MillraceError(Code.InsufficientResources, `a connection may have ${KEPT_MAX} prepared statements`)
    }
    if (this.#session.parse(text).length > 1) {
      throw new MillraceError(Code.SyntaxError, 'cannot insert multiple commands into a prepared statement')
    }
    this.#statements.set(name, { text, parameterOids })
    this.out.send(messages.parseComplete)
  }

  #bind(reader: BodyReader): void {
    const name = reader.text()
    const statement = this.#statement(reader.text())
    const formats = Array.from({ length: reader.uint16() }, () => reader.uint16())
    const values = Array.from({ length: reader.uint16() }, () => {
      const length = reader.int32()
      return length === -1 ? null : reader.bytes(length)
    })
    const resultFormats = Array.from({ length: reader.uint16() }, () => reader.uint16())
    reader.end()
    if (formats.length > 1 && formats.length !== values.length) {
      const message = `bind message has ${formats.length} parameter formats but ${values.length} parameters`
      throw new MillraceError(Code.ProtocolViolation, message)
    }
    if (resultFormats.some((format) => format > 1)) {
      throw new MillraceError(Code.InvalidParameterValue, 'a format code is neither 0 nor 1')
    }
    if (name !== '' && this.#portals.has(name)) {
      throw new MillraceError(Code.DuplicateCursor, `cursor "${name}" already exists`)
    }
    if (this.#portals.size >= KEPT_MAX) {
      throw new MillraceError(Code.InsufficientResources, `a connection may have ${KEPT_MAX} portals`)
    }
    const parameters = values.map((bytes, index) => {
      const format = formats.length === 1 ? formats[0]! : (formats[index] ?? 0)
      return parameterValue(bytes, statement.parameterOids[index] ?? 0, format, index + 1)
    })
    this.#portals.set(name, new Portal(statement, parameters, resultFormats))
    this.out.send(messages.bindComplete)
  }

  async #describe(reader: BodyReader): Promise<void> {
    const kind = reader.letter()
    const name = reader.text()
    reader.end()
    if (kind === 'S') {
      const statement = this.#statement(name)
      const oids = this.#parameterOids(statement)
      this.out.send(messages.parameterDescription(oids))
      const unknown = oids.map((): Literal => ({ type: 'null', data_type: { type: 'text' } }))
      return await this.#describeRows(statement.text, unknown, [])
    }
    const portal = this.#portal(name)
    await this.#describeRows(portal.statement.text, portal.parameters, portal.formats)
  }

  async #describeRows(text: string, parameters: readonly Literal[], formats: readonly number[]): Promise<void> {
    const fields = await this.#session.describe(text, { ...this.#options, ...given(parameters) })
    this.out.send(fields === undefined ? messages.noData : messages.rowDescription(fields, formats))
  }

  /** A parameter without a type is told as text: it may be written so whatever the statement wants. */
  #parameterOids({ text, parameterOids }: Prepared): number[] {
    const count = Math.max(parameterOids.length, this.#session.parameterCount(text))
    return Array.from({ length: count }, (_, index) => parameterOids[index] || OID.text)
  }

  async #execute(reader: BodyReader): Promise<void> {
    const portal = this.#portal(reader.text())
    const limit = Math.max(0, reader.int32())
    reader.end()
    if (portal.outcome === undefined) {
      const { text } = portal.statement
      if (this.#session.parse(text).length === 0) {
        this.out.send(messages.emptyQueryResponse)
        return
      }
      const outcome = await this.#cancellable(
        async (signal) => await this.#session.run(text, { ...this.#options, ...given(portal.parameters), signal }),
      )
      this.#notices(outcome)
      const { ipc } = outcome
      const rows = ipc === undefined ? undefined : await this.#session.engine.dataRows(ipc, portal.formats)
      portal.fill(outcome, asBuffer(rows?.bytes ?? new Uint8Array()))
    }
    const { outcome } = portal
    const { bytes, rows } = portal.take(limit)
    await this.out.bulk(bytes)
    if (!portal.done) this.out.send(messages.portalSuspended)
    else this.out.send(messages.commandComplete(outcome?.ipc ? withCount(outcome.tag, rows) : (outcome?.tag ?? '')))
    await this.out.sent()
  }

  #statement(name: string): Prepared {
    const statement = this.#statements.get(name)
    if (statement !== undefined) return statement
    const shown = name === '' ? 'unnamed prepared statement' : `prepared statement "${name}"`
    throw new MillraceError(Code.InvalidStatementName, `${shown} does not exist`)
  }

  #portal(name: string): Portal {
    const portal = this.#portals.get(name)
    if (portal !== undefined) return portal
    throw new MillraceError(Code.InvalidCursorName, `portal "${name}" does not exist`)
  }

  /** Runs what a cancel request, a time-out or the end of the server can end; `begin` starts the time of the next statement. */
  async #cancellable<T>(work: (signal: AbortSignal, begin: () => void) => Promise<T>): Promise<T> {
    const abort = new AbortController()
    this.#running = abort
    let timer: NodeJS.Timeout | undefined
    const late = () => abort.abort(canceled(undefined, 'canceling statement due to statement timeout'))
    const begin = () => {
      clearTimeout(timer)
      const timeout = this.settings.statementTimeout
      timer = timeout === 0 ? undefined : setTimeout(late, timeout)
    }
    try {
      begin()
      return await work(abort.signal, begin)
    } catch (error) {
      throw abort.signal.aborted ? abort.signal.reason : error
    } finally {
      clearTimeout(timer)
      this.#running = undefined
    }
  }
}

/** Without parameters the compiled plan can be kept, so they are left out instead of empty. */
function given(parameters: readonly Literal[]): { parameters?: readonly Literal[] } {
  return parameters.length === 0 ? {} : { parameters }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function withCount(tag: string, rows: number): string {
  return tag === 'SELECT' ? `SELECT ${rows}` : tag
}
