/** ClickBench's 43 queries over generated rows in a table of our own, beside DuckDB's in the same process and run. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { open } from '../../src/index.js'
import { inserts, queries, SCHEMA } from '../hits/data.js'
import { installed } from '../machine.js'
import { watched } from '../peak.js'
import { type Measurement, median, type Suite } from '../suite.js'
import { duckDbRows, millraceRows } from '../tpch/answers.js'

const ROWS = 1_000_000
const THREADS = '2'
/** What the project asks for, over DuckDB's time. */
const GOAL = 0.8

export const hits: Suite = {
  name: 'hits',
  about: "ClickBench's 43 queries over generated rows (--rows 10000000 for all), beside DuckDB",
  async run({ rows = ROWS, repeat, report }) {
    const version = installed('@duckdb/node-api')
    if (version === undefined) throw new Error('@duckdb/node-api is not installed (npm install)')
    const folder = mkdtempSync(join(process.env.MILLRACE_BENCH_DIR ?? tmpdir(), 'millrace-hits-'))
    const { DuckDBInstance } = await import('@duckdb/node-api')
    const instance = await DuckDBInstance.create(':memory:', { threads: THREADS })
    const connection = await instance.connect()
    const db = await open(join(folder, 'db'))
    const measurements: Measurement[] = []
    const ratios: number[] = []
    const wrong: string[] = []
    try {
      report(`  generating ${rows} rows`)
      await db.query(SCHEMA)
      await connection.run(SCHEMA)
      for (const insert of inserts(rows)) {
        await db.query(insert)
        await connection.run(insert)
      }
      await db.query('CHECKPOINT')
      for (const [i, { text, checked }] of queries(rows).entries()) {
        const name = `Q${i + 1}`
        if ((await millraceRows(db, checked)).join('\n') !== (await duckDbRows(connection, checked)).join('\n')) {
          wrong.push(name)
        }
        const subjects = [
          { subject: 'millrace', run: () => db.query(text).then((result) => result.rows.length) },
          { subject: `duckdb ${version}`, run: () => connection.runAndReadAll(text).then((r) => r.getRows().length) },
        ]
        // The texts as they are measured have not been run yet.
        for (const { run } of subjects) await run()
        const times: number[][] = subjects.map(() => [])
        const peaks: number[][] = subjects.map(() => [])
        for (let turn = 0; turn < repeat; turn++) {
          for (const [s, { run }] of subjects.entries()) {
            globalThis.gc?.()
            const { millis, peak } = await watched(run)
            times[s]!.push(millis)
            peaks[s]!.push(peak)
          }
        }
        for (const [s, { subject }] of subjects.entries()) {
          const of = { case: name, subject, better: 'lower' } as const
          measurements.push({ ...of, metric: 'time', unit: 'ms', values: times[s]! })
          measurements.push({ ...of, metric: 'memory', unit: 'MB above the start', values: peaks[s]! })
        }
        ratios.push(median(times[0]!) / median(times[1]!))
        report(`  ${name} ${median(times[0]!).toFixed(1)} ms, ${ratios.at(-1)!.toFixed(2)} of DuckDB's`)
      }
    } finally {
      await db.close()
      connection.closeSync()
      instance.closeSync()
      rmSync(folder, { recursive: true, force: true })
    }
    if (wrong.length > 0) throw new Error(`other answers than DuckDB's: ${wrong.join(', ')}`)
    const mean = Math.exp(ratios.reduce((sum, ratio) => sum + Math.log(ratio), 0) / ratios.length)
    measurements.push({
      case: 'all',
      subject: 'millrace',
      metric: "geometric mean of the times over DuckDB's",
      unit: 'x',
      better: 'lower',
      values: [mean],
      goal: GOAL,
    })
    const notes = [
      `${rows} rows of the 25 columns that the queries read; both databases in this process, ${THREADS} threads; answers were compared first`,
      "memory is the process's, so that either is above the other's table",
    ]
    return { measurements, notes }
  },
}
