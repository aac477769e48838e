/** 200,000 swipes through a real broker: the topic of alerts, read by a client that is not ours and compacted by key,
 *  holds exactly what the oracle says. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { SwipeGenerator } from '../../examples/fraud/generate.js'
import { createPipeline } from '../../examples/fraud/pipeline.js'
import { makeTopics, produceSwipes } from '../../examples/fraud/topics.js'
import { open } from '../../src/index.js'
import { type Broker, eventually, startBroker } from '../harness/kafka/index.js'
import { alertsInTopic, tell } from './alerts.js'
import { expectedAlerts } from './expected.js'

const WORLD = { seed: 12, cards: 5000, swipes: 200_000 }
let broker: Broker
let folder = ''

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-fraud-kafka-'))
  broker = await startBroker()
})
afterAll(async () => {
  await broker?.stop()
  rmSync(folder, { recursive: true, force: true })
})

it('writes exactly the alerts of the oracle', async () => {
  await makeTopics(broker.brokers)
  const expected = tell((await expectedAlerts(WORLD)).values())
  const db = await open(join(folder, 'db'))
  try {
    await createPipeline(db, new SwipeGenerator(WORLD), { brokers: broker.brokers })
    await produceSwipes(broker.brokers, new SwipeGenerator(WORLD), { swipes: WORLD.swipes })
    await eventually(
      async () => (await db.stats()).sources[0],
      (source) => source?.rows === WORLD.swipes,
    )
    const flagged = await db.query<{ n: bigint }>('SELECT COUNT(*) AS n FROM flagged')
    expect(Number(flagged.rows[0]!.n)).toBe(expected.length)
    await eventually(
      () => alertsInTopic(broker.brokers),
      (alerts) => alerts.join('\n') === expected.join('\n'),
    )
    const stats = await db.stats()
    expect(stats.sources[0]).toMatchObject({ dead_letters: 0, error: null })
    expect(stats.sinks[0]!.rows).toBeGreaterThanOrEqual(expected.length)
  } finally {
    await db.close()
  }
}, 300_000)

it('refuses a broker whose topics hold messages', async () => {
  await expect(makeTopics(broker.brokers)).rejects.toThrow('topic "swipes"')
})
