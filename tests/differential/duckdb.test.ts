/** Random queries, answered by Millrace and by DuckDB. A file for each judge: they run side by side. */
import { test } from 'vitest'
import { compete, HOUR_MS } from './contest.js'
import { duckDb, hasPostgres } from './oracles.js'

test.runIf(process.env.DIFFERENTIAL_JUDGE !== 'postgres')('random queries', { timeout: HOUR_MS }, async () => {
  const alone = process.env.DIFFERENTIAL_JUDGE === 'duckdb' || !hasPostgres()
  await compete(await duckDb(), alone ? 1 : 0.5)
})
