/** SAVEPOINT, ROLLBACK TO and RELEASE, as PostgreSQL has them. */
import { expect, it } from 'vitest'
import { type Database, open } from '../../src/index.js'

async function made(): Promise<Database> {
  const db = await open()
  await db.execute(`
    CREATE TABLE t (id BIGINT PRIMARY KEY, v TEXT);
    CREATE TABLE bag (v TEXT);
    CREATE STREAM s (v TEXT);
    INSERT INTO t VALUES (1, 'one'), (2, 'two');
    INSERT INTO bag VALUES ('x'), ('x');
    INSERT INTO s VALUES ('a')`)
  return db
}

async function state(db: Pick<Database, 'query'>): Promise<string> {
  const list = async (text: string) => (await db.query<{ x: string }>(text)).rows.map((row) => row.x).join(' ')
  const t = await list('SELECT id || v AS x FROM t ORDER BY id')
  const bag = await list('SELECT v AS x FROM bag ORDER BY v')
  return `${t} | ${bag} | ${await list('SELECT v AS x FROM s')}`
}

const failure = (work: Promise<unknown>) =>
  work.then(
    () => undefined,
    (error: unknown) => error,
  )

it('what came after a savepoint goes, what came before it stays', async () => {
  await using db = await made()
  await db.execute("BEGIN; UPDATE t SET v = 'uno' WHERE id = 1; INSERT INTO s VALUES ('b'); SAVEPOINT one")
  const first = await state(db)
  expect(first).toBe('1uno 2two | x x | a b')
  await db.execute(`
    DELETE FROM t WHERE id = 1; INSERT INTO t VALUES (3, 'three'); DELETE FROM bag; INSERT INTO s VALUES ('c');
    SAVEPOINT two; INSERT INTO t VALUES (1, 'again'); TRUNCATE s; INSERT INTO s VALUES ('d')`)
  expect(await state(db)).toBe('1again 2two 3three |  | d')
  await db.query('ROLLBACK TO SAVEPOINT two')
  expect(await state(db)).toBe('2two 3three |  | a b c')
  // It is still there, and the one before it.
  await db.execute("INSERT INTO bag VALUES ('y'); ROLLBACK TO two")
  expect(await state(db)).toBe('2two 3three |  | a b c')
  expect((await db.query('ROLLBACK WORK TO one')).command).toBe('ROLLBACK')
  expect(await state(db)).toBe(first)
  expect(await failure(db.query('ROLLBACK TO two'))).toMatchObject({
    code: '3B001',
    message: 'savepoint "two" does not exist',
  })
  // That was an error like any other.
  expect(await failure(db.query('SELECT 1'))).toMatchObject({ code: '25P02' })
  await db.execute("ROLLBACK TO one; INSERT INTO bag VALUES ('z'); COMMIT")
  expect(await state(db)).toBe('1uno 2two | x x z | a b')
})

it('a transaction that failed goes on from a savepoint, and only from there', async () => {
  await using db = await made()
  await db.execute("BEGIN; INSERT INTO t VALUES (3, 'three'); SAVEPOINT here")
  expect(await failure(db.query("INSERT INTO t VALUES (1, 'taken')"))).toMatchObject({ code: '23505' })
  expect(await failure(db.query('SELECT 1'))).toMatchObject({
    code: '25P02',
    hint: 'Run ROLLBACK to end it, or ROLLBACK TO a savepoint to go on from there.',
  })
  for (const text of ['SAVEPOINT more', 'RELEASE here', 'BEGIN'])
    expect(await failure(db.query(text)), text).toMatchObject({ code: '25P02' })
  await db.query('ROLLBACK TO here')
  await db.query("INSERT INTO t VALUES (4, 'four')")
  await db.query('COMMIT')
  expect(await state(db)).toBe('1one 2two 3three 4four | x x | a')
  // Without one there is only the end.
  await db.query('BEGIN')
  await failure(db.query('SELECT 1 / 0'))
  expect(await failure(db.query('ROLLBACK TO here'))).toMatchObject({ code: '3B001' })
  expect((await db.query('COMMIT')).command).toBe('ROLLBACK')
})

it('a name may be used again, RELEASE uncovers the one before, and outside a transaction there is none', async () => {
  await using db = await made()
  await db.execute("BEGIN; SAVEPOINT a; INSERT INTO bag VALUES ('1'); SAVEPOINT a; INSERT INTO bag VALUES ('2')")
  await db.execute("ROLLBACK TO a; RELEASE SAVEPOINT a; INSERT INTO bag VALUES ('3')")
  expect(await state(db)).toBe('1one 2two | 1 3 x x | a')
  await db.execute('ROLLBACK TO SAVEPOINT a')
  expect(await state(db)).toBe('1one 2two | x x | a')
  expect((await db.query('RELEASE a')).command).toBe('RELEASE')
  expect(await failure(db.query('RELEASE a'))).toMatchObject({ code: '3B001' })
  await db.query('ROLLBACK')
  for (const text of ['SAVEPOINT a', 'ROLLBACK TO a', 'RELEASE a'])
    expect(await failure(db.query(text)), text).toMatchObject({ code: '25P01' })
  await db.execute('BEGIN; SAVEPOINT savepoint; ROLLBACK TO savepoint; RELEASE SAVEPOINT savepoint; COMMIT')
})

it("a function's transaction has them too", async () => {
  await using db = await made()
  await db
    .transaction(async (tx) => {
      await tx.query("INSERT INTO bag VALUES ('kept')")
      await tx.query('SAVEPOINT here')
      await failure(tx.query("INSERT INTO t VALUES (1, 'taken')"))
      await tx.query('ROLLBACK TO here')
      await tx.query('RELEASE here')
      expect(await failure(tx.query('COMMIT'))).toMatchObject({ code: '2D000' })
    })
    .catch(() => undefined)
  expect(await state(db)).toBe('1one 2two | x x | a')
  await db.transaction(async (tx) => {
    await tx.query("INSERT INTO bag VALUES ('kept')")
    await tx.query('SAVEPOINT here')
    await failure(tx.query("INSERT INTO t VALUES (1, 'taken')"))
    await tx.query('ROLLBACK TO here')
  })
  expect(await state(db)).toBe('1one 2two | kept x x | a')
  const failed = db.transaction(async (tx) => {
    await tx.query('SAVEPOINT here')
    await failure(tx.query('SELECT 1 / 0'))
  })
  await expect(failed).rejects.toMatchObject({ code: '25P02' })
})
