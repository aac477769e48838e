/** The embedded API on the real engine. */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { tableFromArrays } from 'apache-arrow'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Database, Decimal, Instant, Interval, MillraceError, open } from '../../src/index.js'

let folder = ''
let db: Database
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-api-'))
  db = await open()
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

const ALL_TYPES = `CREATE TABLE t (id INTEGER PRIMARY KEY, b BOOLEAN, s SMALLINT, l BIGINT, r REAL, d DOUBLE PRECISION,
  n NUMERIC(38,6), x TEXT, y BYTEA, da DATE, ti TIME, ts TIMESTAMP, tz TIMESTAMPTZ, iv INTERVAL)`

const FULL = {
  id: 1,
  b: true,
  s: -32_768,
  l: 9_223_372_036_854_775_807n,
  r: 0.5,
  d: 0.1,
  n: Decimal.from('-12345678901234567890123456789012.345678'),
  x: 'héllo 日本',
  y: Uint8Array.of(0, 255),
  da: '2024-02-29',
  ti: '23:59:59.999999',
  ts: '1969-12-31 23:59:59.999999',
  tz: new Instant(1_700_000_000_123_456n),
  iv: new Interval({ months: 14, days: -3, microseconds: 5_000_001n }),
}
const EMPTY = Object.fromEntries(Object.keys(FULL).map((name) => [name, name === 'id' ? 2 : null]))

describe('results', () => {
  it('every type goes in by the appender and comes out unchanged', async () => {
    await db.execute(ALL_TYPES)
    const appender = db.appender('t')
    appender.append(FULL)
    appender.append({ id: 2 })
    await appender.close()
    const { rows, command, columns, rowCount } = await db.query('SELECT * FROM t ORDER BY id')
    expect(rows).toEqual([FULL, EMPTY])
    expect(command).toBe('SELECT 2')
    expect(rowCount).toBe(2)
    expect(columns).toEqual(Object.keys(FULL))
  })

  it('every type goes in as a parameter', async () => {
    await db.execute(ALL_TYPES)
    const { y, ...others } = FULL
    const names = Object.keys(others)
    const marks = names.map((_, index) => `$${index + 1}`).join(', ')
    const inserted = await db.query(`INSERT INTO t (${names.join(', ')}) VALUES (${marks})`, Object.values(others))
    expect(inserted.command).toBe('INSERT 0 1')
    await db.sql`UPDATE t SET y = ${y} WHERE id = ${1}`
    expect((await db.query('SELECT * FROM t')).rows).toEqual([FULL])
  })

  it('give tags, arrays, Arrow and batches', async () => {
    expect((await db.query('CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT)')).command).toBe('CREATE TABLE')
    expect((await db.query("INSERT INTO t VALUES (1, 'x'), (2, 'y'), (3, NULL)")).command).toBe('INSERT 0 3')
    expect((await db.query("UPDATE t SET b = 'z' WHERE a > 1")).command).toBe('UPDATE 2')
    expect((await db.query('DELETE FROM t WHERE a = 3')).command).toBe('DELETE 1')
    const result = await db.query<{ a: number; b: string }>('SELECT a, b, a FROM t ORDER BY a')
    expect(result.arrays()).toEqual([
      [1, 'x', 1],
      [2, 'z', 2],
    ])
    expect([...result].map((row) => row.b)).toEqual(['x', 'z'])
    expect(result.arrow().numRows).toBe(2)
    expect([...result.arrow().getChildAt(0)!]).toEqual([1, 2])
    const empty = await db.query('SELECT a FROM t WHERE a > 100')
    expect([empty.rows, empty.arrow().numCols, empty.command]).toEqual([[], 1, 'SELECT 0'])
    let streamed = 0
    for await (const batch of db.stream('SELECT * FROM generate_series(1, 20000) AS g(n)')) streamed += batch.rowCount
    expect(streamed).toBe(20_000)
  })

  it('values are bound, never spliced', async () => {
    await db.execute('CREATE TABLE t (a TEXT PRIMARY KEY)')
    const evil = "'); DROP TABLE t; --"
    await db.sql`INSERT INTO t VALUES (${evil})`
    expect((await db.sql`SELECT a FROM t WHERE a = ${evil}`).rows).toEqual([{ a: evil }])
    const statement = db.prepare('SELECT a FROM t WHERE a = $1')
    expect((await statement.query(['x'])).rows).toEqual([])
    expect((await statement.query([evil])).rows).toEqual([{ a: evil }])
    expect((await failure(db.query('SELECT $2', [1]))).code).toBe('42P02')
  })

  it('tell the catalog and the plan', async () => {
    await db.execute(`CREATE TABLE t (a INTEGER PRIMARY KEY, b NUMERIC(10,2) NOT NULL DEFAULT 0);
      CREATE MATERIALIZED VIEW v AS SELECT b, count(*) AS n FROM t GROUP BY b`)
    const [t, v] = db.catalog()
    expect(t).toMatchObject({ name: 't', kind: 'table', primaryKey: ['a'] })
    expect(t!.columns[1]).toMatchObject({ name: 'b', type: 'numeric(10,2)', nullable: false })
    expect(v).toMatchObject({ name: 'v', kind: 'materialized_view', dependsOn: ['t'] })
    expect(await db.explain('SELECT a FROM t WHERE b > 1')).toMatch(/scan/i)
    expect(await db.stats()).toHaveProperty('epoch')
  })
})

describe('errors', () => {
  it('show where', async () => {
    await db.execute('CREATE TABLE t (price INTEGER PRIMARY KEY)')
    const error = await failure(db.query('SELECT\n  prise FROM t'))
    expect(error.code).toBe('42703')
    expect(error.message).toBe('column "prise" does not exist')
    expect([error.line, error.column, error.position]).toEqual([2, 3, 10])
    expect(error.caret).toBe('LINE 2:   prise FROM t\n          ^')
    expect(error.hint).toContain('price')
  })
  it('a script stops at the first; a syntax error runs nothing', async () => {
    const error = await failure(
      db.execute('CREATE TABLE a (x INTEGER PRIMARY KEY); SELECT * FROM b; CREATE TABLE c (x INTEGER PRIMARY KEY)'),
    )
    expect(error.code).toBe('42P01')
    expect(db.catalog().map((entry) => entry.name)).toEqual(['a'])
    expect((await failure(db.execute('CREATE TABLE d (x INTEGER PRIMARY KEY); SELEC 1'))).code).toBe('42601')
    expect(db.catalog()).toHaveLength(1)
  })
  it('SET is never taken without effect', async () => {
    expect((await db.query("SET timezone = 'utc'")).command).toBe('SET')
    expect(await failure(db.query("SET timezone = 'Europe/Paris'"))).toMatchObject({
      code: '0A000',
      detail: 'It is "UTC".',
    })
    expect((await failure(db.query('SET no_such_thing = 1'))).code).toBe('42704')
  })
  it('several statements are not one', async () => {
    expect((await failure(db.query('SELECT 1; SELECT 2'))).code).toBe('42601')
    expect((await db.query(' -- nothing')).command).toBe('')
  })
  it('a missing model file', async () => {
    const error = await failure(db.query("CREATE MODEL m FROM 'no/such.onnx'"))
    expect(error.code).toBe('58P01')
    expect(error.message).toBe('could not open file "no/such.onnx": No such file or directory')
  })
  it('a model file that is none', async () => {
    const path = join(folder, 'bad.onnx')
    writeFileSync(path, 'not a model')
    expect((await failure(db.query(`CREATE MODEL m FROM '${path}'`))).code).toMatch(/^\w{5}$/)
    expect(db.catalog()).toEqual([])
  })
  it('a megabyte of nonsense is refused quickly', async () => {
    const started = performance.now()
    expect((await failure(db.execute('x( '.repeat(350_000)))).code).toMatch(/^(42601|54001)$/)
    expect(performance.now() - started).toBeLessThan(5000)
  })
  it('after close', async () => {
    const other = await open()
    const appender = other.appender.bind(other)
    await other.close()
    await other.close()
    expect((await failure(other.query('SELECT 1'))).code).toBe('57P01')
    expect(() => appender('t')).toThrow(MillraceError)
  })
})

describe('cancelling', () => {
  it('ends a query', async () => {
    const controller = new AbortController()
    const run = db.query('SELECT count(*) FROM generate_series(1, 20000000) AS a(n) WHERE n % 7 = 3', [], {
      signal: controller.signal,
    })
    setTimeout(() => controller.abort(), 5)
    expect((await failure(run)).code).toBe('57014')
    expect((await failure(db.query('SELECT 1', [], { signal: AbortSignal.abort() }))).code).toBe('57014')
    expect((await db.query('SELECT 1 AS a')).rows).toEqual([{ a: 1 }])
  })
})

describe('order', () => {
  it('statements that are not awaited see the DDL before them', async () => {
    const [, inserted, , rows] = await Promise.all([
      db.query('CREATE TABLE t (a INTEGER PRIMARY KEY)'),
      db.query('INSERT INTO t VALUES (1)'),
      db.query('CREATE VIEW v AS SELECT a + 1 AS b FROM t'),
      db.query('SELECT b FROM v'),
    ])
    expect(inserted.command).toBe('INSERT 0 1')
    expect(rows.columns).toEqual(['b'])
  })
})

describe('appender', () => {
  beforeEach(() =>
    db.execute("CREATE TABLE t (a BIGINT PRIMARY KEY, b TEXT DEFAULT 'none', c DOUBLE PRECISION NOT NULL)"),
  )
  const count = async () => Number((await db.query('SELECT count(*) AS n FROM t')).rows[0]!.n)

  it('takes objects, arrays, columns and Arrow', async () => {
    await using appender = db.appender('t')
    appender.append({ a: 1n, c: 0.5 })
    appender.append([2, null, 1])
    await appender.appendColumns({ a: BigInt64Array.of(3n, 4n), c: [1, 2] })
    await appender.appendArrow(tableFromArrays({ c: Float64Array.of(3), a: BigInt64Array.of(5n), b: ['x'] }))
    await appender.flush()
    expect((await db.query('SELECT * FROM t ORDER BY a')).arrays()).toEqual([
      [1n, 'none', 0.5],
      [2n, null, 1],
      [3n, 'none', 1],
      [4n, 'none', 2],
      [5n, 'x', 3],
    ])
    const copied = (await db.query('SELECT a + 10 AS a, b, c FROM t')).arrow()
    const second = db.appender('t')
    await second.appendArrow(copied)
    await second.flush()
    expect(await count()).toBe(10)
    const narrow = tableFromArrays({ a: Int32Array.of(9), b: ['x'], c: Float64Array.of(3) })
    await second.appendArrow(narrow)
    expect(await failure(second.flush())).toMatchObject({ code: '42804' })
    await expect(second.close()).rejects.toThrow(/column "a"/)
  }, 20_000)

  it('is bounded: append gives a promise when the engine is behind', async () => {
    const appender = db.appender('t', { batchRows: 100 })
    let waits = 0
    for (let a = 0; a < 20_000; a++) {
      const full = appender.append([a, 'x', a])
      if (full) {
        waits++
        await full
      }
    }
    await appender.close()
    expect(waits).toBeGreaterThan(0)
    expect(await count()).toBe(20_000)
    expect(appender.rowsAppended).toBe(20_000n)
  })

  it('flushes by itself after a while', async () => {
    const appender = db.appender('t', { flushMs: 1 })
    appender.append([1, 'x', 1])
    await expect.poll(count).toBe(1)
    await appender.close()
  })

  it('errors name the column, and the row is not taken', async () => {
    const appender = db.appender('t')
    expect(() => appender.append({ a: 1, c: 'x' })).toThrow(/column "c" is of type double precision/)
    expect(() => appender.append({ a: 1 })).toThrow(/null value in column "c"/)
    expect(() => appender.append({ a: 1, c: 1, nope: 2 })).toThrow(/column "nope" of relation "t" does not exist/)
    expect(() => appender.append([1])).toThrow(/1 values for the 3 columns/)
    await appender.close()
    expect(await count()).toBe(0)
    expect(() => appender.append([1, 'x', 1])).toThrow(/closed/)
    expect(() => db.appender('nowhere')).toThrow(/"nowhere" does not exist/)
  })

  it('a failed batch is told, and nothing follows it', async () => {
    const appender = db.appender('t')
    appender.append([1, 'x', 1])
    appender.append([1, 'y', 2])
    expect((await failure(appender.flush())).code).toBe('23505')
    expect(() => appender.append([2, 'x', 1])).toThrow(MillraceError)
    await expect(appender.close()).rejects.toThrow(MillraceError)
    const replacing = db.appender('t', { onConflict: 'replace' })
    for (const b of ['x', 'y', 'z']) replacing.append([1, b, 1])
    await replacing.close()
    expect((await db.query('SELECT b FROM t')).rows).toEqual([{ b: 'z' }])
  })
})

describe('subscribe', () => {
  beforeEach(async () => {
    await db.execute(`CREATE STREAM s (k TEXT, x INTEGER);
      CREATE MATERIALIZED VIEW v AS SELECT k, sum(x) AS total FROM s GROUP BY k;
      INSERT INTO s VALUES ('a', 1)`)
  })

  it('gives a snapshot, then the changes of each epoch', async () => {
    const subscription = await db.subscribe('SELECT * FROM v', { snapshot: true })
    const first = await subscription.next()
    expect(first.value!.changes).toEqual([{ weight: 1n, row: { k: 'a', total: 1n } }])
    const { epoch } = await db.query("INSERT INTO s VALUES ('a', 4)")
    const second = await subscription.next()
    expect(second.value!.epoch).toBe(epoch)
    expect(second.value!.changes.toSorted((a, b) => Number(a.weight - b.weight))).toEqual([
      { weight: -1n, row: { k: 'a', total: 1n } },
      { weight: 1n, row: { k: 'a', total: 5n } },
    ])
    await subscription.return()
    expect(await subscription.next()).toEqual({ done: true, value: undefined })
  })

  it('as Arrow', async () => {
    const subscription = await db.subscribe('SUBSCRIBE TO (SELECT k FROM v) WITH SNAPSHOT')
    for await (const { batches } of subscription.batches()) {
      expect(batches[0]!.schema.fields.map((field) => field.name)).toEqual(['k', 'weight'])
      break
    }
    expect((await subscription.next()).done).toBe(true)
  })

  it('ends with the signal, with close and with the database', async () => {
    const controller = new AbortController()
    const one = await db.subscribe('SELECT * FROM v', { signal: controller.signal })
    const waiting = one.next()
    controller.abort()
    expect((await failure(waiting)).code).toBe('57014')
    const two = await db.subscribe('SELECT * FROM v')
    const pending = two.next()
    two.close()
    expect((await pending).done).toBe(true)
    const three = await db.subscribe('SELECT * FROM v')
    const last = three.next()
    await db.close()
    expect((await last).done).toBe(true)
  })
})

describe('a folder', () => {
  it('keeps definitions and rows', async () => {
    const path = join(folder, 'db')
    const before = await open(path)
    await before.execute(`CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT DEFAULT 'x');
      CREATE MATERIALIZED VIEW v AS SELECT b, count(*) AS n FROM t GROUP BY b;
      INSERT INTO t (a) VALUES (1), (2)`)
    const names = before.catalog()
    await before.close()
    const after = await open(path)
    try {
      expect(after.catalog()).toEqual(names)
      expect((await after.query('SELECT * FROM v')).rows).toEqual([{ b: 'x', n: 2n }])
      await after.query('INSERT INTO t (a) VALUES (3)')
      expect((await after.query('SELECT n FROM v')).rows).toEqual([{ n: 3n }])
      expect((await failure(after.query('DROP TABLE t'))).code).toBe('2BP01')
    } finally {
      await after.close()
    }
  })

  it("is one process's at a time: the error names the holder", async () => {
    const path = join(folder, 'db')
    const holder = await open(path)
    try {
      const source = `import('${new URL('../../dist/src/index.js', import.meta.url).href}').then(async ({ open }) => {
        try { await open(${JSON.stringify(path)}); console.log('opened') } catch (error) { console.log(JSON.stringify({ code: error.code, text: error.message + ' ' + error.detail + ' ' + error.hint })) } })`
      const child = spawn(process.execPath, ['--input-type=module', '-e', source], {
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      let out = ''
      for await (const chunk of child.stdout) out += chunk
      const { code, text } = JSON.parse(out) as { code: string; text: string }
      expect(code).toBe('55006')
      expect(text).toContain(String(process.pid))
    } finally {
      await holder.close()
    }
  })
})
