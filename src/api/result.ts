/** What a statement gave. Rows stay Arrow until they are asked for as objects, as arrays, or as an Arrow table. */
import { type RecordBatch, Table } from 'apache-arrow'
import type { Field } from '../../sql/index.js'
import type { Outcome } from '../engine/session.js'
import { columnReaders, readBatches, rowMaker, type ValueReader } from '../native/arrow.js'
import { Breather, ROWS_PER_LOOK } from '../native/breather.js'
import { BatchWriter } from '../native/column-writer.js'
import type { Value } from '../values/format.js'

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
  #rows: T[] | undefined

  constructor(outcome: Outcome) {
    this.fields = outcome.fields
    this.notices = outcome.notices
    this.warnings = outcome.warnings ?? []
    this.epoch = outcome.epoch
    this.#batches = outcome.ipc === undefined ? [] : readBatches(outcome.ipc)
    const found = this.#batches.reduce((sum, batch) => sum + batch.numRows, 0)
    this.rowCount = outcome.rowCount ?? found
    this.command = outcome.tag === 'SELECT' ? `SELECT ${found}` : outcome.tag
  }

  get columns(): string[] {
    return this.fields.map((field) => field.name)
  }

  /** All rows as objects, made once, in one go: for a large result `for await (const row of result)` keeps the event loop
   *  running. */
  get rows(): T[] {
    this.#rows ??= [...this]
    return this.#rows
  }

  /** One object at a time, for results that are large. */
  *[Symbol.iterator](): Iterator<T> {
    for (const batch of this.batches()) yield* batch as Batch<T>
  }

  /** One object at a time, with pauses in which the event loop runs: no stretch lasts longer than a few milliseconds. */
  async *[Symbol.asyncIterator](): AsyncIterator<T> {
    const breather = new Breather()
    let made = 0
    for (const row of this) {
      if (++made % ROWS_PER_LOOK === 0 && breather.due) await breather.rest()
      yield row
    }
  }

  /** All rows as arrays, in the order of `fields`. */
  arrays(): Value[][] {
    return [...this.batches()].flatMap((batch) => batch.arrays())
  }

  *batches(): Iterable<Batch<T>> {
    for (const batch of this.#batches) yield new Batch<T>(this.fields, batch)
  }

  /** The rows as an Arrow table that shares the result's memory. */
  arrow(): Table {
    return this.#batches.length > 0 ? new Table([...this.#batches]) : new Table(emptyBatch(this.fields))
  }
}

/** Some rows of a result. */
export class Batch<T = Row> implements Iterable<T> {
  readonly fields: readonly Field[]
  readonly arrow: RecordBatch

  constructor(fields: readonly Field[], arrow: RecordBatch) {
    this.fields = fields
    this.arrow = arrow
  }

  get rowCount(): number {
    return this.arrow.numRows
  }

  get rows(): T[] {
    return [...this]
  }

  *[Symbol.iterator](): Iterator<T> {
    const readers = this.#readers()
    const make = rowMaker(this.fields.map((field) => field.name))
    for (let index = 0; index < this.arrow.numRows; index++) yield make(readers, index) as T
  }

  arrays(): Value[][] {
    const readers = this.#readers()
    return Array.from({ length: this.arrow.numRows }, (_, index) => readers.map((read) => read(index)))
  }

  #readers(): ValueReader[] {
    return columnReaders(
      this.arrow,
      this.fields.map((field) => field.data_type),
    )
  }
}

function emptyBatch(fields: readonly Field[]): RecordBatch {
  const columns = fields.map((field) => ({ name: field.name, type: field.data_type }))
  return readBatches(new BatchWriter(columns, 0).take())[0]!
}
