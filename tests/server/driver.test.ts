/** node-postgres, the driver that people who write TypeScript use. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Database, open, type Server } from '../../src/index.js'
import { root } from '../tidy/sources.js'

const folder = join(root, 'tests', 'server', 'tls')
const tls = { key: readFileSync(join(folder, 'key.pem'), 'utf8'), cert: readFileSync(join(folder, 'cert.pem'), 'utf8') }
const PASSWORD = 'pass, wörd = yes'

let db: Database
let server: Server
let guarded: Server
const clients: pg.Client[] = []
beforeAll(async () => {
  db = await open()
  server = await db.listen({ port: 0 })
  guarded = await db.listen({ port: 0, password: PASSWORD, tls, maxConnections: 2 })
  await db.execute('CREATE TABLE t (a BIGINT PRIMARY KEY, b TEXT, c NUMERIC(10, 2), d TIMESTAMPTZ)')
})
afterAll(async () => {
  await Promise.allSettled(clients.map((client) => client.end()))
  await db.close()
})

async function client(options: pg.ClientConfig = {}): Promise<pg.Client> {
  const made = new pg.Client({ host: '127.0.0.1', port: server.port, user: 'me', database: 'any', ...options })
  made.on('error', () => undefined)
  clients.push(made)
  await made.connect()
  return made
}

it('reads and writes values of every type', async () => {
  const c = await client()
  const at = new Date('2024-02-03T04:05:06.789Z')
  const inserted = await c.query('INSERT INTO t VALUES ($1, $2, $3, $4), ($5, $6, $7, $8)', [
    1,
    "it's",
    '12.50',
    at,
    '9007199254740993',
    null,
    null,
    null,
  ])
  expect([inserted.command, inserted.rowCount]).toEqual(['INSERT', 2])
  const { rows, fields } = await c.query('SELECT * FROM t ORDER BY a')
  expect(rows).toEqual([
    { a: '1', b: "it's", c: '12.50', d: at },
    { a: '9007199254740993', b: null, c: null, d: null },
  ])
  expect(fields.map(({ name, dataTypeID }) => [name, dataTypeID])).toEqual([
    ['a', 20],
    ['b', 25],
    ['c', 1700],
    ['d', 1184],
  ])
  const every = await c.query(
    `SELECT true AS t, 7::smallint AS s, 8 AS i, 1.5::real AS r, 0.1::double precision AS f, '\\x00ff'::bytea AS y,
            DATE '2024-02-29' AS d, INTERVAL '1 mon 2 days 03:04:05' AS v, $1::text AS p, NULL AS n`,
    ['ü'],
  )
  expect(every.rows[0]).toMatchObject({ t: true, s: 7, i: 8, r: 1.5, f: 0.1, y: Buffer.of(0, 255), p: 'ü', n: null })
  expect(every.rows[0].v).toMatchObject({ months: 1, days: 2, hours: 3, minutes: 4, seconds: 5 })
})

it('runs named statements again and again, and a million rows', async () => {
  const c = await client()
  for (let n = 0; n < 20; n++) {
    const { rows } = await c.query({ name: 'twice', text: 'SELECT $1::bigint * 2 AS twice', values: [n] })
    expect(rows).toEqual([{ twice: String(2 * n) }])
  }
  const { rows } = await c.query({ text: 'SELECT g FROM generate_series(1, 1000000) AS g', rowMode: 'array' })
  expect(rows).toHaveLength(1_000_000)
  expect(rows.at(-1)).toEqual([1_000_000])
})

it('gives errors their code, position, detail and hint, and goes on', async () => {
  const c = await client()
  await expect(c.query('SELECT a, bb FROM t')).rejects.toMatchObject({
    code: '42703',
    position: '11',
    hint: 'Perhaps you meant the column "t.b".',
    severity: 'ERROR',
  })
  await expect(c.query('INSERT INTO t (a) VALUES ($1)', [1])).rejects.toMatchObject({ code: '23505' })
  expect((await c.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
})

it('keeps transactions of clients apart', async () => {
  const [one, two] = [await client(), await client()]
  await one.query('BEGIN')
  await one.query("INSERT INTO t (a, b) VALUES (100, 'mine')")
  const seen = async (c: pg.Client) => (await c.query('SELECT b FROM t WHERE a = 100')).rows
  expect(await seen(one)).toEqual([{ b: 'mine' }])
  expect(await seen(two)).toEqual([])
  await one.query('COMMIT')
  expect(await seen(two)).toEqual([{ b: 'mine' }])
  await one.query('BEGIN')
  await expect(one.query('SELECT nope')).rejects.toMatchObject({ code: '42703' })
  await expect(one.query('SELECT 1')).rejects.toMatchObject({ code: '25P02' })
  await one.query('ROLLBACK')
  await one.query('BEGIN')
  await two.query('BEGIN')
  await one.query("UPDATE t SET b = 'one' WHERE a = 100")
  await two.query("UPDATE t SET b = 'two' WHERE a = 100")
  await one.query('COMMIT')
  await expect(two.query('COMMIT')).rejects.toMatchObject({ code: '40001' })
  expect(await seen(two)).toEqual([{ b: 'one' }])
})

it('sees the catalog that another client has changed', async () => {
  const [one, two] = [await client(), await client()]
  await one.query('CREATE TABLE made_by_one (a INTEGER)')
  expect((await two.query('SELECT * FROM made_by_one')).rows).toEqual([])
  expect((await db.query('SELECT count(*) AS n FROM made_by_one')).rows).toEqual([{ n: 0n }])
  await two.query('DROP TABLE made_by_one')
  await expect(one.query('SELECT * FROM made_by_one')).rejects.toMatchObject({ code: '42P01' })
})

it('keeps settings, and forgets with DISCARD and DEALLOCATE', async () => {
  const [one, two] = [await client(), await client()]
  await one.query("SET application_name = 'first'; SET extra_float_digits = 3")
  const shown = async (c: pg.Client) => (await c.query('SHOW application_name')).rows[0].application_name
  expect([await shown(one), await shown(two)]).toEqual(['first', ''])
  await one.query({ name: 'kept', text: 'SELECT 1' })
  await one.query('DEALLOCATE kept')
  await expect(one.query('DEALLOCATE kept')).rejects.toMatchObject({ code: '26000' })
  await one.query('DISCARD ALL')
  expect(await shown(one)).toBe('')
  await expect(one.query("SET timezone = 'Europe/Zurich'")).rejects.toMatchObject({ code: '0A000' })
  await expect(one.query('SET nonsense = 1')).rejects.toMatchObject({ code: '42704' })
})

it('asks for the password, encrypted or not, and counts its clients', async () => {
  const { port } = guarded
  await expect(client({ port })).rejects.toThrow('password')
  await expect(client({ port, password: 'wrong' })).rejects.toMatchObject({ code: '28P01' })
  const plain = await client({ port, password: PASSWORD })
  const secure = await client({ port, password: PASSWORD, ssl: { ca: tls.cert, servername: 'localhost' } })
  expect((await secure.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
  const long = 'x'.repeat(300_000)
  expect((await secure.query('SELECT $1::text AS long', [long])).rows).toEqual([{ long }])
  await expect(client({ port, password: PASSWORD })).rejects.toMatchObject({ code: '53300' })
  await plain.end()
  await secure.end()
})

it('does not listen for others without a password, nor where somebody else does', async () => {
  await expect(db.listen({ host: '0.0.0.0', port: 0 })).rejects.toMatchObject({ code: '28000' })
  await expect(db.listen({ port: server.port })).rejects.toMatchObject({ code: '55006' })
})

it('ends its clients when it is closed', async () => {
  const own = await open()
  const listening = await own.listen({ port: 0 })
  const c = await client({ port: listening.port })
  const running = c.query('SELECT count(*) FROM generate_series(1, 2000000000) AS g')
  const failed = expect(running).rejects.toMatchObject({ code: '57P01' })
  await own.close()
  await failed
  await expect(client({ port: listening.port })).rejects.toThrow('ECONNREFUSED')
})
