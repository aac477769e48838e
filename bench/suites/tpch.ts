/** TPC-H's 22 queries over Millrace's own tables, beside DuckDB's in the same process and run. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { open } from '../../src/index.js'
import { installed } from '../machine.js'
import { watched } from '../peak.js'
import { type Measurement, median, type Suite } from '../suite.js'
import { duckDbRows, millraceRows } from '../tpch/answers.js'
import { generate, loadDuckDb, loadMillrace, queries } from '../tpch/data.js'

const SCALE = 1
const THREADS = '2'
/** What the project asks of planning. */
const PLANNING_MS = 10

export const tpch: Suite = {
  name: 'tpch',
  about: "TPC-H's 22 queries over own tables, beside DuckDB",
  async run({ scale = SCALE, repeat, report }) {
    const version = installed('@duckdb/node-api')
    if (version === undefined) throw new Error('@duckdb/node-api is not installed (npm install)')
    const folder = mkdtempSync(join(process.env.MILLRACE_BENCH_DIR ?? tmpdir(), 'millrace-tpch-'))
    const { DuckDBInstance } = await import('@duckdb/node-api')
    const instance = await DuckDBInstance.create(':memory:', { threads: THREADS })
    const connection = await instance.connect()
    const db = await open(join(folder, 'db'))
    const measurements: Measurement[] = []
    const ratios: number[] = []
    const wrong: string[] = []
    try {
      report(`  scale factor ${scale}: generating`)
      generate(scale, folder)
      report('  loading')
      await loadMillrace(db, folder)
      await loadDuckDb(connection, folder)
      for (const [i, query] of queries(scale).entries()) {
        const name = `Q${i + 1}`
        const ours = await millraceRows(db, query)
        const theirs = await duckDbRows(connection, query)
        if (ours.join('\n') !== theirs.join('\n')) wrong.push(name)
        const subjects = [
          { subject: 'millrace', run: () => db.query(query).then((result) => result.rows.length) },
          { subject: `duckdb ${version}`, run: () => connection.runAndReadAll(query).then((r) => r.getRows().length) },
        ]
        const times: number[][] = subjects.map(() => [])
        const peaks: number[][] = subjects.map(() => [])
        const planning: number[] = []
        for (let turn = 0; turn < repeat; turn++) {
          for (const [s, { run }] of subjects.entries()) {
            globalThis.gc?.()
            const { millis, peak } = await watched(run)
            times[s]!.push(millis)
            peaks[s]!.push(peak)
          }
          const started = performance.now()
          // A text that was not seen yet is planned anew.
          await db.query(`EXPLAIN ${query} -- ${turn}`)
          planning.push(performance.now() - started)
        }
        for (const [s, { subject }] of subjects.entries()) {
          const of = { case: name, subject, better: 'lower' } as const
          measurements.push({ ...of, metric: 'time', unit: 'ms', values: times[s]! })
          measurements.push({ ...of, metric: 'memory', unit: 'MB above the start', values: peaks[s]! })
        }
        const plans = { case: name, subject: 'millrace', metric: 'planning', unit: 'ms', better: 'lower' } as const
        measurements.push({ ...plans, values: planning, goal: PLANNING_MS })
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
      goal: 1,
    })
    const notes = [
      `scale factor ${scale}; both databases in this process, ${THREADS} threads; answers were compared first, which warms both`,
      "planning is the time of EXPLAIN of a text that was not seen yet; memory is the process's, so that either is above the other's tables",
    ]
    return { measurements, notes }
  },
}
