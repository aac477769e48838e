/** What one client may take of the server: connections, time, memory. */
import { connect } from 'node:net'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Database, open } from '../../src/index.js'
import { errorOf, int16, int32, message, RawClient, startup, valuesOf } from './raw-client.js'

let db: Database
beforeAll(async () => {
  db = await open()
  await db.execute("CREATE TABLE t (k INTEGER PRIMARY KEY, v TEXT); INSERT INTO t VALUES (1, 'one')")
})
afterAll(async () => await db.close())

const query = (text: string) => message('Q', text)

it('lets in so many clients, and another when one has gone', async () => {
  const server = await db.listen({ port: 0, maxConnections: 2 })
  const clients = [await RawClient.started(server.port), await RawClient.started(server.port)]
  const third = await RawClient.connect(server.port)
  third.send(startup({ user: 'me' }))
  const refusal = errorOf((await third.until('E')).at(-1))
  expect([refusal.C, refusal.S]).toEqual(['53300', 'FATAL'])
  expect(await third.next()).toBeUndefined()
  clients[0]!.close()
  for (;;) {
    const next = await RawClient.connect(server.port)
    next.send(startup({ user: 'me' }))
    if ((await next.until('Z')).at(-1)?.type === 'Z') break
  }
  expect(server.connections).toBe(2)
  await server.close()
})

it('serves a hundred clients at a time', async () => {
  const server = await db.listen({ port: 0 })
  const clients = await Promise.all(Array.from({ length: 100 }, () => RawClient.started(server.port)))
  const answers = await Promise.all(
    clients.map(async (client, at) => {
      client.send(
        query(`SELECT ${at} + sum(g) FROM generate_series(1, 1000) AS g`),
        query('SELECT v FROM t WHERE k = 1'),
      )
      const heard = [...(await client.until('Z')), ...(await client.until('Z'))]
      return heard.filter(({ type }) => type === 'D').flatMap(valuesOf)
    }),
  )
  expect(answers).toEqual(clients.map((_, at) => [String(500_500 + at), 'one']))
  await server.close()
})

it('ends who says nothing for too long', async () => {
  const server = await db.listen({ port: 0, idleTimeoutMs: 200 })
  const client = await RawClient.started(server.port)
  client.send(query('SELECT 1'))
  await client.until('Z')
  const last = errorOf(await client.next())
  expect([last.C, last.S, last.M]).toEqual(['57P05', 'FATAL', 'terminating connection due to idle-session timeout'])
  expect(await client.next()).toBeUndefined()
  await server.close()
})

it.each([
  ['many short answers', query('SELECT v FROM t WHERE k = 1'), 6_000],
  ['answers of a megabyte', query("SELECT repeat('x', 1000000)"), 100],
])('holds back while a client does not read: %s', async (_, asked, times) => {
  const server = await db.listen({ port: 0 })
  const socket = connect(server.port, '127.0.0.1')
  socket.pause()
  socket.write(startup({ user: 'me' }))
  // Learnt, so that the next ones are answered where they come in.
  const learnt = await RawClient.started(server.port)
  learnt.send(asked)
  await learnt.until('Z')
  globalThis.gc?.()
  const before = process.memoryUsage().rss
  const all = Buffer.concat(Array.from({ length: times }, () => asked))
  socket.write(all)
  // Others go on meanwhile.
  for (let turn = 0; turn < 20; turn++) {
    learnt.send(asked)
    await learnt.until('Z')
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  // What was asked lies here, and so may a few answers.
  expect(process.memoryUsage().rss - before).toBeLessThan(70e6)
  // Then everything comes.
  let answered = 0
  let state = Buffer.alloc(0)
  await new Promise<void>((resolve) => {
    socket.on('data', (chunk) => {
      state = state.length === 0 ? chunk : Buffer.concat([state, chunk])
      let at = 0
      while (state.length - at >= 5 && state.length - at > state.readInt32BE(at + 1)) {
        if (state[at] === 0x5a) answered += 1
        at += 1 + state.readInt32BE(at + 1)
      }
      state = state.subarray(at)
      if (answered === times + 1) resolve()
    })
    socket.resume()
  })
  socket.destroy()
  await server.close()
})

it('ends although a client does not read', async () => {
  const server = await db.listen({ port: 0 })
  const socket = connect(server.port, '127.0.0.1')
  socket.pause()
  const asked = query("SELECT repeat('x', 1000000)")
  socket.write(Buffer.concat([startup({ user: 'me' }), ...Array.from({ length: 30 }, () => asked)]))
  await new Promise((resolve) => setTimeout(resolve, 300))
  await server.close()
  socket.destroy()
})

it('takes a message of a few megabytes, and none that is too long', async () => {
  const server = await db.listen({ port: 0 })
  const client = await RawClient.started(server.port)
  const text = 'ö'.repeat(2_000_000)
  client.send(
    message('P', '', 'SELECT length($1)', int16(1), int32(25)),
    message('B', '', '', int16(0), int16(1), int32(Buffer.byteLength(text)), Buffer.from(text), int16(0)),
    message('E', '', int32(0)),
    message('S'),
  )
  const heard = await client.until('Z')
  expect(heard.filter(({ type }) => type === 'D').map(valuesOf)).toEqual([['2000000']])
  client.send(Buffer.concat([Buffer.from('Q'), int32(0x7fff_ffff)]))
  const refusal = errorOf((await client.until('E')).at(-1))
  expect([refusal.C, refusal.S]).toEqual(['08P01', 'FATAL'])
  expect(await client.next()).toBeUndefined()
  await server.close()
})
