/** The 22 queries of TPC-H against DuckDB over the same generated rows. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { duckDbRows, millraceRows } from '../../bench/tpch/answers.js'
import { generate, loadDuckDb, loadMillrace, queries } from '../../bench/tpch/data.js'
import { type Database, open } from '../../src/index.js'

const SCALE = 0.02
/** The generator may have to be built first. */
const SETUP_MS = 300_000

describe('TPC-H', () => {
  let folder: string
  let db: Database
  let instance: DuckDBInstance
  let connection: DuckDBConnection

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'millrace-tpch-'))
    generate(SCALE, folder)
    db = await open()
    instance = await DuckDBInstance.create(':memory:')
    connection = await instance.connect()
    await loadMillrace(db, folder)
    await loadDuckDb(connection, folder)
  }, SETUP_MS)

  afterAll(async () => {
    await db?.close()
    connection?.closeSync()
    instance?.closeSync()
    rmSync(folder, { recursive: true, force: true })
  })

  for (const [i, query] of queries(SCALE).entries()) {
    test(`Q${i + 1}`, async () => {
      const ours = await millraceRows(db, query)
      expect(ours).toEqual(await duckDbRows(connection, query))
      // Over rows that no filter lets through nothing would be compared: no row, or a sum of NULL.
      expect(ours.filter((row) => row !== 'NULL')).not.toEqual([])
      // With little memory the answer is the same.
      await db.query(`SET memory_limit = '1MB'`)
      expect(await millraceRows(db, query)).toEqual(ours)
      await db.query('RESET memory_limit')
    }, 60_000)
  }
})
