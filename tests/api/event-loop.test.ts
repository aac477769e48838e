/** Long work of ours lets the event loop run in between, and gives the same rows as if it did not. */
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
