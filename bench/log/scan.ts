/** The scans of `bench_log scan` asked of DuckDB, on its own table, with one thread. */
import { join } from 'node:path'
import type { Figure } from './driver.js'

/** The rows are made as the driver makes them; each filter keeps one row in ten. */
const COLUMNS = {
  id: (rows: number) => Math.floor(rows / 10),
  medium: () => 100_000,
  large: () => 900_000_001_100_000,
} as const

export async function duckdbScans(folder: string, rows: number, repeat: number, version: string): Promise<Figure[]> {
  const { DuckDBInstance } = await import('@duckdb/node-api')
  const instance = await DuckDBInstance.create(join(folder, 'scan.duckdb'), { threads: '1' })
  const connection = await instance.connect()
  const figures: Figure[] = []
  try {
    await connection.run(`CREATE TABLE t AS SELECT i AS id, i * 2654435761 % 1000003 AS medium,
      (i * 2654435761 % 1000003) * 9000000011 AS large FROM range(${rows}) r(i)`)
    await connection.run('CHECKPOINT')
    for (const [column, below] of Object.entries(COLUMNS)) {
      const queries = {
        count: 'SELECT count(*) FROM t',
        sum: `SELECT sum(${column}) FROM t`,
        'min and max': `SELECT min(${column}), max(${column}) FROM t`,
        filter: `SELECT count(*) FROM t WHERE ${column} < ${below(rows)}`,
      }
      for (const [what, query] of Object.entries(queries)) {
        const prepared = await connection.prepare(query)
        for (let turn = 0; turn <= repeat; turn++) {
          const started = performance.now()
          await prepared.run()
          const value = performance.now() - started
          if (turn === 0) continue
          const subject = `duckdb ${version}, 1 thread`
          figures.push({ case: `scan ${column}: ${what}`, subject, metric: 'time', unit: 'ms', better: 'lower', value })
        }
      }
    }
  } finally {
    connection.closeSync()
    instance.closeSync()
  }
  return figures
}
