/** Long texts are planned on another thread: the same answers, in the same order, and the event loop turns meanwhile. */
import { expect, it } from 'vitest'
import { PlanningThread } from '../../src/engine/planning/thread.js'
import { open } from '../../src/index.js'

const PADDING = `/* ${'long '.repeat(1000)} */`

/** How often the event loop turned while some work was done. */
async function turnsWhile<T>(work: () => Promise<T>): Promise<{ turns: number; result: T }> {
  let turns = 0
  let on = true
  const count = () => {
    turns += 1
    if (on) setImmediate(count)
  }
  setImmediate(count)
  const result = await work()
  on = false
  return { turns, result }
}

function insert(from: number, rows: number): string {
  return `INSERT INTO t VALUES ${Array.from({ length: rows }, (_, n) => `(${from + n}, 'text ${from + n}')`).join(', ')}`
}

it('a long statement leaves the event loop running and does what a short one does', async () => {
  await using db = await open()
  await db.execute('CREATE TABLE t (a BIGINT, b TEXT)')
  const { turns, result } = await turnsWhile(() => db.query(insert(0, 10_000)))
  expect(result).toMatchObject({ command: 'INSERT 0 10000' })
  expect(turns).toBeGreaterThan(20)
  const columns = Array.from({ length: 500 }, (_, n) => `a + ${n} AS c${n}`).join(', ')
  const { rows } = await db.query(`SELECT ${columns} FROM t WHERE a = 7 AND b = $1`, ['text 7'])
  expect(rows).toEqual([Object.fromEntries(Array.from({ length: 500 }, (_, n) => [`c${n}`, BigInt(7 + n)]))])
})

it('statements run in the order in which they were given, wherever they are planned', async () => {
  await using db = await open()
  const done = [
    db.execute(`CREATE TABLE t (a BIGINT, b TEXT) ${PADDING}`),
    db.query(insert(0, 500)),
    db.query("INSERT INTO t VALUES (500, 'short')"),
    db.query(`SELECT count(*) AS n FROM t ${PADDING}`),
    db.execute(`ALTER TABLE t SET (retain = '1 hour') ${PADDING}; ${insert(501, 500)}; SELECT count(*) AS n FROM t`),
    db.query('SELECT count(*) AS n FROM t'),
  ] as const
  const [, , , counted, script] = await Promise.all(done)
  expect(counted.rows).toEqual([{ n: 501n }])
  expect(script.map(({ command }) => command)).toEqual(['ALTER TABLE', 'INSERT 0 500', 'SELECT 1'])
  expect(script[2]?.rows).toEqual([{ n: 1001n }])
})

it('errors have their place in the text', async () => {
  await using db = await open()
  await db.execute('CREATE TABLE t (a BIGINT, b TEXT)')
  const wrong = `SELECT a, ${PADDING}\n  bb FROM t`
  await expect(db.query(wrong)).rejects.toMatchObject({
    code: '42703',
    hint: 'Perhaps you meant the column "t.b".',
    position: wrong.indexOf('bb') + 1,
    line: 2,
    column: 3,
    caret: 'LINE 2:   bb FROM t\n          ^',
  })
  await expect(db.query(`SELECT 1 ${PADDING} FROM FROM`)).rejects.toMatchObject({ code: '42601' })
  await expect(db.query(`SELECT 1; ${PADDING} SELECT 2`)).rejects.toMatchObject({
    code: '42601',
    detail: 'The text has 2 statements.',
  })
  const before = await db.execute(`${insert(0, 300)}; SELECT 1 FROM nowhere`).catch((error: unknown) => error)
  expect(before).toMatchObject({ code: '42P01' })
  expect((await db.query('SELECT count(*) AS n FROM t')).rows).toEqual([{ n: 300n }])
  expect((await db.query(PADDING)).rows).toEqual([])
})

it('a long statement is a part of its transaction', async () => {
  await using db = await open()
  await db.execute('CREATE TABLE t (a BIGINT, b TEXT)')
  await expect(
    db.transaction(async (tx) => {
      await tx.query(insert(0, 500))
      expect((await tx.query(`SELECT count(*) AS n FROM t ${PADDING}`)).rows).toEqual([{ n: 500n }])
      expect((await db.query(`SELECT count(*) AS n FROM t ${PADDING}`)).rows).toEqual([{ n: 0n }])
      throw new Error('changed my mind')
    }),
  ).rejects.toThrow('changed my mind')
  const tags = await db.execute(`BEGIN; ${insert(0, 500)}; ROLLBACK; BEGIN; ${insert(500, 500)}; COMMIT`)
  expect(tags.map(({ command }) => command)).toEqual([
    'BEGIN',
    'INSERT 0 500',
    'ROLLBACK',
    'BEGIN',
    'INSERT 0 500',
    'COMMIT',
  ])
  expect((await db.query('SELECT min(a) AS a, count(*) AS n FROM t')).rows).toEqual([{ a: 500n, n: 500n }])
  await db.query('BEGIN')
  await expect(db.query(`SELECT nothing FROM t ${PADDING}`)).rejects.toMatchObject({ code: '42703' })
  await expect(db.query(`SELECT 1 ${PADDING}`)).rejects.toMatchObject({ code: '25P02' })
  await db.query(`ROLLBACK ${PADDING}`)
})

it('a long query can be subscribed to, explained and cancelled', async () => {
  await using db = await open()
  await db.execute('CREATE TABLE t (a BIGINT PRIMARY KEY, b TEXT)')
  await db.query(insert(0, 300))
  for await (const { changes } of await db.subscribe(`SELECT count(*) AS n FROM t ${PADDING}`, { snapshot: true })) {
    expect(changes).toEqual([{ weight: 1n, row: { n: 300n } }])
    break
  }
  expect(await db.explain(`SELECT a FROM t ${PADDING}`)).toContain('scan t')
  const abort = new AbortController()
  const cut = db.query(insert(1000, 5000), [], { signal: abort.signal })
  abort.abort()
  await expect(cut).rejects.toMatchObject({ code: '57014' })
  expect((await db.query('SELECT count(*) AS n FROM t')).rows).toEqual([{ n: 300n }])
})

it('closing waits for what is being planned', async () => {
  const db = await open()
  await db.execute('CREATE TABLE t (a BIGINT, b TEXT)')
  const inserted = db.query(insert(0, 5000))
  await db.close()
  expect(await inserted).toMatchObject({ command: 'INSERT 0 5000' })
  await expect(db.query(insert(0, 500))).rejects.toMatchObject({ code: '57P01' })
})

it('a thread that ends fails what waits for it, and the next text begins another', async () => {
  const planner = new PlanningThread()
  const script = planner.script(insert(0, 5000))
  const heads = Promise.resolve(script.heads())
  await Promise.all([planner.begin().worker.terminate(), expect(heads).rejects.toMatchObject({ code: 'XX000' })])
  expect(await planner.script('SELECT 1; BEGIN').heads()).toEqual([
    { kind: 'query' },
    { kind: 'transaction', action: 'begin' },
  ])
  await planner.close()
})
