/** Random queries, answered by Millrace and by PostgreSQL where its server is installed; DuckDB gets its share where it is not. */
import { expect, test } from 'vitest'
import { compete, HOUR_MS } from './contest.js'
import { hasPostgres, postgres } from './oracles.js'

test.runIf(process.env.DIFFERENTIAL_JUDGE !== 'duckdb' && hasPostgres())(
  'random queries',
  { timeout: HOUR_MS },
  async () => {
    const server = await postgres()
    expect(server, 'the server starts').toBeDefined()
    await compete(server!, process.env.DIFFERENTIAL_JUDGE === 'postgres' ? 1 : 0.5)
  },
)
