/** How long JavaScript's thread is kept in one stretch while the engine is busy: timers that are due wait for that long. */
import { fraudCase, parsingCases, rowCases } from '../event-loop/cases.js'
import { type Stretches, stretchesOf } from '../event-loop/stretches.js'
import type { Measurement, Suite } from '../suite.js'

const ROWS = 1_000_000
const GOAL_MS = 5

export const eventLoop: Suite = {
  name: 'event-loop',
  about: "the longest stretch in which JavaScript's thread is kept",
  async run({ rows = ROWS, repeat, report }) {
    const found = new Map<string, Stretches[]>()
    const measure = async (name: string, work: () => Promise<unknown>) => {
      globalThis.gc?.()
      const stretches = await stretchesOf(work)
      found.set(name, [...(found.get(name) ?? []), stretches])
      report(`  ${name}: ${stretches.max.toFixed(1)} ms, of which garbage collection up to ${stretches.gc.toFixed(1)}`)
    }
    for (let turn = 0; turn < repeat; turn++) {
      await rowCases(rows, measure)
      await fraudCase(measure)
      await parsingCases(measure)
    }
    const measurements: Measurement[] = []
    for (const [name, list] of found) {
      const one = (metric: string, of: keyof Stretches, goal?: number): Measurement => ({
        case: name,
        subject: 'millrace',
        metric,
        unit: 'ms',
        better: 'lower',
        values: list.map((stretches) => stretches[of]),
        ...(goal === undefined ? {} : { goal }),
      })
      measurements.push(one('longest stretch', 'max', GOAL_MS), one('99.9 %', 'p999'))
      measurements.push(one('longest by the clock', 'wall'), one('longest gc pause', 'gc'))
    }
    const notes = [
      "a stretch is the time between two turns of the event loop with all that runs in it, also the caller's own loop",
      "taken out of a stretch and shown beside it: pauses of V8's garbage collector, and (on Linux) the time in which the thread waited for a core while the engine used both",
      'parsing and planning are synchronous, so their time grows with the length of the text',
      '`result.rows`, `batch.rows` and `result.arrays()` are synchronous and take as long as the rows that the caller asks for',
    ]
    return { measurements, notes }
  },
}
