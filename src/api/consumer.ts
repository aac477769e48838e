/** A member of a consumer group: batches of rows of a stream, from where the group has come to. It pulls: nothing is read
 *  before it is asked for, so a slow consumer makes no memory grow and holds nobody up. */
import type { RecordBatch } from 'apache-arrow'
import {
  Code,
  type Command,
  type Definition,
  type Expr,
  type Field,
  PLAN_VERSION,
  type Position,
  parseValue,
} from '../../sql/index.js'
import { columnsOf } from '../catalog/describe.js'
import { columnReader, readBatches } from '../native/arrow.js'
import { canceled, closed, MillraceError, toMillraceError } from '../native/errors.js'
import type { ConsumedRows, NativeConsumer, NativeEngine } from '../native/native.js'
import { RowReader } from '../native/row-reader.js'
import { epochMicroseconds, type Instant } from '../values/instant.js'
import type { Row } from './result.js'
import type { Transaction } from './transaction.js'

/** A place in a stream. A time means the first row of a commit at that time or later. */
export type ConsumerPlace =
  | 'earliest'
  | 'latest'
  | { readonly timestamp: Date | Instant | string }
  | { readonly offset: bigint | number }

export interface ConsumerOptions {
  readonly group: string
  readonly stream: string
  /** Where the group begins in partitions for which it has committed nothing; `earliest` if not given. */
  readonly from?: ConsumerPlace
  /** The columns to read; all if not given. */
  readonly columns?: readonly string[]
  /** Rows of a batch at most; 8192 if not given. */
  readonly batchRows?: number
  /** Bytes of a batch at most (a single row may have more); 4 MiB if not given. */
  readonly batchBytes?: number
  readonly signal?: AbortSignal
}

/** A row with its place. */
export interface ConsumerRecord<T = Row> {
  readonly partition: number
  readonly offset: bigint
  /** The commit that it came with, and its time. */
  readonly epoch: bigint
  readonly time: Instant
  readonly row: T
}

const BATCH_ROWS = 8192
const BATCH_ROWS_MAX = 1_000_000
const BATCH_BYTES = 4 * 1024 * 1024
const BATCH_BYTES_MAX = 256 * 1024 * 1024

/** Rows of one partition, in the order of their offsets, which have no gaps. */
export class ConsumerBatch<T = Row> implements Iterable<T> {
  readonly fields: readonly Field[]
  readonly partition: number
  /** Of its first row. */
  readonly firstOffset: bigint
  /** Of the first row after it. */
  readonly nextOffset: bigint
  /** Rows before it that retention had taken before they were read. */
  readonly skipped: bigint
  /** The rows as Arrow: the columns, then `epoch` and `time`. */
  readonly arrow: readonly RecordBatch[]

  constructor(fields: readonly Field[], rows: ConsumedRows) {
    this.fields = fields
    this.partition = rows.partition
    this.firstOffset = rows.firstOffset
    this.nextOffset = rows.nextOffset
    this.skipped = rows.skipped
    this.arrow = readBatches(rows.ipc)
  }

  get rowCount(): number {
    return this.arrow.reduce((sum, batch) => sum + batch.numRows, 0)
  }

  get rows(): T[] {
    const rows: T[] = []
    for (const slice of this.#slices()) for (const row of slice) rows.push(row)
    return rows
  }

  *[Symbol.iterator](): Iterator<T> {
    for (const slice of this.#slices()) yield* slice
  }

  /** The rows with their places. */
  *records(): Iterable<ConsumerRecord<T>> {
    const { partition } = this
    let offset = this.firstOffset
    const rows = this[Symbol.iterator]()
    for (const batch of this.arrow) {
      const epoch = columnReader(batch.data.children.at(-2)!, { type: 'bigint' })
      const time = columnReader(batch.data.children.at(-1)!, { type: 'timestamptz' })
      for (let index = 0; index < batch.numRows; index++) {
        const row = rows.next().value as T
        yield { partition, offset, epoch: epoch(index) as bigint, time: time(index) as Instant, row }
        offset += 1n
      }
    }
  }

  *#slices(): Iterable<T[]> {
    const reader = new RowReader(this.fields)
    for (const batch of this.arrow) {
      const rows = reader.of(batch)
      for (let from = 0; from < batch.numRows; ) {
        const end = rows.end(from, batch.numRows)
        const slice: T[] = []
        rows.objects(from, end, slice, 0)
        yield slice
        from = end
      }
    }
  }
}

export class Consumer<T = Row> implements AsyncIterableIterator<ConsumerBatch<T>> {
  readonly group: string
  readonly stream: string
  readonly fields: readonly Field[]
  readonly #engine: NativeEngine
  readonly #native: NativeConsumer
  readonly #relation: number
  readonly #batchRows: number
  readonly #batchBytes: number
  readonly #signal: AbortSignal | undefined
  readonly #onClose: (() => void) | undefined
  #partitions: readonly number[] = []
  /** The offset after the last row that was given out, for partitions where that is not committed. */
  readonly #given = new Map<number, bigint>()
  /** The pull that is under way: the binding takes one at a time. */
  #last: Promise<unknown> = Promise.resolve()
  #stop: (() => void) | undefined
  #closed = false

  /** Use `openConsumer`. */
  constructor(
    engine: NativeEngine,
    native: NativeConsumer,
    definition: Definition,
    fields: readonly Field[],
    options: ConsumerOptions,
    onClose?: () => void,
  ) {
    this.group = options.group
    this.stream = definition.name
    this.fields = fields
    this.#engine = engine
    this.#native = native
    this.#relation = definition.id
    this.#batchRows = options.batchRows ?? BATCH_ROWS
    this.#batchBytes = options.batchBytes ?? BATCH_BYTES
    this.#signal = options.signal
    this.#onClose = onClose
    this.#signal?.addEventListener('abort', this.#abort, { once: true })
    if (this.#signal?.aborted) this.#abort()
  }

  /** The partitions that this member reads now; the members of a group share the stream's. */
  get partitions(): readonly number[] {
    return this.#partitions
  }

  /** The next batch; waits for one. Rejects with 57014 when the signal aborts. */
  next(): Promise<IteratorResult<ConsumerBatch<T>, undefined>> {
    const turn = this.#last.then(() => this.#pull())
    this.#last = turn.catch(() => undefined)
    return turn
  }

  /** Keeps, durably, that the group has done with all batches given out so far. In a transaction it is kept with what the
   *  transaction writes, or not at all: so each row has its effect exactly once. */
  async commit(options: { readonly transaction?: Transaction } = {}): Promise<void> {
    if (this.#closed) throw closed('consumer')
    const given = [...this.#given]
    if (given.length === 0) return
    const command: Command = {
      command: 'consumer_commit',
      version: PLAN_VERSION,
      group: this.group,
      stream: this.#relation,
      member: this.#native.member,
      offsets: given.map(([partition, next_offset]) => ({ partition, next_offset })),
      transaction: null,
    }
    const { transaction } = options
    if (transaction !== undefined) {
      // It may still be rolled back and its function run again: then the same offsets are committed again.
      await transaction.run((inside) => this.#engine.execute(inside(command)))
      return
    }
    await this.#engine.execute(command).catch((error: unknown) => {
      throw toMillraceError(error)
    })
    for (const [partition, offset] of given) {
      if (this.#given.get(partition) === offset) this.#given.delete(partition)
    }
  }

  /** Reads on from another place; what is committed stays until the next commit. A batch that arrives before this resolves
   *  may still be of the old place. */
  async seek(to: ConsumerPlace, options: { readonly partition?: number } = {}): Promise<void> {
    const { partition } = options
    await this.#native.seek({ partition: partition ?? null, to: positionOf(to) }).catch((error: unknown) => {
      throw toMillraceError(error)
    })
    if (partition === undefined) this.#given.clear()
    else this.#given.delete(partition)
  }

  /** Leaves the group, without a commit; a pull that waits ends too. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#signal?.removeEventListener('abort', this.#abort)
    this.#native.close()
    this.#stop?.()
    this.#onClose?.()
  }

  async return(): Promise<IteratorResult<ConsumerBatch<T>, undefined>> {
    this.close()
    return { done: true, value: undefined }
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close()
  }

  readonly #abort = () => this.close()

  async #pull(): Promise<IteratorResult<ConsumerBatch<T>, undefined>> {
    try {
      for (;;) {
        if (this.#signal?.aborted) throw canceled(this.#signal.reason)
        if (this.#closed) return { done: true, value: undefined }
        const stopped = new Promise<undefined>((resolve) => {
          this.#stop = () => resolve(undefined)
        })
        const answer = await Promise.race([this.#native.next(this.#batchRows, this.#batchBytes), stopped])
        if (answer === undefined) {
          // Closed, by the signal or by hand.
          this.close()
          continue
        }
        if (answer.assigned !== undefined) this.#assign(answer.assigned)
        if (answer.rows === undefined) continue
        this.#given.set(answer.rows.partition, answer.rows.nextOffset)
        return { done: false, value: new ConsumerBatch<T>(this.fields, answer.rows) }
      }
    } catch (error) {
      this.close()
      throw toMillraceError(error)
    } finally {
      this.#stop = undefined
    }
  }

  /** What another member reads now is not ours to commit. */
  #assign(partitions: readonly number[]): void {
    this.#partitions = partitions
    for (const partition of [...this.#given.keys()]) {
      if (!partitions.includes(partition)) this.#given.delete(partition)
    }
  }
}

/** Joins the group. */
export async function openConsumer<T = Row>(
  engine: NativeEngine,
  definition: Definition,
  options: ConsumerOptions,
  onClose?: () => void,
): Promise<Consumer<T>> {
  if (options.signal?.aborted) throw canceled(options.signal.reason)
  limited('batchRows', options.batchRows ?? BATCH_ROWS, BATCH_ROWS_MAX)
  limited('batchBytes', options.batchBytes ?? BATCH_BYTES, BATCH_BYTES_MAX)
  const { kind } = definition.object
  if (kind !== 'stream' && kind !== 'source') {
    throw new MillraceError(Code.WrongObjectType, `"${definition.name}" is a ${kind.replace('_', ' ')}`, {
      hint: 'Consumer groups read streams and sources.',
    })
  }
  const columns = columnNumbers(definition, options.columns)
  const all = columnsOf(definition)
  const fields = columns.map((at): Field => {
    const { name, data_type, nullable } = all[at]!
    return { name, data_type, nullable }
  })
  const command: Command = {
    command: 'consumer_open',
    version: PLAN_VERSION,
    group: options.group,
    stream: definition.id,
    columns,
    from: positionOf(options.from ?? 'earliest'),
  }
  const native = await engine.consumer(command).catch((error: unknown) => {
    throw toMillraceError(error)
  })
  return new Consumer<T>(engine, native, definition, fields, options, onClose)
}

function columnNumbers(definition: Definition, names: readonly string[] | undefined): number[] {
  const all = columnsOf(definition).map((column) => column.name)
  if (names === undefined) return all.map((_, at) => at)
  return names.map((name) => {
    const at = all.indexOf(name)
    if (at !== -1) return at
    throw new MillraceError(Code.UndefinedColumn, `column "${name}" of relation "${definition.name}" does not exist`, {
      hint: `Its columns are ${all.map((other) => `"${other}"`).join(', ')}.`,
    })
  })
}

function limited(name: string, value: number, most: number): void {
  if (Number.isInteger(value) && value >= 1 && value <= most) return
  throw new MillraceError(Code.InvalidParameterValue, `${name} must be a whole number from 1 to ${most}`)
}

/** A text is read as SQL reads a TIMESTAMPTZ. */
function instant(moment: Date | Instant | string): Expr {
  if (typeof moment === 'string') {
    const parsed = parseValue(moment, { type: 'timestamptz' })
    if ('literal' in parsed) return { op: 'literal', literal: parsed.literal }
    throw new MillraceError(Code[parsed.code], parsed.message)
  }
  const value = epochMicroseconds(moment)
  if (value === undefined) throw new MillraceError(Code.DatetimeFieldOverflow, 'the timestamp is an invalid date')
  return { op: 'literal', literal: { type: 'timestamptz', value } }
}

function positionOf(place: ConsumerPlace): Position {
  if (place === 'earliest' || place === 'latest') return { at: place }
  if (typeof place === 'object' && 'offset' in place) {
    const { offset } = place
    const fits =
      typeof offset === 'bigint' ? offset >= 0n && offset < 1n << 63n : Number.isSafeInteger(offset) && offset >= 0
    if (fits) return { at: 'offset', offset: BigInt(offset) }
    throw new MillraceError(Code.InvalidParameterValue, `invalid offset ${offset}`, {
      hint: 'An offset is a whole number that is not negative.',
    })
  }
  if (typeof place === 'object' && 'timestamp' in place) return { at: 'timestamp', time: instant(place.timestamp) }
  throw new MillraceError(Code.InvalidParameterValue, `invalid place in a stream: ${JSON.stringify(place)}`, {
    hint: "It is 'earliest', 'latest', { offset } or { timestamp }.",
  })
}
