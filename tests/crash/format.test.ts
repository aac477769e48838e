/**
 * A database that a release wrote can be opened by the next one. `format-1/` was written by the first format of the
 * journal, before there were segments; `format-2/` by the second, as a backup, with sealed rows of every type, deletions of
 * them, and commits that are not sealed. They are never written again, only added to by a folder for each later format.
 */
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { type Database, open } from '../../src/index.js'
import { root } from '../tidy/sources.js'

/** Opens a copy twice, without and with a row that the first opening adds. */
async function openTwice(format: string, look: (db: Database, added: bigint) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-format-'))
  try {
    cpSync(join(root, 'tests', 'crash', format), join(folder, 'db'), { recursive: true })
    for (const added of [0n, 1n]) {
      const db = await open(join(folder, 'db'))
      try {
        await look(db, added)
        if (added === 0n) await db.query(`INSERT INTO swipes VALUES (1, 0, 'Paris', 48.9, '2026-03-01T00:00:00Z')`)
        expect((await db.query('CHECK DATABASE')).rows).toEqual([])
      } finally {
        await db.close()
      }
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

it('opens a database of the first format, reads all of it, and writes on', () =>
  openTwice('format-1', async (db, added) => {
    expect((await db.query('SELECT * FROM cards ORDER BY card_id')).rows).toEqual([
      { card_id: 1n, holder: 'Ada', home: 'London', since: '2020-01-02' },
      { card_id: 3n, holder: 'Alan', home: 'Bletchley', since: '1999-12-31' },
      { card_id: 4n, holder: 'Barbara', home: '', since: null },
    ])
    expect((await db.query('SELECT count(*) AS n, sum(amount)::text AS total FROM swipes')).rows).toEqual([
      { n: 23n + added, total: '295.00' },
    ])
    expect((await db.query('SELECT holder, n FROM spent ORDER BY holder')).rows).toEqual([
      { holder: 'Ada', n: 6n + added },
      { holder: 'Alan', n: 4n },
      { holder: 'Barbara', n: 4n },
    ])
    await expect(db.query('SELECT * FROM gone')).rejects.toMatchObject({ code: '42P01' })
  }))

it('opens a database of the second format, reads all of it, and writes on', () =>
  openTwice('format-2', async (db, added) => {
    const rows = async (sql: string) => (await db.query(sql)).rows
    expect(await rows('SELECT * FROM cards ORDER BY card_id')).toEqual([
      { card_id: 1n, holder: 'Ada', home: 'London', since: '2020-01-02' },
      { card_id: 3n, holder: 'Alan', home: '', since: '1999-12-31' },
      { card_id: 4n, holder: 'Barbara', home: null, since: null },
    ])
    expect(await rows('SELECT count(*) AS n, sum(amount)::text AS total, max(ts)::text AS last FROM swipes')).toEqual([
      { n: 301n + added, total: '56447.50', last: '2026-03-01 00:00:00+00' },
    ])
    expect(await rows('SELECT holder, n, total FROM spent ORDER BY holder')).toEqual([
      { holder: 'Ada', n: 100n + added, total: '18937.50' },
      { holder: 'Alan', n: 100n, total: '18812.50' },
      { holder: 'Barbara', n: 1n, total: '10.00' },
    ])
    const texts = 'SELECT * REPLACE (wide::text AS wide, span::text AS span) FROM kinds WHERE k < 4 ORDER BY k'
    const [one, two, three] = await rows(texts)
    expect(one).toEqual({
      k: 1,
      small: 99,
      real: 1.5,
      wide: '12345678901234567890.1234',
      flag: true,
      bytes: new Uint8Array([0, 255]),
      day: '2026-02-03',
      clock: '04:05:06.7',
      at: '2026-02-03 04:05:06',
      span: '1 mon 2 days 03:00:00',
      id: '00112233-4455-6677-8899-aabbccddeeff',
      doc: { a: [1, null, 'x'] },
      list: [1, null, 3],
      texts: ['a', '', 'é'],
    })
    expect(Object.values(two!).filter((value) => value !== null)).toEqual([2])
    expect(three).toMatchObject({ small: 3, real: 0.75, wide: '4.5000', flag: false, day: '2000-01-04', list: [3, 3] })
    expect(await rows('SELECT count(*) AS n, sum(small) AS small, sum(list[1]) AS list FROM kinds')).toEqual([
      { n: 180n, small: 18096n, list: 17998n },
    ])
    expect((await rows('SHOW SEGMENTS')).length).toBeGreaterThan(0)
    await expect(db.query('SELECT * FROM gone')).rejects.toMatchObject({ code: '42P01' })
  }))
