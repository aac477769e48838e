/** COPY over the protocol: every option of text and CSV, all or nothing, and errors that name the line and the column. What is written
 *  was compared with PostgreSQL 15. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { type Database, open, type Server } from '../../src/index.js'
import { errorOf, type Heard, message, RawClient, valuesOf } from './raw-client.js'

const folder = mkdtempSync(join(tmpdir(), 'millrace-copy-'))
let db: Database
let server: Server
let client: RawClient
beforeAll(async () => {
  db = await open()
  server = await db.listen({ port: 0 })
  client = await RawClient.started(server.port)
})
beforeEach(async () => {
  await db.execute(`DROP TABLE IF EXISTS t;
    CREATE TABLE t (a BIGINT PRIMARY KEY, b TEXT DEFAULT 'dflt', c NUMERIC(10, 2), d INTEGER[], e TIMESTAMPTZ DEFAULT now(), f BOOLEAN)`)
})
afterAll(async () => {
  client.close()
  await db.close()
  rmSync(folder, { recursive: true })
})

const simple = async (text: string) => {
  client.send(message('Q', text))
  return await client.until('Z')
}
const rows = async (text: string) => (await simple(text)).filter(({ type }) => type === 'D').map(valuesOf)
const output = (heard: readonly Heard[]) =>
  heard
    .filter(({ type }) => type === 'd')
    .map(({ body }) => body.toString())
    .join('')
/** Sends the text in parts of so many bytes. */
const copyIn = async (statement: string, text: string, part = 7) => {
  client.send(message('Q', statement))
  const bytes = Buffer.from(text)
  for (let at = 0; at < bytes.length; at += part) client.send(message('d', bytes.subarray(at, at + part)))
  client.send(message('c'))
  return await client.until('Z')
}

it('takes text, with its escapes, and gives it back', async () => {
  const text =
    '1\tone\t1.50\t{1,2}\t2024-01-01 00:00:00+00\tt\n2\t\\N\t\\N\t{}\t2024-01-01 00:00:00+00\tf\n3\ta\\tb\\\\c\\n\t-3.00\t\\N\t2024-01-01 00:00:00+00\t\\N\n'
  const heard = await copyIn('COPY t FROM STDIN', text)
  expect(heard.map(({ type }) => type).join('')).toBe('GCZ')
  expect(heard[1]?.body.toString()).toBe('COPY 3\0')
  expect(await rows('SELECT a, b FROM t ORDER BY a')).toEqual([
    ['1', 'one'],
    ['2', null],
    ['3', 'a\tb\\c\n'],
  ])
  const back = await simple('COPY t TO STDOUT')
  expect(back.map(({ type }) => type).join('')).toBe('HdddcCZ')
  expect(output(back)).toBe(text)
})

it('takes CSV with quotes over lines, NULLs and a header, at every place where a part may end', async () => {
  const text = 'a,b\n10,"x ""q"", \ny"\n11,\n12,""\n13,ü'
  for (const part of [1, 2, 3, 100]) {
    await simple('DELETE FROM t')
    await copyIn('COPY t (a, b) FROM STDIN WITH (FORMAT csv, HEADER)', text, part)
    expect(await rows('SELECT a, b, e IS NOT NULL FROM t ORDER BY a')).toEqual([
      ['10', 'x "q", \ny', 't'],
      ['11', null, 't'],
      ['12', '', 't'],
      ['13', 'ü', 't'],
    ])
  }
  expect(output(await simple('COPY (SELECT a, b FROM t ORDER BY a) TO STDOUT CSV HEADER'))).toBe(
    'a,b\n10,"x ""q"", \ny"\n11,\n12,""\n13,ü\n',
  )
  expect(
    output(
      await simple(
        "COPY (SELECT a, b FROM t WHERE a > 10 ORDER BY a) TO STDOUT (FORMAT csv, DELIMITER ';', NULL 'nil', FORCE_QUOTE *)",
      ),
    ),
  ).toBe('"11";nil\n"12";""\n"13";"ü"\n')
})

it('knows the options of CSV', async () => {
  await copyIn(
    "COPY t (a, b) FROM STDIN (FORMAT csv, DELIMITER '|', QUOTE '''', ESCAPE '\\', NULL 'x', FORCE_NULL (b))",
    "1|'it\\'s'\n2|'x'\n3|\n",
  )
  expect(await rows('SELECT a, b FROM t ORDER BY a')).toEqual([
    ['1', "it's"],
    ['2', null],
    ['3', ''],
  ])
  expect(errorOf((await copyIn('COPY t (a, b) FROM STDIN (FORMAT csv, HEADER match)', 'a,x\n')).at(-2))).toMatchObject({
    C: '22P04',
    M: 'column name mismatch in header line field 2: got "x", expected "b"',
  })
  for (const [options, code] of [
    ['(FORMAT xml)', '22023'],
    ['(QUOTE x)', '0A000'],
    ['(FORMAT csv, FORMAT csv)', '42601'],
    ['(NONSENSE)', '42601'],
    ["(FORMAT csv, DELIMITER '\"')", '22023'],
    ["(DELIMITER 'ab')", '0A000'],
  ] as const) {
    expect([options, errorOf((await simple(`COPY t FROM STDIN ${options}`))[0]).C]).toEqual([options, code])
  }
})

it('takes all or nothing, and names the line and the column', async () => {
  await simple('INSERT INTO t (a) VALUES (1)')
  for (const [text, code, where] of [
    ['20,x\nzz,y\n', '22P02', 'COPY t, line 2, column a: "zz"'],
    ['20,x\n21\n', '22P04', 'COPY t, line 2: "21"'],
    ['20,x\n21,y,z\n', '22P04', 'COPY t, line 2: "21 y z"'],
    ['20,"x\n', '22P04', 'COPY t, line 2'],
    ['20,x\n,y\n', '23502', 'COPY t, line 2'],
    ['20,x\n1,again\n', '23505', undefined],
  ] as const) {
    const error = errorOf((await copyIn('COPY t (a, b) FROM STDIN CSV', text)).find(({ type }) => type === 'E'))
    expect([text, error.C, error.W]).toEqual([text, code, where])
  }
  client.send(message('Q', 'COPY t (a, b) FROM STDIN CSV'), message('d', Buffer.from('30,x\n')), message('f', 'enough'))
  expect(errorOf((await client.until('Z')).at(-2))).toMatchObject({ C: '57014', M: 'COPY from stdin failed: enough' })
  expect(await rows('SELECT a FROM t')).toEqual([['1']])
})

it('is a part of the transaction around it', async () => {
  await simple('BEGIN')
  await copyIn('COPY t (a) FROM STDIN', '1\n2\n')
  expect(await rows('SELECT count(*) FROM t')).toEqual([['2']])
  await simple('ROLLBACK')
  expect(await rows('SELECT count(*) FROM t')).toEqual([['0']])
})

it('reads and writes files, JSON too', async () => {
  const path = join(folder, 'rows.json')
  await copyIn('COPY t (a, b, d) FROM STDIN', '1\tone\t{1,2}\n2\t\\N\t\\N\n')
  await db.query(`COPY (SELECT a, b, d FROM t ORDER BY a) TO '${path}' (FORMAT json)`)
  expect(readFileSync(path, 'utf8')).toBe('{"a":1,"b":"one","d":"{1,2}"}\n{"a":2,"b":null,"d":null}\n')
  await simple('DELETE FROM t')
  await db.query(`COPY t (a, b, d) FROM '${path}' (FORMAT json)`)
  expect(await rows('SELECT a, b, d FROM t ORDER BY a')).toEqual([
    ['1', 'one', '{1,2}'],
    ['2', null, null],
  ])
  writeFileSync(path, '{"a":3}\n{"x":1}\n')
  await expect(db.query(`COPY t (a) FROM '${path}' (FORMAT json)`)).rejects.toMatchObject({
    code: '22P04',
    where: 'COPY t, line 2',
  })
  await expect(db.query("COPY t FROM '/there/is/none'")).rejects.toMatchObject({ code: '58P01' })
  await expect(db.query('COPY t FROM STDIN')).rejects.toMatchObject({ code: '0A000' })
})
