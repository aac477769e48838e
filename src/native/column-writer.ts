/** Writes rows into Arrow columns for an append. One writer a column: typed arrays that are filled row by row and handed to
 *  Arrow without another copy. Not arrow-js's builders: they know neither exact NUMERICs nor whose column an error is in. */
import {
  Decimal as ArrowDecimal,
  Interval as ArrowInterval,
  type DataType as ArrowType,
  Binary,
  Bool,
  type Data,
  DateDay,
  Field,
  FixedSizeBinary,
  Float32,
  Float64,
  Int16,
  Int32,
  Int64,
  IntervalUnit,
  List,
  Map_,
  makeData,
  RecordBatch,
  RecordBatchStreamWriter,
  Schema,
  Struct,
  TimeMicrosecond,
  Timestamp,
  TimeUnit,
  Utf8,
} from 'apache-arrow'
import { Code, type DataType } from '../../sql/index.js'
import { type Pause, ROWS_PER_LOOK } from './breather.js'
import { convert } from './convert.js'
import { MillraceError } from './errors.js'
import { NestedWriter } from './nested-writer.js'

export interface WriterColumn {
  readonly name: string
  readonly type: DataType
}

/** Bytes that a text gets at first, for each row; its buffer grows as needed. */
const TEXT_BYTES_PER_ROW = 16
/** Texts up to here are written by a loop: a call into Node costs more. */
const SHORT_TEXT = 32
/** Offsets of texts are 32 bits. */
const TEXT_BYTES_MAX = 0x7fff_ffff

/** The Arrow layout of a SQL type, as the engine stores it. */
export function arrowType(type: DataType): ArrowType {
  switch (type.type) {
    case 'boolean':
      return new Bool()
    case 'smallint':
      return new Int16()
    case 'integer':
      return new Int32()
    case 'bigint':
      return new Int64()
    case 'real':
      return new Float32()
    case 'double':
      return new Float64()
    case 'numeric':
      return new ArrowDecimal(type.scale, type.precision, 128)
    case 'text':
      return new Utf8()
    case 'bytea':
      return new Binary()
    case 'date':
      return new DateDay()
    case 'time':
      return new TimeMicrosecond()
    case 'timestamp':
      return new Timestamp(TimeUnit.MICROSECOND)
    case 'timestamptz':
      return new Timestamp(TimeUnit.MICROSECOND, 'UTC')
    case 'interval':
      return new ArrowInterval(IntervalUnit.MONTH_DAY_NANO)
    case 'uuid':
      return new FixedSizeBinary(UUID_BYTES)
    case 'jsonb':
      return new Utf8() // the engine reads it
    case 'array':
      return new List(new Field('item', arrowType(type.element), true))
    case 'row':
      return new Struct(type.fields.map((field) => new Field(field.name, arrowType(field.data_type), true)))
    case 'map': {
      const entries = [new Field('key', arrowType(type.key), false), new Field('value', arrowType(type.value), true)]
      return new Map_(new Field('entries', new Struct(entries), false) as ConstructorParameters<typeof Map_>[0])
    }
    default:
      return type satisfies never
  }
}

/** Rows of a batch at most, and bytes of it, about: it is handed on in one go. */
export const BATCH_ROWS = 8192
const BATCH_BYTES = 1 << 20
/** Bytes of a text or bytea beside its own: its offset. */
const OFFSET_BYTES = 4

/** Rows of these columns that make a batch; texts count as they come. */
export function batchRows(columns: readonly WriterColumn[]): number {
  const width = columns.reduce((sum, { type }) => sum + (WIDTHS[type.type] ?? 8), 0)
  return Math.max(1, Math.min(BATCH_ROWS, Math.floor(BATCH_BYTES / Math.max(1, width))))
}

const UUID_BYTES = 16
const OFFSETS: ReadonlySet<DataType['type']> = new Set(['text', 'bytea', 'jsonb', 'array', 'row', 'map'])

const WIDTHS: Partial<Record<DataType['type'], number>> = {
  boolean: 1,
  numeric: 16,
  interval: 16,
  uuid: UUID_BYTES,
  jsonb: OFFSET_BYTES,
  text: OFFSET_BYTES,
  bytea: OFFSET_BYTES,
}

/** Rows of one batch. A row that fails half way leaves nothing behind: the next one is written over it. */
export class BatchWriter {
  readonly #columns: readonly ColumnWriter[]
  readonly #texts: readonly ColumnWriter[]
  readonly #schema: Schema
  readonly #capacity: number
  #rows = 0

  constructor(columns: readonly WriterColumn[], capacity: number) {
    this.#columns = columns.map((column) => new ColumnWriter(column, capacity))
    this.#texts = this.#columns.filter((_, index) => OFFSETS.has(columns[index]!.type.type))
    this.#schema = arrowSchema(columns)
    this.#capacity = capacity
  }

  get rows(): number {
    return this.#rows
  }

  /** Whether the batch should be taken before another row. */
  get full(): boolean {
    if (this.#rows >= this.#capacity) return true
    for (const column of this.#texts) if (column.bytes(this.#rows) > BATCH_BYTES) return true
    return false
  }

  /** Appends a row of one value a column. Throws a MillraceError that names the column. */
  add(values: readonly unknown[]): void {
    const row = this.#rows
    for (let index = 0; index < this.#columns.length; index++) this.#columns[index]!.set(row, values[index])
    this.#rows = row + 1
  }

  /** The rows; the writer is empty afterwards, and the next row is written over them. */
  batch(): RecordBatch {
    const rows = this.#rows
    this.#rows = 0
    return recordBatch(
      this.#schema,
      this.#columns.map((column) => column.data(rows)),
      rows,
    )
  }

  /** The rows as an Arrow IPC stream; the writer is empty afterwards. */
  take(): Uint8Array {
    return RecordBatchStreamWriter.writeAll([this.batch()]).toUint8Array(true)
  }
}

export function arrowSchema(columns: readonly WriterColumn[]): Schema {
  return new Schema(columns.map((column) => new Field(column.name, arrowType(column.type), true)))
}

export function recordBatch(schema: Schema, children: readonly Data[], length: number): RecordBatch {
  const data = makeData({ type: new Struct(schema.fields), length, nullCount: 0, children: [...children] })
  return new RecordBatch(schema, data)
}

/** Makes a column of batches out of an array of values or, without a look at each, of a typed array of its very layout. */
export class ColumnSlices {
  readonly #column: WriterColumn
  readonly #type: ArrowType
  readonly #values: ArrayLike<unknown>
  readonly #whole: boolean
  /** 0 where all rows have the one value. */
  readonly #step: 0 | 1
  #writer: ColumnWriter | undefined

  constructor(column: WriterColumn, values: ArrayLike<unknown>, step: 0 | 1 = 1) {
    this.#column = column
    this.#type = arrowType(column.type)
    this.#values = values
    this.#step = step
    const sameLayout = ArrayBuffer.isView(values) && values.constructor === this.#type.ArrayType && isFlat(column.type)
    this.#whole = sameLayout && step === 1
  }

  /** Where a batch that begins at this row has to end, as its texts are many bytes; a row is never divided. */
  end(from: number, to: number): number {
    if (!OFFSETS.has(this.#column.type.type)) return to
    let bytes = 0
    for (let row = from; row < to; row++) {
      const value = this.#values[row * this.#step]
      if (typeof value === 'string' || value instanceof Uint8Array) bytes += value.length
      if (bytes > BATCH_BYTES && row > from) return row
    }
    return to
  }

  /** Rows `from` up to `to`, with pauses. The next call may use their memory again. */
  async data(from: number, to: number, pause: Pause): Promise<Data> {
    const length = to - from
    if (this.#whole) {
      const data = (this.#values as Float64Array).subarray(from, to)
      return makeData({ type: this.#type, length, nullCount: 0, data } as Parameters<typeof makeData>[0])
    }
    if (this.#writer === undefined || this.#writer.capacity < length) {
      this.#writer = new ColumnWriter(this.#column, length)
    }
    const writer = this.#writer
    for (let row = 0; row < length; row++) {
      if (row % ROWS_PER_LOOK === 0) {
        const pausing = pause()
        if (pausing !== undefined) await pausing
      }
      writer.set(row, this.#values[(from + row) * this.#step])
    }
    return writer.data(length)
  }
}

function isFlat(type: DataType): boolean {
  return !['boolean', 'numeric', 'interval', 'uuid'].includes(type.type) && !OFFSETS.has(type.type)
}

class ColumnWriter {
  readonly #column: WriterColumn
  readonly #type: ArrowType
  readonly #valid: Uint8Array
  #values: Uint8Array | Int16Array | Int32Array | BigInt64Array | Float32Array | Float64Array
  readonly #offsets: Int32Array | undefined
  readonly #nested: NestedWriter | undefined
  readonly capacity: number

  constructor(column: WriterColumn, capacity: number) {
    this.capacity = capacity
    this.#column = column
    this.#type = arrowType(column.type)
    this.#valid = new Uint8Array((capacity + 7) >> 3)
    switch (column.type.type) {
      case 'text':
      case 'bytea':
      case 'jsonb':
        this.#offsets = new Int32Array(capacity + 1)
        this.#values = Buffer.allocUnsafeSlow(capacity * TEXT_BYTES_PER_ROW)
        break
      case 'boolean':
        this.#values = new Uint8Array((capacity + 7) >> 3)
        break
      case 'numeric':
      case 'interval':
        this.#values = new BigInt64Array(capacity * 2)
        break
      case 'uuid':
        this.#values = new Uint8Array(capacity * UUID_BYTES)
        break
      case 'array':
      case 'row':
      case 'map':
        this.#values = new Uint8Array()
        this.#nested = new NestedWriter(column.name, column.type, (child, slots) => new ColumnWriter(child, slots))
        break
      default:
        this.#values = new (this.#type.ArrayType as new (length: number) => Int32Array)(capacity)
    }
  }

  set(row: number, value: unknown): void {
    const bit = 1 << (row & 7)
    if (value === null || value === undefined) {
      this.#valid[row >> 3]! &= ~bit
      if (this.#offsets) this.#offsets[row + 1] = this.#offsets[row]!
      this.#nested?.set(row, null)
      return
    }
    this.#valid[row >> 3]! |= bit
    const { type, name } = this.#column
    const values = this.#values
    switch (type.type) {
      case 'boolean': {
        const bits = values as Uint8Array
        if (convert.boolean(value, name)) bits[row >> 3]! |= bit
        else bits[row >> 3]! &= ~bit
        return
      }
      case 'smallint':
      case 'integer':
        values[row] = convert.integer(value, type, name)
        return
      case 'bigint':
        values[row] = convert.bigint(value, name)
        return
      case 'real':
      case 'double':
        values[row] = convert.float(value, type, name)
        return
      case 'numeric': {
        const unscaled = convert.numeric(value, type, name)
        values[row * 2] = BigInt.asIntN(64, unscaled)
        values[row * 2 + 1] = unscaled >> 64n
        return
      }
      case 'text':
        this.#setText(row, convert.text(value, name))
        return
      case 'bytea':
        this.#setBytes(row, convert.bytea(value, name))
        return
      case 'date':
        values[row] = convert.date(value, name)
        return
      case 'time':
        values[row] = convert.time(value, name)
        return
      case 'timestamp':
      case 'timestamptz':
        values[row] = convert.moment(value, type, name)
        return
      case 'interval': {
        const interval = convert.interval(value, name)
        const months = BigInt.asUintN(32, BigInt(interval.months))
        values[row * 2] = BigInt.asIntN(64, (BigInt(interval.days) << 32n) | months)
        values[row * 2 + 1] = interval.microseconds * 1000n
        return
      }
      case 'uuid':
        ;(values as Uint8Array).set(convert.uuid(value, name), row * UUID_BYTES)
        return
      case 'jsonb':
        this.#setText(row, convert.jsonb(value, name))
        return
      case 'array':
      case 'row':
      case 'map':
        this.#nested!.set(row, value)
        return
      default:
        throw new MillraceError(Code.InternalError, `no writer for ${type satisfies never}`)
    }
  }

  /** Bytes of the texts of so many rows. */
  bytes(rows: number): number {
    if (this.#nested !== undefined) return this.#nested.bytes(rows)
    return this.#offsets === undefined ? 0 : this.#offsets[rows]!
  }

  data(rows: number): Data {
    const type = this.#type
    const nullBitmap = this.#valid.slice(0, (rows + 7) >> 3)
    const shared = { length: rows, nullCount: rows - countBits(nullBitmap, rows), nullBitmap }
    const values = this.#values
    switch (this.#column.type.type) {
      case 'array':
      case 'row':
      case 'map':
        return this.#nested!.data(type, shared)
      case 'uuid': {
        const data = (values as Uint8Array).subarray(0, rows * UUID_BYTES)
        return makeData({ type, ...shared, data } as Parameters<typeof makeData>[0])
      }
      case 'text':
      case 'bytea':
      case 'jsonb': {
        const valueOffsets = this.#offsets!.subarray(0, rows + 1)
        const data = (values as Uint8Array).subarray(0, valueOffsets[rows])
        return makeData({ type, ...shared, valueOffsets, data } as Parameters<typeof makeData>[0])
      }
      case 'numeric':
      case 'interval': {
        const words = this.#column.type.type === 'numeric' ? Uint32Array : Int32Array
        const data = new words(values.buffer as ArrayBuffer, 0, rows * 4)
        return makeData({ type, ...shared, data } as Parameters<typeof makeData>[0])
      }
      default:
        return makeData({ type, ...shared, data: values } as Parameters<typeof makeData>[0])
    }
  }

  #setText(row: number, text: string): void {
    const start = this.#offsets![row]!
    // A UTF-16 unit takes at most three bytes.
    const bytes = this.#reserve(start, text.length * 3)
    const ascii = text.length <= SHORT_TEXT && writeAscii(bytes, start, text)
    this.#offsets![row + 1] = start + (ascii ? text.length : bytes.write(text, start, 'utf8'))
  }

  #setBytes(row: number, value: Uint8Array): void {
    const start = this.#offsets![row]!
    this.#reserve(start, value.length).set(value, start)
    this.#offsets![row + 1] = start + value.length
  }

  #reserve(start: number, more: number): Buffer {
    const values = this.#values as Buffer
    if (start + more <= values.length) return values
    if (start + more > TEXT_BYTES_MAX) {
      throw new MillraceError(
        Code.InsufficientResources,
        `column "${this.#column.name}" has more than 2 GiB of text in one batch`,
      )
    }
    const grown = Buffer.allocUnsafeSlow(Math.min(TEXT_BYTES_MAX, Math.max(start + more, values.length * 2)))
    grown.set(values.subarray(0, start))
    this.#values = grown
    return grown
  }
}

/** False when it holds anything but ASCII; what was written then is written over. */
function writeAscii(bytes: Uint8Array, start: number, text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code > 0x7f) return false
    bytes[start + at] = code
  }
  return true
}

function countBits(bytes: Uint8Array, bits: number): number {
  let count = 0
  for (let bit = 0; bit < bits; bit++) count += (bytes[bit >> 3]! >> (bit & 7)) & 1
  return count
}
