/** Statements that are planned before their values are known: the types that parameters get, plans that are used again, and what
 *  commits together. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Database, open, type Server } from '../../src/index.js'
import { errorOf, type Heard, int16, int32, message, RawClient, valuesOf } from './raw-client.js'

let db: Database
let server: Server
let client: RawClient
beforeAll(async () => {
  db = await open()
  await db.execute(`CREATE TABLE t (a BIGINT PRIMARY KEY, b TEXT, c NUMERIC(10, 2), d DATE, e INTEGER[], f BOOLEAN, g TIMESTAMPTZ, h INTERVAL);
    INSERT INTO t VALUES (1, 'one', 1.25, '2024-01-01', '{1,2}', true, '2024-01-01 00:00+00', '1 day'), (2, NULL, NULL, NULL, NULL, NULL, NULL, NULL)`)
  server = await db.listen({ port: 0 })
  client = await RawClient.started(server.port)
})
afterAll(async () => {
  client.close()
  await db.close()
})

const SYNC = message('S')
const parse = (name: string, text: string, oids: readonly number[] = []) =>
  message('P', name, text, int16(oids.length), ...oids.map(int32))
const bind = (
  statement: string,
  values: readonly (string | Buffer | null)[] = [],
  formats: number[] = [],
  results: number[] = [],
) =>
  message(
    'B',
    '',
    statement,
    int16(formats.length),
    ...formats.map(int16),
    int16(values.length),
    ...values.flatMap((value) =>
      value === null ? [int32(-1)] : [int32(Buffer.from(value).length), Buffer.from(value)],
    ),
    int16(results.length),
    ...results.map(int16),
  )
const execute = message('E', '', int32(0))
const describeStatement = (name: string) => message('D', Buffer.from('S'), name)
const types = (heard: readonly Heard[]) => heard.map(({ type }) => type).join('')
const rows = (heard: readonly Heard[]) => heard.filter(({ type }) => type === 'D').map(valuesOf)
const run = async (text: string, values: readonly (string | Buffer | null)[], formats: number[] = []) => {
  client.send(parse('', text), bind('', values, formats), execute, SYNC)
  return await client.until('Z')
}
const simple = async (text: string) => {
  client.send(message('Q', text))
  return await client.until('Z')
}

// Checked with PostgreSQL 15.
it.each([
  ['SELECT * FROM t WHERE a = $1', [20]],
  ['SELECT $1', [25]],
  ['SELECT $1::int + $2', [23, 23]],
  ['SELECT a + $1, $2 || b FROM t', [20, 25]],
  ['INSERT INTO t (a, c, d, e, f) VALUES ($1, $2, $3, $4, $5)', [20, 1700, 1082, 1007, 16]],
  ['INSERT INTO t (a, b) SELECT $1, $2', [20, 25]],
  ['UPDATE t SET c = $2, b = $3 WHERE a = $1', [20, 1700, 25]],
  ['DELETE FROM t WHERE d < $1 AND a IN ($2, $3)', [1082, 20, 20]],
  ['SELECT a FROM t WHERE c BETWEEN $1 AND $2 LIMIT $3 OFFSET $4', [1700, 1700, 20, 20]],
  ['SELECT a FROM t WHERE b LIKE $1 AND g > $2', [25, 1184]],
  ['SELECT a FROM t WHERE $1 IS NULL OR a = $1', [20]],
  ['SELECT a FROM t WHERE a = ANY ($1)', [1016]],
  ['SELECT CASE WHEN f THEN $1 ELSE a END, coalesce($2, d) FROM t', [20, 1082]],
  ['VALUES ($1, 1), (2, $2)', [23, 23]],
  ['SELECT g + $1 FROM t', [1186]],
  ['SELECT a FROM t UNION SELECT $1', [20]],
  ['WITH q AS (SELECT $1::text AS x) SELECT x FROM q WHERE x = $2', [25, 25]],
  ['SELECT (SELECT a FROM t WHERE a = $1), EXISTS (SELECT 1 FROM t WHERE b = $2)', [20, 25]],
])('describes the parameters of %s', async (text, expected) => {
  client.send(parse('', text), describeStatement(''), SYNC)
  const heard = await client.until('Z')
  expect(types(heard).slice(0, 2)).toBe('1t')
  expect(heard[1]?.body).toEqual(Buffer.concat([int16(expected.length), ...expected.map(int32)]))
})

it('refuses what it cannot know', async () => {
  client.send(parse('', 'SELECT a FROM t WHERE a = $2'), SYNC)
  expect(errorOf((await client.until('Z'))[0])).toMatchObject({
    C: '42P18',
    M: 'could not determine data type of parameter $1',
  })
  client.send(parse('', 'SELECT nothing FROM t WHERE a = $1'), SYNC)
  expect(errorOf((await client.until('Z'))[0])).toMatchObject({ C: '42703', P: '8' })
})

it('reads values as the types that it found', async () => {
  expect(rows(await run('SELECT b FROM t WHERE a = $1', ['1']))).toEqual([['one']])
  expect(rows(await run('SELECT a FROM t WHERE c = $1', ['1.250']))).toEqual([['1']])
  // More digits than the column has are not rounded away.
  expect(rows(await run('SELECT a FROM t WHERE c = $1', ['1.251']))).toEqual([])
  expect(rows(await run('SELECT a FROM t WHERE e = $1', ['{1,2}']))).toEqual([['1']])
  expect(rows(await run('SELECT a FROM t ORDER BY a LIMIT $1', ['1']))).toEqual([['1']])
  expect(rows(await run('SELECT a FROM t ORDER BY a LIMIT $1', ['2']))).toEqual([['1'], ['2']])
  expect(rows(await run('SELECT a FROM t WHERE $1 IS NULL OR a = $1 ORDER BY a', [null]))).toEqual([['1'], ['2']])
  expect(rows(await run('SELECT a FROM t WHERE a = $1', [null]))).toEqual([])
  expect(errorOf((await run('SELECT b FROM t WHERE a = $1', ['x']))[1])).toMatchObject({
    C: '22P02',
    M: 'invalid input syntax for type bigint: "x"',
  })
  expect(errorOf((await run('SELECT $1::smallint', ['99999']))[1]).C).toBe('22003')
})

it('reads arrays in binary', async () => {
  const array = Buffer.concat([
    ...[1, 0, 20, 2, 1].map(int32),
    ...[1n, 7n].flatMap((value) => {
      const bytes = Buffer.alloc(8)
      bytes.writeBigInt64BE(value)
      return [int32(8), bytes]
    }),
  ])
  expect(rows(await run('SELECT a FROM t WHERE a = ANY ($1)', [array], [1]))).toEqual([['1']])
  const lies = Buffer.concat([1, 0, 20, 0x7fffffff, 1].map(int32))
  expect(errorOf((await run('SELECT a FROM t WHERE a = ANY ($1)', [lies], [1]))[1]).C).toBe('22P03')
})

it('plans anew when the catalog has changed, and says so when the columns have', async () => {
  await simple('CREATE TABLE u (x INTEGER PRIMARY KEY); INSERT INTO u VALUES (1)')
  client.send(parse('u', 'SELECT * FROM u WHERE x = $1'), bind('u', ['1']), execute, SYNC)
  expect(rows(await client.until('Z'))).toEqual([['1']])
  await simple('CREATE TABLE other (x INTEGER PRIMARY KEY)')
  client.send(bind('u', ['1']), execute, SYNC)
  expect(rows(await client.until('Z'))).toEqual([['1']])
  await simple('DROP TABLE u; CREATE TABLE u (x INTEGER PRIMARY KEY, y TEXT)')
  client.send(bind('u', ['1']), execute, SYNC)
  expect(errorOf((await client.until('Z'))[1])).toMatchObject({
    C: '0A000',
    M: 'cached plan must not change result type',
  })
})

it('PREPARE, EXECUTE and DEALLOCATE share the names with the protocol', async () => {
  expect(types(await simple('PREPARE p (bigint) AS SELECT b FROM t WHERE a = $1'))).toBe('CZ')
  expect(errorOf((await simple('PREPARE p AS SELECT 1'))[0]).C).toBe('42P05')
  expect(rows(await simple('EXECUTE p (1)'))).toEqual([['one']])
  expect(rows(await simple("EXECUTE p ('1')"))).toEqual([['one']])
  expect(rows(await simple('EXECUTE p (0 + 1)'))).toEqual([['one']])
  expect(errorOf((await simple('EXECUTE p'))[0]).C).toBe('08P01')
  client.send(bind('p', ['1']), execute, SYNC)
  expect(rows(await client.until('Z'))).toEqual([['one']])
  await simple('PREPARE ins AS INSERT INTO t (a, b) VALUES ($1, $2)')
  const inserted = await simple("EXECUTE ins (10, 'ten')")
  expect(inserted[0]?.body.toString()).toBe('INSERT 0 1\0')
  expect(types(await simple('DEALLOCATE p'))).toBe('CZ')
  expect(errorOf((await simple('EXECUTE p (1)'))[0])).toMatchObject({ C: '26000' })
})

it('commits the statements of one message together', async () => {
  const failed = await simple("INSERT INTO t (a) VALUES (100); INSERT INTO t (a) VALUES (101); SELECT 1/0; SELECT 'no'")
  expect(types(failed)).toBe('CCEZ')
  expect(failed.at(-1)?.body.toString()).toBe('I')
  expect(rows(await simple('SELECT a FROM t WHERE a >= 100'))).toEqual([])
  const fine = await simple(
    'INSERT INTO t (a) VALUES (100); SELECT a FROM t WHERE a = 100; DELETE FROM t WHERE a = 100',
  )
  expect(types(fine)).toBe('CTDCCZ')
  // BEGIN makes what came before a part of its transaction; COMMIT ends it.
  await simple('INSERT INTO t (a) VALUES (102); BEGIN; INSERT INTO t (a) VALUES (103)')
  expect((await simple('ROLLBACK')).at(-1)?.body.toString()).toBe('I')
  expect(rows(await simple('SELECT a FROM t WHERE a >= 100'))).toEqual([])
  const kept = await simple('BEGIN; INSERT INTO t (a) VALUES (104); COMMIT; INSERT INTO t (a) VALUES (105); SELECT 1/0')
  expect(types(kept)).toBe('CCCCEZ')
  expect(rows(await simple('SELECT a FROM t WHERE a >= 100'))).toEqual([['104']])
  await simple('DELETE FROM t WHERE a >= 100')
})

it('commits what comes between two Syncs together', async () => {
  const insert = (value: string) => [parse('', 'INSERT INTO t (a) VALUES ($1)'), bind('', [value]), execute]
  client.send(...insert('200'), ...insert('201'), ...insert('200'), SYNC)
  expect(types(await client.until('Z'))).toBe('12C12C12EZ')
  expect(rows(await simple('SELECT a FROM t WHERE a >= 200'))).toEqual([])
  client.send(...insert('200'), ...insert('201'), SYNC)
  expect((await client.until('Z')).at(-1)?.body.toString()).toBe('I')
  expect(rows(await simple('SELECT a FROM t WHERE a >= 200 ORDER BY a'))).toEqual([['200'], ['201']])
})

it('a client that waits for its COMMIT holds up no other', async () => {
  const other = await RawClient.started(server.port)
  client.send(message('Q', 'BEGIN; INSERT INTO t (a) VALUES (300)'))
  await client.until('Z')
  other.send(message('Q', 'SELECT count(*) FROM t WHERE a = 300'))
  expect(rows(await other.until('Z'))).toEqual([['0']])
  await simple('COMMIT')
  other.send(message('Q', 'SELECT count(*) FROM t WHERE a = 300'))
  expect(rows(await other.until('Z'))).toEqual([['1']])
  other.close()
})

it('tells an error at once to who sends Flush and no Sync', async () => {
  client.send(parse('', 'SELECT nothing'), message('H'))
  expect(errorOf(await client.next()).C).toBe('42703')
  client.send(SYNC)
  expect(types(await client.until('Z'))).toBe('Z')
})

it('ends a transaction that has failed, or goes back to a savepoint of it, in the extended protocol too', async () => {
  const alone = async (text: string) => {
    client.send(parse('', text), bind(''), execute, SYNC)
    return await client.until('Z')
  }
  const tag = (heard: readonly Heard[]) => heard.find(({ type }) => type === 'C')?.body.toString()
  for (const text of ['BEGIN', 'SAVEPOINT here', 'SELECT 1 / 0']) await alone(text)
  expect(errorOf((await alone('SELECT 1'))[0]).C).toBe('25P02')
  expect(errorOf((await alone('SELECT $1'))[0]).C).toBe('25P02')
  expect(tag(await alone('ROLLBACK TO SAVEPOINT here'))).toBe('ROLLBACK\0')
  expect(rows(await alone('SELECT 1'))).toEqual([['1']])
  await alone('SELECT 1 / 0')
  expect(tag(await alone('COMMIT'))).toBe('ROLLBACK\0')
  expect(rows(await alone('SELECT 1'))).toEqual([['1']])
})
