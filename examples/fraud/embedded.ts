/** Feeds swipes into the embedded stream. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Database } from '../../src/index.js'
import { swipesToArrow } from './arrow.js'
import type { SwipeGenerator } from './generate.js'

export interface FeedOptions {
  readonly swipes: number
  /** Swipes a second; as fast as the views keep up, if not given. */
  readonly rate?: number | undefined
  readonly signal?: AbortSignal | undefined
  readonly onCommitted?: ((rows: number) => void) | undefined
}

/** Rows of one commit at full speed: large enough to be cheap, small enough that an alert waits for few others. */
const BATCH_ROWS = 4096
/** Commits a second at a given rate. */
const BATCHES_PER_SECOND = 200
/** Commits that the views may be behind before the feed waits: a queue would only make every alert late. */
const BEHIND_MAX = 2
const POLL_MS = 1

/** Resolves when all views have all swipes, or when the signal aborts. */
export async function feedEmbedded(db: Database, generator: SwipeGenerator, options: FeedOptions): Promise<void> {
  const { swipes, rate, signal, onCommitted } = options
  const batchRows =
    rate === undefined ? BATCH_ROWS : Math.max(1, Math.min(BATCH_ROWS, Math.ceil(rate / BATCHES_PER_SECOND)))
  await using appender = db.appender('swipes')
  const started = performance.now()
  for (let sent = 0; sent < swipes && !signal?.aborted; ) {
    const count = Math.min(batchRows, swipes - sent)
    const ipc = swipesToArrow(generator.next(count))
    if (rate !== undefined) await untilTime(started + (sent / rate) * 1000, signal)
    await appender.appendArrow(ipc)
    await appender.flush()
    sent += count
    onCommitted?.(count)
    await untilBehind(db, rate === undefined ? BEHIND_MAX : BATCHES_PER_SECOND, signal)
  }
  await untilBehind(db, 0, signal)
}

async function untilTime(time: number, signal: AbortSignal | undefined): Promise<void> {
  const wait = time - performance.now()
  if (wait > 0) await sleep(wait, undefined, { signal }).catch(() => undefined)
}

async function untilBehind(db: Database, commits: number, signal: AbortSignal | undefined): Promise<void> {
  for (;;) {
    const { epoch, flow_frontier } = await db.stats()
    if (epoch - flow_frontier <= commits || signal?.aborted) return
    await sleep(POLL_MS)
  }
}
