/** SET memory_limit and threads: queries that need more than they may hold use files, answer the same, and leave nothing. */
import { mkdirSync, mkdtempSync, readdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Database, open } from '../../src/index.js'

const folder = mkdtempSync(join(tmpdir(), 'millrace-memory-'))
let db: Database
beforeAll(async () => {
  // What a killed process could leave.
  mkdirSync(join(folder, 'db', 'spill'), { recursive: true })
  writeFileSync(join(folder, 'db', 'spill', 'millrace-0000000000000000.tmp'), 'left behind')
  db = await open(join(folder, 'db'), { memoryLimit: '512MB' })
  await db.execute(`CREATE TABLE big (id BIGINT PRIMARY KEY, k BIGINT, name TEXT, amount NUMERIC(12,2), score DOUBLE PRECISION);
    INSERT INTO big SELECT i, (i * 7919::bigint) % 150001, 'name ' || (i * 31::bigint) % 200003, i / 4.0, i / 8.0 FROM generate_series(1, 300000) g(i)`)
})
afterAll(async () => {
  await db.close()
  rmSync(folder, { recursive: true, force: true })
})

const pause = () => new Promise((resolve) => setTimeout(resolve, 1))

function openFiles(): string[] {
  const open = readdirSync('/proc/self/fd').map((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`)
    } catch {
      return ''
    }
  })
  return open.filter((path) => path.includes(join(folder, 'db', 'spill')))
}

/** Nothing is in the folder of temporary files, and none is open once the threads of a cancelled query have ended. */
async function expectNoFiles() {
  expect(readdirSync(join(folder, 'db', 'spill'))).toEqual([])
  await expect.poll(openFiles).toEqual([])
}

/** Beside the sort, digests that do not depend on the order of rows. */
const QUERIES = {
  sort: 'SELECT id FROM big ORDER BY name, id DESC',
  grouping: `SELECT count(*) AS n, sum(c) AS c, max(m) AS m, sum(s) AS s FROM
    (SELECT name, k, count(*) AS c, max(id) AS m, sum(amount) AS s FROM big GROUP BY name, k) g`,
  distinct: `SELECT count(*) AS n, sum(d) AS d FROM
    (SELECT k, count(DISTINCT name) + sum(DISTINCT id) AS d FROM big GROUP BY k) g`,
  collected: `SELECT count(*) AS n, sum(length(a)) AS l, max(a) AS a FROM
    (SELECT name, string_agg(k::text, ',' ORDER BY id DESC) AS a FROM big GROUP BY name) g`,
  join: `SELECT count(*) AS n, sum(a.id * b.k) AS s FROM big a JOIN big b ON a.name = b.name AND a.k + 1 = b.k + 1`,
  outer: `SELECT count(*) AS n, count(a.id) AS l, count(b.id) AS r, sum(coalesce(a.id, 0) - coalesce(b.id, 1)) AS s
    FROM big a FULL JOIN (SELECT * FROM big WHERE k % 3 <> 0) b ON a.id = b.id + 1`,
  semi: `SELECT count(*) AS n, sum(id) AS s FROM big WHERE name NOT IN (SELECT name FROM big WHERE id % 2 = 0)`,
  window: `SELECT count(*) AS n, sum(r * id) AS s, sum(t) AS t FROM (SELECT id, rank() OVER (PARTITION BY k ORDER BY amount) AS r,
    sum(amount) OVER (PARTITION BY k ORDER BY id) AS t FROM big) w`,
}

it('answers are the same with little memory, and no file is left', async () => {
  for (const [name, text] of Object.entries(QUERIES)) {
    await db.query('RESET memory_limit')
    const expected = (await db.query(text)).arrays()
    await db.query(`SET memory_limit = '4MB'`)
    const before = (await db.stats()).queries.spilled_bytes
    expect((await db.query(text)).arrays(), name).toEqual(expected)
    const { queries } = await db.stats()
    expect(queries.spilled_bytes, name).toBeGreaterThan(before)
    expect(queries.held_bytes, name).toBe(0)
    await expectNoFiles()
  }
}, 120_000)

it('an order is kept, ties and all', async () => {
  await db.query('RESET memory_limit')
  const text = 'SELECT id, k FROM big ORDER BY k % 100 DESC, name LIMIT 5000 OFFSET 200000'
  const expected = (await db.query(text)).arrays()
  await db.query(`SET memory_limit = '2MB'`)
  expect((await db.query(text)).arrays()).toEqual(expected)
})

it('what cannot be done in parts is refused with a hint', async () => {
  await db.query(`SET memory_limit = '1MB'`)
  await expect(
    db.query('SELECT sum(s) FROM (SELECT sum(id) OVER (ORDER BY name) AS s FROM big) w'),
  ).rejects.toMatchObject({
    code: '53200',
    hint: 'Give more with SET memory_limit, or select fewer rows or columns.',
  })
  expect((await db.stats()).queries.held_bytes).toBe(0)
  await expectNoFiles()
})

it('a query that fails or is cancelled leaves no file', async () => {
  await db.query(`SET memory_limit = '4MB'`)
  const failing = `SELECT count(*) FROM (SELECT name, 1 / (max(id) - 150000) AS q FROM big GROUP BY name, id) g WHERE q > 0`
  await expect(db.query(failing)).rejects.toMatchObject({ code: '22012' })
  await expectNoFiles()
  const waits: number[] = []
  for (const [name, text] of Object.entries(QUERIES)) {
    const stop = new AbortController()
    const spilled = (await db.stats()).queries.spilled_bytes
    let ended = false
    const run = db
      .query(text, [], { signal: stop.signal })
      .catch((error: unknown) => error)
      .finally(() => {
        ended = true
      })
    while ((await db.stats()).queries.spilled_bytes === spilled && !ended) await pause()
    const at = performance.now()
    stop.abort()
    expect(await run, name).toMatchObject({ code: '57014' })
    // The promise rejects at once; the engine's threads end somewhat later.
    while ((await db.stats()).queries.held_bytes > 0) await pause()
    waits.push(performance.now() - at)
    expect(waits.at(-1), name).toBeLessThan(1000)
  }
  await expectNoFiles()
}, 60_000)

it('SHOW, RESET and mistakes', async () => {
  const shown = async (name: string, of = db) => (await of.query(`SHOW ${name}`)).arrays()[0]?.[0]
  await db.query(`SET memory_limit TO '256 MB'`)
  expect(await shown('memory_limit')).toBe('256 MB')
  expect((await db.stats()).queries.memory_limit).toBe(256_000_000)
  await db.query('SET threads = 1')
  expect([await shown('threads'), (await db.stats()).queries.threads]).toEqual(['1', 1])
  await db.query('RESET memory_limit')
  await db.query('RESET threads')
  expect(await shown('memory_limit')).toBe('512MB')
  expect((await db.stats()).queries.memory_limit).toBe(512_000_000)
  for (const [name, value] of [
    ['memory_limit', '12'],
    ['memory_limit', '1 parsec'],
    ['memory_limit', '0MB'],
    ['threads', '0'],
    ['threads', 'many'],
    ['threads', '1000'],
  ]) {
    await expect(db.query(`SET ${name} = '${value}'`), value).rejects.toMatchObject({ code: '22023' })
  }
  await expect(open(':memory:', { memoryLimit: 'much' })).rejects.toMatchObject({ code: '22023' })
  await expect(open(':memory:', { threads: 0 })).rejects.toMatchObject({ code: '22023' })
  await using small = await open(':memory:', { memoryLimit: 1 << 20, threads: 2 })
  expect([await shown('memory_limit', small), await shown('threads', small)]).toEqual(['1MiB', '2'])
  // A database in memory has no folder: the system's is used.
  const sorted = `SELECT i FROM generate_series(1, 500000) g(i) ORDER BY (i * 7919::bigint) % 500009 OFFSET 499990`
  expect((await small.query(sorted)).rows).toHaveLength(10)
  expect((await small.stats()).queries.spilled_bytes).toBeGreaterThan(0)
})
