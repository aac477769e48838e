/** Statements that define tables and change rows: what they do, and that it is so after the database is opened again. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Database, MillraceError, open } from '../../src/index.js'

let folder: string
let db: Database
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'statements-'))
  db = await open(join(folder, 'db'))
})
afterEach(async () => {
  await db.close()
  rmSync(folder, { recursive: true })
})

async function run(...statements: string[]): Promise<void> {
  for (const sql of statements) await db.query(sql)
}

async function rows(sql: string): Promise<unknown[][]> {
  return (await db.query(sql)).arrays().map((row) => [...row])
}

async function refusal(sql: string): Promise<MillraceError> {
  const error = await db.query(sql).then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  if (error instanceof MillraceError) return error
  throw new Error(`no error in: ${sql}`)
}

async function reopen(checkpoint: boolean): Promise<void> {
  if (checkpoint) await db.query('CHECKPOINT')
  await db.close()
  db = await open(join(folder, 'db'))
}

describe('constraints', () => {
  const TABLE =
    'CREATE TABLE t (a INTEGER PRIMARY KEY, b INTEGER UNIQUE, c TEXT CHECK (length(c) < 5), CHECK (b < 100))'

  for (const checkpoint of [false, true]) {
    test(`hold, and hold after the database is opened again${checkpoint ? ' from segments' : ''}`, async () => {
      await run(TABLE, "INSERT INTO t VALUES (1, 10, 'x'), (2, NULL, NULL), (3, NULL, 'z')")
      for (const again of [false, true]) {
        if (again) await reopen(checkpoint)
        const unique = await refusal("INSERT INTO t VALUES (9, 10, 'x')")
        expect(unique.code).toBe('23505')
        expect(unique.message).toBe('duplicate key value violates unique constraint "t_b_key"')
        expect(unique.detail).toBe('Key (b)=(10) already exists.')
        const check = await refusal("INSERT INTO t VALUES (9, 9, 'too long')")
        expect(check.code).toBe('23514')
        expect(check.message).toBe('new row for relation "t" violates check constraint "t_c_check"')
        expect((await refusal('UPDATE t SET b = 100 WHERE a = 1')).message).toContain('"t_check"')
      }
      await run('DELETE FROM t WHERE a = 1', "INSERT INTO t VALUES (9, 10, 'x')")
      expect(await rows('SELECT a, b FROM t WHERE b IS NOT NULL')).toEqual([[9, 10]])
    })
  }

  test('are looked at when the statement ends, so that values can change places', async () => {
    await run(TABLE, "INSERT INTO t VALUES (1, 10, 'x'), (2, 20, 'y')", 'UPDATE t SET b = 30 - b')
    expect(await rows('SELECT a, b FROM t ORDER BY a')).toEqual([
      [1, 20],
      [2, 10],
    ])
    expect((await refusal('UPDATE t SET b = 5')).code).toBe('23505')
    await run("INSERT INTO t VALUES (3, 20, 'q'), (4, 40, 'r'), (5, 40, 's') ON CONFLICT DO NOTHING")
    expect(await rows('SELECT a FROM t ORDER BY a')).toEqual([[1], [2], [4]])
  })

  test('see what their transaction has done, and refuse the second of two that add a value', async () => {
    await run(TABLE, "INSERT INTO t VALUES (1, 10, 'x')")
    await db.transaction(async (tx) => {
      await tx.query('DELETE FROM t WHERE a = 1')
      await tx.query("INSERT INTO t VALUES (2, 10, 'y')")
      await tx.query('SAVEPOINT s')
      await expect(tx.query("INSERT INTO t VALUES (3, 10, 'y')")).rejects.toMatchObject({ code: '23505' })
      await tx.query('ROLLBACK TO s')
      await tx.query("INSERT INTO t VALUES (3, 11, 'y')")
    })
    expect(await rows('SELECT a, b FROM t ORDER BY a')).toEqual([
      [2, 10],
      [3, 11],
    ])
    const lost = db.transaction(async (tx) => {
      await tx.query("INSERT INTO t VALUES (4, 50, 'x')")
      await db.query("INSERT INTO t VALUES (5, 50, 'x')")
    })
    await expect(lost).rejects.toMatchObject({ code: '23505' })
    expect(await rows('SELECT a FROM t WHERE b = 50')).toEqual([[5]])
  })

  test('an index is refused over rows that are alike, and its constraint keeps it', async () => {
    await run('CREATE TABLE u (k INTEGER, v TEXT)', "INSERT INTO u VALUES (1, 'a'), (1, 'b'), (NULL, 'c'), (NULL, 'd')")
    const duplicate = await refusal('CREATE UNIQUE INDEX i ON u (k)')
    expect(duplicate.code).toBe('23505')
    expect(duplicate.detail).toBe('Key (k)=(1) is duplicated.')
    await run("DELETE FROM u WHERE v = 'b'", 'CREATE UNIQUE INDEX i ON u (k)', 'CREATE INDEX ON u (v DESC)', 'REINDEX')
    await reopen(false)
    expect((await refusal('INSERT INTO u VALUES (1)')).code).toBe('23505')
    expect((await refusal('CREATE INDEX u_v_idx ON u (k)')).code).toBe('42P07')
    await run('CREATE INDEX IF NOT EXISTS u_v_idx ON u (k)', 'DROP INDEX i', 'INSERT INTO u VALUES (1)')
    await run(TABLE)
    expect((await refusal('DROP INDEX t_b_key')).code).toBe('2BP01')
    await run('DROP TABLE t, u', TABLE)
  })
})

describe('writes that read other tables', () => {
  beforeEach(async () => {
    await run(
      'CREATE TABLE t (a INTEGER PRIMARY KEY, b INTEGER)',
      'CREATE TABLE u (k INTEGER, v TEXT)',
      'INSERT INTO t VALUES (1, 10), (2, 20), (3, 30)',
      "INSERT INTO u VALUES (1, 'one'), (1, 'one'), (2, 'two'), (2, 'two'), (3, 'three')",
    )
  })

  test('every copy of a row without a key is changed once', async () => {
    const changed = await db.query(
      'UPDATE u SET v = v || t.b FROM t WHERE t.a = u.k AND t.b < 30 RETURNING u.k, v, t.b',
    )
    expect(changed.rowCount).toBe(4)
    expect(changed.arrays().map((row) => [...row])).toEqual([
      [1, 'one10', 10],
      [1, 'one10', 10],
      [2, 'two20', 20],
      [2, 'two20', 20],
    ])
    expect((await db.query('DELETE FROM u USING t WHERE t.a = u.k AND t.b = 10')).rowCount).toBe(2)
    expect((await db.query('DELETE FROM u WHERE k IN (SELECT a FROM t WHERE b = 30)')).rowCount).toBe(1)
    await reopen(true)
    expect(await rows('SELECT * FROM u')).toEqual([
      [2, 'two20'],
      [2, 'two20'],
    ])
  })

  test('a row that several others match is changed once', async () => {
    expect((await db.query("UPDATE t SET b = 0 FROM u WHERE u.k = t.a AND u.v <> 'three'")).rowCount).toBe(2)
    expect(await rows('SELECT b FROM t ORDER BY a')).toEqual([[0], [0], [30]])
  })

  test('assigned subqueries, also several columns of one, and keys that move', async () => {
    await run('UPDATE t SET (a, b) = (SELECT max(k) + t.a + 10, count(*) FROM u) WHERE a >= 2')
    expect(await rows('SELECT * FROM t ORDER BY a')).toEqual([
      [1, 10],
      [15, 5],
      [16, 5],
    ])
    expect((await refusal('UPDATE t SET b = (SELECT k FROM u) WHERE a = 1')).code).toBe('21000')
    expect((await refusal('UPDATE t SET a = (SELECT 1)')).code).toBe('23505')
  })

  test('inside a transaction they see its rows', async () => {
    await db.transaction(async (tx) => {
      await tx.query("INSERT INTO u VALUES (9, 'nine')")
      await tx.query('INSERT INTO t VALUES (9, 90)')
      expect((await tx.query('UPDATE t SET b = 91 FROM u WHERE u.k = t.a AND u.k = 9 RETURNING b')).arrays()).toEqual([
        [91],
      ])
      await tx.query('DELETE FROM u WHERE k = (SELECT a FROM t WHERE b = 91)')
    })
    expect(await rows('SELECT count(*) FROM u')).toEqual([[5n]])
    expect(await rows('SELECT b FROM t WHERE a = 9')).toEqual([[91]])
  })

  test('CREATE TABLE AS has its rows in the same commit', async () => {
    await run(
      'CREATE TABLE c (x, y) AS SELECT k, count(*) FROM u GROUP BY k',
      'CREATE TABLE e AS SELECT * FROM u WITH NO DATA',
    )
    await reopen(false)
    expect(await rows('SELECT * FROM c ORDER BY x')).toEqual([
      [1, 2n],
      [2, 2n],
      [3, 1n],
    ])
    expect(await rows('SELECT * FROM e')).toEqual([])
    expect((await refusal('CREATE TABLE c AS SELECT 1 AS x')).code).toBe('42P07')
  })
})

test('schemas: names are looked for along the search path', async () => {
  await run('CREATE SCHEMA s', 'CREATE TABLE s.t (a INTEGER UNIQUE)', 'CREATE TABLE t (a TEXT)')
  await run('INSERT INTO s.t VALUES (1)', "INSERT INTO t VALUES ('public')", 'CREATE VIEW s.v AS SELECT a FROM s.t')
  await reopen(false)
  expect(await rows('SELECT * FROM t')).toEqual([['public']])
  await run('SET search_path = s, public')
  expect(await rows('SELECT * FROM t')).toEqual([[1]])
  expect(await rows('SELECT * FROM v, public.t')).toEqual([[1, 'public']])
  await run('RESET search_path')
  expect(await rows('SELECT * FROM t')).toEqual([['public']])
  expect((await refusal('CREATE TABLE nope.t (a INTEGER)')).code).toBe('3F000')
  expect((await refusal('CREATE SCHEMA s')).code).toBe('42P06')
  expect((await refusal('DROP SCHEMA s')).code).toBe('2BP01')
  await run('DROP SCHEMA s CASCADE')
  expect((await refusal('SELECT * FROM s.t')).code).toBe('42P01')
})

describe('ALTER TABLE and CREATE OR REPLACE VIEW', () => {
  test('names, defaults and NOT NULL are those of the new definition, also after the database is opened again', async () => {
    await run('CREATE TABLE t (a INTEGER PRIMARY KEY, b INTEGER DEFAULT 1, c TEXT)', 'INSERT INTO t VALUES (1, NULL)')
    expect((await refusal('ALTER TABLE t ALTER b SET NOT NULL')).code).toBe('23502')
    await run(
      'UPDATE t SET b = 5',
      'ALTER TABLE t ALTER COLUMN b SET NOT NULL',
      'ALTER TABLE t ALTER b SET DEFAULT 7',
      'ALTER TABLE t RENAME COLUMN c TO d',
      'ALTER TABLE t RENAME TO r',
    )
    for (const checkpoint of [false, true]) {
      await reopen(checkpoint)
      expect((await refusal('INSERT INTO r VALUES (2, NULL)')).code).toBe('23502')
      expect((await refusal('SELECT c FROM r')).code).toBe('42703')
      expect((await refusal('SELECT * FROM t')).code).toBe('42P01')
      expect(await rows('SELECT a, b, d FROM r')).toEqual([[1, 5, null]])
    }
    await run(
      "INSERT INTO r (a, d) VALUES (2, 'x')",
      'ALTER TABLE r ALTER b DROP NOT NULL',
      'ALTER TABLE r ALTER b DROP DEFAULT',
    )
    await run('INSERT INTO r (a) VALUES (3)')
    expect(await rows('SELECT a, b, d FROM r ORDER BY a')).toEqual([
      [1, 5, null],
      [2, 7, 'x'],
      [3, null, null],
    ])
    expect((await refusal('ALTER TABLE r ALTER a DROP NOT NULL')).code).toBe('42P16')
  })

  test('constraints are checked against the rows that are there', async () => {
    await run('CREATE TABLE t (a INTEGER, b INTEGER)', 'INSERT INTO t VALUES (1, 1), (1, 2)')
    expect((await refusal('ALTER TABLE t ADD UNIQUE (a)')).code).toBe('23505')
    const check = await refusal('ALTER TABLE t ADD CONSTRAINT small CHECK (b < 2)')
    expect(check.code).toBe('23514')
    expect(check.message).toBe('check constraint "small" of relation "t" is violated by some row')
    await run('ALTER TABLE t ADD CONSTRAINT one UNIQUE (b)', 'ALTER TABLE t ADD CONSTRAINT small CHECK (b < 3)')
    await reopen(false)
    expect((await refusal('INSERT INTO t VALUES (2, 2)')).code).toBe('23505')
    expect((await refusal('INSERT INTO t VALUES (2, 3)')).code).toBe('23514')
    await run(
      'ALTER TABLE t DROP CONSTRAINT one',
      'ALTER TABLE t DROP CONSTRAINT small',
      'INSERT INTO t VALUES (2, 2), (2, 3)',
    )
    expect((await refusal('ALTER TABLE t DROP CONSTRAINT one')).code).toBe('42704')
    await run('ALTER TABLE t DROP CONSTRAINT IF EXISTS one')
  })

  test('what depends on a name keeps it', async () => {
    await run(
      'CREATE TABLE t (a INTEGER)',
      'CREATE VIEW v AS SELECT a FROM t',
      'CREATE OR REPLACE VIEW v AS SELECT a, a + 1 AS b FROM t',
    )
    expect((await refusal('ALTER TABLE t RENAME TO u')).code).toBe('2BP01')
    expect((await refusal('ALTER TABLE t RENAME a TO b')).code).toBe('2BP01')
    expect((await refusal('CREATE OR REPLACE VIEW v AS SELECT 1 AS x')).code).toBe('42P16')
    expect((await refusal('CREATE OR REPLACE VIEW v AS SELECT a, b FROM v')).code).toBe('42P16')
    await run('CREATE MATERIALIZED VIEW m AS SELECT b FROM v', 'INSERT INTO t VALUES (1)')
    expect((await refusal('CREATE OR REPLACE VIEW v AS SELECT a, a AS b FROM t')).code).toBe('2BP01')
    await reopen(false)
    expect(await rows('SELECT a, b FROM v')).toEqual([[1, 2]])
    expect(await rows('SELECT b FROM m')).toEqual([[2]])
  })
})

describe('materialized views', () => {
  test('OR REPLACE puts another in the place of one, whatever columns it has', async () => {
    await run(
      'CREATE TABLE t (a INTEGER)',
      'INSERT INTO t VALUES (1), (2)',
      'CREATE MATERIALIZED VIEW m AS SELECT count(*) AS n FROM t',
    )
    await run('CREATE OR REPLACE MATERIALIZED VIEW m AS SELECT a, a * 2 AS b FROM t', 'INSERT INTO t VALUES (3)')
    const all = [
      [1, 2],
      [2, 4],
      [3, 6],
    ]
    expect(await rows('SELECT a, b FROM m ORDER BY a')).toEqual(all)
    await reopen(false)
    expect(await rows('SELECT a, b FROM m ORDER BY a')).toEqual(all)
    await run('CREATE MATERIALIZED VIEW top AS SELECT max(b) AS b FROM m')
    const refused = await refusal('CREATE OR REPLACE MATERIALIZED VIEW m AS SELECT 1 AS a FROM t')
    expect(refused).toMatchObject({ code: '2BP01', hint: expect.stringContaining('top') })
    expect((await refusal('CREATE OR REPLACE MATERIALIZED VIEW t AS SELECT 1 AS a')).code).toBe('0A000')
    expect((await refusal('CREATE OR REPLACE MATERIALIZED VIEW top AS SELECT b FROM top')).code).toBe('42P16')
    // One that cannot be made leaves the old one.
    expect((await refusal('CREATE OR REPLACE MATERIALIZED VIEW top AS SELECT 1 / (b - b) AS x FROM m')).code).toBe(
      '22012',
    )
    expect(await rows('SELECT b FROM top')).toEqual([[6]])
  })

  test('RENAME gives any object another name', async () => {
    await run(
      'CREATE STREAM s (a INTEGER)',
      'CREATE MATERIALIZED VIEW m AS SELECT count(*) AS n FROM s',
      'CREATE VIEW p AS SELECT 1 AS one',
    )
    expect((await refusal('ALTER STREAM s RENAME TO r')).code).toBe('2BP01')
    await run('ALTER MATERIALIZED VIEW m RENAME TO counted', 'ALTER TABLE p RENAME TO q', 'INSERT INTO s VALUES (1)')
    await reopen(false)
    expect(await rows('SELECT n FROM counted')).toEqual([[1n]])
    expect(await rows('SELECT one FROM q')).toEqual([[1]])
    expect((await refusal('SELECT n FROM m')).code).toBe('42P01')
    expect((await refusal('ALTER VIEW counted RENAME TO x')).code).toBe('42809')
    expect((await refusal('ALTER VIEW q RENAME TO counted')).code).toBe('42P07')
    expect((await refusal('ALTER VIEW gone RENAME TO x')).code).toBe('42P01')
    await run('ALTER VIEW IF EXISTS gone RENAME TO x', 'DROP MATERIALIZED VIEW counted', 'ALTER STREAM s RENAME TO r')
    expect(await rows('SELECT a FROM r')).toEqual([[1]])
  })
})

test('a parameter with a dot in its name is the user’s own', async () => {
  await run("SET app.user = 'ann'")
  expect(await rows('SHOW app.user')).toEqual([['ann']])
  expect(await rows("SELECT current_setting('app.user')")).toEqual([['ann']])
  await run('RESET app.user')
  expect(await rows('SHOW app.user')).toEqual([['']])
  expect((await refusal('SHOW app.other')).code).toBe('42704')
  expect((await refusal('SET other = 1')).code).toBe('42704')
})

test('FLUSH is accepted: views are at the newest epoch', async () => {
  await run(
    'CREATE TABLE t (x INT)',
    'CREATE MATERIALIZED VIEW v AS SELECT count(*) AS n FROM t',
    'INSERT INTO t VALUES (1), (2)',
  )
  expect((await db.query('FLUSH')).command).toBe('FLUSH')
  expect(await rows('SELECT n FROM v')).toEqual([[2n]])
  expect(await refusal('FLUSH t')).toMatchObject({ code: '42601' })
})
