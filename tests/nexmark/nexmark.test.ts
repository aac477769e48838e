/** Nexmark's queries as views, made before the events, between them and after them, against the query and against DuckDB. */
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { define, Loader, QUERIES } from '../../bench/nexmark/data.js'
import { Events, type Stretch } from '../../bench/nexmark/events.js'
import { type Database, formatText, open } from '../../src/index.js'
import { normalRow } from '../sql/slt.js'
import { define as defineInDuckDb, inDuckDb, load as loadDuckDb } from './duckdb.js'

const SEED = 20260101
/** A millisecond between two events, so that they reach over several windows. */
const EVENT_US = 1000
/** Events of each commit: small, odd, and large ones. */
const STRETCHES = [1, 7, 50, 1000, 13, 10_000, 500, 10_000, 5000, 1]
const MOMENTS = { before: 0, between: 5, after: STRETCHES.length }
const SETUP_MS = 300_000

describe('Nexmark', () => {
  let db: Database
  let instance: DuckDBInstance
  let connection: DuckDBConnection

  beforeAll(async () => {
    db = await open()
    instance = await DuckDBInstance.create(':memory:')
    connection = await instance.connect()
    await connection.run("SET TimeZone = 'UTC'")
    await define(db)
    await defineInDuckDb(connection)
    const loader = new Loader(db)
    const events = new Events(SEED, EVENT_US)
    for (let at = 0; at <= STRETCHES.length; at++) {
      for (const [moment, when] of Object.entries(MOMENTS)) {
        if (when !== at) continue
        for (const { name, sql } of QUERIES) await db.query(`CREATE MATERIALIZED VIEW ${name}_${moment} AS ${sql}`)
      }
      const count = STRETCHES[at]
      if (count === undefined) continue
      const stretch: Stretch = events.next(count)
      await loader.load(stretch)
      await loadDuckDb(connection, stretch)
    }
    await loader.close()
  }, SETUP_MS)

  afterAll(async () => {
    await db?.close()
    connection?.closeSync()
    instance?.closeSync()
  })

  /** Rows as texts, in an order; of numbers as many digits as both sides have. */
  async function rows(sql: string): Promise<string[]> {
    const result = await db.query(sql)
    const types = result.fields.map(({ data_type }) => (data_type.type === 'numeric' ? 'R' : 'T')).join('')
    const text = (value: unknown, at: number) =>
      value === null ? null : formatText(value, result.fields[at]!.data_type)
    return result
      .arrays()
      .map((row) => normalRow(row.map(text), types))
      .toSorted()
  }

  async function duckDbRows(sql: string, like: string): Promise<string[]> {
    const result = await db.query(`SELECT * FROM (${like}) AS q LIMIT 0`)
    const types = result.fields.map(({ data_type }) => (data_type.type === 'numeric' ? 'R' : 'T')).join('')
    const found = (await connection.runAndReadAll(sql)).getRows()
    return found
      .map((row) =>
        normalRow(
          row.map((value) => (value === null ? null : String(value))),
          types,
        ),
      )
      .toSorted()
  }

  for (const query of QUERIES) {
    test(query.name, async () => {
      const asked = await rows(query.sql)
      expect(asked.length).toBeGreaterThan(0)
      for (const moment of Object.keys(MOMENTS)) {
        const kept = await rows(`SELECT * FROM ${query.name}_${moment}`)
        expect(same(kept, asked), `${query.name}_${moment}`).toBeUndefined()
      }
      expect(same(asked, await duckDbRows(inDuckDb(query), query.sql)), 'DuckDB').toBeUndefined()
    }, 120_000)
  }
})

/** Where two lists part; undefined where they do not. A whole list would be too long to read. */
function same(found: readonly string[], expected: readonly string[]): object | undefined {
  const at = found.findIndex((row, i) => row !== expected[i])
  if (at < 0 && found.length === expected.length) return undefined
  const from = at < 0 ? found.length : at
  return {
    rows: [found.length, expected.length],
    found: found.slice(from, from + 2),
    expected: expected.slice(from, from + 2),
  }
}
