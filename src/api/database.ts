/** A database in this process: what `open` gives. */

import { Code } from '../../sql/index.js'
import type { CatalogEntry } from '../catalog/describe.js'
import { bytesOf, threadsOf } from '../engine/limits.js'
import { Session } from '../engine/session.js'
import { Breather } from '../native/breather.js'
import { canceled, MillraceError, toMillraceError } from '../native/errors.js'
import { type NativeEngine, openEngine } from '../native/native.js'
import { type ListenOptions, Server } from '../server/server.js'
import { Appender, type AppenderOptions } from './appender.js'
import { Clock } from './clock.js'
import { type Consumer, type ConsumerOptions, openConsumer } from './consumer.js'
import type { Parameter } from './parameters.js'
import { bound, PreparedStatement } from './prepared-statement.js'
import { type Batch, Result, type Row } from './result.js'
import type { Stats } from './stats.js'
import { Subscription } from './subscription.js'
import { runTransaction, type Transaction, type TransactionOptions } from './transaction.js'

export interface OpenOptions {
  /** When a commit is acknowledged: after fsync (`commit`, if not given), before (`interval` or `interval:<milliseconds>`),
   *  or without any (`none`). */
  readonly durability?: 'commit' | 'interval' | `interval:${number}` | 'none'
  /** Opens a database without writing to its folder: every change is refused with 25006, no source or sink runs, and views are
   *  built in memory. Several processes can read a database at once, but none beside one that writes it. */
  readonly readOnly?: boolean
  /** How much of what was read from sealed segments is kept in memory, in bytes; an eighth of the machine's memory, and at
   *  least 256 MiB, if not given. */
  readonly cacheBytes?: number
  /** A clock of the database's own, which stands at this time until `db.clock.advance` moves it: what goes by time, as windows,
   *  retention and filters on `now()`, can be tested without waiting. The system's clock if not given. */
  readonly clock?: Date
  /** What the operators of all queries may hold together, as bytes or as text (`256MB`); half of the machine's memory if not
   *  given. What does not fit is written to temporary files. `SET memory_limit` changes it. */
  readonly memoryLimit?: number | string
  /** How many threads a query may use; one a core if not given. `SET threads` changes it. */
  readonly threads?: number
  readonly signal?: AbortSignal
  /** @internal The size at which a journal file is ended and sealed: tests want many small ones. */
  readonly journalFileBytes?: number
}

export interface CallOptions {
  /** Cancels the statement: the promise rejects with 57014. A write that is under way may still be committed. */
  readonly signal?: AbortSignal
}

export interface SubscribeOptions extends CallOptions {
  /** Whether the rows of now come first, each with weight 1. */
  readonly snapshot?: boolean
  readonly parameters?: readonly Parameter[]
}

/** Opens the database in a folder, making it when it is not there; `:memory:` is one that ends with the process. */
export async function open(path: string | ':memory:' = ':memory:', options: OpenOptions = {}): Promise<Database> {
  const { durability, readOnly = false, cacheBytes, memoryLimit, threads, clock, journalFileBytes, signal } = options
  try {
    if (signal?.aborted) throw canceled(signal.reason)
    if (cacheBytes !== undefined && !(Number.isSafeInteger(cacheBytes) && cacheBytes >= 0)) {
      throw new MillraceError(Code.InvalidParameterValue, `cacheBytes is not a number of bytes: ${cacheBytes}`)
    }
    if (clock !== undefined && !(clock instanceof Date && Number.isFinite(clock.getTime())))
      throw new MillraceError(Code.InvalidParameterValue, `clock is not a valid Date: ${String(clock)}`)
    const engine = await openEngine(path === ':memory:' ? null : path, {
      ...(durability === undefined ? {} : { durability }),
      ...(readOnly ? { readOnly } : {}),
      ...(cacheBytes === undefined ? {} : { cacheBytes }),
      ...(clock === undefined ? {} : { clockUs: clock.getTime() * 1000 }),
      ...(memoryLimit === undefined
        ? {}
        : { memoryLimit: bytesOf('memoryLimit', typeof memoryLimit === 'number' ? `${memoryLimit}B` : memoryLimit) }),
      ...(threads === undefined ? {} : { threads: threadsOf('threads', String(threads)) }),
      ...(journalFileBytes === undefined ? {} : { journalFileBytes }),
    })
    if (!signal?.aborted) return new Database(engine, readOnly)
    await engine.close()
    throw canceled(signal.reason)
  } catch (error) {
    throw toMillraceError(error)
  }
}

interface Open {
  close(): Promise<void>
}

export class Database {
  readonly #engine: NativeEngine
  /** Whether it was opened so. */
  readonly readOnly: boolean
  readonly clock: Clock
  readonly #session: Session
  /** Appenders and subscriptions that end with the database. */
  readonly #open = new Set<Open>()
  #closing: Promise<void> | undefined

  /** Use `open`. */
  constructor(engine: NativeEngine, readOnly = false) {
    this.#engine = engine
    this.readOnly = readOnly
    this.#session = new Session(engine, readOnly)
    this.clock = new Clock(engine)
  }

  /** Runs one statement. Parameters are `$1`, `$2`, … in its text. */
  async query<T = Row>(
    text: string,
    parameters: readonly Parameter[] = [],
    options: CallOptions = {},
  ): Promise<Result<T>> {
    const run = this.#session.run(text, { ...bound(parameters), signal: options.signal })
    return await Result.of<T>(await cancellable(run, options.signal))
  }

  /** Runs one statement whose values are parameters: db.sql`SELECT * FROM t WHERE id = ${id}`. */
  sql<T = Row>(strings: TemplateStringsArray, ...values: readonly Parameter[]): Promise<Result<T>> {
    return this.query<T>(templateText(strings), values)
  }

  /** Runs a script. A syntax error anywhere runs nothing; another error stops at its statement, and what ran before stays. */
  async execute(script: string, options: CallOptions = {}): Promise<Result[]> {
    const results: Result[] = []
    const run = async () => {
      for await (const outcome of this.#session.script(script, options)) results.push(await Result.of(outcome))
    }
    await cancellable(run(), options.signal)
    return results
  }

  prepare<T = Row>(text: string): PreparedStatement<T> {
    return new PreparedStatement<T>(this.#session, text)
  }

  /** The rows of a query, a batch of at most 8192 at a time; between batches the event loop runs. */
  async *stream<T = Row>(
    text: string,
    parameters: readonly Parameter[] = [],
    options: CallOptions = {},
  ): AsyncGenerator<Batch<T>, undefined> {
    const result = await this.query<T>(text, parameters, options)
    const breather = new Breather()
    for (const batch of result.batches()) {
      if (breather.due) await breather.rest()
      if (options.signal?.aborted) throw canceled(options.signal.reason)
      yield batch
    }
    return undefined
  }

  /** The changes of a query from now on, epoch by epoch. */
  async subscribe<T = Row>(text: string, options: SubscribeOptions = {}): Promise<Subscription<T>> {
    const { snapshot, signal, parameters = [] } = options
    const { native, fields } = await this.#session.subscribe(text, { ...bound(parameters), snapshot, signal })
    const open: Open = { close: async () => subscription.close() }
    const subscription = new Subscription<T>(native, fields, { signal, onClose: () => this.#open.delete(open) })
    if (!signal?.aborted) this.#open.add(open)
    return subscription
  }

  /** The fast way to put rows into a table or stream. */
  appender(relation: string, options: AppenderOptions = {}): Appender {
    const definition = this.#session.catalog.writable(relation)
    if (this.readOnly) throw readOnly('an appender')
    const appender: Appender = new Appender(this.#engine, definition, options, () => this.#open.delete(appender))
    this.#open.add(appender)
    return appender
  }

  /** Runs a function as a transaction: it commits when the function returns, and rolls back when it throws. It reads one
   *  snapshot and its own writes; of two that write the same row the first to commit wins, and the other rejects with 40001. */
  async transaction<T>(work: (tx: Transaction) => Promise<T>, options: TransactionOptions = {}): Promise<T> {
    return await runTransaction(this.#session, work, options)
  }

  /** Joins a consumer group: the rows of a stream from where the group has come to, in offset order within a partition. */
  async consumer<T = Row>(options: ConsumerOptions): Promise<Consumer<T>> {
    const definition = this.#session.catalog.relation(options.stream, ['stream', 'source'])
    const open: Open = { close: async () => consumer.close() }
    const consumer = await openConsumer<T>(this.#engine, definition, options, () => this.#open.delete(open))
    if (!options.signal?.aborted) this.#open.add(open)
    return consumer
  }

  /** How a statement would run, as text. */
  async explain(text: string, options: CallOptions = {}): Promise<string> {
    const outcome = await cancellable(this.#session.explain(text, options), options.signal)
    return (await Result.of(outcome))
      .arrays()
      .map(([line]) => line)
      .join('\n')
  }

  /** Serves the database to PostgreSQL's clients until the server or the database is closed. */
  async listen(options: ListenOptions = {}): Promise<Server> {
    const server = await Server.listen(this.#session, options)
    this.#open.add(server)
    return server
  }

  async stats(): Promise<Stats> {
    return (await this.#engine.stats()) as Stats
  }

  /** Begins the measurement of freshness anew: what came before is forgotten. */
  resetFreshness(): void {
    this.#engine.resetFreshness()
  }

  /** All objects of the catalog. */
  catalog(): CatalogEntry[] {
    return this.#session.catalog.entries()
  }

  /** Flushes the appenders, ends the subscriptions, waits for what is under way and frees the folder. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #close(): Promise<void> {
    const flushed = await Promise.allSettled([...this.#open].map((open) => open.close()))
    await this.#session.close()
    await this.#engine.close().catch((error: unknown) => {
      throw toMillraceError(error)
    })
    const failed = flushed.find((result) => result.status === 'rejected')
    if (failed) throw toMillraceError(failed.reason)
  }
}

function readOnly(what: string): MillraceError {
  return new MillraceError(Code.ReadOnlyTransaction, `cannot open ${what} in a database that is open to be read only`)
}

/** `$1` for the first value, and so on. */
function templateText(strings: TemplateStringsArray): string {
  return strings.reduce((text, part, index) => `${text}$${index}${part}`)
}

/** Rejects as soon as the signal aborts, even where the engine cannot stop what is under way. */
async function cancellable<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return await work
  let abort: (() => void) | undefined
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(canceled(signal.reason))
    signal.addEventListener('abort', abort, { once: true })
    if (signal.aborted) abort()
  })
  try {
    return await Promise.race([work, aborted])
  } finally {
    if (abort) signal.removeEventListener('abort', abort)
  }
}
