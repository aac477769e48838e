/** Watches a run: samples the counters a few times a second and shows them, on a terminal or as plain lines. */
import type { Database } from '../../src/index.js'
import { Alerts } from './alerts.js'
import { folderBytes } from './folder-bytes.js'
import { type Progress, progressLine, StatusBlock } from './status.js'

export interface WatchOptions {
  readonly title: string
  readonly total: number
  readonly dir: string
  readonly output: NodeJS.WriteStream
  /** Swipes that the pipeline has taken so far. */
  readonly taken: () => number
}

const DRAW_MS = 200
const LINE_MS = 2000
/** The speed shown is over this time: shorter would flicker. */
const SPEED_WINDOW_MS = 1500

export class Watch {
  readonly #db: Database
  readonly #options: WatchOptions
  readonly #alerts: Alerts
  readonly #block: StatusBlock | undefined
  readonly #samples: { readonly at: number; readonly swipes: number }[] = []
  #timer: NodeJS.Timeout | undefined
  #last: Progress | undefined
  #lineAt = 0
  #ended = false

  private constructor(db: Database, options: WatchOptions, alerts: Alerts) {
    this.#db = db
    this.#options = options
    this.#alerts = alerts
    this.#block = options.output.isTTY ? new StatusBlock(options.output, options.title) : undefined
    this.#lineAt = performance.now()
    if (!options.output.isTTY) options.output.write(`${options.title}\n`)
    this.#schedule(0)
  }

  static async start(db: Database, options: WatchOptions): Promise<Watch> {
    return new Watch(db, options, await Alerts.follow(db))
  }

  /** Shows the last state and stops; the block stays on the screen. */
  async end(): Promise<Progress> {
    this.#ended = true
    clearTimeout(this.#timer)
    const progress = await this.#sample()
    if (this.#block) this.#block.draw(progress)
    else this.#options.output.write(`${progressLine(progress)}\n`)
    this.#block?.end()
    await this.#alerts.close()
    return progress
  }

  /** Gives the terminal back, whatever happened. */
  abandon(): void {
    this.#ended = true
    clearTimeout(this.#timer)
    this.#block?.end()
    this.#alerts.close().catch(() => undefined)
  }

  #schedule(delay: number): void {
    this.#timer = setTimeout(async () => {
      try {
        const progress = await this.#sample()
        if (this.#ended) return
        this.#show(progress)
      } catch {
        // The run itself meets the same error and reports it; here it would only be said twice.
        return
      }
      this.#schedule(DRAW_MS)
    }, delay)
  }

  #show(progress: Progress): void {
    if (this.#block) {
      this.#block.draw(progress)
    } else if (performance.now() - this.#lineAt >= LINE_MS) {
      this.#lineAt = performance.now()
      this.#options.output.write(`${progressLine(progress)}\n`)
    }
  }

  async #sample(): Promise<Progress> {
    const stats = await this.#db.stats()
    const at = performance.now()
    const swipes = this.#options.taken()
    this.#samples.push({ at, swipes })
    while (this.#samples.length > 2 && at - this.#samples[0]!.at > SPEED_WINDOW_MS) this.#samples.shift()
    const first = this.#samples[0]!
    const perSecond = at > first.at ? ((swipes - first.swipes) / (at - first.at)) * 1000 : 0
    // With a sink an alert has arrived when the broker has it, else when the views show it.
    const { freshness } = stats.sinks[0] ?? stats
    const errors = [...stats.views, ...stats.sources, ...stats.sinks].map((part) => part.error)
    this.#last = {
      swipes,
      total: this.#options.total,
      perSecond: swipes === first.swipes && this.#last ? this.#last.perSecond : perSecond,
      flagged: this.#alerts.flagged,
      p50Ms: freshness.p50_ms,
      p99Ms: freshness.p99_ms,
      bytes: await folderBytes(this.#options.dir),
      latest: this.#alerts.latest,
      notice: errors.find((error) => error !== null) ?? undefined,
    }
    return this.#last
  }
}
