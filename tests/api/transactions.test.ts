/** Transactions of several statements: one snapshot, own writes seen, one commit or none, first committer wins. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { type Database, open } from '../../src/index.js'

const ACCOUNTS = `
  CREATE TABLE accounts (id BIGINT PRIMARY KEY, balance BIGINT);
  CREATE STREAM moves (id BIGINT, amount BIGINT);
  CREATE TABLE notes (note TEXT);
  CREATE MATERIALIZED VIEW total AS SELECT sum(balance) AS sum FROM accounts;
  INSERT INTO accounts VALUES (1, 100), (2, 100), (3, 100)`

async function bank(): Promise<Database> {
  const db = await open()
  await db.execute(ACCOUNTS)
  return db
}

const balances = async (db: Pick<Database, 'query'>) =>
  (await db.query<{ id: bigint; balance: bigint }>('SELECT * FROM accounts ORDER BY id')).rows.map((r) => [
    Number(r.id),
    Number(r.balance),
  ])

it('all of it is there after the commit, and nothing before it or after a throw', async () => {
  await using db = await bank()
  await db.transaction(async (tx) => {
    await tx.query('UPDATE accounts SET balance = balance - 30 WHERE id = 1')
    await tx.query('UPDATE accounts SET balance = balance + 30 WHERE id = 2')
    await tx.query('INSERT INTO moves VALUES (1, -30), (2, 30)')
    expect((await tx.query('SELECT balance FROM accounts WHERE id = 2')).rows).toEqual([{ balance: 130n }])
    expect((await tx.query('SELECT count(*) AS n FROM moves')).rows).toEqual([{ n: 2n }])
    expect(await balances(db)).toEqual([
      [1, 100],
      [2, 100],
      [3, 100],
    ])
  })
  const after = [
    [1, 70],
    [2, 130],
    [3, 100],
  ]
  expect(await balances(db)).toEqual(after)
  expect((await db.query('SELECT sum::bigint AS sum FROM total')).rows).toEqual([{ sum: 300n }])
  const failing = db.transaction(async (tx) => {
    await tx.query('DELETE FROM accounts')
    await tx.query('INSERT INTO moves VALUES (9, 9)')
    throw new Error('changed my mind')
  })
  await expect(failing).rejects.toThrow('changed my mind')
  expect(await balances(db)).toEqual(after)
  expect((await db.query('SELECT count(*) AS n FROM moves')).rows).toEqual([{ n: 2n }])
})

it('reads one snapshot and its own inserts, updates and deletes, also of rows that are its own', async () => {
  await using db = await bank()
  await db.transaction(async (tx) => {
    expect(await balances(tx)).toHaveLength(3)
    await db.query('INSERT INTO accounts VALUES (4, 1)')
    expect(await balances(tx)).toHaveLength(3)
    await tx.query('INSERT INTO accounts VALUES (5, 5), (6, 6)')
    await tx.query('UPDATE accounts SET balance = balance * 10 WHERE id >= 5')
    await tx.query('DELETE FROM accounts WHERE id = 6')
    await tx.query('DELETE FROM accounts WHERE id = 3')
    await tx.query('INSERT INTO accounts VALUES (3, 33)')
    await tx.query('UPDATE accounts SET id = 7 WHERE id = 2')
    expect(await balances(tx)).toEqual([
      [1, 100],
      [3, 33],
      [5, 50],
      [7, 100],
    ])
    await expect(balances(db)).resolves.toHaveLength(4)
  })
  expect(await balances(db)).toEqual([
    [1, 100],
    [3, 33],
    [4, 1],
    [5, 50],
    [7, 100],
  ])
  // A key that is taken is refused with its own code, by a row of this transaction as by any other.
  const taken = db.transaction(async (tx) => {
    await tx.query('INSERT INTO accounts VALUES (8, 8)')
    await tx.query('INSERT INTO accounts VALUES (8, 9)')
  })
  await expect(taken).rejects.toMatchObject({ code: '23505' })
})

it('tables without a primary key count their rows', async () => {
  await using db = await bank()
  await db.query("INSERT INTO notes VALUES ('a'), ('a'), ('b')")
  await db.transaction(async (tx) => {
    await tx.query("INSERT INTO notes VALUES ('a'), ('c')")
    await tx.query("DELETE FROM notes WHERE note = 'b'")
    expect((await tx.query('SELECT note, count(*) AS n FROM notes GROUP BY note ORDER BY note')).rows).toEqual([
      { note: 'a', n: 3n },
      { note: 'c', n: 1n },
    ])
  })
  expect((await db.query('SELECT note, count(*) AS n FROM notes GROUP BY note ORDER BY note')).rows).toEqual([
    { note: 'a', n: 3n },
    { note: 'c', n: 1n },
  ])
})

it('of two that write the same row the first to commit wins, and the other can run again', async () => {
  await using db = await bank()
  let runs = 0
  const add = () =>
    db.transaction(
      async (tx) => {
        runs++
        const { rows } = await tx.query<{ balance: bigint }>('SELECT balance FROM accounts WHERE id = 1')
        await new Promise((resolve) => setImmediate(resolve))
        await tx.query('UPDATE accounts SET balance = $1 WHERE id = 1', [rows[0]!.balance + 1n])
      },
      { retries: 100 },
    )
  await Promise.all(Array.from({ length: 8 }, add))
  expect((await balances(db))[0]).toEqual([1, 108])
  expect(runs).toBeGreaterThan(8)
  // A write outside of any transaction counts too, also when it deletes the row.
  const late = db.transaction(async (tx) => {
    await tx.query('SELECT 1')
    await db.query('DELETE FROM accounts WHERE id = 2')
    await tx.query('UPDATE accounts SET balance = 0 WHERE id = 2')
  })
  await expect(late).rejects.toMatchObject({ code: '40001' })
  const inserted = db.transaction(async (tx) => {
    await tx.query('INSERT INTO accounts VALUES (77, 1)')
    await db.query('INSERT INTO accounts VALUES (77, 2)')
  })
  await expect(inserted).rejects.toMatchObject({ code: '40001' })
  expect((await db.query('SELECT balance FROM accounts WHERE id = 77')).rows).toEqual([{ balance: 2n }])
})

it('BEGIN, COMMIT and ROLLBACK in a text, and a failed statement ends it', async () => {
  await using db = await bank()
  const tags = async (text: string) => (await db.execute(text)).map((result) => result.command)
  expect(await tags('BEGIN; UPDATE accounts SET balance = 0 WHERE id = 1; COMMIT')).toEqual([
    'BEGIN',
    'UPDATE 1',
    'COMMIT',
  ])
  await db.execute('BEGIN; DELETE FROM accounts')
  expect((await db.query('SELECT count(*) AS n FROM accounts')).rows).toEqual([{ n: 0n }])
  await db.query('ROLLBACK')
  expect((await db.query('SELECT count(*) AS n FROM accounts')).rows).toEqual([{ n: 3n }])
  await db.query('BEGIN')
  await expect(db.query('SELECT 1 / 0')).rejects.toMatchObject({ code: '22012' })
  await expect(db.query('SELECT 1')).rejects.toMatchObject({ code: '25P02' })
  expect(await tags('COMMIT')).toEqual(['ROLLBACK'])
  await db.query('BEGIN READ ONLY')
  await expect(db.query('DELETE FROM accounts')).rejects.toMatchObject({ code: '25006' })
  await db.query('ROLLBACK')
})

it('a commit of many tables is whole after reopening', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-tx-'))
  try {
    const db = await open(join(folder, 'db'))
    await db.execute(ACCOUNTS)
    await db.transaction(async (tx) => {
      await tx.query('UPDATE accounts SET balance = 1')
      await tx.query('INSERT INTO moves SELECT id, balance FROM accounts')
      await tx.query("INSERT INTO notes VALUES ('moved')")
    })
    await db.close()
    const again = await open(join(folder, 'db'))
    expect(await balances(again)).toEqual([
      [1, 1],
      [2, 1],
      [3, 1],
    ])
    expect((await again.query('SELECT count(*) AS n FROM moves')).rows).toEqual([{ n: 3n }])
    await again.close()
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
