/** The changes of a query, epoch by epoch. It pulls only when asked: the engine holds a slow reader's changes together
 *  instead of queueing them, so that no subscriber makes memory grow. */
import type { RecordBatch } from 'apache-arrow'
import type { Field } from '../../sql/index.js'
import { readBatchesInStretches } from '../native/arrow.js'
import { Breather } from '../native/breather.js'
import { canceled, toMillraceError } from '../native/errors.js'
import type { Delivery, NativeSubscription } from '../native/native.js'
import { RowReader, roomFor } from '../native/row-reader.js'
import type { Row } from './result.js'

/** A row that came (+1) or went (-1); a larger weight stands for as many equal rows. */
export interface Change<T = Row> {
  readonly weight: bigint
  readonly row: T
}

/** What changed from the last epoch that was seen to this one. */
export interface ChangeSet<T = Row> {
  readonly epoch: bigint
  readonly changes: readonly Change<T>[]
}

/** The same as Arrow: the query's columns, then `weight`. */
export interface ChangeBatches {
  readonly epoch: bigint
  readonly batches: readonly RecordBatch[]
}

export class Subscription<T = Row> implements AsyncIterableIterator<ChangeSet<T>> {
  readonly fields: readonly Field[]
  readonly #native: NativeSubscription
  readonly #signal: AbortSignal | undefined
  readonly #onClose: (() => void) | undefined
  /** The pull that is under way: the binding takes one at a time. */
  #last: Promise<unknown> = Promise.resolve()
  #stop: (() => void) | undefined
  #closed = false

  /** Use `Database.subscribe`. */
  constructor(
    native: NativeSubscription,
    fields: readonly Field[],
    options: { readonly signal?: AbortSignal | undefined; readonly onClose?: () => void } = {},
  ) {
    const { signal, onClose } = options
    this.#native = native
    this.fields = fields
    this.#signal = signal
    this.#onClose = onClose
    signal?.addEventListener('abort', this.#abort, { once: true })
    if (signal?.aborted) this.#abort()
  }

  /** The next epoch's changes; waits for one. Rejects with 57014 when the signal aborts. */
  async next(): Promise<IteratorResult<ChangeSet<T>, undefined>> {
    const delivery = await this.#pull()
    if (delivery === undefined) return { done: true, value: undefined }
    return { done: false, value: { epoch: delivery.epoch, changes: await this.#changes(delivery.ipc) } }
  }

  /** The changes as Arrow. Read a subscription by this or by itself, not by both. */
  async *batches(): AsyncGenerator<ChangeBatches, undefined> {
    try {
      for (;;) {
        const delivery = await this.#pull()
        if (delivery === undefined) return undefined
        yield { epoch: delivery.epoch, batches: await readBatchesInStretches(delivery.ipc) }
      }
    } finally {
      this.close()
    }
  }

  /** Ends the subscription and frees it; a pull that waits ends too. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#signal?.removeEventListener('abort', this.#abort)
    this.#native.close()
    this.#stop?.()
    this.#onClose?.()
  }

  async return(): Promise<IteratorResult<ChangeSet<T>, undefined>> {
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

  #pull(): Promise<Delivery | undefined> {
    const turn = this.#last.then(() => this.#pullNow())
    this.#last = turn.catch(() => undefined)
    return turn
  }

  async #pullNow(): Promise<Delivery | undefined> {
    if (this.#signal?.aborted) throw canceled(this.#signal.reason)
    if (this.#closed) return undefined
    // Not Promise.race with one long-lived promise: that would keep a reaction for every pull.
    const stopped = new Promise<undefined>((resolve) => {
      this.#stop = () => resolve(undefined)
    })
    try {
      const delivery = await Promise.race([this.#native.next(), stopped])
      if (this.#signal?.aborted) throw canceled(this.#signal.reason)
      if (delivery === undefined) this.close()
      return delivery
    } catch (error) {
      this.close()
      throw toMillraceError(error)
    } finally {
      this.#stop = undefined
    }
  }

  async #changes(ipc: Uint8Array): Promise<Change<T>[]> {
    const breather = new Breather()
    const reader = new RowReader(this.fields)
    const batches = await readBatchesInStretches(ipc)
    const changes = roomFor<Change<T>>(batches.reduce((sum, batch) => sum + batch.numRows, 0))
    let at = 0
    for (const batch of batches) {
      const rows = reader.of(batch)
      const weights = batch.data.children.at(-1)!.values as BigInt64Array
      for (let from = 0; from < batch.numRows; ) {
        const end = rows.end(from, batch.numRows)
        const slice: T[] = []
        rows.objects(from, end, slice, 0)
        for (let index = 0; index < slice.length; index++) {
          changes[at++] = { weight: weights[from + index]!, row: slice[index]! }
        }
        from = end
        if (breather.due) await breather.rest()
      }
    }
    return changes
  }
}
