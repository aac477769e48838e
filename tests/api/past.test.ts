/** AS OF on views: a view of the past is its query over the past of what it reads. */
import { expect, it } from 'vitest'
import { open } from '../../src/index.js'

it('a view was at each epoch what its query was', async () => {
  await using db = await open()
  await db.execute(`
    CREATE STREAM s (k INT, v BIGINT); CREATE TABLE names (k INT PRIMARY KEY, name TEXT) WITH (retain = '1 day');
    CREATE MATERIALIZED VIEW sums AS SELECT k, sum(v)::bigint AS total FROM s GROUP BY k;
    CREATE MATERIALIZED VIEW named AS SELECT name, total FROM sums JOIN names ON names.k = sums.k WHERE total > 5;
    CREATE VIEW both_of_them AS SELECT name AS n, total FROM named`)
  const text = (asOf: string) => `SELECT total, name FROM named ${asOf} ORDER BY name`
  const seen: [bigint, unknown][] = []
  for (const change of [
    "INSERT INTO names VALUES (1, 'one'), (2, 'two')",
    'INSERT INTO s VALUES (1, 10), (2, 3)',
    "UPDATE names SET name = 'uno' WHERE k = 1",
    'INSERT INTO s VALUES (2, 30)',
    'DELETE FROM names WHERE k = 1',
    'INSERT INTO s VALUES (1, 1), (2, 1)',
  ]) {
    const { epoch } = await db.query(change)
    seen.push([epoch!, (await db.query(text(''))).rows])
  }
  expect(new Set(seen.map(([, rows]) => JSON.stringify(rows, (_, v) => String(v)))).size).toBeGreaterThan(1)
  for (const [epoch, rows] of seen) {
    expect((await db.query(text(`AS OF EPOCH ${epoch}`))).rows, `epoch ${epoch}`).toEqual(rows)
    const through = await db.query(`SELECT total, n AS name FROM both_of_them AS OF EPOCH ${epoch} ORDER BY n`)
    expect(through.rows).toEqual(rows)
  }
  const last = seen.at(-1)![1]
  await db.transaction(async (tx) => {
    expect((await tx.query(text('AS OF TIMESTAMP now()'))).rows).toEqual(last)
  })
  const refused = db.query(text('AS OF EPOCH 1000'))
  await expect(refused).rejects.toMatchObject({ code: '22023' })
})

it('a past that an input does not keep is refused', async () => {
  await using db = await open()
  await db.execute(`
    CREATE TABLE t (k INT PRIMARY KEY, v INT); CREATE MATERIALIZED VIEW n AS SELECT count(*) AS n FROM t;
    INSERT INTO t VALUES (1, 1)`)
  for (let v = 0; v < 50; v++) await db.query('UPDATE t SET v = $1', [v])
  // What nobody may ask for any more goes with a commit that comes after.
  const code = async () => {
    await db.query('UPDATE t SET v = v + 1')
    return await db.query('SELECT * FROM n AS OF EPOCH 3').then(
      () => 'kept',
      (error: { code: string }) => error.code,
    )
  }
  await expect.poll(code, { timeout: 10_000 }).toBe('55000')
})
