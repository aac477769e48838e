/** Filters on now() in views: rows come and go with the clock, also where nothing is written, and as the query says at every moment. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Database, open } from '../../src/index.js'

const START = new Date('2026-03-01T12:00:00Z')

let db: Database
beforeEach(async () => {
  db = await open(':memory:', { clock: START })
})
afterEach(() => db.close())

const numbers = async (sql: string) => (await db.query<{ n: bigint }>(sql)).rows.map(({ n }) => Number(n))

it('rows go when their time is over, and what counts them counts again', async () => {
  await db.execute(`CREATE STREAM s (n BIGINT, ts TIMESTAMPTZ);
    CREATE MATERIALIZED VIEW recent AS SELECT n FROM s WHERE ts > now() - INTERVAL '1 hour';
    CREATE MATERIALIZED VIEW counted AS SELECT count(*) AS n FROM recent`)
  await db.execute(`INSERT INTO s SELECT i, now() - i * INTERVAL '10 minutes' FROM generate_series(0, 9) g(i);
    INSERT INTO s VALUES (99, NULL)`)
  expect(await numbers('SELECT n FROM recent ORDER BY n')).toEqual([0, 1, 2, 3, 4, 5])
  await db.clock.advance('9 minutes 59.999999 seconds')
  expect(await numbers('SELECT n FROM recent ORDER BY n')).toEqual([0, 1, 2, 3, 4, 5])
  await db.clock.advance(0.001)
  expect(await numbers('SELECT n FROM recent ORDER BY n')).toEqual([0, 1, 2, 3, 4])
  expect(await numbers('SELECT n FROM counted')).toEqual([5])
  await db.clock.advance('1 day')
  expect(await numbers('SELECT n FROM counted')).toEqual([0])
  expect((await db.query('VERIFY MATERIALIZED VIEW recent')).rows).toEqual([])
})

it('rows come when their time has come', async () => {
  await db.execute(`CREATE TABLE plans (n BIGINT PRIMARY KEY, begins TIMESTAMPTZ, ends TIMESTAMP);
    CREATE MATERIALIZED VIEW current AS SELECT n FROM plans WHERE begins <= now() AND ends > localtimestamp;
    INSERT INTO plans SELECT i, now() + i * INTERVAL '1 hour', localtimestamp + i * INTERVAL '2 hours' FROM generate_series(1, 5) g(i)`)
  const seen: number[][] = []
  for (let hour = 0; hour <= 10; hour++) {
    seen.push(await numbers('SELECT n FROM current ORDER BY n'))
    expect((await db.query('VERIFY MATERIALIZED VIEW current')).rows).toEqual([])
    if (hour === 2) await db.query('DELETE FROM plans WHERE n = 5')
    await db.clock.advance('1 hour')
  }
  expect(seen).toEqual([[], [1], [2], [2, 3], [3, 4], [3, 4], [4], [4], [], [], []])
})

it('gives at every moment what its query gives then', async () => {
  const conditions = [
    `ts > now() - INTERVAL '30 minutes'`,
    `ts >= now() - INTERVAL '30 minutes' AND ts < now()`,
    `now() - ts <= INTERVAL '1 day' AND n % 2 = 0`,
    `ts - now() > INTERVAL '-2 hours'`,
    `ts BETWEEN now() - INTERVAL '5 hours' AND now() - INTERVAL '1 hour'`,
    `ts::date = current_date`,
    `day = current_date`,
    `day > current_date - 2 AND day <= current_date`,
    `current_date - day < 3`,
    `day - current_date >= 1`,
    `ts >= current_date`,
    `ts < current_date - INTERVAL '1 day'`,
    `ts > date_trunc('hour', now())`,
    `date_trunc('day', now()) <= ts - INTERVAL '6 hours'`,
    `date_trunc('month', localtimestamp) > ts::timestamp`,
    `ts::timestamp + n * INTERVAL '1 minute' > localtimestamp`,
    `INTERVAL '3 hours' + ts > now()`,
  ]
  await db.execute('CREATE TABLE t (n BIGINT PRIMARY KEY, ts TIMESTAMPTZ, day DATE)')
  // Around the moments at which something happens, to the microsecond, and NULLs.
  await db.execute(`INSERT INTO t SELECT i, now() + (i - 300) * INTERVAL '15 minutes' + (i % 3 - 1) * INTERVAL '1 microsecond',
      (now() + (i - 300) * INTERVAL '15 minutes')::date FROM generate_series(0, 600) g(i);
    INSERT INTO t VALUES (1000, NULL, NULL)`)
  for (const [at, condition] of conditions.entries())
    await db.query(`CREATE MATERIALIZED VIEW v${at} AS SELECT n FROM t WHERE ${condition}`)
  for (const step of [
    '0 seconds',
    '14 minutes',
    '59.999999 seconds',
    '0.000001 seconds',
    '0.000001 seconds',
    '11 hours 45 minutes',
    '1 day',
    '40 days',
  ]) {
    await db.clock.advance(step)
    for (const [at, condition] of conditions.entries()) {
      const view = await numbers(`SELECT n FROM v${at} ORDER BY n`)
      expect(view, `${condition}, after ${step}`).toEqual(
        await numbers(`SELECT n FROM t WHERE ${condition} ORDER BY n`),
      )
    }
    await db.query(`UPDATE t SET ts = ts + INTERVAL '1 hour' WHERE n % 50 = 7`)
  }
})

it('subscribers are told of what goes by itself', async () => {
  await db.execute('CREATE TABLE t (n BIGINT PRIMARY KEY, ts TIMESTAMPTZ)')
  const changes = await db.subscribe(`SELECT n FROM t WHERE ts > now()`)
  const next = async () => {
    const { value } = await changes.next()
    return value!.changes.map(({ row, weight }) => [Number((row as { n: bigint }).n), Number(weight)]).sort()
  }
  await db.query(`INSERT INTO t VALUES (1, now() + INTERVAL '1 minute'), (2, now() + INTERVAL '2 minutes')`)
  expect(await next()).toEqual([
    [1, 1],
    [2, 1],
  ])
  await db.clock.advance('1 minute')
  expect(await next()).toEqual([[1, -1]])
  await changes.close()
})

describe('with the clock of the system', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'millrace-temporal-'))
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  it('rows go although nothing is written, and while the database was closed', async () => {
    let real = await open(join(folder, 'db'))
    const left = async () => Number((await real.query<{ n: bigint }>('SELECT count(*) AS n FROM v')).rows[0]!.n)
    const until = async (wanted: number) => {
      const deadline = Date.now() + 30_000
      while ((await left()) !== wanted && Date.now() < deadline) await new Promise((done) => setTimeout(done, 20))
      expect(await left()).toBe(wanted)
    }
    await real.execute(`CREATE TABLE t (n BIGINT PRIMARY KEY, ts TIMESTAMPTZ);
      CREATE MATERIALIZED VIEW v AS SELECT n FROM t WHERE ts > now();
      INSERT INTO t VALUES (1, now() + INTERVAL '2 seconds'), (2, now() + INTERVAL '4 seconds'), (3, now() + INTERVAL '1 day')`)
    expect(await left()).toBe(3)
    await until(2)
    await real.close()
    await new Promise((done) => setTimeout(done, 2500))
    real = await open(join(folder, 'db'))
    await until(1)
    expect((await real.query('VERIFY MATERIALIZED VIEW v')).rows).toEqual([])
    await expect(real.clock.advance('1 hour')).rejects.toMatchObject({ code: '55000' })
    await real.close()
  })
})

it('what cannot be solved for now() is refused with the reason', async () => {
  await db.execute('CREATE TABLE t (n BIGINT PRIMARY KEY, ts TIMESTAMPTZ)')
  for (const sql of [
    'SELECT n, now() AS at FROM t',
    `SELECT n FROM t WHERE ts > now() - INTERVAL '1 month'`,
    `SELECT n FROM t WHERE ts > now() OR n = 1`,
    'SELECT n FROM t WHERE extract(hour FROM now()) > n',
  ]) {
    await expect(db.query(`CREATE MATERIALIZED VIEW v AS ${sql}`), sql).rejects.toMatchObject({
      code: '0A000',
      hint: expect.any(String),
    })
  }
  for (const by of ['1 month', '-1 hour', 'soon', Number.NaN, -1])
    await expect(db.clock.advance(by), String(by)).rejects.toMatchObject({ code: '22023' })
})
