/** Rows on their way to the engine as an Arrow IPC stream, copied once, in parts: large ones with pauses in which the event
 *  loop runs. */
import { type RecordBatch, RecordBatchStreamWriter, type Schema, type Table } from 'apache-arrow'
import type { Append } from '../../sql/index.js'
import type { Pause } from './breather.js'
import type { Executed, NativeUpload } from './native.js'

/** Bytes that are copied in one go. */
const PART_BYTES = 1 << 20
/** Rows of a table that are written in one go, however wide they are. */
const SLICE_ROWS_MIN = 64

export class Upload {
  readonly #native: NativeUpload
  readonly #writer: PartWriter

  /** Without a schema the stream begins with that of the first batch. */
  constructor(native: NativeUpload, schema?: Schema) {
    this.#native = native
    this.#writer = new PartWriter((part) => native.write(part))
    if (schema !== undefined) this.#writer.reset(undefined, schema)
  }

  get bytes(): number {
    return this.#native.bytes
  }

  /** Adds a batch, at once: its memory may be used again. */
  batch(batch: RecordBatch): void {
    this.#writer.write(batch)
  }

  async table(table: Table, pause: Pause): Promise<void> {
    for (const batch of table.batches) {
      const slices = Math.max(1, Math.ceil(batch.data.byteLength / PART_BYTES))
      const rows = Math.max(SLICE_ROWS_MIN, Math.ceil(batch.numRows / slices))
      for (let from = 0; from < batch.numRows; from += rows) {
        this.batch(rows < batch.numRows ? batch.slice(from, from + rows) : batch)
        await pause()
      }
      // The schema at least.
      if (batch.numRows === 0) this.batch(batch)
    }
    this.end()
  }

  /** Adds the bytes of a whole stream. */
  async stream(ipc: Uint8Array, pause: Pause): Promise<void> {
    for (let from = 0; from < ipc.byteLength; from += PART_BYTES) {
      this.#native.write(ipc.subarray(from, from + PART_BYTES))
      if (from + PART_BYTES < ipc.byteLength) await pause()
    }
  }

  /** Ends the stream of the batches. */
  end(): this {
    this.#writer.finish()
    return this
  }

  append(head: Append): Promise<Executed> {
    return this.#native.append(head)
  }
}

/** Gives each part of the stream as it is, where arrow-js would first gather all in one array. */
class PartWriter extends RecordBatchStreamWriter {
  readonly #write: (part: Uint8Array) => void

  constructor(write: (part: Uint8Array) => void) {
    super()
    this.#write = write
  }

  protected override _write({ buffer, byteOffset, byteLength }: ArrayBufferView): this {
    if (byteLength > 0) this.#write(new Uint8Array(buffer, byteOffset, byteLength))
    return this
  }
}
