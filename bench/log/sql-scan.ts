/** COUNT, SUM, MIN and MAX, and a filter in SQL, over the rows of `bench_log scan`, beside DuckDB on its own table; both with two
 *  threads, in turns. */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { open } from '../../src/index.js'
import type { Figure } from './driver.js'

/** Rows of one INSERT. */
const CHUNK = 1_000_000
const THREADS = 2

/** The rows are made as the driver makes them. */
const columns = (i: string) =>
  `${i} AS id, ${i} * 2654435761 % 1000003 AS medium, (${i} * 2654435761 % 1000003) * 9000000011 AS large`

/** Each filter keeps one row in ten. */
const COLUMNS = {
  id: (rows: number) => Math.floor(rows / 10),
  medium: () => 100_000,
  large: () => 900_000_001_100_000,
} as const

export async function sqlScans(folder: string, rows: number, repeat: number, version: string): Promise<Figure[]> {
  const { DuckDBInstance } = await import('@duckdb/node-api')
  const path = { ours: join(folder, 'sql-scan'), theirs: join(folder, 'sql-scan.duckdb') }
  const db = await open(path.ours, { durability: 'none' })
  const instance = await DuckDBInstance.create(path.theirs, { threads: String(THREADS) })
  const connection = await instance.connect()
  const figures: Figure[] = []
  try {
    await db.execute('CREATE STREAM t (id BIGINT, medium BIGINT, large BIGINT)')
    for (let from = 0; from < rows; from += CHUNK) {
      const to = Math.min(rows, from + CHUNK) - 1
      await db.execute(
        `INSERT INTO t SELECT ${columns('CAST(i AS BIGINT)')} FROM generate_series(${from}, ${to}) AS r(i)`,
      )
    }
    await db.execute('CHECKPOINT')
    await connection.run(`CREATE TABLE t AS SELECT ${columns('i')} FROM range(${rows}) r(i)`)
    await connection.run('CHECKPOINT')
    for (const [column, below] of Object.entries(COLUMNS)) {
      const queries = {
        count: 'SELECT count(*) AS a FROM t',
        sum: `SELECT sum(${column}) AS a FROM t`,
        'min and max': `SELECT min(${column}) + max(${column}) AS a FROM t`,
        filter: `SELECT count(*) AS a FROM t WHERE ${column} < ${below(rows)}`,
      }
      for (const [what, query] of Object.entries(queries)) {
        for (let turn = 0; turn <= repeat; turn++) {
          const ours = await timed(async () => String((await (await db.query<{ a: unknown }>(query)).toArray())[0]?.a))
          const theirs = await timed(async () => String((await connection.runAndReadAll(query)).getRows()[0]?.[0]))
          if (ours.value !== theirs.value) throw new Error(`${what} of ${column} is ${ours.value}, not ${theirs.value}`)
          if (turn === 0) continue // It reads the files and warms both.
          const one = { case: `SQL over ${column}: ${what}`, metric: 'time', unit: 'ms', better: 'lower' } as const
          figures.push({ ...one, subject: 'millrace', value: ours.ms })
          figures.push({ ...one, subject: `duckdb ${version}, ${THREADS} threads`, value: theirs.ms })
          const ratio = {
            metric: 'over DuckDB',
            unit: 'x',
            better: 'higher',
            value: theirs.ms / ours.ms,
            goal: 1,
          } as const
          figures.push({ ...one, subject: 'millrace', ...ratio })
          const speed = {
            metric: '8-byte values',
            unit: 'MB/s',
            better: 'higher',
            value: (rows * 8e-3) / ours.ms,
          } as const
          figures.push({ ...one, subject: 'millrace', ...speed })
        }
      }
    }
  } finally {
    await db.close()
    connection.closeSync()
    instance.closeSync()
    rmSync(path.ours, { recursive: true, force: true })
    rmSync(path.theirs, { force: true })
  }
  return figures
}

async function timed<T>(run: () => Promise<T>): Promise<{ value: T; ms: number }> {
  const started = performance.now()
  const value = await run()
  return { value, ms: performance.now() - started }
}
