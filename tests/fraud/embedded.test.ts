/** 200,000 swipes through the embedded stream: what is flagged, and why, is exactly what the oracle says; and each view
 *  holds what its query gives when asked. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Table, util } from 'apache-arrow'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { feedEmbedded } from '../../examples/fraud/embedded.js'
import { readSql } from '../../examples/fraud/folder.js'
import { SwipeGenerator } from '../../examples/fraud/generate.js'
import { createPipeline } from '../../examples/fraud/pipeline.js'
import { type Database, open } from '../../src/index.js'
import { expectedAlerts } from './expected.js'

const WORLD = { seed: 11, cards: 5000, swipes: 200_000 }
let folder = ''
let db: Database

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-fraud-'))
  db = await open(join(folder, 'db'))
  const generator = new SwipeGenerator(WORLD)
  await createPipeline(db, generator)
  await feedEmbedded(db, generator, { swipes: WORLD.swipes })
})
afterAll(async () => {
  await db?.close()
  rmSync(folder, { recursive: true, force: true })
})

interface Flagged {
  readonly swipe_id: bigint
  readonly card_id: bigint
  readonly reason: string
  readonly score: number
}

async function checkFlagged(): Promise<void> {
  const expected = await expectedAlerts(WORLD)
  const { rows } = await db.query<Flagged>('SELECT swipe_id, card_id, reason, score FROM flagged ORDER BY swipe_id')
  const told = rows.map((row) => `${row.swipe_id} of card ${row.card_id}: ${row.reason}`)
  expect(told).toEqual(
    [...expected.values()].map((alert) => `${alert.swipeId} of card ${alert.cardId}: ${alert.reason}`),
  )
  expect(told.length).toBeGreaterThan(200)
  for (const row of rows)
    expect(Math.abs(row.score - expected.get(Number(row.swipe_id))!.score)).toBeLessThanOrEqual(1e-5)
}

it('flags exactly what the oracle flags, for the same reasons', checkFlagged)

it('keeps every view equal to its query', async () => {
  const views = [...(await readSql('pipeline.sql')).matchAll(/CREATE MATERIALIZED VIEW (\w+) AS\s([\s\S]*?);\n/g)]
  expect(views.map((view) => view[1])).toEqual(['card_history', 'trail', 'enriched', 'scored', 'flagged'])
  for (const [, name, query] of views) {
    const key = name === 'card_history' ? 'card_id' : 'swipe_id'
    const kept = await db.query(`SELECT * FROM ${name} ORDER BY ${key}`)
    const asked = await db.query(`SELECT * FROM (${query}) asked ORDER BY ${key}`)
    expectSame(name!, kept.arrow(), asked.arrow())
  }
}, 300_000)

it('finds the same again after the database is opened anew', async () => {
  await db.close()
  db = await open(join(folder, 'db'))
  await checkFlagged()
})

/** Column by column, value by value: 200,000 rows as objects would take the test minutes. */
function expectSame(name: string, kept: Table, asked: Table): void {
  expect(asked.numRows, name).toBe(kept.numRows)
  expect(kept.numRows, name).toBeGreaterThan(0)
  for (const field of kept.schema.fields) {
    const [left, right] = [kept.getChild(field.name)!, asked.getChild(field.name)!]
    for (let row = 0; row < kept.numRows; row++) {
      const [a, b] = [left.get(row) as unknown, right.get(row) as unknown]
      if (Object.is(a, b) || util.compareArrayLike(a as Uint32Array, b as Uint32Array)) continue
      expect.fail(`${name}.${field.name}, row ${row}: the view has ${String(a)}, the query gives ${String(b)}`)
    }
  }
}
