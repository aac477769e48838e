/** Measures for how long JavaScript's thread is kept in one stretch: the event loop turns as fast as it goes, and the time
 *  between two turns is a stretch. Two things that are nobody's work are taken out: pauses of V8's garbage collector, and the
 *  time in which the thread was ready but another had its core (Linux tells that). */
import { closeSync, openSync, readSync } from 'node:fs'
import { PerformanceObserver } from 'node:perf_hooks'
import { setImmediate as nextTurn } from 'node:timers/promises'

export interface Stretches {
  /** The longest stretch and the 99.9th percentile of all, in milliseconds. */
  readonly max: number
  readonly p999: number
  /** The longest stretch by the clock, with all that was in it. */
  readonly wall: number
  /** The longest pause of the collector. */
  readonly gc: number
}

interface Turn {
  readonly start: number
  readonly end: number
  readonly waited: number
}

export async function stretchesOf(work: () => Promise<unknown>): Promise<Stretches> {
  const pauses: { start: number; duration: number }[] = []
  const observer = new PerformanceObserver((list) => {
    for (const { startTime, duration } of list.getEntries()) pauses.push({ start: startTime, duration })
  })
  observer.observe({ entryTypes: ['gc'] })
  const core = new CoreWait()
  const turns: Turn[] = []
  let running = true
  let start = performance.now()
  let waited = core.milliseconds()
  const turn = () => {
    const end = performance.now()
    const now = core.milliseconds()
    turns.push({ start, end, waited: now - waited })
    waited = now
    start = performance.now()
    if (running) setImmediate(turn)
  }
  setImmediate(turn)
  try {
    await work()
  } finally {
    running = false
    // What the collector did is told a turn later.
    for (let more = 0; more < 3; more++) await nextTurn()
    observer.disconnect()
    core.close()
  }
  const collecting = ({ start, end }: Turn) =>
    pauses.reduce((sum, pause) => sum + (pause.start >= start && pause.start < end ? pause.duration : 0), 0)
  const own = turns.map((one) => {
    const wall = one.end - one.start - one.waited
    return Math.max(0, wall > 1 ? wall - collecting(one) : wall)
  })
  own.sort((a, b) => a - b)
  return {
    max: own.at(-1) ?? 0,
    p999: own[Math.floor(own.length * 0.999)] ?? 0,
    wall: turns.reduce((most, one) => Math.max(most, one.end - one.start), 0),
    gc: pauses.reduce((most, { duration }) => Math.max(most, duration), 0),
  }
}

/** For how long this thread has waited for a core while it could have run; 0 where the system does not tell. */
class CoreWait {
  readonly #file: number | undefined
  readonly #text = Buffer.alloc(64)

  constructor() {
    try {
      this.#file = openSync(`/proc/self/task/${process.pid}/schedstat`, 'r')
    } catch {
      this.#file = undefined
    }
  }

  milliseconds(): number {
    if (this.#file === undefined) return 0
    const length = readSync(this.#file, this.#text, 0, this.#text.length, 0)
    // Time on a core, time waiting for one (both in nanoseconds), number of turns.
    return Number(this.#text.toString('latin1', 0, length).split(' ')[1]) / 1e6
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file)
  }
}
