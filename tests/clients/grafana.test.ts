/** What Grafana's PostgreSQL source wants of a server: the version, the names of what there is along the search path, and rows by time. */
import pg from 'pg'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Database, open, type Server } from '../../src/index.js'

let db: Database
let server: Server
let client: pg.Client
beforeAll(async () => {
  db = await open()
  await db.execute(`CREATE SCHEMA plant; CREATE TABLE plant.oven (at TIMESTAMPTZ PRIMARY KEY, heat DOUBLE PRECISION);
    CREATE TABLE "My load" (at TIMESTAMPTZ, host TEXT, load DOUBLE PRECISION, PRIMARY KEY (at, host));
    INSERT INTO "My load" SELECT TIMESTAMPTZ '2024-01-01 00:00+00' + i * INTERVAL '1 minute', 'host ' || (i % 2)::text, i
      FROM generate_series(0, 59) AS g(i)`)
  server = await db.listen({ port: 0 })
  client = new pg.Client({ host: '127.0.0.1', port: server.port, user: 'grafana', database: 'any' })
  await client.connect()
})
afterAll(async () => {
  await client.end()
  await db.close()
})

/** Whether a schema is on the search path, which is asked by taking the setting apart. */
const ON_PATH = `quote_ident(table_schema) IN (
  SELECT CASE WHEN trim(part[at]) = '"$user"' THEN user ELSE trim(part[at]) END
  FROM generate_series(array_lower(string_to_array(current_setting('search_path'), ','), 1),
                       array_upper(string_to_array(current_setting('search_path'), ','), 1)) AS at,
       string_to_array(current_setting('search_path'), ',') AS part)`

const rows = async (text: string) => (await client.query({ text, rowMode: 'array' })).rows as unknown[][]

it('tells its version and that no extension is there', async () => {
  expect(await rows("SELECT current_setting('server_version_num')::int / 100 AS version")).toEqual([[1600]])
  expect(await rows("SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'")).toEqual([])
})

it('lists tables, those of the search path first and by their bare names', async () => {
  const text = `SELECT CASE WHEN ${ON_PATH} THEN quote_ident(table_name) ELSE quote_ident(table_schema) || '.' || quote_ident(table_name) END AS "table"
    FROM information_schema.tables
    WHERE quote_ident(table_schema) NOT IN ('information_schema', 'pg_catalog')
    ORDER BY CASE WHEN ${ON_PATH} THEN 0 ELSE 1 END, 1`
  expect(await rows(text)).toEqual([['"My load"'], ['plant.oven']])
  await client.query('SET search_path = plant')
  expect(await rows(text)).toEqual([['oven'], ['public."My load"']])
  await client.query('RESET search_path')
})

it('lists the columns of a table that is written with its schema or without', async () => {
  const columns = (table: string) =>
    rows(`SELECT quote_ident(column_name), data_type FROM information_schema.columns
      WHERE CASE WHEN array_length(parse_ident('${table}'), 1) = 2
        THEN quote_ident(table_schema) = (parse_ident('${table}'))[1] AND quote_ident(table_name) = (parse_ident('${table}'))[2]
        ELSE quote_ident(table_name) = '${table}' AND ${ON_PATH} END`)
  expect(await columns('plant.oven')).toEqual([
    ['at', 'timestamp with time zone'],
    ['heat', 'double precision'],
  ])
  expect(await columns('"My load"')).toEqual([
    ['at', 'timestamp with time zone'],
    ['host', 'text'],
    ['load', 'double precision'],
  ])
})

it('gives rows by time', async () => {
  const text = `SELECT floor(extract(epoch from at) / 1200) * 1200 AS "time", host AS metric, avg(load) AS "value"
    FROM "My load" WHERE at BETWEEN '2024-01-01T00:00:00Z' AND '2024-01-01T00:39:59Z' GROUP BY 1, 2 ORDER BY 1, 2`
  expect((await rows(text)).map(([time, ...more]) => [Number(time), ...more])).toEqual([
    [1704067200, 'host 0', 9],
    [1704067200, 'host 1', 10],
    [1704068400, 'host 0', 29],
    [1704068400, 'host 1', 30],
  ])
  expect(
    await rows(
      'SELECT at AS "time", load FROM "My load" WHERE at >= \'2024-01-01T00:58:00Z\' ORDER BY at DESC LIMIT 1',
    ),
  ).toEqual([[new Date('2024-01-01T00:59:00Z'), 59]])
})
