/** Nexmark's queries as views: events a second while they come in, and over history that is there already. */
import type { Table } from 'apache-arrow'
import { type Database, open } from '../../src/index.js'
import { define, Loader, QUERIES, STREAMS } from '../nexmark/data.js'
import { Events } from '../nexmark/events.js'
import type { Measurement, Suite } from '../suite.js'

const EVENTS = 500_000
/** Events of one commit. */
const STRETCH = 10_000
const SEED = 20260101
/** A quarter of what one thread of hand-written Rust over columns in memory does, in events a second. */
const GOALS: Readonly<Record<string, number>> = { q1: 8.5e6, q4: 2.75e6, q5: 4.5e6, q7: 50e6, q8: 60e6 }

export const nexmark: Suite = {
  name: 'nexmark',
  about: "Nexmark's queries as views, over events as they come and over history",
  async run({ rows: events = EVENTS, repeat, report }) {
    const measurements: Measurement[] = []
    const history = await open(':memory:', { durability: 'none' })
    try {
      await define(history)
      const stretches = await fill(history, events)
      const measure = async (name: string, metric: string, values: number[], goal?: number) => {
        const of = { case: name, subject: 'millrace', metric, unit: 'events/s', better: 'higher' } as const
        measurements.push({ ...of, values, ...(goal !== undefined && { goal }) })
      }
      const turns = Array.from({ length: repeat })
      const floors: number[] = []
      for (const _ of turns) floors.push(events / (await live(stretches, undefined)))
      await measure('no view', 'as they come', floors)
      for (const { name, sql } of QUERIES) {
        const [coming, built, asked]: [number[], number[], number[]] = [[], [], []]
        for (const _ of turns) {
          coming.push(events / (await live(stretches, sql)))
          built.push(events / (await seconds(() => history.query(`CREATE MATERIALIZED VIEW v AS ${sql}`))))
          await history.query('DROP MATERIALIZED VIEW v')
          asked.push(events / (await seconds(() => history.query(sql))))
        }
        await measure(name, 'as they come', coming, GOALS[name])
        await measure(name, 'from the log', built)
        await measure(name, 'the query itself', asked)
        const millions = [coming, built, asked].map((values) => (Math.max(...values) / 1e6).toFixed(2))
        report(`  ${name}: ${millions.join(' / ')} M events/s as they come / from the log / the query itself`)
      }
    } finally {
      await history.close()
    }
    const notes = [
      `${events} events; as they come: Arrow, ${STRETCH} events a commit for each stream, into a database in memory, until the view shows the last`,
      'from the log: CREATE MATERIALIZED VIEW over the events in memory; the query itself: once, with its whole result',
      'goals: a quarter of one thread of hand-written Rust over columns in memory',
    ]
    const missing = ['Feldera (DBSP) and Flink: not measured yet']
    return { measurements, missing, notes }
  },
}

/** Loads the events, and gives them as Arrow, so that making them costs no run anything. */
async function fill(db: Database, events: number): Promise<Map<string, Table>[]> {
  const source = new Events(SEED)
  const loader = new Loader(db)
  const stretches: Map<string, Table>[] = []
  for (let from = 0; from < events; from += STRETCH) {
    await using one = await open(':memory:', { durability: 'none' })
    await define(one)
    const into = new Loader(one)
    const stretch = source.next(Math.min(STRETCH, events - from))
    await into.load(stretch)
    await into.close()
    await loader.load(stretch)
    const tables = new Map<string, Table>()
    for (const stream of STREAMS) tables.set(stream, (await one.query(`SELECT * FROM ${stream}`)).arrow())
    stretches.push(tables)
  }
  await loader.close()
  return stretches
}

/** Seconds until a view of a new database shows the last of the events. */
async function live(stretches: readonly Map<string, Table>[], sql: string | undefined): Promise<number> {
  await using db = await open(':memory:', { durability: 'none' })
  await define(db)
  if (sql !== undefined) await db.query(`CREATE MATERIALIZED VIEW v AS ${sql}`)
  const appenders = STREAMS.map((stream) => ({ stream, appender: db.appender(stream) }))
  const spent = await seconds(async () => {
    for (const stretch of stretches) {
      for (const { stream, appender } of appenders) await appender.appendArrow(stretch.get(stream)!)
    }
    await db.query(`SELECT count(*) FROM ${sql === undefined ? 'bid' : 'v'}`)
  })
  for (const { appender } of appenders) await appender.close()
  return spent
}

async function seconds(run: () => Promise<unknown>): Promise<number> {
  const started = performance.now()
  await run()
  return (performance.now() - started) / 1000
}
