/** Consumer groups on the real engine: the guarantees that a user builds on. What the consumer alone does is in
 *  consumer.test.ts. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  type Consumer,
  type ConsumerOptions,
  type Database,
  type Instant,
  MillraceError,
  open,
} from '../../src/index.js'

type Event = { k: number; n: number }

let folder = ''
let db: Database
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-consumers-'))
  db = await open(folder)
  await db.execute(
    "CREATE STREAM s (k INT, n INT) WITH (partitions = 4, partition_by = 'k'); CREATE STREAM one (k INT, n INT)",
  )
})
afterEach(async () => {
  await db.close()
  rmSync(folder, { recursive: true, force: true })
})

async function failure(work: Promise<unknown>): Promise<MillraceError> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(MillraceError)
  return error as MillraceError
}

const joined = (group: string, stream = 'one', options: Partial<ConsumerOptions> = {}) =>
  db.consumer<Event>({ group, stream, ...options })

async function pull(consumer: Consumer<Event>) {
  const { value } = await consumer.next()
  expect(value, 'a batch').toBeDefined()
  return value!
}

async function numbers(consumer: Consumer<Event>): Promise<number[]> {
  return (await pull(consumer)).rows.map((row) => row.n)
}

const insert = (...values: number[]) => db.query(`INSERT INTO one VALUES ${values.map((n) => `(0, ${n})`).join(', ')}`)

describe('a consumer group', () => {
  it('is at a place of its own, which it keeps when the database is opened again', async () => {
    await insert(1, 2, 3)
    const a = await joined('a', 'one', { batchRows: 2 })
    const b = await joined('b', 'one', { columns: ['n'] })
    expect(await numbers(a)).toEqual([1, 2])
    await a.commit()
    expect(await numbers(a)).toEqual([3])
    const batch = await pull(b)
    expect(batch.rows).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }])
    const [first, , third] = [...batch.records()]
    expect([first!.offset, third!.offset, first!.partition]).toEqual([0n, 2n, 0])
    expect(first!.epoch).toBe(third!.epoch)
    expect(Math.abs(first!.time.getTime() - Date.now())).toBeLessThan(60_000)
    await b.commit()
    await db.close()
    db = await open(folder)
    expect(await numbers(await joined('a'))).toEqual([3])
    const again = await joined('b')
    await insert(4)
    expect(await numbers(again)).toEqual([4])
  })

  it('shares partitions, and each key keeps its order when a member leaves', async () => {
    const first = await joined('g', 's')
    const second = await joined('g', 's')
    const appender = db.appender('s')
    for (let n = 0; n < 200; n++) for (let k = 0; k < 50; k++) appender.append({ k, n })
    await appender.close()
    const seen = new Map<number, number[]>()
    let rows = 0
    const take = async (consumer: Consumer<Event>) => {
      const batch = await pull(consumer)
      for (const { k, n } of batch) seen.set(k, [...(seen.get(k) ?? []), n])
      rows += batch.rowCount
      await consumer.commit()
    }
    await take(first)
    await take(second)
    expect(first.partitions.length + second.partitions.length).toBe(4)
    expect(first.partitions.filter((partition) => second.partitions.includes(partition))).toEqual([])
    second.close()
    while (rows < 10_000) await take(first)
    expect(first.partitions).toEqual([0, 1, 2, 3])
    const order = Array.from({ length: 200 }, (_, n) => n)
    expect(seen.size).toBe(50)
    for (const values of seen.values()) expect(values).toEqual(order)
  })

  it('goes to an offset, a time and both ends', async () => {
    const consumer = await joined('g')
    const times: Instant[] = []
    for (let n = 0; n < 5; n++) {
      await insert(n)
      times.push([...(await pull(consumer)).records()][0]!.time)
      await new Promise((resolve) => setTimeout(resolve, 3))
    }
    await consumer.seek({ offset: 3 })
    expect(await numbers(consumer)).toEqual([3, 4])
    await consumer.seek('earliest')
    expect((await numbers(consumer))[0]).toBe(0)
    await consumer.seek({ timestamp: times[2]! })
    expect(await numbers(consumer)).toEqual([2, 3, 4])
    await consumer.seek('latest')
    await insert(9)
    expect(await numbers(consumer)).toEqual([9])
    expect(await failure(consumer.seek({ offset: 99 }))).toMatchObject({ code: '22023' })
    expect(await failure(consumer.seek('earliest', { partition: 7 }))).toMatchObject({ code: '22023' })
    expect(await failure(db.execute("ALTER CONSUMER GROUP 'g' ON one SEEK TO BEGINNING"))).toMatchObject({
      code: '55006',
    })
    consumer.close()
    await db.execute("ALTER CONSUMER GROUP 'g' ON one SEEK TO OFFSET 4")
    expect(await numbers(await joined('g'))).toEqual([4, 9])
  })

  it('is dropped once it has no members', async () => {
    await insert(1, 2, 3)
    const consumer = await joined("it's", 'one')
    await numbers(consumer)
    await consumer.commit()
    expect(await failure(db.execute("DROP CONSUMER GROUP 'it''s' ON one"))).toMatchObject({ code: '55006' })
    consumer.close()
    expect((await db.query('SHOW CONSUMER GROUPS')).rows).toHaveLength(1)
    const inside = db.transaction((tx) => tx.query("DROP CONSUMER GROUP 'it''s' ON one"))
    expect(await failure(inside)).toMatchObject({ code: '25001' })
    await db.execute("DROP CONSUMER GROUP 'it''s' ON one")
    expect((await db.query('SHOW CONSUMER GROUPS')).rows).toEqual([])
    const missing = await failure(db.execute('DROP CONSUMER GROUP nobody ON one'))
    expect(missing).toMatchObject({
      code: '42704',
      message: 'consumer group "nobody" of stream "one" does not exist',
    })
    expect((await db.query('DROP CONSUMER GROUP IF EXISTS nobody ON one')).notices).toEqual([
      'the consumer group does not exist, skipping',
    ])
    await db.close()
    db = await open(folder)
    expect((await db.query('SHOW CONSUMER GROUPS')).rows).toEqual([])
    expect(await numbers(await joined("it's"))).toEqual([1, 2, 3])
  })

  it('commits with the rows of a transaction, or not at all', async () => {
    await db.execute('CREATE TABLE done (n INT PRIMARY KEY)')
    await insert(1, 2, 3, 4)
    const consumer = await joined('g', 'one', { batchRows: 2 })
    const handle = (fail: boolean) =>
      db.transaction(async (tx) => {
        for (const n of await numbers(consumer)) await tx.query('INSERT INTO done VALUES ($1)', [n])
        await consumer.commit({ transaction: tx })
        if (fail) throw new Error('mine')
      })
    await handle(false)
    await expect(handle(true)).rejects.toThrow('mine')
    await db.close()
    db = await open(folder)
    expect((await db.query('SELECT n FROM done ORDER BY n')).rows).toEqual([{ n: 1 }, { n: 2 }])
    expect(await numbers(await joined('g'))).toEqual([3, 4])
  })

  it('refuses what a member commits that others took over meanwhile', async () => {
    await insert(1, 2)
    const slow = await joined('g')
    await numbers(slow)
    const open = db.transaction(async (tx) => {
      await slow.commit({ transaction: tx })
      slow.close()
    })
    expect(await failure(open)).toMatchObject({ code: '55000', hint: expect.any(String) })
    expect(await numbers(await joined('g'))).toEqual([1, 2])
  })

  it('wakes at a commit, at its close and when the stream is dropped', async () => {
    const consumer = await joined('g')
    const rows = numbers(consumer)
    await new Promise((resolve) => setTimeout(resolve, 20))
    await insert(7)
    expect(await rows).toEqual([7])
    const waiting = consumer.next()
    consumer.close()
    expect(await waiting).toEqual({ done: true, value: undefined })
    const dropped = (await joined('h', 'one', { from: 'latest' })).next()
    const failed = failure(dropped)
    await db.execute('DROP STREAM one')
    expect(await failed).toMatchObject({ code: '42P01' })
  })

  it('ends with the database', async () => {
    const consumer = await joined('g')
    const waiting = consumer.next()
    await db.close()
    expect(await waiting).toEqual({ done: true, value: undefined })
    db = await open(folder)
  })
})

it('a slow reader is told what retention took', async () => {
  const small = await open(join(folder, 'small'), { journalFileBytes: 65_536 })
  try {
    await small.execute("CREATE STREAM s (n INT) WITH (retention_bytes = '1 MB')")
    const consumer = await small.consumer<{ n: number }>({ group: 'g', stream: 's', batchRows: 1 })
    let skipped = 0n
    let next = 0n
    for (let round = 0; round < 100 && skipped === 0n; round++) {
      const appender = small.appender('s')
      for (let n = 0; n < 100_000; n++) appender.append({ n: (n * 7919) % 1009 })
      await appender.close()
      await small.execute('CHECKPOINT')
      const { value } = await consumer.next()
      expect(value!.firstOffset).toBe(next + value!.skipped)
      skipped = value!.skipped
      next = value!.nextOffset
    }
    expect(skipped).toBeGreaterThan(0n)
    expect((await consumer.next()).value!.skipped).toBe(0n)
  } finally {
    await small.close()
  }
})
