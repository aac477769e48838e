/** psql's meta-commands on schemas, indexes, constraints and views: `psql-objects.txt` is what they print on PostgreSQL 15, where the same
 *  statements were run by a role called millrace. */
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Database, open, type Server } from '../../src/index.js'

const run = promisify(execFile)

let db: Database
let server: Server
beforeAll(async () => {
  db = await open()
  await db.execute(`CREATE SCHEMA shop;
    CREATE TABLE shop.item (id INTEGER PRIMARY KEY, name TEXT NOT NULL, n INTEGER DEFAULT 7 CHECK (n > 0), at TIMESTAMPTZ,
      price NUMERIC(10, 2), UNIQUE (name, at));
    CREATE INDEX item_at ON shop.item (at DESC, n);
    CREATE TABLE item (a BIGINT PRIMARY KEY);
    CREATE VIEW shop.recent AS SELECT id FROM shop.item`)
  server = await db.listen({ port: 0 })
})
afterAll(async () => await db.close())

async function psql(...commands: string[]): Promise<string> {
  const to = ['-X', '-h', '127.0.0.1', '-p', String(server.port), '-U', 'millrace']
  const { stdout, stderr } = await run('psql', [...to, ...commands.flatMap((command) => ['-c', command]), 'db']).catch(
    (failed: { stdout: string; stderr: string }) => failed,
  )
  return `${stdout}${stderr}`.replaceAll(/[ \t]+$/gm, '').trim()
}

const CASES = readFileSync(join(import.meta.dirname, 'psql-objects.txt'), 'utf8')
  .split(/^=== /m)
  .slice(1)
  .map((part): [string, string] => {
    const end = part.indexOf('\n')
    return [part.slice(0, end), part.slice(end).trim()]
  })

it.each(CASES)('%s', async (command, expected) => {
  expect(await psql(command)).toBe(expected)
})

it('finds by the search path', async () => {
  expect(await psql('SET search_path = shop, public', '\\dt')).toBe(`SET
        List of relations
 Schema | Name | Type  |  Owner
--------+------+-------+----------
 shop   | item | table | millrace
(1 row)`)
  const shown = await psql(
    'SET search_path = shop',
    "SELECT 'item'::regclass, 'public.item'::regclass, current_schemas(true)",
  )
  expect(shown).toContain('item     | public.item | {pg_catalog,shop}')
})

it('shows a function, if only one has the name', async () => {
  expect(await psql('\\sf upper')).toBe(`CREATE OR REPLACE FUNCTION pg_catalog.upper(text)
 RETURNS text
 LANGUAGE internal
 IMMUTABLE PARALLEL SAFE STRICT
AS $function$upper$function$`)
  expect(await psql('\\sf no_such_function')).toBe('ERROR:  function "no_such_function" does not exist')
  expect(await psql('\\sf round')).toBe('ERROR:  more than one function named "round"')
  expect(await psql('\\df upper')).toContain('pg_catalog | upper | text             | text                | func')
})

it('lists roles and schemas', async () => {
  expect(await psql('\\du')).toContain(' millrace  | Superuser, Create role, Create DB, Bypass RLS | {}')
  expect(await psql('\\dn')).toContain('shop   | millrace')
})

it('answers what completion asks', async () => {
  // psql asks for the names that begin so, in relations that are visible, and for schemas.
  const names = await psql(
    `SELECT pg_catalog.quote_ident(c.relname) FROM pg_catalog.pg_class c WHERE c.relkind IN ('r', 'p') AND pg_catalog.pg_table_is_visible(c.oid)
       AND substring(pg_catalog.quote_ident(c.relname), 1, 2) = 'it'
     UNION SELECT pg_catalog.quote_ident(n.nspname) || '.' FROM pg_catalog.pg_namespace n
       WHERE substring(pg_catalog.quote_ident(n.nspname), 1, 2) = 'sh' ORDER BY 1`,
  )
  expect(names.split('\n').slice(2)).toEqual([' item', ' shop.', '(2 rows)'])
})
