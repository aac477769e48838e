/** psycopg and SQLAlchemy. Each line is what PostgreSQL 15 makes them print, but where a comment says otherwise. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Database, open, type Server } from '../../src/index.js'
import { has, python } from './programs.js'

let db: Database
let server: Server
beforeAll(async () => {
  db = await open()
  server = await db.listen({ port: 0 })
})
afterAll(async () => await db.close())

describe.runIf(has('python3', '-m', 'venv', '--help'))('from Python', () => {
  it('psycopg', async () => {
    const lines = await python('psycopg_client.py', `host=127.0.0.1 port=${server.port} user=me dbname=any`)
    const rows =
      "rows: [(1, 'one', Decimal('1.25'), datetime.datetime(2024, 2, 29, 12, 30, 15, 250000, tzinfo=datetime.timezone.utc), ['a', 'b c'], {'k': [1, 2]}), (2, None, None, None, [], None)]"
    const columns = "columns: [('id', 23), ('name', 25), ('price', 1700), ('at', 1184), ('tags', 1009), ('doc', 3802)]"
    const values =
      "values: (UUID('00000000-0000-0000-0000-000000000005'), datetime.date(2024, 1, 2), datetime.timedelta(days=1, seconds=2), b'\\x00\\xff', True, 0.1, [1, None])"
    expect(lines).toEqual([
      'inserted: 2',
      ...[rows, columns, values],
      ...[rows, columns, values],
      "dict: {'id': 1, 'name': 'one'}",
      "prepared: [('one',), (None,), ('one',), (None,), ('one',), (None,), ('one',), (None,)]",
      "copied: [('1', 'one'), ('2', None), ('3', 'copied\\t3'), ('4', 'copied\\t4'), ('5', 'copied\\t5')]",
      'kept: (5,)',
      "inside: '22012'",
      "updated: ('two',)",
      "diagnosis: ('42703', '8')",
      'pipeline: [1, 2, 3, 4]',
      'streamed: 500500',
      'json: "{\\"k\\": [1, 2]}"'.replaceAll('"{', "'{").replaceAll('}"', "}'").replaceAll('\\"', '"'),
    ])
  })

  it.each(['psycopg', 'psycopg2'])('SQLAlchemy over %s', async (driver) => {
    const lines = await python('sqlalchemy_client.py', `postgresql+${driver}://me@127.0.0.1:${server.port}/any`)
    expect(lines).toEqual([
      "schemas: ['information_schema', 'public', 'shop']",
      'default: public',
      "tables: ['plain']",
      "tables of shop: ['item']",
      "views of shop: ['dear_item']",
      // A view's query as it was written; PostgreSQL writes it anew.
      'view:  SELECT id FROM shop.item WHERE price > 10;',
      "column: ('id', 'BIGINT', False, None)",
      // The type is not written.
      `column: ('name', 'TEXT', False, "'x'")`,
      "column: ('price', 'NUMERIC(10, 2)', True, None)",
      "column: ('tags', 'ARRAY', True, None)",
      "key: ['id']",
      "key of plain: ['b', 'a']",
      "indexes: [('item_name_key', ['name'], True), ('item_price', ['price', 'id'], False)]",
      "unique: [['name']]",
      "checks: ['dear']",
      'foreign: []',
      "comment: {'text': None}",
      'there: (True, False, True)',
      "reflected: ['shop.dear_item', 'shop.item']",
      "people: [(1, 'Ann', 30), (2, 'Bob', 40)]",
      'sum: 70',
    ])
  })
})
