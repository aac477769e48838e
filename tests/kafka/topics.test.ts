/** What happens to a topic under its source: it comes later, gets partitions, and loses what was not read. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { open } from '../../src/index.js'
import { type Broker, eventually, forgetBefore, growTopic, produce, startBroker } from '../harness/kafka/index.js'
import { allArrive, count, source, sourceSql } from './database.js'

let broker: Broker
let folder = ''

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-kafka-test-'))
  broker = await startBroker()
})
afterAll(async () => {
  await broker?.stop()
  rmSync(folder, { recursive: true, force: true })
})

const events = (from: number, to: number, partition: number) =>
  Array.from({ length: to - from }, (_, n) => ({ value: JSON.stringify({ id: from + n }), partition }))

it('a topic that is made after the source is read from its beginning, with `latest` too', async () => {
  const db = await open()
  try {
    await db.execute(sourceSql(broker.brokers, 'later').replace("'earliest'", "'latest'"))
    await eventually(
      () => source(db, 'later'),
      (stats) => stats.error?.startsWith('topic "later" does not exist') === true,
    )
    await broker.createTopic('later', 2)
    await produce(broker.brokers, 'later', [...events(0, 50, 0), ...events(50, 100, 1)])
    await allArrive(db, broker.brokers, 'later', 100)
  } finally {
    await db.close()
  }
})

it('a partition that comes later is read from its beginning', async () => {
  await broker.createTopic('grown')
  await produce(broker.brokers, 'grown', events(0, 50, 0))
  const db = await open()
  try {
    await db.execute(sourceSql(broker.brokers, 'grown'))
    await allArrive(db, broker.brokers, 'grown', 50)
    await growTopic(broker.brokers, 'grown', 3)
    await produce(broker.brokers, 'grown', [...events(50, 60, 0), ...events(60, 80, 1), ...events(80, 100, 2)])
    await allArrive(db, broker.brokers, 'grown', 100)
  } finally {
    await db.close()
  }
})

it('messages that retention took before they were read are an error, and nothing is skipped', async () => {
  await broker.createTopic('forgotten', 2)
  await produce(broker.brokers, 'forgotten', [...events(0, 50, 0), ...events(50, 100, 1)])
  const path = join(folder, 'forgotten')
  const first = await open(path)
  try {
    await first.execute(sourceSql(broker.brokers, 'forgotten'))
    await allArrive(first, broker.brokers, 'forgotten', 100)
  } finally {
    await first.close()
  }
  await produce(broker.brokers, 'forgotten', events(100, 200, 1))
  await forgetBefore(broker.brokers, 'forgotten', 1, 80)
  const second = await open(path)
  try {
    const { error } = await eventually(
      () => source(second, 'forgotten'),
      (stats) => stats.error?.startsWith('the next offset of topic "forgotten" is not in kafka any more') === true,
    )
    expect(error).toContain('drop the source and create it again')
    expect(await count(second, 'forgotten')).toBe(100)
  } finally {
    await second.close()
  }
})
