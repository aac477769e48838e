/** Reads results: Arrow IPC to JavaScript values, column by column, only for the rows that are asked for.
 *  Values are read from Arrow's buffers, not by arrow-js's getters: those give NUMERIC and TIMESTAMPTZ as numbers that
 *  lose digits. */
import { type Data, type RecordBatch, RecordBatchReader } from 'apache-arrow'
import { type DataType, formatDate, formatTime, formatTimestamp, formatUuid, isPlainNumeric } from '../../sql/index.js'
import { Decimal } from '../values/decimal.js'
import type { Value } from '../values/format.js'
import { Instant } from '../values/instant.js'
import { Interval } from '../values/interval.js'
import { parseJson } from '../values/json.js'
import { Breather } from './breather.js'

/** Reads one value of a column; NULL is null. */
export type ValueReader = (index: number) => Value

/** A BOM is a character of the text like any other. */
const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
const UUID_BYTES = 16
/** Such a stream is read in well under a stretch. */
const SHORT_BYTES = 1 << 20

/** The batches of an IPC stream. Their columns share the buffer's memory. */
export function readBatches(ipc: Uint8Array): RecordBatch[] {
  return RecordBatchReader.from(aligned(ipc)).readAll()
}

/** The same for a stream of any length: each batch has some metadata to be read, so it rests between stretches. */
export async function readBatchesInStretches(ipc: Uint8Array): Promise<RecordBatch[]> {
  if (ipc.byteLength <= SHORT_BYTES) return readBatches(ipc)
  const breather = new Breather()
  const batches: RecordBatch[] = []
  for (const batch of RecordBatchReader.from(aligned(ipc))) {
    batches.push(batch)
    if (breather.due) await breather.rest()
  }
  return batches
}

/** Typed arrays of 64-bit values need their address to be a multiple of 8. */
function aligned(ipc: Uint8Array): Uint8Array {
  return ipc.byteOffset % 8 === 0 ? ipc : Uint8Array.from(ipc)
}

/** Reads a column of Arrow data as values of a SQL type. */
export function columnReader(column: Data, type: DataType): ValueReader {
  const read = presentReader(column, type)
  if (column.nullCount === 0) return read
  const { nullBitmap, offset } = column as { nullBitmap: Uint8Array; offset: number }
  return (index) => {
    const bit = offset + index
    return ((nullBitmap[bit >> 3] ?? 0) & (1 << (bit & 7))) === 0 ? null : read(index)
  }
}

function presentReader(column: Data, type: DataType): ValueReader {
  const values = column.values
  switch (type.type) {
    case 'boolean': {
      const { offset } = column
      return (index) => (values[(offset + index) >> 3] & (1 << ((offset + index) & 7))) !== 0
    }
    case 'smallint':
    case 'integer':
    case 'real':
    case 'double':
    case 'bigint':
      return (index) => values[index]
    case 'numeric': {
      const { scale } = type
      const halves = new BigUint64Array(values.buffer, values.byteOffset, values.byteLength >> 3)
      const exact = (index: number) =>
        new Decimal((BigInt.asIntN(64, halves[index * 2 + 1]!) << 64n) | halves[index * 2]!, scale)
      return isPlainNumeric(type) ? (index) => exact(index).trimmed() : exact
    }
    case 'text': {
      const offsets = column.valueOffsets as Int32Array
      const bytes = values as Uint8Array
      return (index) => decoder.decode(bytes.subarray(offsets[index]!, offsets[index + 1]!))
    }
    case 'bytea': {
      const offsets = column.valueOffsets as Int32Array
      // A copy: the user may keep or change it long after the result's buffer is gone.
      return (index) => (values as Uint8Array).slice(offsets[index]!, offsets[index + 1]!)
    }
    case 'date':
      return (index) => formatDate(values[index])
    case 'time':
      return (index) => formatTime(values[index])
    case 'timestamp':
      return (index) => formatTimestamp(values[index])
    case 'timestamptz':
      return (index) => new Instant(values[index])
    case 'interval': {
      const nanoseconds = new BigInt64Array(values.buffer, values.byteOffset, values.byteLength >> 3)
      return (index) =>
        new Interval({
          months: values[index * 4],
          days: values[index * 4 + 1],
          microseconds: nanoseconds[index * 2 + 1]! / 1000n,
        })
    }
    case 'uuid':
      return (index) => formatUuid(values as Uint8Array, index * UUID_BYTES)
    case 'jsonb': {
      const text = presentReader(column, { type: 'text' })
      return (index) => parseJson(text(index) as string)
    }
    case 'array': {
      const offsets = column.valueOffsets as Int32Array
      const element = columnReader(column.children[0]!, type.element)
      return (index) => {
        const out: Value[] = []
        for (let at = offsets[index]!; at < offsets[index + 1]!; at++) out.push(element(at))
        return out
      }
    }
    case 'row': {
      const fields = type.fields.map(
        (field, at) => [field.name, columnReader(column.children[at]!, field.data_type)] as const,
      )
      return (index) => Object.fromEntries(fields.map(([name, read]): [string, Value] => [name, read(index)]))
    }
    case 'map': {
      const offsets = column.valueOffsets as Int32Array
      const [keys, items] = column.children[0]!.children as [Data, Data]
      const [key, item] = [columnReader(keys, type.key), columnReader(items, type.value)]
      return (index) => {
        const out = new Map<Value, Value>()
        for (let at = offsets[index]!; at < offsets[index + 1]!; at++) out.set(key(at), item(at))
        return out
      }
    }
    default:
      return type satisfies never
  }
}
