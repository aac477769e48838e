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
  Float32,
  Float64,
  Int16,
  Int32,
  Int64,
  IntervalUnit,
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
import { type Breather, ROWS_PER_LOOK } from './breather.js'
import { convert } from './convert.js'
import { MillraceError } from './errors.js'

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
    default:
      return type satisfies never
  }
}

/** Rows of one batch. A row that fails half way leaves nothing behind: the next one is written over it. */
export class BatchWriter {
  readonly #columns: readonly ColumnWriter[]
  readonly #schema: Schema
  #rows = 0

  constructor(columns: readonly WriterColumn[], capacity: number) {
    this.#columns = columns.map((column) => new ColumnWriter(column, capacity))
    this.#schema = new Schema(columns.map((column) => new Field(column.name, arrowType(column.type), true)))
  }

  get rows(): number {
    return this.#rows
  }

  /** Appends a row of one value a column. Throws a MillraceError that names the column. */
  add(values: readonly unknown[]): void {
    const row = this.#rows
    for (let index = 0; index < this.#columns.length; index++) this.#columns[index]!.set(row, values[index])
    this.#rows = row + 1
  }

  /** The rows as an Arrow IPC stream; the writer is empty afterwards. */
  take(): Uint8Array {
    const rows = this.#rows
    this.#rows = 0
    return writeBatch(
      this.#schema,
      this.#columns.map((column) => column.data(rows)),
      rows,
    )
  }
}

/** One batch as an Arrow IPC stream. */
export function writeBatch(schema: Schema, children: readonly Data[], length: number): Uint8Array {
  const data = makeData({ type: new Struct(schema.fields), length, nullCount: 0, children: [...children] })
  return RecordBatchStreamWriter.writeAll([new RecordBatch(schema, data)]).toUint8Array(true)
}

/** The column of a batch, from an array of values or, without a look at each, from a typed array of its very layout. Rests
 *  between stretches: the array must not change meanwhile. */
export async function columnFrom(column: WriterColumn, values: ArrayLike<unknown>, breather: Breather): Promise<Data> {
  const type = arrowType(column.type)
  if (ArrayBuffer.isView(values) && values.constructor === type.ArrayType && isFlat(column.type)) {
    return makeData({ type, length: values.length, nullCount: 0, data: values } as Parameters<typeof makeData>[0])
  }
  const writer = new ColumnWriter(column, values.length)
  for (let row = 0; row < values.length; row++) {
    if (row % ROWS_PER_LOOK === 0 && breather.due) await breather.rest()
    writer.set(row, values[row])
  }
  return writer.data(values.length)
}

function isFlat(type: DataType): boolean {
  return !['boolean', 'numeric', 'text', 'bytea', 'interval'].includes(type.type)
}

class ColumnWriter {
  readonly #column: WriterColumn
  readonly #type: ArrowType
  readonly #valid: Uint8Array
  #values: Uint8Array | Int16Array | Int32Array | BigInt64Array | Float32Array | Float64Array
  readonly #offsets: Int32Array | undefined

  constructor(column: WriterColumn, capacity: number) {
    this.#column = column
    this.#type = arrowType(column.type)
    this.#valid = new Uint8Array((capacity + 7) >> 3)
    switch (column.type.type) {
      case 'text':
      case 'bytea':
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
      default:
        this.#values = new (this.#type.ArrayType as new (length: number) => Int32Array)(capacity)
    }
  }

  set(row: number, value: unknown): void {
    const bit = 1 << (row & 7)
    if (value === null || value === undefined) {
      this.#valid[row >> 3]! &= ~bit
      if (this.#offsets) this.#offsets[row + 1] = this.#offsets[row]!
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
      default:
        throw new MillraceError(Code.InternalError, `no writer for ${type satisfies never}`)
    }
  }

  data(rows: number): Data {
    const type = this.#type
    const nullBitmap = this.#valid.slice(0, (rows + 7) >> 3)
    const shared = { length: rows, nullCount: rows - countBits(nullBitmap, rows), nullBitmap }
    const values = this.#values
    switch (this.#column.type.type) {
      case 'text':
      case 'bytea': {
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
