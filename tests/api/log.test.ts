/** The log through SQL: the past, checkpoints, backups, checks, truncation, partitions and retention. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Database, open } from '../../src/index.js'

let folder = ''
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-log-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const count = async (db: Database, from: string) =>
  Number((await db.query<{ n: bigint }>(`SELECT count(*) AS n FROM ${from}`)).rows[0]!.n)

it('AS OF reads the past of streams and of tables that keep it, sealed or not', async () => {
  const db = await open(join(folder, 'past'))
  await db.execute(
    `CREATE STREAM s (a INTEGER); CREATE TABLE t (k INTEGER PRIMARY KEY, v TEXT) WITH (retain = '1 hour')`,
  )
  const epochs: bigint[] = []
  const times: string[] = []
  for (let round = 1; round <= 4; round++) {
    const { epoch } = await db.query(`INSERT INTO s VALUES (${round})`)
    epochs.push(
      (await db.query(`INSERT INTO t VALUES (1, 'v${round}') ON CONFLICT (k) DO UPDATE SET v = excluded.v`)).epoch!,
    )
    expect(epoch).toBeLessThan(epochs.at(-1)!)
    await new Promise((resolve) => setTimeout(resolve, 3))
    times.push((await db.query<{ t: string }>('SELECT now()::text AS t')).rows[0]!.t)
    await new Promise((resolve) => setTimeout(resolve, 3))
    if (round === 2) await db.query('CHECKPOINT')
  }
  for (const reopened of [false, true]) {
    if (reopened) await db.close()
    const now = reopened ? await open(join(folder, 'past')) : db
    for (let round = 1; round <= 4; round++) {
      for (const past of [`AS OF EPOCH ${epochs[round - 1]}`, `AS OF TIMESTAMP '${times[round - 1]}'`]) {
        expect((await now.query(`SELECT v FROM t ${past}`)).rows).toEqual([{ v: `v${round}` }])
        expect((await now.query(`SELECT count(*) AS n FROM s ${past}`)).rows).toEqual([{ n: BigInt(round) }])
      }
    }
    expect((await now.query(`SELECT o.v AS old, t.v AS new FROM t AS OF EPOCH ${epochs[0]} AS o, t`)).rows).toEqual([
      { old: 'v1', new: 'v4' },
    ])
    await expect(now.query('SELECT * FROM t AS OF EPOCH 1000000')).rejects.toMatchObject({ code: '22023' })
    if (reopened) await now.close()
  }
})

it('a checkpoint seals, a backup opens elsewhere, a check finds what was damaged', async () => {
  const path = join(folder, 'sealed')
  const db = await open(path)
  await db.execute(`CREATE STREAM s (a BIGINT, b TEXT); CREATE TABLE t (k BIGINT PRIMARY KEY, v DOUBLE PRECISION);
    INSERT INTO s SELECT i, 'text ' || (i % 10)::text FROM generate_series(1, 100000) g(i);
    INSERT INTO t SELECT i, i / 4.0 FROM generate_series(1, 1000) g(i);
    DELETE FROM t WHERE k % 3 = 0; CHECKPOINT`)
  const segments = (await db.query<{ relation: string; rows: bigint }>('SHOW SEGMENTS')).rows
  expect(segments.filter((one) => one.relation === 's').reduce((sum, one) => sum + one.rows, 0n)).toBe(100_000n)
  expect((await db.query('CHECK DATABASE')).rows).toEqual([])
  expect(await count(db, 's WHERE a > 99990')).toBe(10)
  const copy = join(folder, 'copy')
  await db.query(`INSERT INTO s VALUES (0, 'not sealed')`)
  await db.query(`BACKUP TO '${copy}'`)
  await db.query(`INSERT INTO s VALUES (-1, 'after the backup')`)
  await expect(db.query(`BACKUP TO '${copy}'`)).rejects.toMatchObject({ code: '22023' })
  await db.close()

  const other = await open(copy)
  expect(await count(other, 's')).toBe(100_001)
  expect(await count(other, 't')).toBe(667)
  expect((await other.query('CHECK DATABASE')).rows).toEqual([])
  await other.query('INSERT INTO t VALUES (3, 0)')
  await other.close()

  // A flipped bit in each segment file of the original.
  for (const file of readdirSync(join(path, 'segments'))) {
    const bytes = readFileSync(join(path, 'segments', file))
    bytes[bytes.length >> 1]! ^= 4
    writeFileSync(join(path, 'segments', file), bytes)
  }
  const broken = await open(path).catch((error: unknown) => error as { code: string })
  if ('code' in broken) expect(broken.code).toBe('XX001')
  else {
    const found = (await broken.query<{ file: string; severity: string }>('CHECK DATABASE')).rows
    expect(found.length).toBeGreaterThan(0)
    expect(found[0]!.file).toContain('.seg')
    await broken.close()
  }
})

it('TRUNCATE empties tables for their views and streams that no view reads', async () => {
  await using db = await open()
  await db.execute(`CREATE TABLE t (k INTEGER PRIMARY KEY); CREATE STREAM s (a INTEGER); CREATE STREAM seen (a INTEGER);
    CREATE MATERIALIZED VIEW n AS SELECT count(*) AS n FROM t;
    CREATE MATERIALIZED VIEW m AS SELECT count(*) AS n FROM seen;
    INSERT INTO t VALUES (1), (2); INSERT INTO s VALUES (1), (2), (3); INSERT INTO seen VALUES (1)`)
  expect((await db.query('TRUNCATE TABLE t, s')).command).toBe('TRUNCATE TABLE')
  expect((await db.query('SELECT n FROM n')).rows).toEqual([{ n: 0n }])
  expect([await count(db, 't'), await count(db, 's')]).toEqual([0, 0])
  await db.query('INSERT INTO s VALUES (4)')
  expect((await db.query('SELECT a FROM s')).rows).toEqual([{ a: 4 }])
  await expect(db.query('TRUNCATE seen')).rejects.toMatchObject({ code: '2BP01' })
})

it('partitions, retention and durability are options of a stream', async () => {
  const path = join(folder, 'options')
  const db = await open(path)
  await db.execute(`CREATE STREAM p (card BIGINT, n BIGINT) WITH (partitions = 4, partition_by = 'card', durability = 'none');
    CREATE STREAM short (n BIGINT, text TEXT) WITH (retention_bytes = '1MB');
    CREATE STREAM kept (n BIGINT, text TEXT) WITH (retention_bytes = '1MB');
    CREATE MATERIALIZED VIEW of_kept AS SELECT count(*) AS n FROM kept`)
  for (let round = 0; round < 5; round++) {
    await db.execute(`INSERT INTO p SELECT i % 50, i FROM generate_series(1, 1000) g(i);
      INSERT INTO short SELECT i, md5(i::text) || md5((-i)::text) FROM generate_series(1, 20000) g(i);
      INSERT INTO kept SELECT i, md5(i::text) || md5((-i)::text) FROM generate_series(1, 20000) g(i); CHECKPOINT`)
  }
  const partitions = (await db.query<{ relation: string; partition: number; rows: bigint }>('SHOW SEGMENTS')).rows
  const of = (name: string) => partitions.filter((one) => one.relation === name)
  expect(new Set(of('p').map((one) => one.partition))).toEqual(new Set([0, 1, 2, 3]))
  expect(of('p').reduce((sum, one) => sum + one.rows, 0n)).toBe(5000n)
  expect(await count(db, 'p')).toBe(5000)
  // Retention drops whole segments; what a view reads stays, or the view could not be built again.
  expect(await count(db, 'short')).toBeLessThan(100_000)
  expect(await count(db, 'kept')).toBe(100_000)
  await expect(db.query(`CREATE STREAM x (a INTEGER) WITH (partition = 2)`)).rejects.toMatchObject({ code: '22023' })
  await db.close()
  const again = await open(path)
  expect([await count(again, 'p'), await count(again, 'kept')]).toEqual([5000, 100_000])
  expect((await again.query('SELECT n FROM of_kept')).rows).toEqual([{ n: 100_000n }])
  await again.close()
})

it('keeps as much of the segments in memory as it is told, and reads the same', async () => {
  for (const cacheBytes of [0, 1000, 1 << 20]) {
    await using db = await open(':memory:', { cacheBytes })
    await db.execute(
      'CREATE STREAM s (a BIGINT, b TEXT); INSERT INTO s SELECT g, g::text FROM generate_series(1, 5000) AS g',
    )
    await db.execute('CHECKPOINT')
    const sum = () => db.query('SELECT sum(a) AS a, max(b) AS b FROM s')
    const first = (await sum()).rows
    expect((await sum()).rows).toEqual(first)
    expect(String(first[0]?.a)).toBe('12502500')
  }
  await expect(open(':memory:', { cacheBytes: -1 })).rejects.toMatchObject({ code: '22023' })
})
