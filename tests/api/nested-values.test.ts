/** UUID, JSONB, arrays, rows and maps through the API: in by SQL, appender and parameters, out as JavaScript's values, the same
 *  after sealing and after a restart. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Database, Decimal, open } from '../../src/index.js'

let folder = ''
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-nested-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const ID = 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'
const COLUMNS = `id UUID, j JSONB, a BIGINT[], aa TEXT[][], r ROW(x INTEGER, tags TEXT[]), m MAP(TEXT, NUMERIC(5,2)),
  rs STRUCT(j JSONB, u UUID)[]`
const ROWS = [
  {
    id: ID,
    j: { a: [1, 'x', null, true], big: 12345678901234567890n, exact: Decimal.from('0.12345678901234567') },
    a: [1n, null, -9223372036854775808n],
    aa: [['a', null], [], null],
    r: { x: 1, tags: ['t'] },
    m: new Map([
      ['a', Decimal.from('1.50')],
      ['b', null],
    ]),
    rs: [{ j: [{}], u: ID }, null, { j: null, u: null }],
  },
  { id: null, j: null, a: null, aa: null, r: null, m: null, rs: null },
  { id: ID, j: [], a: [], aa: [[]], r: { x: null, tags: null }, m: new Map(), rs: [] },
]

async function rowsOf(db: Database, name: string) {
  return (await db.query(`SELECT id, j, a, aa, r, m, rs FROM ${name} ORDER BY n`)).rows
}

it('values stay what they are: appended, sealed, reopened', async () => {
  const path = join(folder, 'values')
  let db = await open(path)
  await db.query(`CREATE STREAM s (n INTEGER, ${COLUMNS})`)
  await db.query(`CREATE TABLE t (n INTEGER PRIMARY KEY, ${COLUMNS})`)
  for (const name of ['s', 't']) {
    const appender = await db.appender(name)
    for (const [n, row] of ROWS.entries()) appender.append({ n, ...row })
    await appender.close()
    expect(await rowsOf(db, name)).toEqual(ROWS)
  }
  await db.query('CHECKPOINT')
  for (const name of ['s', 't']) expect(await rowsOf(db, name)).toEqual(ROWS)
  await db.query(`UPDATE t SET a = a || 7::bigint WHERE n = 0`)
  await db.close()
  db = await open(path)
  expect(await rowsOf(db, 's')).toEqual(ROWS)
  expect((await db.query('SELECT a FROM t ORDER BY n')).rows).toEqual([
    { a: [1n, null, -9223372036854775808n, 7n] },
    { a: null },
    { a: [] },
  ])
  await db.close()
})

it('rows and maps in SQL: made, taken apart, compared, cast, grouped', async () => {
  const db = await open()
  await db.query('CREATE TABLE t (id INTEGER PRIMARY KEY, r ROW(a INTEGER, b TEXT), m MAP(TEXT, INTEGER))')
  await db.query(`INSERT INTO t VALUES (1, ROW(1, 'x'), map(ARRAY['k', 'l'], ARRAY[1, 2])),
    (2, '(2,"a b")', map(ARRAY['l', 'k'], ARRAY[2, 1])), (3, ROW(1, 'x'), NULL), (4, NULL, map(ARRAY['k'], ARRAY[NULL]::integer[]))`)
  const text = async (sql: string) => (await db.query(sql)).arrays()
  expect(await text(`SELECT id, (r).a, (r).b, m['k'], m['none'] FROM t ORDER BY id`)).toEqual([
    [1, 1, 'x', 1, null],
    [2, 2, 'a b', 1, null],
    [3, 1, 'x', null, null],
    [4, null, null, null, null],
  ])
  expect(await text('SELECT r::text, m::text FROM t ORDER BY r, id')).toEqual([
    ['(1,x)', '{k=1,l=2}'],
    ['(1,x)', null],
    ['(2,"a b")', '{k=1,l=2}'],
    [null, '{k=NULL}'],
  ])
  expect(await text('SELECT r, count(*) FROM t WHERE r IS NOT NULL GROUP BY r ORDER BY r')).toEqual([
    [{ a: 1, b: 'x' }, 2n],
    [{ a: 2, b: 'a b' }, 1n],
  ])
  expect(await text('SELECT a.id, b.id FROM t a JOIN t b ON a.m = b.m WHERE a.id < b.id')).toEqual([[1, 2]])
  expect(await text(`SELECT id FROM t WHERE r = ROW(1, 'x') ORDER BY id`)).toEqual([[1], [3]])
  expect(await text('SELECT to_jsonb(r), to_jsonb(m) FROM t WHERE id = 1')).toEqual([
    [
      { a: 1, b: 'x' },
      { k: 1, l: 2 },
    ],
  ])
  for (const [sql, code] of [
    ['SELECT (r).c FROM t', '42703'],
    ['SELECT (id).c FROM t', '42809'],
    [`SELECT '(1)'::ROW(a INTEGER, b TEXT)`, '22P02'],
    [`SELECT '(1,2,3)'::ROW(a INTEGER, b TEXT)`, '22P02'],
    [`SELECT map(ARRAY['a'], ARRAY[1, 2])`, '22023'],
    [`SELECT map(ARRAY['a', NULL], ARRAY[1, 2])`, '22004'],
    [`CREATE TABLE u (r ROW(a INTEGER, a TEXT))`, '42701'],
    [`SELECT m[1] FROM t`, '42804'],
  ] as const) {
    await expect(db.query(sql), sql).rejects.toMatchObject({ code })
  }
  await db.close()
})

it('objects and arrays are parameters of JSONB', async () => {
  const db = await open()
  const given = { a: [1, { b: 12345678901234567890n }], d: Decimal.from('1.5') }
  const [row] = (await db.query('SELECT $1 AS j, $2 -> 1 AS e, $3::uuid AS u', [given, [1, 'x'], ID])).rows
  expect(row).toEqual({ j: { a: [1, { b: 12345678901234567890n }], d: 1.5 }, e: 'x', u: ID })
  await db.close()
})

it('an appender names the place of what does not fit', async () => {
  const db = await open()
  await db.query(`CREATE STREAM s (${COLUMNS})`)
  const appender = await db.appender('s')
  const refused = (row: Record<string, unknown>, code: string, message: string) => {
    expect(() => appender.append(row as never)).toThrow(
      expect.objectContaining({ code, message: expect.stringContaining(message) }),
    )
  }
  refused({ id: 'x' }, '22P02', 'invalid input syntax for type uuid: "x" in column "id"')
  refused({ j: 1 / 0 }, '42804', 'column "j" is of type jsonb')
  refused({ a: 1 }, '42804', 'column "a" is of type bigint[]')
  refused({ a: [1.5] }, '42804', 'column "a[]" is of type bigint')
  refused({ r: { y: 1 } }, '42804', 'column "r" is of type row(x integer, tags text[])')
  refused({ r: { x: 'a' } }, '42804', 'column "r.x" is of type integer')
  refused({ m: { a: '1000' } }, '22003', 'numeric field overflow in column "m[]"')
  appender.append({ m: { b: '1', a: 2 } })
  await appender.close()
  expect((await db.query('SELECT m FROM s')).rows).toEqual([
    {
      m: new Map([
        ['a', Decimal.from('2.00')],
        ['b', Decimal.from('1.00')],
      ]),
    },
  ])
  await db.close()
})
