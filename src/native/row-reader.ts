/** Rows of a result as objects or arrays, a slice of a batch at a time: each column's values are read in one loop, and a
 *  function made for the column names puts them into objects of one shape. A slice is short enough that the event loop can
 *  run between two of them. */
import { isAscii } from 'node:buffer'
import type { Data, RecordBatch } from 'apache-arrow'
import { Code, type DataType, type Field } from '../../sql/index.js'
import type { Value } from '../values/format.js'
import { columnReader } from './arrow.js'
import { MillraceError } from './errors.js'

/** Values and bytes of text of one slice at most, so that it takes well under a millisecond; a row is never divided. */
const SLICE_VALUES = 8192
const SLICE_ROWS = 1024
const SLICE_TEXT_BYTES = 1 << 18
/** Texts that are cut out of one string keep all of it in memory: this many bytes. */
const RUN_BYTES = 4096

type Columns = readonly ArrayLike<Value>[]
type Maker = (columns: Columns, count: number, out: unknown[], at: number) => void

/** Reads the values of rows `from` up to `to`. */
type SliceReader = (from: number, to: number) => ArrayLike<Value>

export class RowReader {
  readonly #fields: readonly Field[]
  readonly #rowsMax: number
  readonly #objects: Maker

  constructor(fields: readonly Field[]) {
    this.#fields = fields
    this.#rowsMax = Math.max(1, Math.min(SLICE_ROWS, Math.floor(SLICE_VALUES / Math.max(1, fields.length))))
    this.#objects = objectMaker(fields.map((field) => field.name))
  }

  /** The batch's rows; what it has behind the columns of the fields is left alone. */
  of(batch: RecordBatch): BatchRows {
    const columns = batch.data.children
    if (columns.length < this.#fields.length) {
      const message = `a result of ${this.#fields.length} columns came with ${columns.length}`
      throw new MillraceError(Code.InternalError, message)
    }
    const readers = this.#fields.map((field, index) => sliceReader(columns[index]!, field.data_type))
    const offsets = columns
      .slice(0, this.#fields.length)
      .flatMap(({ valueOffsets }) => (valueOffsets ? [valueOffsets] : []))
    return new BatchRows(readers, offsets as Int32Array[], this.#rowsMax, this.#objects)
  }
}

/** Room for so many rows: an array that grows is copied again and again, a large one for milliseconds. */
export function roomFor<T>(rows: number): T[] {
  return rows > SLICE_ROWS ? new Array<T>(rows) : []
}

/** The rows of one batch. */
export class BatchRows {
  readonly #readers: readonly SliceReader[]
  readonly #offsets: readonly Int32Array[]
  readonly #rowsMax: number
  readonly #objects: Maker

  constructor(readers: readonly SliceReader[], offsets: readonly Int32Array[], rowsMax: number, objects: Maker) {
    this.#readers = readers
    this.#offsets = offsets
    this.#rowsMax = rowsMax
    this.#objects = objects
  }

  /** Where the slice that begins at this row ends, at the latest before `to`. */
  end(from: number, to: number): number {
    let end = Math.min(to, from + this.#rowsMax)
    for (const offsets of this.#offsets) {
      while (end - from > 1 && offsets[end]! - offsets[from]! > SLICE_TEXT_BYTES) end = from + ((end - from) >> 1)
    }
    return end
  }

  /** Puts the rows `from` up to `to` as objects into `out`, the first of them at `at`. */
  objects(from: number, to: number, out: unknown[], at: number): void {
    this.#objects(this.#columns(from, to), to - from, out, at)
  }

  /** Appends the rows `from` up to `to` as arrays. */
  arrays(from: number, to: number, out: Value[][]): void {
    const columns = this.#columns(from, to)
    for (let row = 0; row < to - from; row++) out.push(columns.map((values) => values[row]!))
  }

  #columns(from: number, to: number): Columns {
    return this.#readers.map((read) => read(from, to))
  }
}

function sliceReader(column: Data, type: DataType): SliceReader {
  const nulls = column.nullCount > 0
  switch (type.type) {
    case 'smallint':
    case 'integer':
    case 'real':
    case 'double':
    case 'bigint':
      // Numbers are read from where they lie.
      if (!nulls) return (from, to) => column.values.subarray(from, to)
      break
    case 'text': {
      const present = textReader(column)
      if (!nulls) return present
      const { nullBitmap, offset } = column as { nullBitmap: Uint8Array; offset: number }
      return (from, to) => {
        const texts = present(from, to) as Value[]
        for (let row = from; row < to; row++) {
          const bit = offset + row
          if ((nullBitmap[bit >> 3]! & (1 << (bit & 7))) === 0) texts[row - from] = null
        }
        return texts
      }
    }
    default:
  }
  const read = columnReader(column, type)
  return (from, to) => {
    const values: Value[] = []
    for (let row = from; row < to; row++) values.push(read(row))
    return values
  }
}

/** Texts in ASCII, most of them, are cut out of one string of many: a call into Node for each costs ten times as much. */
function textReader(column: Data): SliceReader {
  const offsets = column.valueOffsets as Int32Array
  const { buffer, byteOffset, byteLength } = column.values as Uint8Array
  const bytes = Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength)
  return (from, to) => {
    const texts: string[] = []
    for (let row = from; row < to; ) {
      const start = offsets[row]!
      let end = row + 1
      while (end < to && offsets[end + 1]! - start <= RUN_BYTES) end++
      if (isAscii(bytes.subarray(start, offsets[end]!))) {
        const run = bytes.toString('latin1', start, offsets[end]!)
        for (; row < end; row++) texts.push(run.substring(offsets[row]! - start, offsets[row + 1]! - start))
      } else {
        for (; row < end; row++) texts.push(bytes.toString('utf8', offsets[row]!, offsets[row + 1]!))
      }
    }
    return texts
  }
}

/** Kept, as V8 optimises a function only once it has run for a while. */
const makers = new Map<string, Maker>()
const MAKERS_MAX = 256

function objectMaker(names: readonly string[]): Maker {
  const key = JSON.stringify(names)
  let maker = makers.get(key)
  if (maker === undefined) {
    if (makers.size >= MAKERS_MAX) makers.clear()
    maker = compiledMaker(names) ?? plainMaker(names)
    makers.set(key, maker)
  }
  return maker
}

/** Writes an object literal with the names as they are: V8 then knows the shape of every row beforehand. Undefined where
 *  code must not be made of text (`--disallow-code-generation-from-strings`). */
function compiledMaker(names: readonly string[]): Maker | undefined {
  const columns = names.map((_, index) => `const c${index} = columns[${index}];`).join(' ')
  // Computed keys, as a plain __proto__ would set the prototype.
  const entries = names.map((name, index) => `[${JSON.stringify(name)}]: c${index}[row]`)
  const plain = names.map((name, index) => `${JSON.stringify(name)}: c${index}[row]`)
  const literal = (names.includes('__proto__') ? entries : plain).join(', ')
  try {
    const body = `${columns} for (let row = 0; row < count; row++) out[at + row] = { ${literal} };`
    return new Function('columns', 'count', 'out', 'at', body) as Maker
  } catch (error) {
    if (error instanceof EvalError) return undefined
    throw error
  }
}

/** @internal The same without compiled code. */
export function plainMaker(names: readonly string[]): Maker {
  return (columns, count, out, at) => {
    for (let row = 0; row < count; row++) {
      out[at + row] = Object.fromEntries(names.map((name, column): [string, Value] => [name, columns[column]![row]!]))
    }
  }
}
