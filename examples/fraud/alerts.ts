/** Keeps the latest alerts for the status block and counts what is flagged, from the changes of the view. */
import type { Database, Decimal, Instant, Subscription } from '../../src/index.js'

export interface AlertLine {
  readonly swipeId: string
  readonly holder: string
  readonly amount: string
  readonly reason: string
}

interface FlaggedRow {
  readonly swipe_id: bigint
  readonly holder: string
  readonly amount: Decimal
  readonly currency: string
  readonly ts: Instant
  readonly reason: string
}

const SHOWN = 5

export class Alerts {
  readonly #subscription: Subscription<FlaggedRow>
  readonly #latest: AlertLine[] = []
  readonly #done: Promise<void>
  #flagged = 0
  #failure: unknown

  private constructor(subscription: Subscription<FlaggedRow>) {
    this.#subscription = subscription
    this.#done = this.#follow()
  }

  static async follow(db: Database): Promise<Alerts> {
    const query = 'SELECT swipe_id, holder, amount, currency, ts, reason FROM flagged'
    return new Alerts(await db.subscribe<FlaggedRow>(query, { snapshot: true }))
  }

  /** Swipes that are flagged now: a late swipe can take an alert back. */
  get flagged(): number {
    return this.#flagged
  }

  /** Newest first. */
  get latest(): readonly AlertLine[] {
    return this.#latest
  }

  async close(): Promise<void> {
    this.#subscription.close()
    await this.#done
    if (this.#failure !== undefined) throw this.#failure
  }

  async #follow(): Promise<void> {
    try {
      for await (const { changes } of this.#subscription) {
        for (const { weight, row } of changes) {
          this.#flagged += Number(weight)
          if (weight < 0n) this.#forget(String(row.swipe_id))
        }
        for (const { weight, row } of changes) if (weight > 0n) this.#show(row)
      }
    } catch (error) {
      this.#failure = error
    }
  }

  #show(row: FlaggedRow): void {
    const amount = `${row.amount} ${row.currency}`
    this.#latest.unshift({ swipeId: String(row.swipe_id), holder: row.holder, amount, reason: row.reason })
    if (this.#latest.length > SHOWN) this.#latest.length = SHOWN
  }

  #forget(swipeId: string): void {
    const index = this.#latest.findIndex((alert) => alert.swipeId === swipeId)
    if (index >= 0) this.#latest.splice(index, 1)
  }
}
