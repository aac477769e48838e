/** What a statement gave. Rows stay Arrow until they are asked for as objects, as arrays, or as an Arrow table. */
import { type RecordBatch, Table } from 'apache-arrow'
import type { Field } from '../../sql/index.js'
import type { Outcome } from '../engine/session.js'
import { readBatches, readBatchesInStretches } from '../native/arrow.js'
import { Breather } from '../native/breather.js'
import { BatchWriter } from '../native/column-writer.js'
import { RowReader, roomFor } from '../native/row-reader.js'
import type { Value } from '../values/format.js'

/** Rows of one batch at most: its `rows` are made in one go. */
const BATCH_ROWS = 8192

/** A row as an object, by column name. Where two columns have one name the later wins; `arrays()` has both. */
export type Row = Record<string, Value>

export class Result<T = Row> implements Iterable<T>, AsyncIterable<T> {
  /** PostgreSQL's command tag: `SELECT 3`, `INSERT 0 3`, `CREATE TABLE`. */
  readonly command: string
  /** Rows given by a query, or changed by INSERT, UPDATE and DELETE. */
  readonly rowCount: number
  /** Name and type of each column. */
  readonly fields: readonly Field[]
  /** What PostgreSQL would send as NOTICE. */
  readonly notices: readonly string[]
  /** What PostgreSQL would send as WARNING. */
  readonly warnings: readonly string[]
  /** The commit of a write. */
  readonly epoch: bigint | undefined
  readonly #batches: readonly RecordBatch[]
  readonly #found: number
  #rows: T[] | undefined

  /** @internal Use `Result.of`. */
  constructor(outcome: Outcome, batches: readonly RecordBatch[]) {
    this.fields = outcome.fields
    this.notices = outcome.notices
    this.warnings = outcome.warnings ?? []
    this.epoch = outcome.epoch
    this.#batches = batches
    const found = batches.reduce((sum, batch) => sum + batch.numRows, 0)
    this.#found = found
    this.rowCount = outcome.rowCount ?? found
    this.command = outcome.tag === 'SELECT' ? `SELECT ${found}` : outcome.tag
  }

  /** @internal */
  static async of<T = Row>(outcome: Outcome): Promise<Result<T>> {
    return new Result<T>(outcome, outcome.ipc === undefined ? [] : await readBatchesInStretches(outcome.ipc))
  }

  get columns(): string[] {
    return this.fields.map((field) => field.name)
  }

  /** All rows as objects, made once, in one go: for a large result `toArray()` and `for await (const row of result)` keep
   *  the event loop running. */
  get rows(): T[] {
    if (this.#rows === undefined) {
      const rows = roomFor<T>(this.#found)
      let at = 0
      for (const batch of this.batches()) at = batch.into(rows, at)
      this.#rows = rows
    }
    return this.#rows
  }

  /** All rows as objects, made in stretches of a few milliseconds, between which the event loop runs. */
  async toArray(): Promise<T[]> {
    const breather = new Breather()
    const rows = roomFor<T>(this.#found)
    let at = 0
    // Room for millions is some work by itself.
    if (breather.due) await breather.rest()
    for (const batch of this.batches()) {
      for (const slice of batch.slices()) {
        for (const row of slice) rows[at++] = row
        if (breather.due) await breather.rest()
      }
    }
    return rows
  }

  /** One object at a time, for results that are large. */
  *[Symbol.iterator](): Iterator<T> {
    for (const batch of this.batches()) yield* batch
  }

  /** One object at a time, with pauses in which the event loop runs: no stretch lasts longer than a few milliseconds. */
  [Symbol.asyncIterator](): AsyncIterableIterator<T> {
    return new RowsInStretches<T>(this.batches())
  }

  /** All rows as arrays, in the order of `fields`. */
  arrays(): Value[][] {
    return [...this.batches()].flatMap((batch) => batch.arrays())
  }

  /** The rows in batches of at most 8192. */
  *batches(): Iterable<Batch<T>> {
    const reader = new RowReader(this.fields)
    for (const batch of this.#batches) {
      for (let from = 0; from < batch.numRows; from += BATCH_ROWS) {
        yield new Batch<T>(this.fields, reader, batch, from, Math.min(batch.numRows, from + BATCH_ROWS))
      }
    }
  }

  /** The rows as an Arrow table that shares the result's memory. */
  arrow(): Table {
    return this.#batches.length > 0 ? new Table([...this.#batches]) : new Table(emptyBatch(this.fields))
  }
}

/** Some rows of a result. */
export class Batch<T = Row> implements Iterable<T> {
  readonly fields: readonly Field[]
  readonly #reader: RowReader
  readonly #batch: RecordBatch
  readonly #from: number
  readonly #to: number

  /** Use `Result.batches`. */
  constructor(fields: readonly Field[], reader: RowReader, batch: RecordBatch, from: number, to: number) {
    this.fields = fields
    this.#reader = reader
    this.#batch = batch
    this.#from = from
    this.#to = to
  }

  /** The rows as Arrow, without a copy. */
  get arrow(): RecordBatch {
    const whole = this.#from === 0 && this.#to === this.#batch.numRows
    return whole ? this.#batch : this.#batch.slice(this.#from, this.#to)
  }

  get rowCount(): number {
    return this.#to - this.#from
  }

  get rows(): T[] {
    const rows = roomFor<T>(this.rowCount)
    this.into(rows, 0)
    return rows
  }

  *[Symbol.iterator](): Iterator<T> {
    for (const slice of this.slices()) yield* slice
  }

  arrays(): Value[][] {
    const rows = this.#reader.of(this.#batch)
    const arrays: Value[][] = []
    for (let from = this.#from; from < this.#to; ) {
      const end = rows.end(from, this.#to)
      rows.arrays(from, end, arrays)
      from = end
    }
    return arrays
  }

  /** @internal Puts the rows into an array from `at` on, and gives the place behind them. */
  into(out: T[], at: number): number {
    const rows = this.#reader.of(this.#batch)
    for (let from = this.#from; from < this.#to; ) {
      const end = rows.end(from, this.#to)
      rows.objects(from, end, out, at)
      at += end - from
      from = end
    }
    return at
  }

  /** @internal The rows in parts that are made in well under a millisecond each. */
  *slices(): Iterable<T[]> {
    const rows = this.#reader.of(this.#batch)
    for (let from = this.#from; from < this.#to; ) {
      const end = rows.end(from, this.#to)
      const slice: T[] = []
      rows.objects(from, end, slice, 0)
      yield slice
      from = end
    }
  }
}

/** Gives rows one by one. By hand, as an async generator costs several times as much for each. */
class RowsInStretches<T> implements AsyncIterableIterator<T> {
  readonly #breather = new Breather()
  readonly #slices: Iterator<T[]>
  #slice: readonly T[] = []
  #at = 0
  #ended = false
  /** The last of those who wait for the next slice: rows are given in the order in which they were asked for. */
  #waiting: Promise<unknown> | undefined

  constructor(batches: Iterable<Batch<T>>) {
    this.#slices = slicesOf(batches)
  }

  next(): Promise<IteratorResult<T, undefined>> {
    if (this.#waiting === undefined && this.#at < this.#slice.length) {
      return Promise.resolve({ done: false, value: this.#slice[this.#at++]! })
    }
    const turn = this.#waiting === undefined ? this.#turn() : this.#waiting.then(() => this.#turn())
    const waiting = turn
      .catch(() => undefined)
      .finally(() => {
        if (this.#waiting === waiting) this.#waiting = undefined
      })
    this.#waiting = waiting
    return turn
  }

  async return(): Promise<IteratorResult<T, undefined>> {
    this.#ended = true
    this.#slice = []
    return { done: true, value: undefined }
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async #turn(): Promise<IteratorResult<T, undefined>> {
    if (this.#at < this.#slice.length) return { done: false, value: this.#slice[this.#at++]! }
    if (this.#breather.due) await this.#breather.rest()
    const { done, value } = this.#ended ? { done: true, value: undefined } : this.#slices.next()
    if (done) {
      await this.return()
      return { done: true, value: undefined }
    }
    this.#slice = value!
    this.#at = 1
    return { done: false, value: this.#slice[0]! }
  }
}

function* slicesOf<T>(batches: Iterable<Batch<T>>): Generator<T[], undefined> {
  for (const batch of batches) yield* batch.slices()
  return undefined
}

function emptyBatch(fields: readonly Field[]): RecordBatch {
  const columns = fields.map((field) => ({ name: field.name, type: field.data_type }))
  return readBatches(new BatchWriter(columns, 0).take())[0]!
}
