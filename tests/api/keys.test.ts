/** Equal keys are one key, whatever their bytes: one month is 30 days, and the zeros are one. */
import { expect, it } from 'vitest'
import { open } from '../../src/index.js'

it('an interval and its equal cannot both be a primary key', async () => {
  await using db = await open()
  await db.execute("CREATE TABLE t (a INTERVAL PRIMARY KEY, b INTEGER); INSERT INTO t VALUES (INTERVAL '1 month', 1)")
  await expect(db.query("INSERT INTO t VALUES (INTERVAL '30 days', 2)")).rejects.toMatchObject({ code: '23505' })
  await db.query("INSERT INTO t VALUES (INTERVAL '720 hours', 3) ON CONFLICT (a) DO UPDATE SET b = excluded.b")
  expect((await db.query('SELECT b FROM t')).rows).toEqual([{ b: 3 }])
})

it('negative zero that comes as Arrow is the key zero', async () => {
  await using db = await open()
  await db.execute('CREATE TABLE t (a DOUBLE PRECISION PRIMARY KEY); INSERT INTO t VALUES (0)')
  const appender = db.appender('t')
  await appender.append([-0])
  await expect(appender.close()).rejects.toMatchObject({ code: '23505' })
})
