/** One client: messages in, statements through the session, messages out. One statement runs at a time. Here are the simple protocol
 *  and what both have in common; `extended.ts` has the other. */
import type { Socket } from 'node:net'
import type { Outcome, RunOptions, Session } from '../engine/session.js'
import { Settings } from '../engine/settings.js'
import { TransactionScope } from '../engine/transaction-scope.js'
import { canceled, type MillraceError, toMillraceError } from '../native/errors.js'
import { BodyReader } from './body-reader.js'
import { WirePeer } from './copy-peer.js'
import { Extended } from './extended.js'
import { reportChange } from './handshake.js'
import type { Message } from './message-reader.js'
import * as messages from './messages.js'
import { Outgoing } from './outgoing.js'
import { type LookUps, Shortcut, Statements } from './shortcut.js'

const STATUS = { idle: 'I', active: 'T', failed: 'E' } as const
const TEXT_FORMAT: readonly number[] = []
/** The letter of a simple query. */
const QUERY = 0x51
const NOTICE_CODE = '00000'
const WARNING_CODE = '01000'
/** What may change a setting that the client is told of. */
const SETS: ReadonlySet<string> = new Set(['SET', 'RESET', 'DISCARD ALL'])

export class Connection {
  readonly settings = new Settings()
  readonly out: Outgoing
  readonly session: Session
  readonly scope = new TransactionScope(false)
  readonly shortcut: Shortcut
  readonly statements: Statements
  readonly options: RunOptions
  readonly #socket: Socket
  readonly #extended: Extended
  /** After an error of the extended protocol: all is skipped until Sync. */
  #skipping = false
  #running: AbortController | undefined

  /** `next` gives the client's messages, of which COPY takes some itself. */
  constructor(socket: Socket, session: Session, known: LookUps, next: () => Promise<Message | undefined>) {
    this.#socket = socket
    this.out = new Outgoing(socket)
    this.session = session
    this.shortcut = new Shortcut(session.engine, known)
    this.statements = new Statements(this.shortcut)
    const copy = new WirePeer(this.out, next)
    this.options = { scope: this.scope, settings: this.settings, prepared: this.statements, copy }
    this.#extended = new Extended(this)
  }

  /** Ends the statement that runs. */
  cancel(reason: MillraceError): void {
    this.#running?.abort(reason)
  }

  async ready(): Promise<void> {
    this.out.send(messages.READY[STATUS[this.scope.status]])
    await this.out.flush()
  }

  /** Frees what the client has begun. */
  async end(): Promise<void> {
    if (this.scope.status !== 'idle') await this.session.rollback(this.scope).catch(() => undefined)
  }

  /** Answers what has come while the client waits for nothing, if it asks for look-ups that are known and nothing else. */
  atOnce(asked: Buffer): boolean {
    if (this.#skipping || !this.canShorten || this.session.engine.closed) return false
    const answer = this.shortcut.answer(asked)
    if (answer === undefined) return false
    if (asked[0] === QUERY) this.#extended.forgetUnnamed()
    this.#socket.write(answer)
    return true
  }

  /** Whether the client is in no transaction, and its names are everybody's. */
  get canShorten(): boolean {
    return this.scope.status === 'idle' && !this.scope.implicit && !this.settings.has('search_path')
  }

  /** False when the client is done. `next` is the type of the message after this one, if that has come. */
  async handle({ type, body }: Message, next: string | undefined): Promise<boolean> {
    if (type === 'X') return false
    const unnamed = this.shortcut.takeUnnamed()
    if (unnamed !== undefined) this.statements.set('', unnamed)
    if (this.#skipping && type !== 'S') return true
    const reader = new BodyReader(body)
    switch (type) {
      case 'Q':
        await this.#simple(reader)
        return true
      case 'S':
        await this.#sync()
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
          await this.#extended.handle(type, reader, next)
        } catch (error) {
          this.#skipping = true
          await this.session.rollbackImplicit(this.scope)
          this.out.send(messages.errorResponse(toMillraceError(error), 'ERROR'))
          // Who has sent Flush instead of Sync waits for it, and that Flush is skipped.
          await this.out.flush()
        }
        return true
    }
  }

  async #sync(): Promise<void> {
    this.#skipping = false
    try {
      await this.session.commitImplicit(this.scope)
    } catch (error) {
      this.out.send(messages.errorResponse(toMillraceError(error), 'ERROR'))
    }
    if (this.scope.status === 'idle') this.#extended.forgetPortals()
    await this.ready()
  }

  async #simple(reader: BodyReader): Promise<void> {
    try {
      const text = reader.text()
      reader.end()
      // As in PostgreSQL, a simple query ends the unnamed ones.
      this.#extended.forgetUnnamed()
      await this.cancellable(async (signal, begin) => {
        const short = await this.session.short(text, { ...this.options, formats: TEXT_FORMAT, signal })
        if (short !== undefined) {
          const lookUp = short.outcome.wire && this.canShorten ? this.session.lookUp(short.plan) : undefined
          if (lookUp !== undefined) this.shortcut.learnQuery(short.plan, lookUp)
          return await this.#give(short.outcome)
        }
        let any = false
        for await (const outcome of this.session.script(
          text,
          { ...this.options, formats: TEXT_FORMAT, signal },
          true,
        )) {
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

  /** The whole of a result, as text. */
  async #give(outcome: Outcome): Promise<void> {
    this.notices(outcome)
    if (outcome.wire !== undefined) {
      this.out.send(messages.rowDescription(outcome.fields, []))
      this.out.send(asBuffer(outcome.wire.bytes))
      this.out.send(messages.commandComplete(withCount(outcome.tag, outcome.wire.rows)))
      return await this.out.sent()
    }
    if (outcome.ipc === undefined) {
      this.out.send(messages.commandComplete(outcome.tag))
      return await this.out.sent()
    }
    const { rows, bytes } = await this.session.engine.dataRows(outcome.ipc, [])
    this.out.send(messages.rowDescription(outcome.fields, []))
    await this.out.bulk(asBuffer(bytes))
    this.out.send(messages.commandComplete(withCount(outcome.tag, rows)))
  }

  notices(outcome: Outcome): void {
    for (const text of outcome.notices) this.out.send(messages.notice(text, 'NOTICE', NOTICE_CODE))
    for (const text of outcome.warnings ?? []) this.out.send(messages.notice(text, 'WARNING', WARNING_CODE))
    if (SETS.has(outcome.tag)) reportChange(this.out, this.settings)
  }

  /** Runs what a cancel request, a time-out or the end of the server can end; `begin` starts the time of the next statement. */
  async cancellable<T>(work: (signal: AbortSignal, begin: () => void) => Promise<T>): Promise<T> {
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

export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

export function withCount(tag: string, rows: number): string {
  return tag === 'SELECT' ? `SELECT ${rows}` : tag
}
