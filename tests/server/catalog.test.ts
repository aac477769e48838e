/** What clients ask of pg_catalog and information_schema: psql's meta-commands by psql itself, and the queries of drivers. */
import { spawn } from 'node:child_process'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Database, open, type Server } from '../../src/index.js'

let db: Database
let server: Server
beforeAll(async () => {
  db = await open()
  await db.execute(`CREATE TABLE cust (id BIGINT PRIMARY KEY, name TEXT NOT NULL DEFAULT 'x', amount NUMERIC(10, 2), tags TEXT[]);
    CREATE STREAM clicks (at TIMESTAMPTZ, url TEXT);
    CREATE VIEW rich AS SELECT id, name FROM cust WHERE amount > 1;
    CREATE MATERIALIZED VIEW total AS SELECT count(*) AS n FROM cust`)
  server = await db.listen({ port: 0 })
})
afterAll(async () => await db.close())

/** The output of a meta-command. Not by spawnSync: the server is in this process. */
async function run(command: string): Promise<string> {
  const child = spawn('psql', ['-X', '-h', '127.0.0.1', '-p', String(server.port), '-U', 'me', '-c', command, 'db'])
  let out = ''
  const add = (chunk: Buffer) => {
    out += chunk.toString()
  }
  child.stdout.on('data', add)
  child.stderr.on('data', add)
  await new Promise((resolve) => child.on('close', resolve))
  return out.replace(/[ \t]+$/gm, '').trim()
}

const values = async (text: string) => (await db.query(text)).arrays()

it.each([
  [
    '\\d',
    `             List of relations
 Schema |  Name  |       Type        |  Owner
--------+--------+-------------------+----------
 public | clicks | table             | millrace
 public | cust   | table             | millrace
 public | rich   | view              | millrace
 public | total  | materialized view | millrace
(4 rows)`,
  ],
  [
    '\\dt c*',
    `         List of relations
 Schema |  Name  | Type  |  Owner
--------+--------+-------+----------
 public | clicks | table | millrace
 public | cust   | table | millrace
(2 rows)`,
  ],
  [
    '\\d rich',
    `                View "public.rich"
 Column |  Type  | Collation | Nullable | Default
--------+--------+-----------+----------+---------
 id     | bigint |           |          |
 name   | text   |           |          |`,
  ],
  [
    '\\sv rich',
    `CREATE OR REPLACE VIEW public.rich AS
 SELECT id, name FROM cust WHERE amount > 1`,
  ],
  [
    '\\d cust_pkey',
    `      Index "public.cust_pkey"
 Column |  Type  | Key? | Definition
--------+--------+------+------------
 id     | bigint | yes  | id
primary key, btree, for table "public.cust"`,
  ],
  [
    '\\di',
    `               List of relations
 Schema |   Name    | Type  |  Owner   | Table
--------+-----------+-------+----------+-------
 public | cust_pkey | index | millrace | cust
(1 row)`,
  ],
  [
    '\\dn',
    `  List of schemas
  Name  |  Owner
--------+----------
 public | millrace
(1 row)`,
  ],
  [
    '\\dm',
    `              List of relations
 Schema | Name  |       Type        |  Owner
--------+-------+-------------------+----------
 public | total | materialized view | millrace
(1 row)`,
  ],
])('psql %s', async (command, expected) => {
  expect(await run(command)).toBe(expected.trim())
})

it.each([
  '\\dv',
  '\\dt+',
  '\\df upper',
  '\\l',
  '\\l+',
  '\\db',
  '\\dx',
  '\\dT',
  '\\dC',
  '\\da',
  '\\ds',
  '\\dP',
  '\\dRp',
  '\\dconfig',
  '\\conninfo',
])('psql %s runs', async (command) => {
  expect(await run(command)).not.toMatch(/ERROR/)
})

it('describes columns as PostgreSQL does', async () => {
  expect(
    await values(`SELECT a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod), a.attnotnull, pg_get_expr(d.adbin, d.adrelid)
      FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
      WHERE a.attrelid = 'cust'::regclass AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum`),
  ).toEqual([
    ['id', 'bigint', true, null],
    ['name', 'text', true, "'x'"],
    ['amount', 'numeric(10,2)', false, null],
    ['tags', 'text[]', false, null],
  ])
  expect(
    await values(`SELECT column_name, data_type, is_nullable, numeric_precision, udt_name FROM information_schema.columns
      WHERE table_schema = 'public' AND table_name = 'cust' ORDER BY ordinal_position`),
  ).toEqual([
    ['id', 'bigint', 'NO', 64, 'int8'],
    ['name', 'text', 'NO', null, 'text'],
    ['amount', 'numeric', 'YES', 10, 'numeric'],
    ['tags', 'ARRAY', 'YES', null, '_text'],
  ])
})

it('tells the columns of a key, one row each', async () => {
  expect(
    await values(`SELECT a.attname, k.n FROM pg_index i, unnest(i.indkey) WITH ORDINALITY AS k (attnum, n), pg_attribute a
      WHERE i.indrelid = 'cust'::regclass AND a.attrelid = i.indrelid AND a.attnum = k.attnum`),
  ).toEqual([['id', 1n]])
  expect(
    await values(`SELECT kcu.column_name FROM information_schema.table_constraints tc JOIN information_schema.key_column_usage kcu
      USING (constraint_schema, constraint_name) WHERE tc.table_name = 'cust' AND tc.constraint_type = 'PRIMARY KEY'`),
  ).toEqual([['id']])
})

it('shows objects by name, and compares them by number', async () => {
  expect(
    await values("SELECT 'cust'::regclass, 'cust'::regclass::text, 'public.cust'::regclass = 'CUST'::regclass"),
  ).toEqual([['cust', 'cust', true]])
  expect(await values("SELECT to_regclass('nope') IS NULL, 20::regtype, 'pg_class'::regclass::oid")).toEqual([
    [true, 'bigint', 1259n],
  ])
  await expect(db.query("SELECT 'nope'::regclass")).rejects.toMatchObject({ code: '42P01' })
})

it('knows the session', async () => {
  const [row] = await values(
    "SELECT current_user, current_schema(), current_schemas(false), version() LIKE 'PostgreSQL %', current_setting('server_encoding'), pg_backend_pid() > 0, pg_typeof(1)",
  )
  expect(row).toEqual(['millrace', 'public', ['public'], true, 'UTF8', true, 'integer'])
  expect(await values("SELECT set_config('application_name', 'me', false)")).toEqual([['me']])
  expect(await values("SELECT current_setting('application_name'), current_setting('nope', true)")).toEqual([
    ['me', null],
  ])
  await expect(db.query("SELECT current_setting('nope')")).rejects.toMatchObject({ code: '42704' })
  expect(
    await values(
      "SELECT pg_size_pretty(10::bigint), pg_size_pretty(123456789), quote_ident('A b'), quote_literal('it''s')",
    ),
  ).toEqual([['10 bytes', '118 MB', '"A b"', "'it''s'"]])
})

it('sees what changed', async () => {
  const tables = async () =>
    (await values("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")).flat()
  expect(await tables()).toEqual(['clicks', 'cust'])
  await db.execute('CREATE TABLE more (a INTEGER)')
  expect(await tables()).toEqual(['clicks', 'cust', 'more'])
  await db.execute('DROP TABLE more')
  expect(await tables()).toEqual(['clicks', 'cust'])
  await expect(db.execute('CREATE MATERIALIZED VIEW m AS SELECT relname FROM pg_class')).rejects.toMatchObject({
    code: '0A000',
  })
})

it('functions that give rows', async () => {
  expect(await values("SELECT x, n FROM unnest('{a,b}'::text[]) WITH ORDINALITY AS u (x, n) ORDER BY n")).toEqual([
    ['a', 1n],
    ['b', 2n],
  ])
  expect(
    await values("SELECT unnest('{7,8}'::int[]) AS x, generate_subscripts('{7,8}'::int[], 1) AS n ORDER BY n"),
  ).toEqual([
    [7, 1],
    [8, 2],
  ])
  expect(await values('SELECT generate_series(1, 3) AS g ORDER BY g')).toEqual([[1], [2], [3]])
  expect(await values('SELECT v, g FROM (VALUES (1), (2)) AS t (v), generate_series(1, v) AS g ORDER BY v, g')).toEqual(
    [
      [1, 1],
      [2, 1],
      [2, 2],
    ],
  )
  expect(await values('SELECT generate_series(1, 2), count(*)')).toEqual([
    [1, 1n],
    [2, 1n],
  ])
})

it('shows vectors as PostgreSQL does, and reads them as arrays', async () => {
  const text = "FROM pg_catalog.pg_index AS i WHERE i.indrelid = 'cust'::regclass"
  expect(await values(`SELECT i.indkey, indoption ${text}`)).toEqual([['1', '0']])
  expect(await values(`SELECT unnest(indkey) ${text}`)).toEqual([[1]])
  expect(await values(`SELECT array_length(k, 1) FROM (SELECT indkey AS k ${text}) AS q`)).toEqual([[1]])
  await expect(db.query('SELECT $1::regclass', ['no_such'])).rejects.toMatchObject({ code: '42P01' })
  expect(
    await values(
      "SELECT 'pg_catalog.upper'::regproc = 'upper', relname LIKE 'c/_%' ESCAPE '/' FROM pg_class WHERE relname = 'cust'",
    ),
  ).toEqual([[true, false]])
})
