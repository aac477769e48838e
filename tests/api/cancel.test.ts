/** Queries of every kind end soon after they are cancelled: the engine's threads, not only the promise. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Database, open } from '../../src/index.js'

/** CI's machines are slow; what is asked for is 50 ms, and MILLRACE_MEASURE_CANCEL prints what it was. */
const ENDED_MS = 1000
const ROWS = 400_000

let db: Database
beforeAll(async () => {
  db = await open(':memory:', { memoryLimit: '512MB' })
  await db.execute(`CREATE STREAM r (id BIGINT, k BIGINT, name TEXT, x DOUBLE PRECISION);
    INSERT INTO r SELECT i, (i * 7919) % 1000, 'name ' || (i * 31) % 100003, i / 7.0 FROM generate_series(1::bigint, ${ROWS}) g(i)`)
})
afterAll(() => db.close())

/** Each runs for seconds or more. */
const QUERIES: Readonly<Record<string, string>> = {
  series: 'SELECT count(*) FROM generate_series(1::bigint, 100000000000) g(i) WHERE i % 7 = 8',
  'nested loop': 'SELECT count(*) FROM r a JOIN r b ON a.x < b.x - a.k',
  'cross join': 'SELECT count(*) FROM r a, r b, r c',
  'hash join of many matches': 'SELECT count(*) FROM r a JOIN r b ON a.k = b.k JOIN r c ON b.k = c.k',
  'outer join': 'SELECT count(*) FROM r a LEFT JOIN r b ON a.k = b.k AND a.x < b.x FULL JOIN r c ON c.k = a.k',
  'semi join': 'SELECT count(*) FROM r a WHERE EXISTS (SELECT 1 FROM r b WHERE b.k = a.k AND b.x < a.x - 1000000)',
  'built side':
    'SELECT count(*) FROM r x JOIN (SELECT a.name, a.id + b.id AS id FROM r a JOIN r b ON a.k = b.k) y ON x.id = y.id AND x.name = y.name',
  sort: 'SELECT max(s) FROM (SELECT a.name || b.k AS s FROM r a JOIN r b ON a.k = b.k ORDER BY s, a.x OFFSET 10) o',
  'top-n': 'SELECT a.name, b.id FROM r a JOIN r b ON a.k = b.k ORDER BY a.name, b.id LIMIT 10',
  grouping: 'SELECT count(*) FROM (SELECT a.id, b.id, count(*) FROM r a JOIN r b ON a.k = b.k GROUP BY 1, 2) g',
  'distinct values':
    'SELECT a.k, count(DISTINCT b.name), sum(DISTINCT b.id) FROM r a JOIN r b ON a.k = b.k GROUP BY a.k',
  window:
    'SELECT max(s) FROM (SELECT sum(a.x) OVER (PARTITION BY a.k ORDER BY a.x + b.x) AS s FROM r a JOIN r b ON a.k = b.k) w',
  'window of one partition': `SELECT max(s) FROM (SELECT string_agg(name, ',') OVER (ORDER BY id) AS s FROM r) w`,
  union: 'SELECT count(*) FROM (SELECT a.id FROM r a, r b UNION SELECT b.id FROM r a, r b) u',
  unnest: 'SELECT count(*) FROM r a, r b, unnest(ARRAY[a.id, b.id]) u',
}

it.each(Object.entries(QUERIES))('%s', async (name, text) => {
  for (const after of [30, 700]) {
    const stop = new AbortController()
    let ended = false
    const run = db
      .query(text, [], { signal: stop.signal })
      .catch((error: unknown) => error)
      .finally(() => {
        ended = true
      })
    await new Promise((resolve) => setTimeout(resolve, after))
    expect(ended, `${name} did not run until it was cancelled: ${String(await Promise.race([run, '']))}`).toBe(false)
    const started = performance.now()
    stop.abort()
    expect(await run).toMatchObject({ code: '57014' })
    // The promise rejects at once. The threads have ended when the engine counts no query.
    while ((await db.stats()).queries.running > 0) await new Promise((resolve) => setTimeout(resolve, 1))
    const took = performance.now() - started
    if (process.env.MILLRACE_MEASURE_CANCEL) console.log(`${name} after ${after} ms: ${took.toFixed(1)} ms`)
    expect(took).toBeLessThan(ENDED_MS)
  }
})
