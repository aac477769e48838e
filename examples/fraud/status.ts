/** What a run looks like: on a terminal one block that is redrawn in place, elsewhere a plain line now and then. */
import type { AlertLine } from './alerts.js'

export interface Progress {
  readonly swipes: number
  readonly total: number
  /** Swipes a second over the last moments. */
  readonly perSecond: number
  readonly flagged: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly bytes: number
  readonly latest: readonly AlertLine[]
  /** Something the person should know, such as a broker that does not answer. */
  readonly notice?: string | undefined
}

export interface Screen {
  readonly columns?: number
  write(text: string): unknown
}

const BAR_CELLS = 30
const ALERT_LINES = 5
const LABEL_CELLS = 11
const COLUMNS_DEFAULT = 80

/** Draws over itself: the block keeps its height, so nothing above it moves. */
export class StatusBlock {
  readonly #screen: Screen
  readonly #title: string
  #height = 0

  constructor(screen: Screen, title: string) {
    this.#screen = screen
    this.#title = title
  }

  draw(progress: Progress): void {
    const columns = Math.max(20, (this.#screen.columns ?? COLUMNS_DEFAULT) - 1)
    const lines = blockLines(this.#title, progress).map((line) => clip(line, columns))
    const up = this.#height > 0 ? `\x1b[${this.#height}A` : '\x1b[?25l'
    this.#screen.write(`${up}\r${lines.map((line) => `\x1b[2K${line}\n`).join('')}`)
    this.#height = lines.length
  }

  /** Leaves the block as it is and gives the cursor back. */
  end(): void {
    if (this.#height > 0) this.#screen.write('\x1b[?25h')
    this.#height = 0
  }
}

export function blockLines(title: string, progress: Progress): string[] {
  const done = progress.total === 0 ? 1 : progress.swipes / progress.total
  const cells = Math.round(done * BAR_CELLS)
  const bar = `${'█'.repeat(cells)}${'░'.repeat(BAR_CELLS - cells)}`
  const alerts = progress.latest.slice(0, ALERT_LINES).map(alertText)
  while (alerts.length < ALERT_LINES) alerts.push('')
  return [
    title,
    `${label('swipes')}${count(progress.swipes)} of ${count(progress.total)}  ${bar} ${Math.floor(done * 100)} %`,
    `${label('speed')}${count(progress.perSecond)} swipes/s`,
    `${label('flagged')}${count(progress.flagged)}`,
    `${label('freshness')}${freshness(progress)}  from commit to alert`,
    `${label('on disk')}${megabytes(progress.bytes)}`,
    progress.notice === undefined ? 'latest alerts' : `! ${progress.notice}`,
    ...alerts.map((alert) => `  ${alert}`),
  ]
}

export function progressLine(progress: Progress): string {
  return (
    `${count(progress.swipes)} of ${count(progress.total)} swipes, ${count(progress.perSecond)}/s, ` +
    `${count(progress.flagged)} flagged, freshness ${freshness(progress)}, ${megabytes(progress.bytes)} on disk` +
    (progress.notice === undefined ? '' : ` (${progress.notice})`)
  )
}

export const alertText = (alert: AlertLine): string => `${alert.holder}, ${alert.amount}: ${alert.reason}`

export const count = (value: number): string => Math.round(value).toLocaleString('en-US')

export const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`

const freshness = (of: { readonly p50Ms: number; readonly p99Ms: number }): string =>
  `p50 ${of.p50Ms.toFixed(1)} ms, p99 ${of.p99Ms.toFixed(1)} ms`

const label = (text: string): string => text.padEnd(LABEL_CELLS)

const clip = (line: string, columns: number): string =>
  line.length <= columns ? line : `${line.slice(0, columns - 1)}…`
