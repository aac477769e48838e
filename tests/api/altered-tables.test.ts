/** What ALTER TABLE and generated columns leave behind: after a reopen, beside transactions and views. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { type Database, open } from '../../src/index.js'

let folder: string
let db: Database
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-'))
  db = await open(join(folder, 'db'))
})
afterEach(async () => {
  await db.close()
  await rm(folder, { recursive: true, force: true })
})

async function reopen(): Promise<void> {
  await db.close()
  db = await open(join(folder, 'db'))
}

async function rows(sql: string): Promise<unknown[][]> {
  return (await db.query(sql)).arrays().map((row) => [...row])
}

it('numbers go on after a reopen, without those that were given', async () => {
  await db.execute('CREATE TABLE t (id INTEGER GENERATED ALWAYS AS IDENTITY PRIMARY KEY, a TEXT)')
  await db.execute("INSERT INTO t (a) VALUES ('x'), ('y')")
  await reopen()
  await db.execute("INSERT INTO t (a) VALUES ('z')")
  expect(await rows('SELECT id, a FROM t ORDER BY id')).toEqual([
    [1, 'x'],
    [2, 'y'],
    [3, 'z'],
  ])
  await db.execute('CHECKPOINT')
  await db.execute('ALTER TABLE t ADD COLUMN b INTEGER DEFAULT 7')
  await reopen()
  await db.execute("INSERT INTO t (a) VALUES ('w')")
  expect(await rows('SELECT id, b FROM t WHERE id > 2 ORDER BY id')).toEqual([
    [3, 7],
    [4, 7],
  ])
})

it('many writers never get one number twice', async () => {
  await db.execute('CREATE TABLE t (id BIGSERIAL PRIMARY KEY, a INTEGER)')
  await Promise.all(Array.from({ length: 100 }, (_, i) => db.query(`INSERT INTO t (a) VALUES (${i})`)))
  expect(await rows('SELECT count(DISTINCT id), min(id), max(id) FROM t')).toEqual([[100n, 1n, 100n]])
})

it('an appender fills generated columns as well', async () => {
  await db.execute('CREATE TABLE t (id SERIAL, a INTEGER, b INTEGER GENERATED ALWAYS AS (a * 2) STORED)')
  const appender = db.appender('t')
  await appender.append({ a: 1 })
  await appender.append({ a: 2 })
  await appender.close()
  expect(await rows('SELECT * FROM t ORDER BY id')).toEqual([
    [1, 1, 2],
    [2, 2, 4],
  ])
})

it('COPY leaves generated columns out and keeps every constraint', async () => {
  await db.execute(
    'CREATE TABLE t (a INTEGER CHECK (a > 0) UNIQUE, b INTEGER GENERATED ALWAYS AS (a + 1) STORED NOT NULL)',
  )
  const path = join(folder, 'rows.csv')
  const copy = async (text: string) => {
    await writeFile(path, text)
    return db.query(`COPY t FROM '${path}' (FORMAT csv)`)
  }
  await copy('1\n2\n')
  await expect(copy('3\n-1\n')).rejects.toMatchObject({ code: '23514' })
  await expect(copy('3\n2\n')).rejects.toMatchObject({ code: '23505' })
  await expect(copy('3\n""\n')).rejects.toMatchObject({ code: '22P02' })
  await expect(copy('\n')).rejects.toMatchObject({ code: '23502' })
  expect(await rows('SELECT * FROM t ORDER BY a')).toEqual([
    [1, 2],
    [2, 3],
  ])
})

it('a transaction that wrote the table from before cannot commit', async () => {
  await db.execute('CREATE TABLE t (a INTEGER PRIMARY KEY)')
  await db.execute('INSERT INTO t VALUES (1)')
  const refused = db.transaction(async (tx) => {
    await tx.query('INSERT INTO t VALUES (2)')
    await db.execute('ALTER TABLE t ADD COLUMN b INTEGER')
  })
  await expect(refused).rejects.toMatchObject({ code: expect.stringMatching(/^(40001|42P01)$/) })
  expect(await rows('SELECT * FROM t')).toEqual([[1, null]])
})

it('a table that feeds a materialized view keeps its columns', async () => {
  await db.execute('CREATE TABLE t (a INTEGER PRIMARY KEY)')
  await db.execute('CREATE VIEW v AS SELECT a FROM t')
  await db.execute('CREATE MATERIALIZED VIEW m AS SELECT sum(a) AS s FROM v')
  await expect(db.execute('ALTER TABLE t ADD COLUMN b INTEGER')).rejects.toMatchObject({
    code: '0A000',
    hint: 'Drop the materialized view m first, and make it again after.',
  })
})
