/** PostgreSQL's JDBC driver. Each line is what PostgreSQL 15 makes it print, but where a comment says otherwise. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Database, open, type Server } from '../../src/index.js'
import { has, java } from './programs.js'

let db: Database
let server: Server
beforeAll(async () => {
  db = await open()
  server = await db.listen({ port: 0 })
})
afterAll(async () => await db.close())

describe.runIf(has('java', '-version') && has('mvn', '-v'))('from Java', () => {
  it('JDBC', async () => {
    const lines = await java('JdbcClient.java', `jdbc:postgresql://127.0.0.1:${server.port}/any?user=me`)
    const row = (at: number, price: string) => `row: ${at} name ${at} ${price} 170000000000${at} [a, b${at}]`
    expect(lines).toEqual([
      'product: PostgreSQL',
      'batch: 20',
      ...['null', '0.20', 'null', '0.40', 'null', '0.60', 'null', '0.80'].map((price, at) => row(at + 1, price)),
      'fetched: 20',
      'error: 22012',
      'kept: 20',
      'tables: [public java TABLE]',
      'columns: [id int8 19 NO, name text 2147483647 NO, price numeric 10 YES, at timestamptz 35 YES, tags _text 2147483647 YES]',
      'key: [id java_pkey]',
      'indexes: [java_pkey id f, java_name name t]',
      'schemas: [information_schema, pg_catalog, public]',
      // There is one database.
      'catalogs: 1',
      'types: true',
      'foreign: []',
    ])
  })
})
