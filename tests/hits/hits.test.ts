/** ClickBench's 43 queries against DuckDB over rows that both generate; with little memory too. */
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { inserts, queries, SCHEMA } from '../../bench/hits/data.js'
import { duckDbRows, millraceRows } from '../../bench/tpch/answers.js'
import { type Database, open } from '../../src/index.js'

const ROWS = 60_000

describe('hits', () => {
  let db: Database
  let instance: DuckDBInstance
  let connection: DuckDBConnection

  beforeAll(async () => {
    db = await open()
    instance = await DuckDBInstance.create(':memory:')
    connection = await instance.connect()
    await db.query(SCHEMA)
    await connection.run(SCHEMA)
    for (const insert of inserts(ROWS)) {
      await db.query(insert)
      await connection.run(insert)
    }
  }, 60_000)

  afterAll(async () => {
    await db?.close()
    connection?.closeSync()
    instance?.closeSync()
  })

  for (const [i, { checked }] of queries(ROWS).entries()) {
    test(`Q${i + 1}`, async () => {
      const expected = await duckDbRows(connection, checked)
      for (const limit of ['1GB', '1MB']) {
        await db.query(`SET memory_limit = '${limit}'`)
        expect(await millraceRows(db, checked), limit).toEqual(expected)
      }
    })
  }
})
