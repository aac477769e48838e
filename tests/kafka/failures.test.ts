/** What goes wrong with Kafka around: the broker is away, the broker is killed, this process is killed. */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { open } from '../../src/index.js'
import { type Broker, eventually, latest, produce, readTopic, startBroker } from '../harness/kafka/index.js'
import { root } from '../tidy/sources.js'
import { allArrive, count, sinkSql, source, sourceSql } from './database.js'

let broker: Broker
let folder = ''

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-kafka-test-'))
  broker = await startBroker({ dir: join(folder, 'broker') })
})
afterAll(async () => {
  await broker?.stop()
  rmSync(folder, { recursive: true, force: true })
})

const events = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, n) => ({
    value: JSON.stringify({ id: from + n, grp: 'g', amount: (from + n) % 10 }),
  }))

async function freePort(): Promise<number> {
  return await new Promise((resolve) => {
    const server = createServer()
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })
}

it('a broker that is not there is told, blocks nothing, and is used when it comes', async () => {
  const port = await freePort()
  const db = await open()
  let late: Broker | undefined
  try {
    await db.execute(sourceSql(`127.0.0.1:${port}`, 'waiting'))
    await db.execute(sinkSql(`127.0.0.1:${port}`, 'copied', 'waiting', 'id'))
    const away = await eventually(
      () => source(db, 'waiting'),
      (stats) => stats.error?.includes('refused') === true,
    )
    expect(away.error).toMatch(new RegExp(`^cannot reach kafka at 127\\.0\\.0\\.1:${port}: `))
    await db.execute('CREATE TABLE meanwhile (a BIGINT PRIMARY KEY)')
    await db.query('INSERT INTO meanwhile VALUES (1)')
    expect(await count(db, 'meanwhile')).toBe(1)

    late = await startBroker({ port })
    await eventually(
      () => source(db, 'waiting'),
      (stats) => stats.error?.startsWith('topic "waiting" does not exist') === true,
    )
    await late.createTopic('waiting', 2)
    await late.createTopic('copied')
    await produce(late.brokers, 'waiting', events(0, 50))
    await eventually(
      () => count(db, 'waiting'),
      (n) => n === 50,
    )
    const { brokers } = late
    await eventually(
      () => readTopic(brokers, 'copied'),
      (found) => latest(found).size === 50,
    )
    const here = await source(db, 'waiting')
    expect(here.error).toBeNull()
  } finally {
    await db.close()
    await late?.stop()
  }
})

it('a broker that is killed and comes back costs nothing and doubles nothing', async () => {
  await broker.createTopic('broken', 2)
  await produce(broker.brokers, 'broken', events(0, 100))
  const db = await open()
  try {
    await db.execute(sourceSql(broker.brokers, 'broken'))
    await allArrive(db, broker.brokers, 'broken', 100)
    // A power cut, then an orderly restart: messages wait in the client or come while the broker is asked.
    for (const [round, how] of (['kill9', 'restart'] as const).entries()) {
      const sent = 100 + round * 100
      if (how === 'kill9') {
        await broker.kill9()
        await eventually(
          () => source(db, 'broken'),
          (stats) => stats.error !== null,
        )
        expect(await count(db, 'broken')).toBe(sent)
      }
      await broker.restart()
      await produce(broker.brokers, 'broken', events(sent, sent + 100))
      await allArrive(db, broker.brokers, 'broken', sent + 100)
    }
    await eventually(
      () => source(db, 'broken'),
      (stats) => stats.error === null && stats.lag === 0,
    )
  } finally {
    await db.close()
  }
})

it('a database that is closed and opened again while messages come goes on where it stopped', async () => {
  const total = 20_000
  await broker.createTopic('reopened', 3)
  const path = join(folder, 'reopened')
  const producing = produce(broker.brokers, 'reopened', events(0, total))
  for (let round = 0; round < 6; round++) {
    const db = await open(path)
    try {
      if (round === 0) await db.execute(sourceSql(broker.brokers, 'reopened'))
      const before = await count(db, 'reopened')
      await eventually(
        () => count(db, 'reopened'),
        (rows) => rows > before || rows === total,
      )
    } finally {
      await db.close()
    }
  }
  await producing
  const db = await open(path)
  try {
    await allArrive(db, broker.brokers, 'reopened', total)
  } finally {
    await db.close()
  }
})

/** Runs the pipeline's process until it has more than `rows` rows, and kills it. */
async function runAndKill(path: string, rows: number): Promise<void> {
  const child = spawn(process.execPath, [join(root, 'dist', 'tests', 'kafka', 'runner.js'), path, broker.brokers], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let err = ''
  child.stderr.on('data', (chunk) => {
    err += chunk
  })
  child.stdout.on('data', (chunk) => {
    const lines = String(chunk).trim().split('\n')
    if (Number(lines.at(-1)) > rows) child.kill('SIGKILL')
  })
  const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve) =>
    child.once('exit', (...how) => resolve(how)),
  )
  if (signal !== 'SIGKILL') throw new Error(`the process ended by itself with ${code}: ${err}`)
}

it('kill -9 of this process loses no message, doubles no row, and every result reaches the sink', async () => {
  const total = 60_000
  await broker.createTopic('orders', 4)
  await broker.createTopic('large_orders', 2)
  const path = join(folder, 'killed')
  const producing = produce(broker.brokers, 'orders', events(0, total))
  for (const rows of [0, 5_000, 20_000]) await runAndKill(path, rows)
  await producing
  const db = await open(path)
  try {
    await allArrive(db, broker.brokers, 'orders', total)
    const want = Array.from({ length: total }, (_, id) => id).filter((id) => id % 10 >= 5)
    const messages = await eventually(
      () => readTopic(broker.brokers, 'large_orders'),
      (found) => latest(found).size >= want.length,
    )
    const values = [...latest(messages).values()].map((value) => Number(JSON.parse(value).id)).sort((a, b) => a - b)
    expect(values).toEqual(want)
  } finally {
    await db.close()
  }
})
