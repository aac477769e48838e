/** The fast way in: rows are gathered into columns in JavaScript's memory and appended as Arrow, a batch a commit. The engine
 *  is called once a batch, never for a row. */
import { Field as ArrowField, type Data, RecordBatchStreamWriter, Schema, type Table } from 'apache-arrow'
import { type Append, Code, type ConflictAction, type Definition } from '../../sql/index.js'
import { columnsOf, defaultOf } from '../catalog/describe.js'
import { Breather } from '../native/breather.js'
import { arrowType, BatchWriter, columnFrom, writeBatch } from '../native/column-writer.js'
import { closed, MillraceError, toMillraceError } from '../native/errors.js'
import type { NativeEngine } from '../native/native.js'
import { literalValue } from './literal-value.js'

export interface AppenderOptions {
  /** Rows of one commit; 8192 if not given. */
  readonly batchRows?: number
  /** The longest that a row waits for its batch to fill, in milliseconds; 10 if not given. */
  readonly flushMs?: number
  /** What to do with a row whose primary key is there already: an error, if not given. */
  readonly onConflict?: 'error' | 'nothing' | 'replace'
  /** Ends the appender without a flush: rows of a batch that is not full are dropped. */
  readonly signal?: AbortSignal
}

/** A row by column name or in the order of the columns. Missing columns get their default, or NULL. */
export type AppendRow = Readonly<Record<string, unknown>> | readonly unknown[]

const BATCH_ROWS = 8192
const BATCH_ROWS_MAX = 1_000_000
const FLUSH_MS = 10
/** Batches that wait for the engine before `append` gives a promise to wait for. */
const QUEUED_BATCHES_MAX = 4
/** Bytes that may wait when nobody awaits that promise. */
const QUEUED_BYTES_MAX = 512 * 1024 * 1024
/** Rows of one commit of `appendColumns`. */
const CHUNK_ROWS = 65_536

const CONFLICT: Readonly<Record<'error' | 'nothing' | 'replace', ConflictAction>> = {
  error: { action: 'error' },
  nothing: { action: 'do_nothing' },
  replace: { action: 'replace' },
}

interface Column {
  readonly name: string
  readonly type: ReturnType<typeof columnsOf>[number]['data_type']
  readonly nullable: boolean
  /** What a row that leaves the column out gets; undefined where only the engine could compute it. */
  readonly missing: unknown
}

export class Appender {
  readonly relation: string
  readonly #engine: NativeEngine
  readonly #head: Append
  readonly #columns: readonly Column[]
  readonly #batchRows: number
  readonly #flushMs: number
  readonly #writer: BatchWriter
  readonly #values: unknown[]
  #timer: NodeJS.Timeout | undefined
  /** Batches on their way, oldest first. They go one after another: with `replace` the order of rows counts. */
  readonly #queue: Promise<void>[] = []
  #tail: Promise<void> = Promise.resolve()
  #queuedBytes = 0
  #failure: MillraceError | undefined
  #closed = false
  #rows = 0n
  readonly #onClose: (() => void) | undefined

  /** Use `Database.appender`. */
  constructor(engine: NativeEngine, definition: Definition, options: AppenderOptions = {}, onClose?: () => void) {
    this.#onClose = onClose
    this.relation = definition.name
    this.#engine = engine
    this.#batchRows = limited('batchRows', options.batchRows ?? BATCH_ROWS, 1, BATCH_ROWS_MAX)
    this.#flushMs = limited('flushMs', options.flushMs ?? FLUSH_MS, 0, 3_600_000)
    this.#head = { relation: definition.id, on_conflict: CONFLICT[options.onConflict ?? 'error'], transaction: null }
    this.#columns = columnsOf(definition).map((column) => {
      const value = defaultOf(column)
      const missing = value === null ? null : value.op === 'literal' ? literalValue(value.literal) : undefined
      return { name: column.name, type: column.data_type, nullable: column.nullable, missing }
    })
    this.#writer = new BatchWriter(this.#columns, this.#batchRows)
    this.#values = new Array(this.#columns.length)
    options.signal?.addEventListener('abort', () => this.#abandon(), { once: true })
  }

  /** Rows that the engine has acknowledged. */
  get rowsAppended(): bigint {
    return this.#rows
  }

  /** Takes a row. Throws at once when a value does not fit its column; the row is then not taken. Gives a promise when the
   *  engine is behind: await it, and memory stays bounded. */
  append(row: AppendRow): Promise<void> | undefined {
    this.#check()
    if (Array.isArray(row)) this.#fromArray(row)
    else this.#fromObject(row as Readonly<Record<string, unknown>>)
    this.#writer.add(this.#values)
    if (this.#writer.rows >= this.#batchRows) return this.#seal()
    if (this.#timer === undefined) this.#timer = setTimeout(() => this.#seal(), this.#flushMs)
    return this.#full()
  }

  /** Takes rows as columns: arrays of values, or typed arrays, which are not looked at value by value. They must not change
   *  until the promise resolves: the work is done in stretches, so that the event loop runs in between. */
  async appendColumns(columns: Readonly<Record<string, ArrayLike<unknown>>>): Promise<void> {
    this.#check()
    this.#onlyKnown(columns)
    const lengths = Object.values(columns).map((values) => values.length)
    const rows = lengths[0] ?? 0
    if (lengths.some((length) => length !== rows)) {
      throw new MillraceError(Code.InvalidParameterValue, 'the columns have different lengths', {
        detail: Object.entries(columns)
          .map(([name, values]) => `Column "${name}" has ${values.length} values.`)
          .join(' '),
      })
    }
    await this.#seal()
    const breather = new Breather()
    for (let start = 0; start < rows; start += CHUNK_ROWS) {
      const end = Math.min(rows, start + CHUNK_ROWS)
      const data: Data[] = []
      for (const column of this.#columns) {
        data.push(await this.#column(column, columns[column.name], start, end, breather))
      }
      if (breather.due) await breather.rest()
      const fields = this.#columns.map((column) => new ArrowField(column.name, arrowType(column.type), true))
      await this.#send(writeBatch(new Schema(fields), data, end - start))
    }
  }

  /** Takes an Arrow table (of any copy of the library) or the bytes of an Arrow IPC stream. Its columns are found by name; all
   *  must be there, in the Arrow type of the relation's column or one that holds the same values. */
  async appendArrow(rows: Table | Uint8Array): Promise<void> {
    this.#check()
    await this.#seal()
    await this.#send(
      rows instanceof Uint8Array ? rows : RecordBatchStreamWriter.writeAll(rows.batches).toUint8Array(true),
    )
  }

  /** Resolves when all rows taken so far are committed. Throws when any of them was not. */
  async flush(): Promise<void> {
    this.#check()
    this.#seal()
    await this.#tail
    if (this.#failure) throw this.#failure
  }

  /** Flushes, then takes no more rows. */
  async close(): Promise<void> {
    if (this.#closed) return
    try {
      await this.flush()
    } finally {
      this.#abandon()
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  #abandon(): void {
    this.#closed = true
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#onClose?.()
  }

  #check(): void {
    // A failed batch is not sent again and its rows are gone from here, so nothing may follow as if they were there.
    if (this.#failure) throw this.#failure
    if (this.#closed) throw closed('appender')
  }

  #fromArray(row: readonly unknown[]): void {
    if (row.length !== this.#columns.length) {
      throw new MillraceError(
        Code.SyntaxError,
        `a row of ${row.length} values for the ${this.#columns.length} columns of "${this.relation}"`,
      )
    }
    for (let index = 0; index < row.length; index++) this.#put(index, row[index])
  }

  #fromObject(row: Readonly<Record<string, unknown>>): void {
    let found = 0
    for (let index = 0; index < this.#columns.length; index++) {
      const value = row[this.#columns[index]!.name]
      if (value !== undefined) found++
      this.#put(index, value)
    }
    let given = 0
    for (const name in row) if (row[name] !== undefined) given++
    if (given !== found) this.#onlyKnown(row)
  }

  #put(index: number, given: unknown): void {
    const column = this.#columns[index]!
    const value = given === undefined ? this.#missing(column) : given
    if (value === null && !column.nullable) throw this.#notNull(column)
    this.#values[index] = value
  }

  #missing(column: Column): unknown {
    if (column.missing !== undefined) return column.missing
    throw new MillraceError(Code.FeatureNotSupported, `column "${column.name}" has a computed default`, {
      hint: 'Give its value, or use INSERT.',
    })
  }

  #notNull(column: Column): MillraceError {
    const message = `null value in column "${column.name}" of relation "${this.relation}" violates not-null constraint`
    return new MillraceError(Code.NotNullViolation, message)
  }

  #onlyKnown(columns: Readonly<Record<string, unknown>>): void {
    const known = new Set(this.#columns.map((column) => column.name))
    const unknown = Object.keys(columns).find((name) => !known.has(name))
    if (unknown === undefined) return
    throw new MillraceError(Code.UndefinedColumn, `column "${unknown}" of relation "${this.relation}" does not exist`, {
      hint: `Its columns are ${[...known].map((name) => `"${name}"`).join(', ')}.`,
    })
  }

  async #column(
    column: Column,
    given: ArrayLike<unknown> | undefined,
    start: number,
    end: number,
    breather: Breather,
  ): Promise<Data> {
    if (given === undefined) {
      const value = this.#missing(column)
      if (value === null && !column.nullable) throw this.#notNull(column)
      return columnFrom(column, new Array(end - start).fill(value), breather)
    }
    const values = ArrayBuffer.isView(given)
      ? (given as unknown as Int32Array).subarray(start, end)
      : Array.prototype.slice.call(given, start, end)
    const data = await columnFrom(column, values, breather)
    if (data.nullCount > 0 && !column.nullable) throw this.#notNull(column)
    return data
  }

  #seal(): Promise<void> | undefined {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#writer.rows > 0 && this.#failure === undefined) this.#send(this.#writer.take())
    return this.#full()
  }

  #send(ipc: Uint8Array): Promise<void> | undefined {
    if (this.#queuedBytes + ipc.byteLength > QUEUED_BYTES_MAX && this.#queue.length > 0) {
      this.#failure = new MillraceError(Code.InsufficientResources, `the appender to "${this.relation}" is full`, {
        detail: `${this.#queuedBytes} bytes wait for the engine.`,
        hint: 'Await the promise that append() gives.',
      })
      throw this.#failure
    }
    this.#queuedBytes += ipc.byteLength
    const sent = this.#tail.then(() => this.#sendNow(ipc))
    this.#tail = sent
    this.#queue.push(sent)
    return this.#full()
  }

  /** Never rejects: the failure is told by the next call, which may be long after. */
  async #sendNow(ipc: Uint8Array): Promise<void> {
    try {
      if (this.#failure) return
      const { rows } = await this.#engine.append(this.#head, ipc)
      this.#rows += BigInt(rows)
    } catch (error) {
      this.#failure ??= toMillraceError(error)
    } finally {
      this.#queuedBytes -= ipc.byteLength
      this.#queue.shift()
    }
  }

  #full(): Promise<void> | undefined {
    return this.#queue.length < QUEUED_BATCHES_MAX ? undefined : this.#queue[this.#queue.length - QUEUED_BATCHES_MAX]
  }
}

function limited(name: string, value: number, least: number, most: number): number {
  if (Number.isInteger(value) && value >= least && value <= most) return value
  throw new MillraceError(Code.InvalidParameterValue, `${name} is ${value}`, {
    hint: `It is an integer from ${least} to ${most}.`,
  })
}
