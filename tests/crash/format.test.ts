/**
 * A database that a release wrote can be opened by the next one. `format-1/` was written by the first format of the
 * journal; it is never written again, only added to by a folder for each later format.
 */
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { open } from '../../src/index.js'
import { root } from '../tidy/sources.js'

it.each(['format-1'])('opens a database of %s, reads all of it, and writes on', async (format) => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-format-'))
  try {
    cpSync(join(root, 'tests', 'crash', format), join(folder, 'db'), { recursive: true })
    for (const added of [0n, 1n]) {
      const db = await open(join(folder, 'db'))
      try {
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
        if (added === 0n) await db.query(`INSERT INTO swipes VALUES (1, 0, 'Paris', 48.9, '2026-03-01T00:00:00Z')`)
      } finally {
        await db.close()
      }
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
