/** The protocol's bytes: what drivers do not send, and what they do not check. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Database, open, type Server } from '../../src/index.js'
import { errorOf, int16, int32, message, RawClient, startup, valuesOf } from './raw-client.js'

let db: Database
let server: Server
beforeAll(async () => {
  db = await open()
  await db.execute(
    "CREATE TABLE t (a BIGINT PRIMARY KEY, b TEXT); INSERT INTO t VALUES (1, 'one'), (2, NULL), (3, 'three')",
  )
  server = await db.listen({ port: 0 })
})
afterAll(async () => await db.close())

const SYNC = message('S')
const parse = (name: string, text: string, oids: readonly number[] = []) =>
  message('P', name, text, int16(oids.length), ...oids.map(int32))
const bind = (
  portal: string,
  statement: string,
  values: readonly (string | Buffer | null)[] = [],
  formats: number[] = [],
) =>
  message(
    'B',
    portal,
    statement,
    int16(formats.length),
    ...formats.map(int16),
    int16(values.length),
    ...values.flatMap((value) => {
      if (value === null) return [int32(-1)]
      const bytes = Buffer.from(value)
      return [int32(bytes.length), bytes]
    }),
    int16(0),
  )
const execute = (portal: string, limit = 0) => message('E', portal, int32(limit))
const describe = (kind: 'S' | 'P', name: string) => message('D', Buffer.from(kind), name)
const types = (heard: readonly { type: string }[]) => heard.map(({ type }) => type).join('')

it('tells its settings at the start', async () => {
  const client = await RawClient.connect(server.port)
  client.send(startup({ user: 'me', application_name: 'test', TimeZone: 'Europe/Zurich', nonsense: 'x' }))
  const heard = await client.until('Z')
  const settings = Object.fromEntries(
    heard.filter(({ type }) => type === 'S').map(({ body }) => body.toString().split('\0').slice(0, 2)),
  )
  expect(settings).toMatchObject({
    server_encoding: 'UTF8',
    client_encoding: 'UTF8',
    application_name: 'test',
    DateStyle: 'ISO, YMD',
    TimeZone: 'UTC',
    integer_datetimes: 'on',
    standard_conforming_strings: 'on',
    session_authorization: 'me',
  })
  expect(settings.server_version).toMatch(/^16\./)
  client.close()
})

it('answers requests for TLS and GSS that it cannot meet, and goes on', async () => {
  const client = await RawClient.connect(server.port)
  client.send(Buffer.concat([int32(8), int32(80_877_104)]))
  expect(await client.byte()).toBe('N')
  client.send(Buffer.concat([int32(8), int32(80_877_103)]))
  expect(await client.byte()).toBe('N')
  client.send(startup({ user: 'me' }))
  expect(types(await client.until('Z')).at(-1)).toBe('Z')
  client.close()
})

it('offers 3.0 to who speaks a newer 3, and refuses 2', async () => {
  const newer = await RawClient.connect(server.port)
  newer.send(startup({ user: 'me', '_pq_.test': 'x' }, 0x0003_0002))
  const [first] = await newer.until('Z')
  expect(first?.type).toBe('v')
  expect(first?.body.toString()).toContain('_pq_.test')
  newer.close()
  const older = await RawClient.connect(server.port)
  older.send(startup({ user: 'me' }, 0x0002_0000))
  expect(errorOf(await older.next())).toMatchObject({ S: 'FATAL', C: '0A000' })
  expect(await older.next()).toBeUndefined()
})

it('refuses lengths that cannot be', async () => {
  for (const bytes of [int32(3), int32(-1), int32(1 << 30), Buffer.from('GET / HTTP/1.1\r\n\r\n')]) {
    const client = await RawClient.connect(server.port)
    client.send(bytes)
    expect(errorOf(await client.next()).C).toBe('08P01')
    expect(await client.next()).toBeUndefined()
  }
  const client = await RawClient.started(server.port)
  client.send(Buffer.concat([Buffer.from('Q'), int32(2)]))
  expect(errorOf(await client.next())).toMatchObject({ S: 'FATAL', C: '08P01' })
  expect(await client.next()).toBeUndefined()
})

it('runs a simple query of several statements up to the first error', async () => {
  const client = await RawClient.started(server.port)
  client.send(message('Q', "SELECT a FROM t ORDER BY a; SELECT 'x' AS x; SELECT 1/0; SELECT 2"))
  const heard = await client.until('Z')
  expect(types(heard)).toBe('TDDDCTDCEZ')
  expect(heard.filter(({ type }) => type === 'D').map(valuesOf)).toEqual([['1'], ['2'], ['3'], ['x']])
  expect(errorOf(heard[8]).C).toBe('22012')
  client.send(message('Q', ' ; '))
  expect(types(await client.until('Z'))).toBe('IZ')
  client.send(message('Q', 'SELECT nothing FROM t'))
  expect(errorOf((await client.until('Z'))[0])).toMatchObject({ C: '42703', P: '8' })
  client.close()
})

it('skips everything after an error of the extended protocol until Sync', async () => {
  const client = await RawClient.started(server.port)
  client.send(
    parse('', 'SELECT 1/0 AS x'),
    bind('', ''),
    execute(''),
    parse('other', 'SELECT 1'),
    SYNC,
    parse('', 'SELECT 2'),
    bind('', ''),
    execute(''),
    SYNC,
  )
  expect(types(await client.until('Z'))).toBe('12EZ')
  expect(types(await client.until('Z'))).toBe('12DCZ')
  client.send(bind('', 'other'), SYNC)
  expect(errorOf((await client.until('Z'))[0]).C).toBe('26000')
  client.close()
})

it('gives the rows of a portal in parts', async () => {
  const client = await RawClient.started(server.port)
  client.send(message('Q', 'BEGIN'))
  await client.until('Z')
  client.send(parse('s', 'SELECT a FROM t ORDER BY a'), bind('p', 's'), execute('p', 2), SYNC)
  const first = await client.until('Z')
  expect(types(first)).toBe('12DDsZ')
  expect(first.at(-1)?.body.toString()).toBe('T')
  client.send(execute('p', 2), execute('p', 2), SYNC)
  const rest = await client.until('Z')
  expect(types(rest)).toBe('DCCZ')
  expect(rest[1]?.body.toString()).toBe('SELECT 1\0')
  client.send(message('Q', 'COMMIT'))
  await client.until('Z')
  // A portal ends with its transaction.
  client.send(SYNC, execute('p'), SYNC)
  await client.until('Z')
  expect(errorOf((await client.until('Z'))[0]).C).toBe('34000')
  client.close()
})

it('takes parameters as text and in binary, and describes them', async () => {
  const client = await RawClient.started(server.port)
  const eight = Buffer.alloc(8)
  eight.writeBigInt64BE(3n)
  client.send(
    parse('s', 'SELECT b, $2 AS given FROM t WHERE a = $1', [20, 25]),
    describe('S', 's'),
    bind('', 's', [eight, 'ü'], [1, 0]),
    describe('P', ''),
    execute(''),
    SYNC,
  )
  const heard = await client.until('Z')
  expect(types(heard)).toBe('1tT2TDCZ')
  expect(heard[1]?.body).toEqual(Buffer.concat([int16(2), int32(20), int32(25)]))
  expect(valuesOf(heard[5]!)).toEqual(['three', 'ü'])
  const wrong: [Buffer, string][] = [
    [bind('', 's', [Buffer.alloc(7), 'x'], [1, 0]), '22P03'],
    [bind('', 's', ['x', 'y']), '22P02'],
    [bind('', 's', [Buffer.from([0xff]), 'x'], [0, 0]), '22021'],
    [bind('', 's', ['1', 'x'], [0, 0, 0]), '08P01'],
    [bind('', 's', ['1', 'x'], [7]), '08P01'],
    [message('B', 'p'), '08P01'],
    [message('B', '', 's', int16(0), int16(1), int32(1000)), '08P01'],
    [parse('s', 'SELECT 1'), '42P05'],
    [parse('', 'SELECT 1; SELECT 2'), '42601'],
    [parse('', 'SELECT FROM FROM'), '42601'],
    [message('F'), '0A000'],
    [message('?'), '08P01'],
  ]
  for (const [bytes, code] of wrong) {
    client.send(bytes, SYNC)
    expect([errorOf((await client.until('Z'))[0]).C, bytes.toString('hex')]).toEqual([code, bytes.toString('hex')])
  }
  // Nothing says what $1 is.
  client.send(parse('', 'SELECT $2'), bind('', '', ['1']), execute(''), SYNC)
  expect(errorOf((await client.until('Z'))[0]).C).toBe('42P18')
  client.close()
})

it('cancels with the right key only', async () => {
  const client = await RawClient.connect(server.port)
  client.send(startup({ user: 'me' }))
  const key = (await client.until('Z')).find(({ type }) => type === 'K')!.body
  const request = async (secret: Buffer) => {
    const other = await RawClient.connect(server.port)
    other.send(Buffer.concat([int32(16), int32(80_877_102), key.subarray(0, 4), secret]))
    expect(await other.next()).toBeUndefined()
  }
  client.send(message('Q', 'SELECT count(*) FROM generate_series(1, 2000000000) AS g'))
  await request(int32(key.readInt32BE(4) ^ 1))
  await request(key.subarray(4))
  expect(errorOf((await client.until('Z'))[0])).toMatchObject({ S: 'ERROR', C: '57014' })
  client.send(message('Q', "SET statement_timeout = '50ms'; SELECT count(*) FROM generate_series(1, 2000000000) AS g"))
  const late = await client.until('Z')
  expect(errorOf(late.find(({ type }) => type === 'E'))).toMatchObject({
    C: '57014',
    M: 'canceling statement due to statement timeout',
  })
  client.close()
})

it('gives back what a client held that has gone', async () => {
  const client = await RawClient.started(server.port)
  client.send(message('Q', "BEGIN; INSERT INTO t VALUES (10, 'lost')"))
  await client.until('Z')
  const connections = server.connections
  client.close()
  while (server.connections >= connections) await new Promise((resolve) => setTimeout(resolve, 5))
  expect((await db.query('SELECT a FROM t WHERE a = 10')).rows).toEqual([])
})

it('survives nonsense of every kind', async () => {
  let seed = Number(process.env.SERVER_SEED ?? Date.now() % 1_000_000)
  process.stdout.write(`server seed ${seed} (repeat with SERVER_SEED=${seed})\n`)
  const random = (below: number) => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((seed / 2 ** 32) * below)
  }
  for (let round = 0; round < 100; round++) {
    const client = await RawClient.started(server.port)
    const parts = Array.from({ length: 1 + random(8) }, () => {
      const body = Buffer.from(Array.from({ length: random(40) }, () => random(256)))
      return message('PBDECHFQSdcfp'[random(13)]!, body)
    })
    client.send(...parts, SYNC, message('X'))
    for (let heard = await client.next(); heard !== undefined; heard = await client.next()) {
      expect('123CDEIKNSTZnst').toContain(heard.type)
    }
  }
  expect((await db.query('SELECT count(*) AS n FROM t')).rows).toEqual([{ n: 3n }])
})
