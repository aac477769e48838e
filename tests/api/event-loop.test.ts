/** Long work of ours lets the event loop run in between, and gives the same rows as if it did not. */
import { tableToIPC } from 'apache-arrow'
import { expect, it } from 'vitest'
import { type Database, open } from '../../src/index.js'

/** Counts the turns of the event loop while something runs. */
async function turnsWhile<T>(work: () => Promise<T>): Promise<{ turns: number; result: T }> {
  let turns = 0
  let running = true
  const turn = () => {
    turns++
    if (running) setImmediate(turn)
  }
  setImmediate(turn)
  try {
    return { result: await work(), turns }
  } finally {
    running = false
  }
}

const ROWS = 60_000

async function filled(): Promise<Database> {
  const db = await open()
  await db.execute('CREATE STREAM s (id BIGINT, label TEXT)')
  const appender = db.appender('s')
  const ids = Array.from({ length: ROWS }, (_, id) => id)
  // Plain arrays are looked at value by value.
  const { turns } = await turnsWhile(() => appender.appendColumns({ id: ids, label: ids.map((id) => `label ${id}`) }))
  expect(turns).toBeGreaterThan(3)
  await appender.close()
  return db
}

it('columns in and rows out, one by one, leave room for others', async () => {
  await using db = await filled()
  const result = await db.query<{ id: bigint; label: string }>('SELECT id, label FROM s ORDER BY id')
  const seen: bigint[] = []
  const { turns } = await turnsWhile(async () => {
    for await (const row of result) seen.push(row.id)
  })
  expect(turns).toBeGreaterThan(3)
  expect(seen).toEqual(Array.from({ length: ROWS }, (_, id) => BigInt(id)))
})

it('a large delivery becomes objects in stretches, and closing in the middle loses nothing that was given', async () => {
  await using db = await filled()
  const subscription = await db.subscribe<{ id: bigint }>('SELECT id, label FROM s', { snapshot: true })
  let rows = 0
  const { turns } = await turnsWhile(async () => {
    for await (const { changes } of subscription) {
      rows += changes.length
      if (rows >= ROWS) break
    }
  })
  expect(rows).toBe(ROWS)
  expect(turns).toBeGreaterThan(3)

  const other = await db.subscribe('SELECT id, label FROM s', { snapshot: true })
  const pending = other.next()
  setTimeout(() => other.close(), 1)
  const { done, value } = await pending
  expect(done || value!.changes.length > 0).toBe(true)
})

it('a value that does not fit in the middle of a column leaves nothing behind', async () => {
  await using db = await filled()
  const appender = db.appender('s')
  const ids: unknown[] = Array.from({ length: 30_000 }, (_, id) => id)
  ids[20_000] = 'twenty thousand'
  await expect(appender.appendColumns({ id: ids, label: ids.map(() => null) })).rejects.toMatchObject({ code: '42804' })
  await appender.close()
  expect((await db.query('SELECT count(*) AS n FROM s')).rows).toEqual([{ n: BigInt(ROWS) }])
})

it('awaited rows one by one leave room for others before a batch is full', async () => {
  await using db = await open()
  await db.execute('CREATE STREAM s (id BIGINT, label TEXT)')
  const appender = db.appender('s', { batchRows: 1_000_000, flushMs: 60_000 })
  const { turns } = await turnsWhile(async () => {
    for (let id = 0; id < ROWS; id++) await appender.append({ id: BigInt(id), label: `label ${id}` })
  })
  expect(turns).toBeGreaterThan(3)
  expect(appender.rowsAppended).toBe(0n)
  await appender.close()
  // One commit, though it was gathered in several batches.
  expect(appender.rowsAppended).toBe(BigInt(ROWS))
  const { rows } = await db.query('SELECT count(*) AS n, sum(id) AS sum, max(label) AS label FROM s')
  const sum = (BigInt(ROWS) * BigInt(ROWS - 1)) / 2n
  expect(rows.map((row) => [row.n, String(row.sum), row.label])).toEqual([[BigInt(ROWS), String(sum), 'label 9999']])
})

it('calls that are not awaited are committed in their order', async () => {
  await using db = await open()
  await db.execute('CREATE TABLE t (k BIGINT PRIMARY KEY, who TEXT)')
  const appender = db.appender('t', { onConflict: 'replace' })
  const many = Array.from({ length: 20_000 }, (_, k) => k)
  const columns = appender.appendColumns({ k: many, who: many.map(() => 'columns') })
  appender.append({ k: 5, who: 'row' })
  const later = appender.appendColumns({ k: [6], who: ['later columns'] })
  appender.append({ k: 7, who: 'last row' })
  await appender.close()
  await Promise.all([columns, later])
  const { rows } = await db.query('SELECT k, who FROM t WHERE k BETWEEN 4 AND 8 ORDER BY k')
  expect(rows.map((row) => row.who)).toEqual(['columns', 'row', 'later columns', 'last row', 'columns'])
  expect(appender.rowsAppended).toBe(20_003n)
})

it('a value that does not fit takes none of the rows, however many commits they would have made', async () => {
  await using db = await open()
  await db.execute('CREATE STREAM s (id BIGINT NOT NULL, label TEXT)')
  const appender = db.appender('s')
  const ids: unknown[] = Array.from({ length: 150_000 }, (_, id) => id)
  ids[149_000] = null
  await expect(appender.appendColumns({ id: ids })).rejects.toMatchObject({ code: '23502' })
  // The appender goes on.
  await appender.appendColumns({ id: BigInt64Array.of(1n, 2n) })
  await appender.close()
  expect((await db.query('SELECT id, label FROM s ORDER BY id')).arrays()).toEqual([
    [1n, null],
    [2n, null],
  ])
})

it('Arrow in one piece goes in stretches, as one commit, and may be changed afterwards', async () => {
  await using db = await filled()
  await db.execute('CREATE STREAM copy (id BIGINT, label TEXT); CREATE STREAM bytes (id BIGINT, label TEXT)')
  const all = await db.query('SELECT id, label FROM s ORDER BY id')
  const table = all.arrow()
  const copy = db.appender('copy')
  const before = (await db.stats()).epoch
  await copy.appendArrow(table)
  await copy.close()
  expect((await db.stats()).epoch - before).toBe(1)
  const ipc = tableToIPC(table, 'stream')
  expect(ipc.byteLength).toBeGreaterThan(1 << 20)
  const bytes = db.appender('bytes')
  await bytes.appendArrow(ipc)
  ipc.fill(0xff)
  await bytes.close()
  for (const name of ['copy', 'bytes']) {
    expect((await db.query(`SELECT id, label FROM ${name} ORDER BY id`)).rows).toEqual(all.rows)
  }
})

it('texts of many bytes make small batches of one commit', async () => {
  await using db = await open()
  await db.execute('CREATE STREAM s (id BIGINT, body TEXT)')
  const bodies = Array.from({ length: 40 }, (_, id) => String.fromCharCode(97 + (id % 26)).repeat(200_000))
  const appender = db.appender('s')
  await appender.appendColumns({ id: bodies.map((_, id) => id), body: bodies })
  for (const [id, body] of bodies.entries()) await appender.append([id + 40, body])
  await appender.close()
  const { rows } = await db.query<{ body: string }>('SELECT body FROM s ORDER BY id')
  expect(rows.map(({ body }) => body)).toEqual([...bodies, ...bodies])
})

it('closing the database waits for columns that are being made ready; an abort ends them', async () => {
  const db = await open()
  await db.execute('CREATE STREAM s (id BIGINT, label TEXT)')
  const ids = Array.from({ length: ROWS }, (_, id) => id)
  const appender = db.appender('s')
  const working = appender.appendColumns({ id: ids, label: ids.map(String) })
  const closing = db.close()
  await working
  await closing
  expect(appender.rowsAppended).toBe(BigInt(ROWS))

  await using other = await open()
  await other.execute('CREATE STREAM s (id BIGINT, label TEXT)')
  const abort = new AbortController()
  const given = other.appender('s', { signal: abort.signal })
  const cut = given.appendColumns({ id: ids, label: ids.map(String) })
  abort.abort()
  await expect(cut).rejects.toMatchObject({ code: '57P01' })
  expect((await other.query('SELECT count(*) AS n FROM s')).rows).toEqual([{ n: 0n }])
})

it('closing while a result is being read leaves its rows whole', async () => {
  const db = await filled()
  const result = await db.query<{ id: bigint }>('SELECT id, label FROM s ORDER BY id')
  const reading = result.toArray()
  await db.close()
  expect((await reading).map(({ id }) => id)).toEqual(Array.from({ length: ROWS }, (_, id) => BigInt(id)))
})

it('several who work at once take turns, and none waits for another to end', async () => {
  await using db = await filled()
  const text = 'SELECT id, label FROM s ORDER BY id'
  const results = await Promise.all(Array.from({ length: 4 }, () => db.query<{ id: bigint }>(text)))
  const ended: number[] = []
  const { turns } = await turnsWhile(() =>
    Promise.all(
      results.map(async (result, index) => {
        const rows = await result.toArray()
        expect(rows.at(-1)?.id).toBe(BigInt(ROWS - 1))
        expect(rows).toHaveLength(ROWS)
        ended.push(index)
      }),
    ),
  )
  expect(ended.toSorted()).toEqual([0, 1, 2, 3])
  // How many there are depends on how fast the machine is.
  expect(turns).toBeGreaterThan(2)
})
