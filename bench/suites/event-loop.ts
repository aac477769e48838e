/** How long JavaScript's thread is kept in one stretch while the engine is busy: timers that are due wait for that long. */
import { PerformanceObserver } from 'node:perf_hooks'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { type Database, open } from '../../src/index.js'
import type { Measurement, Suite } from '../suite.js'

const ROWS = 1_000_000
const CHUNK = 50_000
const GOAL_MS = 5
const GROUPS = 57_000

interface Stretches {
  /** The longest turn of the event loop without garbage collection, and the 99.9th percentile of all turns, in milliseconds. */
  readonly max: number
  readonly p999: number
  /** The longest turn with garbage collection. */
  readonly wall: number
  /** The longest pause of V8's garbage collector, which is part of the stretches. */
  readonly gc: number
}

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
      const db = await open()
      try {
        await cases(db, rows, measure)
      } finally {
        await measure('close', () => db.close())
      }
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
      measurements.push(one('longest with gc', 'wall'), one('longest gc pause', 'gc'))
    }
    const notes = [
      "a stretch is the time between two turns of the event loop, with all that runs in it: also the caller's own loop, and the time in which the thread waits for a core while the engine uses both",
      "pauses of V8's garbage collector are taken out of a stretch and shown beside it",
      '`result.rows` and `result.arrays()` are synchronous and take as long as the caller asks for; they are not measured here',
    ]
    return { measurements, notes }
  },
}

type Measure = (name: string, work: () => Promise<unknown>) => Promise<void>

async function cases(db: Database, rows: number, measure: Measure): Promise<void> {
  await measure('DDL and planning', async () => {
    await db.execute(`
      CREATE STREAM numbers (id BIGINT, amount DOUBLE PRECISION, label TEXT, flag BOOLEAN, score DOUBLE PRECISION);
      CREATE STREAM objects (id BIGINT, amount DOUBLE PRECISION, label TEXT, flag BOOLEAN, score DOUBLE PRECISION);
      CREATE MATERIALIZED VIEW groups AS SELECT id % ${GROUPS} AS k, count(*) AS n, sum(amount) AS total FROM numbers GROUP BY 1`)
  })
  await measure('appender, columns', async () => {
    const appender = db.appender('numbers')
    for (let from = 0; from < rows; from += CHUNK) {
      const count = Math.min(CHUNK, rows - from)
      const labels: string[] = []
      const columns = {
        id: new BigInt64Array(count),
        amount: new Float64Array(count),
        label: labels,
        flag: new Array<boolean>(count),
        score: new Float64Array(count),
      }
      for (let n = 0; n < count; n++) {
        // The caller's own work is done in short stretches too.
        if (n % 2000 === 0) await nextTurn()
        columns.id[n] = BigInt(from + n)
        columns.amount[n] = (from + n) / 100
        labels.push(`label ${n % 1000}`)
        columns.flag[n] = n % 2 === 0
        columns.score[n] = 1 / (n + 1)
      }
      await appender.appendColumns(columns)
    }
    await appender.close()
  })
  await measure('appender, row objects', async () => {
    const appender = db.appender('objects')
    for (let id = 0; id < rows / 2; id++) {
      await appender.append({ id: BigInt(id), amount: id / 100, label: `label ${id % 1000}`, flag: true, score: 0.5 })
      if (id % 500 === 0) await nextTurn()
    }
    await appender.close()
  })
  await measure('query, as Arrow', async () => {
    const table = (await db.query('SELECT id, amount, label, flag, score FROM numbers')).arrow()
    if (table.numRows !== rows) throw new Error(`${table.numRows} rows`)
  })
  await measure('query, row objects', async () => {
    let count = 0
    for await (const _ of await db.query('SELECT id, amount, label, flag, score FROM numbers')) count++
    if (count !== rows) throw new Error(`${count} rows`)
  })
  await measure('a long query meanwhile', () =>
    db.query('SELECT label, count(*), sum(score) FROM numbers GROUP BY label ORDER BY 2 DESC LIMIT 5'),
  )
  await measure(`subscription, ${GROUPS} rows at once as objects`, async () => {
    const subscription = await db.subscribe('SELECT * FROM groups', { snapshot: true })
    let seen = 0
    for await (const { changes } of subscription) {
      seen += changes.length
      if (seen >= Math.min(GROUPS, rows)) break
    }
  })
}

/** Turns the event loop as fast as it goes while the work runs. */
async function stretchesOf(work: () => Promise<unknown>): Promise<Stretches> {
  const pauses: { start: number; duration: number }[] = []
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) pauses.push({ start: entry.startTime, duration: entry.duration })
  })
  observer.observe({ entryTypes: ['gc'] })
  const turns: { start: number; end: number }[] = []
  let running = true
  let before = performance.now()
  const turn = () => {
    const now = performance.now()
    turns.push({ start: before, end: now })
    before = now
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
  }
  const collecting = ({ start, end }: { start: number; end: number }) =>
    pauses.reduce((sum, pause) => sum + (pause.start >= start && pause.start < end ? pause.duration : 0), 0)
  const stretches = turns.map((one) => one.end - one.start - (one.end - one.start > 1 ? collecting(one) : 0))
  stretches.sort((a, b) => a - b)
  return {
    max: stretches.at(-1) ?? 0,
    p999: stretches[Math.floor(stretches.length * 0.999)] ?? 0,
    wall: turns.reduce((most, { start, end }) => Math.max(most, end - start), 0),
    gc: pauses.reduce((most, { duration }) => Math.max(most, duration), 0),
  }
}
