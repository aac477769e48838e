/** The engine in Rust, typed: the only importer of the generated binding. Commands and definitions are objects here, errors
 *  are thrown, calls can be cancelled. */
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Append, Code, type Command, type Seek } from '../../sql/index.js'
import type {
  Binding,
  BindingConsumer,
  BindingEngine,
  BindingSubscription,
  BindingUpload,
  NativeLimits,
  NativeLookUp,
  NativeOptions,
  NativeShortcut,
} from './binding-types.js'
import { type EncodedCommand, encodeAppend, encodeCommand, encodeSeek } from './encode.js'
import { canceled, closed, fromNative, MillraceError } from './errors.js'

export type { NativeLookUp, NativeShortcut } from './binding-types.js'

/** What a write did. */
export interface Executed {
  readonly rows: number
  readonly epoch: bigint
  /** The rows of RETURNING. */
  readonly ipc?: Uint8Array | undefined
}

/** Changes of a subscription: Arrow IPC whose last column is the weight. */
export interface Delivery {
  readonly epoch: bigint
  readonly ipc: Uint8Array
}

const SMALL_RESULT_BYTES = 32 << 10

let binding: Binding | undefined

/** Opens a database in a folder, or in memory for `null`. */
export async function openEngine(path: string | null, options: NativeOptions): Promise<NativeEngine> {
  binding ??= loadBinding(packageRoot(dirname(fileURLToPath(import.meta.url))))
  const { error, engine } = await binding.Engine.open(path, options)
  if (error) throw fromNative(error)
  if (!engine) throw new MillraceError(Code.InternalError, 'the engine opened without a handle')
  return new NativeEngine(engine)
}

export class NativeEngine {
  readonly #engine: BindingEngine
  #ticket = 0
  #closed = false

  constructor(engine: BindingEngine) {
    this.#engine = engine
  }

  /** The definitions of all objects, as MessagePack. */
  catalog(): Uint8Array {
    return this.#open().catalog()
  }

  nextRelationId(): number {
    return this.#open().nextRelationId()
  }

  limits(): NativeLimits {
    const { memoryLimit = 0, threads = 1 } = this.#open().limits?.() ?? {}
    return { memoryLimit, threads }
  }

  /** For queries that begin from now on. */
  setLimits(limits: NativeLimits): void {
    this.#open().setLimits?.(limits)
  }

  /** INSERT, UPDATE, DELETE, DDL: resolves when the commit is as durable as the database promises. */
  async execute(command: Command | EncodedCommand): Promise<Executed> {
    const { error, rows, epoch, ipc } = await this.#open().execute(encodeCommand(command))
    if (error) throw fromNative(error)
    return { rows, epoch, ipc }
  }

  /** The rows of a query as one Arrow IPC stream. */
  async query(command: Command | EncodedCommand, signal?: AbortSignal): Promise<Uint8Array> {
    const engine = this.#open()
    if (signal?.aborted) throw canceled(signal.reason)
    this.#ticket = (this.#ticket + 1) % 0x1_0000_0000
    const ticket = this.#ticket
    const cancel = () => engine.cancel(ticket)
    signal?.addEventListener('abort', cancel, { once: true })
    try {
      const { error, ipc } = await engine.query(encodeCommand(command), ticket)
      if (error) throw signal?.aborted && error.code === '57014' ? canceled(signal.reason) : fromNative(error)
      if (!ipc) throw new MillraceError(Code.InternalError, 'a query gave neither rows nor an error')
      return ipc
    } finally {
      signal?.removeEventListener('abort', cancel)
    }
  }

  /** The rows of a very short query, without changing threads; nothing of any other. */
  queryNow(command: Command): Uint8Array | undefined {
    const result = this.#open().queryNow?.(encodeCommand(command))
    if (result === null || result === undefined) return undefined
    if (result.error) throw fromNative(result.error)
    return result.ipc
  }

  /** The same as PostgreSQL's `DataRow` messages. */
  rowsNow(
    command: Command,
    formats: readonly number[],
  ): { readonly rows: number; readonly bytes: Uint8Array } | undefined {
    const result = this.#open().rowsNow?.(encodeCommand(command), formats as number[])
    if (result === null || result === undefined) return undefined
    const { error, rows, bytes } = result
    if (error) throw fromNative(error)
    return bytes && { rows, bytes }
  }

  /** The look-up by key that a query with parameters is, if it is one. */
  lookUp(command: Command): NativeLookUp | undefined {
    return this.#open().lookUp?.(encodeCommand(command)) ?? undefined
  }

  /** For one client of the server. */
  shortcut(): NativeShortcut | undefined {
    return this.#open().shortcut?.()
  }

  /** A result as PostgreSQL's `DataRow` messages. `formats` has a code a column, one for all, or none for text. */
  async dataRows(
    ipc: Uint8Array,
    formats: readonly number[],
  ): Promise<{ readonly rows: number; readonly bytes: Uint8Array }> {
    const engine = this.#open()
    // A small result takes less time than to change threads.
    const now = ipc.byteLength <= SMALL_RESULT_BYTES
    const { error, rows, bytes } = now
      ? engine.dataRowsNow(ipc, [...formats])
      : await engine.dataRows(ipc, [...formats])
    if (error) throw fromNative(error)
    if (!bytes) throw new MillraceError(Code.InternalError, 'a result gave neither rows nor an error')
    return { rows, bytes }
  }

  /** Begins an append. */
  upload(): NativeUpload {
    return new NativeUpload(this.#open().upload(), () => this.#closed)
  }

  /** Takes a snapshot for a transaction, and gives the number that its commands carry. */
  async begin(command: Command): Promise<bigint> {
    const engine = this.#open()
    if (engine.begin === undefined) throw notBuilt('a transaction of several statements')
    const { error, transaction } = await engine.begin(encodeCommand(command))
    if (error) throw fromNative(error)
    if (transaction === undefined) throw new MillraceError(Code.InternalError, 'a transaction began without a number')
    return transaction
  }

  /** Joins a consumer group. */
  async consumer(command: Command): Promise<NativeConsumer> {
    const engine = this.#open()
    if (engine.consumer === undefined) throw notBuilt('a consumer group')
    const { error, consumer } = await engine.consumer(encodeCommand(command))
    if (error) throw fromNative(error)
    if (!consumer) throw new MillraceError(Code.InternalError, 'a consumer opened without a handle')
    return new NativeConsumer(consumer)
  }

  async subscribe(command: Command | EncodedCommand): Promise<NativeSubscription> {
    const { error, subscription } = await this.#open().subscribe(encodeCommand(command))
    if (error) throw fromNative(error)
    if (!subscription) throw new MillraceError(Code.InternalError, 'a subscription opened without a handle')
    return new NativeSubscription(subscription)
  }

  async stats(): Promise<unknown> {
    return JSON.parse(await this.#open().stats())
  }

  /** Begins the measurement of freshness anew. */
  resetFreshness(): void {
    this.#open().resetFreshness()
  }

  get closed(): boolean {
    return this.#closed
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    const { error } = await this.#engine.close()
    if (error) throw fromNative(error)
  }

  #open(): BindingEngine {
    if (this.#closed) throw closed('database')
    return this.#engine
  }
}

/** Rows on their way to the engine, as an Arrow IPC stream that is copied part by part. */
export class NativeUpload {
  readonly #upload: BindingUpload
  readonly #ended: () => boolean
  #bytes = 0

  constructor(upload: BindingUpload, ended: () => boolean) {
    this.#upload = upload
    this.#ended = ended
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Adds the next bytes of the stream. */
  write(part: Uint8Array): void {
    this.#upload.write(part)
    this.#bytes += part.byteLength
  }

  /** Resolves when the commit is as durable as the database promises. */
  async append(head: Append): Promise<Executed> {
    if (this.#ended()) throw closed('database')
    const { error, rows, epoch } = await this.#upload.append(encodeAppend(head))
    if (error) throw fromNative(error)
    return { rows, epoch }
  }
}

export class NativeSubscription {
  readonly #subscription: BindingSubscription
  #closed = false

  constructor(subscription: BindingSubscription) {
    this.#subscription = subscription
  }

  /** The next changes, waiting for some; undefined at the end. One call at a time. */
  async next(): Promise<Delivery | undefined> {
    if (this.#closed) return undefined
    const { error, done, epoch, ipc } = await this.#subscription.next()
    if (this.#closed) return undefined
    if (error) throw fromNative(error)
    if (done || epoch === undefined || !ipc) return undefined
    return { epoch, ipc }
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#subscription.close()
  }
}

/** Rows of one partition in offset order: Arrow IPC with the columns asked for, then `epoch` and `time`. */
export interface ConsumedRows {
  readonly partition: number
  readonly firstOffset: bigint
  readonly nextOffset: bigint
  readonly skipped: bigint
  readonly ipc: Uint8Array
}

export class NativeConsumer {
  readonly #consumer: BindingConsumer
  /** Its number among the group's members. */
  readonly member: bigint
  #closed = false

  constructor(consumer: BindingConsumer) {
    this.#consumer = consumer
    this.member = consumer.member()
  }

  /** Waits for rows or for other partitions; undefined at the end. One call at a time. */
  async next(
    rowsMax: number,
    bytesMax: number,
  ): Promise<{ readonly assigned?: readonly number[] | undefined; readonly rows?: ConsumedRows } | undefined> {
    if (this.#closed) return undefined
    const result = await this.#consumer.next(rowsMax, bytesMax)
    if (this.#closed) return undefined
    const { error, done, assigned, partition, firstOffset, nextOffset, skipped = 0n, ipc } = result
    if (error) throw fromNative(error)
    if (done) return undefined
    if (partition === undefined || firstOffset === undefined || nextOffset === undefined || !ipc) return { assigned }
    return { assigned, rows: { partition, firstOffset, nextOffset, skipped, ipc } }
  }

  async seek(seek: Seek): Promise<void> {
    if (this.#closed) throw closed('consumer')
    const { error } = await this.#consumer.seek(encodeSeek(seek))
    if (error) throw fromNative(error)
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#consumer.close()
  }
}

function notBuilt(what: string): MillraceError {
  return new MillraceError(Code.FeatureNotSupported, `${what} is not supported by this build of the native module`)
}

/** The addon lies beside the sources, and this file runs from there (tests) or from `dist`: the package's root is above both. */
export function packageRoot(from: string): string {
  for (let folder = from; ; folder = dirname(folder)) {
    const manifest = join(folder, 'package.json')
    if (existsSync(manifest) && (JSON.parse(readFileSync(manifest, 'utf8')) as { name?: string }).name === 'millrace') {
      return folder
    }
    if (dirname(folder) === folder) {
      throw new MillraceError(Code.UndefinedFile, `no package.json of millrace above "${from}"`)
    }
  }
}

export function loadBinding(root: string): Binding {
  const path = join(root, 'src', 'native', 'binding.cjs')
  const hint = 'Run "npm run build" in the package\'s folder; it needs Rust and a C compiler.'
  if (!existsSync(path)) {
    throw new MillraceError(Code.UndefinedFile, 'the native module of millrace is not built', {
      detail: `There is no file "${path}".`,
      hint,
    })
  }
  try {
    return createRequire(import.meta.url)(path) as Binding
  } catch (cause) {
    const detail = cause instanceof Error ? cause.message : String(cause)
    throw new MillraceError(Code.UndefinedFile, 'the native module of millrace does not load', { detail, hint, cause })
  }
}
