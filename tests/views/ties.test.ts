/** Where a window's order leaves rows equal, a view still has the answer of its query: both decide by the rows' columns. */
import { expect, it } from 'vitest'
import { open } from '../../src/index.js'

it('a right join below a window', async () => {
  const db = await open(':memory:')
  await db.execute(`CREATE TABLE r (id BIGINT PRIMARY KEY, b BIGINT);
    CREATE STREAM t (a BIGINT, b TIMESTAMP)`)
  const query = `SELECT t.b, row_number() OVER (PARTITION BY r.id ORDER BY r.id) AS n FROM r RIGHT JOIN t ON r.id = t.a`
  await db.query(`CREATE MATERIALIZED VIEW v AS ${query}`)
  await db.query(`INSERT INTO t VALUES (1, NULL), (-2, TIMESTAMP '2024-01-01 00:00:00')`)
  const rows = async (sql: string) => (await db.query(`SELECT * FROM (${sql}) x ORDER BY n`)).rows
  expect(await rows('SELECT * FROM v')).toEqual(await rows(query))
  await db.close()
})
