/** Look-ups by key that are answered where they come in: every answer is that of the long way, whatever came between. */
import { randomInt } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, expect, it, vi } from 'vitest'
import { type Database, open, type Server } from '../../src/index.js'
import { Shortcut } from '../../src/server/shortcut.js'
import { errorOf, type Heard, int16, int32, message, RawClient, valuesOf } from './raw-client.js'

let db: Database
let server: Server
let client: RawClient
/** For each request whether it was answered at once. */
const short: boolean[] = []
const answer = Shortcut.prototype.answer
vi.spyOn(Shortcut.prototype, 'answer').mockImplementation(function (this: Shortcut, asked) {
  const given = answer.call(this, asked)
  short.push(given !== undefined)
  return given
})
beforeAll(async () => {
  db = await open()
  server = await db.listen({ port: 0 })
})
afterAll(async () => {
  await db.close()
})
beforeEach(async () => {
  await db.execute(`DROP TABLE IF EXISTS t; CREATE TABLE t (k INTEGER PRIMARY KEY, v TEXT, n NUMERIC(5, 2), j JSONB);
    INSERT INTO t VALUES (1, 'one', 1.5, '{"a": 1}'), (2, NULL, NULL, NULL);
    DROP TABLE IF EXISTS two; CREATE TABLE two (a TEXT, b BIGINT, v SMALLINT, PRIMARY KEY (a, b));
    INSERT INTO two VALUES ('x', 1, -7), ('ü', 9007199254740993, 8)`)
  client = await RawClient.started(server.port)
  short.length = 0
  return () => client.close()
})

const SYNC = message('S')
const EXECUTE = message('E', '', int32(0))
const DESCRIBE = message('D', Buffer.from('P'), '')
const query = (text: string) => message('Q', text)
const parse = (name: string, text: string, oids: readonly number[] = []) =>
  message('P', name, text, int16(oids.length), ...oids.map(int32))
const bind = (
  name: string,
  values: readonly (string | Buffer | null)[],
  formats: number[] = [],
  results: number[] = [],
) =>
  message(
    'B',
    '',
    name,
    int16(formats.length),
    ...formats.map(int16),
    int16(values.length),
    ...values.flatMap((v) => (v === null ? [int32(-1)] : [int32(Buffer.from(v).length), Buffer.from(v)])),
    int16(results.length),
    ...results.map(int16),
  )
const ask = async (...messages: readonly Buffer[]) => {
  client.send(...messages)
  return await client.until('Z')
}
const types = (heard: readonly Heard[]) => heard.map(({ type }) => type).join('')
const rows = (heard: readonly Heard[]) => heard.filter(({ type }) => type === 'D').map(valuesOf)

it('answers the second of two texts that differ in a number', async () => {
  const first = await ask(query('SELECT v, k FROM t WHERE k = 2'))
  const second = await ask(query('SELECT v, k FROM t WHERE k = 1'))
  const none = await ask(query('SELECT v, k FROM t WHERE k = 3'))
  expect(short).toEqual([false, true, true])
  expect([types(first), types(second), types(none)]).toEqual(['TDCZ', 'TDCZ', 'TCZ'])
  expect(second[0]).toEqual(first[0])
  expect([rows(first), rows(second)]).toEqual([[[null, '2']], [['one', '1']]])
  expect(none.map(({ body }) => body.toString()).slice(1)).toEqual(['SELECT 0\0', 'I'])
})

it('gives the same bytes as the long way, in both formats and all three forms of statements', async () => {
  const asked = [
    ...['SELECT * FROM t WHERE k = $1', 'SELECT n * 2, j, upper(v) || k FROM t WHERE $1 = k'].flatMap((text) =>
      [[], [0], [1]].flatMap((results) => ['1', '2', '77'].map((k) => ({ text, values: [k], formats: [0], results }))),
    ),
    { text: 'SELECT v FROM t WHERE k = $1', values: [int32(1)], formats: [1], results: [1] },
    { text: 'SELECT v FROM two WHERE b = $2 AND a = $1', values: ['ü', '9007199254740993'], formats: [], results: [] },
    { text: 'SELECT v FROM two WHERE b = $1 AND a = $2', values: ['1', 'x'], formats: [0, 1], results: [1] },
  ]
  for (const { text, values, formats, results } of asked) {
    const bound = (name: string) => [bind(name, values, formats, results), DESCRIBE, EXECUTE, SYNC]
    await ask(parse('named', text), SYNC)
    const long = await ask(...bound('named'))
    const short = await ask(...bound('named'))
    expect(short, text).toEqual(long)
    await ask(message('C', Buffer.from('S'), 'named'), SYNC)
    await ask(parse('', text), ...bound(''))
    const unnamed = await ask(parse('', text), ...bound(''))
    expect(unnamed.slice(1), text).toEqual(long)
    expect(unnamed[0]!.type).toBe('1')
    // The unnamed statement stays, wherever it was made.
    expect(await ask(...bound('')), text).toEqual(long)
    expect(await ask(bind('', values, formats, results), DESCRIBE, EXECUTE, message('H'), SYNC), text).toEqual(long)
  }
  expect(short.filter(Boolean).length).toBeGreaterThan(2 * asked.length)
})

it('shows what was written before', async () => {
  const text = 'SELECT v FROM t WHERE k = 1'
  for (const value of ['a', 'b', 'c']) {
    await ask(query(`UPDATE t SET v = '${value}' WHERE k = 1`))
    expect(rows(await ask(query(text)))).toEqual([[value]])
  }
  await ask(query('DELETE FROM t WHERE k = 1'))
  expect(rows(await ask(query(text)))).toEqual([])
})

it('is left in a transaction, which sees its own writes, and after an error', async () => {
  const text = 'SELECT v FROM t WHERE k = 1'
  await ask(query(text))
  await ask(query("BEGIN; UPDATE t SET v = 'mine' WHERE k = 1"))
  expect(rows(await ask(query(text)))).toEqual([['mine']])
  await ask(query('SELECT 1 / 0'))
  expect(errorOf((await ask(query(text)))[0]).C).toBe('25P02')
  await ask(query('ROLLBACK'))
  expect(rows(await ask(query(text)))).toEqual([['one']])
  expect(short.at(-1)).toBe(true)
  // Until Sync all is skipped.
  client.send(message('B', '', 'nothing', int16(0), int16(0), int16(0)), query(text))
  expect(errorOf(await client.next()).C).toBe('26000')
  expect(types(await ask(query(text), SYNC))).toBe('Z')
})

it('knows nothing of a table that has gone', async () => {
  const text = 'SELECT v FROM t WHERE k = 1'
  await ask(parse('s', 'SELECT v FROM t WHERE k = $1'), SYNC)
  for (let turn = 0; turn < 2; turn++) {
    await ask(query(text))
    await ask(bind('s', ['1']), EXECUTE, SYNC)
  }
  expect(short.slice(-2)).toEqual([true, true])
  await db.execute("DROP TABLE t; CREATE TABLE t (v TEXT, k INTEGER PRIMARY KEY); INSERT INTO t VALUES ('other', 1)")
  expect(rows(await ask(query(text)))).toEqual([['other']])
  expect(rows(await ask(bind('s', ['1']), EXECUTE, SYNC))).toEqual([['other']])
  await db.execute('DROP TABLE t; CREATE TABLE t (v INTEGER, k INTEGER PRIMARY KEY)')
  expect(errorOf((await ask(bind('s', ['1']), EXECUTE, SYNC))[1]).M).toBe('cached plan must not change result type')
  await db.execute('DROP TABLE t')
  expect(errorOf((await ask(query(text)))[0]).C).toBe('42P01')
  await db.execute('CREATE TABLE t (k INTEGER PRIMARY KEY)')
})

it('follows the names of statements and of schemas', async () => {
  const look = (name: string) => [bind(name, ['1']), EXECUTE, SYNC]
  await ask(parse('s', 'SELECT v FROM t WHERE k = $1'), SYNC)
  await ask(...look('s'))
  await ask(...look('s'))
  expect(short.at(-1)).toBe(true)
  await ask(query('DEALLOCATE s'))
  expect(errorOf((await ask(...look('s')))[0]).C).toBe('26000')
  await ask(parse('s', 'SELECT k FROM t WHERE k = $1'), SYNC)
  expect(rows(await ask(...look('s')))).toEqual([['1']])
  await ask(query('DISCARD ALL'))
  expect(errorOf((await ask(...look('s')))[0]).C).toBe('26000')
  // A simple query ends the unnamed one.
  for (let turn = 0; turn < 2; turn++) await ask(parse('', 'SELECT v FROM t WHERE k = $1'), ...look(''))
  for (let turn = 0; turn < 2; turn++) await ask(query('SELECT v FROM t WHERE k = 1'))
  expect(short.at(-1)).toBe(true)
  expect(errorOf((await ask(...look('')))[0]).C).toBe('26000')
  await db.execute(
    "CREATE SCHEMA side; CREATE TABLE side.t (k INTEGER PRIMARY KEY, v TEXT); INSERT INTO side.t VALUES (1, 'side')",
  )
  await ask(query('SET search_path = side'))
  expect(rows(await ask(query('SELECT v FROM t WHERE k = 1')))).toEqual([['side']])
  expect(rows(await ask(parse('', 'SELECT v FROM t WHERE k = $1'), ...look('')))).toEqual([['side']])
  await ask(query('RESET search_path'))
  expect(rows(await ask(parse('', 'SELECT v FROM t WHERE k = $1'), ...look('')))).toEqual([['one']])
  await db.execute('DROP TABLE side.t; DROP SCHEMA side')
})

it('leaves values that are not sound to the long way', async () => {
  const text = 'SELECT v FROM t WHERE k = $1'
  await ask(parse('s', text, [23]), SYNC)
  const look = (value: string | Buffer | null, formats: number[] = []) =>
    ask(bind('s', [value], formats), EXECUTE, SYNC)
  await look('1')
  expect(rows(await look('1'))).toEqual([['one']])
  expect(rows(await look(null))).toEqual([])
  expect(errorOf((await look('x'))[0]).C).toBe('22P02')
  expect(errorOf((await look('2147483648'))[0]).C).toBe('22003')
  expect(errorOf((await look(Buffer.of(1), [1]))[0]).C).toBe('22P03')
  expect(rows(await look('+1'))).toEqual([['one']])
  expect(rows(await look(' 1 '))).toEqual([['one']])
  // Numbers that are written in other ways, and conditions with more in them.
  const texts = [
    'k = 1.0',
    'k = 1 OR k = 2',
    'k = 1 AND v IS NULL',
    'k = 01',
    "k = '1'",
    'k=1',
    'k = 4294967297',
    'k = 1 -- 2',
  ]
  const counts = [1, 2, 0, 1, 1, 1, 0, 1]
  for (const [at, condition] of texts.entries()) {
    for (let turn = 0; turn < 2; turn++) {
      expect(rows(await ask(query(`SELECT v FROM t WHERE ${condition}`))), condition).toHaveLength(counts[at]!)
    }
  }
})

it('answers many that come together, cut at any place', async () => {
  await ask(parse('s', 'SELECT v, k FROM t WHERE k = $1'), SYNC)
  await ask(bind('s', ['1']), EXECUTE, SYNC)
  await ask(query('SELECT v FROM t WHERE k = 1'))
  const seed = Number(process.env.SERVER_SEED ?? randomInt(1_000_000))
  let state = seed
  const random = (below: number) => {
    state = (state * 1103515245 + 12345) % 2147483648
    return state % below
  }
  for (let turn = 0; turn < 60; turn++) {
    const asked: Buffer[] = []
    const expected: (string | null)[][] = []
    for (let at = random(12) + 1; at > 0; at--) {
      const key = random(3)
      const value = [undefined, 'one', null][key]
      const form = random(3)
      if (form === 0) {
        asked.push(query(`SELECT v FROM t WHERE k = ${key}`))
        if (value !== undefined) expected.push([value])
      } else if (form === 1) {
        asked.push(bind('s', [String(key)]), EXECUTE, SYNC)
        if (value !== undefined) expected.push([value, String(key)])
      } else {
        asked.push(query(`SELECT count(*) FROM t WHERE k > ${key}`))
        expected.push([String(2 - key)])
      }
    }
    const bytes = Buffer.concat(asked)
    const cut = random(bytes.length)
    client.send(bytes.subarray(0, cut))
    if (random(2) === 0) await new Promise((resolve) => setImmediate(resolve))
    client.send(bytes.subarray(cut))
    const heard: Heard[] = []
    const ends = asked.filter(([letter]) => letter === 0x51 || letter === 0x53)
    for (let at = 0; at < ends.length; at++) heard.push(...(await client.until('Z')))
    expect(rows(heard), `seed ${seed}, turn ${turn}`).toEqual(expected)
  }
})
