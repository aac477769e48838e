/** The fast way in: rows are gathered into columns in JavaScript's memory and appended as Arrow, a batch a commit. The engine
 *  is called once a batch, never for a row. */
import type { Data, Table } from 'apache-arrow'
import { type Append, Code, type ConflictAction, type Definition } from '../../sql/index.js'
import { columnsOf, defaultOf } from '../catalog/describe.js'
import { Breather, type Pause } from '../native/breather.js'
import { arrowSchema, BatchWriter, batchRows, ColumnSlices, recordBatch } from '../native/column-writer.js'
import { closed, MillraceError, toMillraceError } from '../native/errors.js'
import type { NativeEngine } from '../native/native.js'
import { Upload } from '../native/upload.js'
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
/** Rows between two looks at the clock. */
const LOOK_ROWS = 64

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
  readonly #breather = new Breather()
  /** Until the event loop has turned, where the caller has kept it from that for long. */
  #resting: Promise<void> | undefined
  /** The commit that `append` gathers, where its first batches are written already. */
  #gathering: Upload | undefined
  /** Rows of it, and of the batch that is being written. */
  #gathered = 0
  /** Calls that make their rows ready in stretches: one at a time, in the order of the calls. */
  #preparing = 0
  #prepared: Promise<void> = Promise.resolve()
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
    this.#writer = new BatchWriter(this.#columns, Math.min(this.#batchRows, batchRows(this.#columns)))
    this.#values = new Array(this.#columns.length)
    options.signal?.addEventListener('abort', () => this.#abandon(), { once: true })
  }

  /** Rows that the engine has acknowledged. */
  get rowsAppended(): bigint {
    return this.#rows
  }

  /** Takes a row. Throws at once when a value does not fit its column; the row is then not taken. Gives a promise when the
   *  engine is behind, or when the event loop has waited for a while: await it, and memory stays bounded and timers run. */
  append(row: AppendRow): Promise<void> | undefined {
    this.#check()
    if (Array.isArray(row)) this.#fromArray(row)
    else this.#fromObject(row as Readonly<Record<string, unknown>>)
    this.#writer.add(this.#values)
    this.#gathered++
    if (this.#gathered >= this.#batchRows) return this.#seal()
    if (this.#timer === undefined) this.#timer = setTimeout(() => this.#sealInTime(), this.#flushMs)
    if (this.#writer.full) this.#gather()
    const behind = this.#full()
    if (behind !== undefined || this.#gathered % LOOK_ROWS !== 0) return behind
    if (this.#resting === undefined && this.#breather.due) {
      this.#resting = this.#breather.rest().then(() => {
        this.#resting = undefined
      })
    }
    return this.#resting
  }

  /** Takes rows as columns: arrays of values, or typed arrays, which are not looked at value by value. They must not change
   *  until the promise resolves: the work is done in stretches, so that the event loop runs in between. Where a value does not
   *  fit, none of the rows are taken; many rows are committed in parts. */
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
    const slices = this.#columns.map((column) => this.#slices(column, columns[column.name], rows))
    await this.#inTurn(async (pause) => {
      const uploads: Upload[] = []
      for (let from = 0; from < rows; from += CHUNK_ROWS) {
        uploads.push(await this.#chunk(slices, from, Math.min(rows, from + CHUNK_ROWS), pause))
      }
      return uploads
    })
  }

  /** Takes an Arrow table (of any copy of the library) or the bytes of an Arrow IPC stream as one commit. Its columns are found
   *  by name; all must be there, in the Arrow type of the relation's column or one that holds the same values. They must not
   *  change until the promise resolves. */
  async appendArrow(rows: Table | Uint8Array): Promise<void> {
    this.#check()
    await this.#inTurn(async (pause) => {
      const upload = new Upload(this.#engine.upload())
      await (rows instanceof Uint8Array ? upload.stream(rows, pause) : upload.table(rows, pause))
      return [upload]
    })
  }

  /** Resolves when all rows taken so far are committed. Throws when any of them was not. */
  async flush(): Promise<void> {
    this.#check()
    this.#seal()
    await this.#prepared
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

  #slices(column: Column, given: ArrayLike<unknown> | undefined, rows: number): ColumnSlices {
    if (given !== undefined) return new ColumnSlices(column, given)
    const value = this.#missing(column)
    if (value === null && !column.nullable && rows > 0) throw this.#notNull(column)
    return new ColumnSlices(column, [value], 0)
  }

  /** Some rows as one commit, in batches that are short work each. */
  async #chunk(slices: readonly ColumnSlices[], from: number, to: number, pause: Pause): Promise<Upload> {
    const schema = arrowSchema(this.#columns)
    const upload = new Upload(this.#engine.upload(), schema)
    const rowsMax = batchRows(this.#columns)
    for (let start = from; start < to; ) {
      const end = slices.reduce((least, slice) => slice.end(start, least), Math.min(to, start + rowsMax))
      const data: Data[] = []
      for (const [index, slice] of slices.entries()) {
        const column = await slice.data(start, end, pause)
        if (column.nullCount > 0 && !this.#columns[index]!.nullable) throw this.#notNull(this.#columns[index]!)
        data.push(column)
      }
      upload.batch(recordBatch(schema, data, end - start))
      await pause()
      start = end
    }
    return upload.end()
  }

  /** Makes rows ready in stretches, and queues them. What was called before comes first, and a call that comes meanwhile
   *  waits. */
  #inTurn(prepare: (pause: Pause) => Promise<readonly Upload[]>): Promise<void> {
    // Rows of `append` from before.
    this.#seal()
    const before = this.#prepared
    const breather = new Breather()
    const rest = async () => {
      await breather.rest()
      this.#check()
    }
    const turn = async () => {
      try {
        await before
        this.#check()
        for (const upload of await prepare(() => (breather.due ? rest() : undefined))) {
          this.#check()
          await this.#queueUp(upload)
        }
      } finally {
        this.#preparing--
      }
    }
    this.#preparing++
    const done = turn()
    this.#prepared = done.catch(() => undefined)
    return done
  }

  /** Adds the batch that is being written to the commit, and the writer is empty. */
  #gather(): Upload {
    try {
      this.#gathering ??= new Upload(this.#engine.upload())
    } catch (error) {
      this.#failure ??= toMillraceError(error)
      throw this.#failure
    }
    if (this.#writer.rows > 0) this.#gathering.batch(this.#writer.batch())
    return this.#gathering
  }

  /** Ends the commit that is being gathered. */
  #seal(): Promise<void> | undefined {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#gathered > 0 && this.#failure === undefined) {
      const upload = this.#gather().end()
      this.#gathering = undefined
      this.#gathered = 0
      if (this.#preparing === 0) return this.#queueUp(upload)
      // The failure is told by the next call.
      return this.#inTurn(async () => [upload]).catch(() => undefined)
    }
    return this.#full()
  }

  #sealInTime(): void {
    try {
      this.#seal()
    } catch (error) {
      this.#failure ??= toMillraceError(error)
    }
  }

  #queueUp(upload: Upload): Promise<void> | undefined {
    const { bytes } = upload
    if (this.#queuedBytes + bytes > QUEUED_BYTES_MAX && this.#queue.length > 0) {
      this.#failure = new MillraceError(Code.InsufficientResources, `the appender to "${this.relation}" is full`, {
        detail: `${this.#queuedBytes} bytes wait for the engine.`,
        hint: 'Await the promise that append() gives.',
      })
      throw this.#failure
    }
    this.#queuedBytes += bytes
    const sent = this.#tail.then(() => this.#sendNow(upload))
    this.#tail = sent
    this.#queue.push(sent)
    return this.#full()
  }

  /** Never rejects: the failure is told by the next call, which may be long after. */
  async #sendNow(upload: Upload): Promise<void> {
    const { bytes } = upload
    try {
      if (this.#failure) return
      const { rows } = await upload.append(this.#head)
      this.#rows += BigInt(rows)
    } catch (error) {
      this.#failure ??= toMillraceError(error)
    } finally {
      this.#queuedBytes -= bytes
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
