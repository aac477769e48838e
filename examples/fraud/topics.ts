/** The job's topics, seen by an ordinary Kafka client: made before the run, filled with swipes, read back for alerts. */
import { setTimeout as sleep } from 'node:timers/promises'
import { type Admin, Kafka, logLevel } from 'kafkajs'
import type { SwipeGenerator } from './generate.js'
import { swipeToJson } from './json.js'

export const SWIPES_TOPIC = 'swipes'
export const ALERTS_TOPIC = 'alerts'
/** A card's swipes stay in order within their partition. */
export const SWIPES_PARTITIONS = 2

/** Small requests: the client copies a list for each of its messages. */
const REQUEST_ROWS = 512
const REQUESTS_IN_FLIGHT = 8
const TOPIC_TIMEOUT_MS = 30_000

export function kafkaClient(brokers: string): Kafka {
  return new Kafka({ clientId: 'fraud-example', brokers: brokers.split(','), logLevel: logLevel.NOTHING })
}

/** Makes both topics. Refuses a broker on which they hold messages: those would mix with this run's. */
export async function makeTopics(brokers: string): Promise<void> {
  const admin = kafkaClient(brokers).admin()
  await admin.connect()
  try {
    await admin.createTopics({
      // The client's own wait fails on a topic that the broker does not know at once.
      waitForLeaders: false,
      topics: [
        { topic: SWIPES_TOPIC, numPartitions: SWIPES_PARTITIONS, replicationFactor: 1 },
        {
          topic: ALERTS_TOPIC,
          numPartitions: 1,
          replicationFactor: 1,
          configEntries: [{ name: 'cleanup.policy', value: 'compact' }],
        },
      ],
    })
    for (const topic of [SWIPES_TOPIC, ALERTS_TOPIC]) {
      const offsets = await offsetsOf(admin, topic)
      if (offsets.some((partition) => partition.high !== partition.low)) {
        throw new Error(
          `topic "${topic}" at ${brokers} is not empty: delete it, or let the example start its own broker`,
        )
      }
    }
  } finally {
    await admin.disconnect()
  }
}

/** Asks until the new topic's partitions have leaders. */
async function offsetsOf(admin: Admin, topic: string): Promise<{ readonly high: string; readonly low: string }[]> {
  const deadline = performance.now() + TOPIC_TIMEOUT_MS
  for (;;) {
    try {
      return await admin.fetchTopicOffsets(topic)
    } catch (error) {
      if (performance.now() > deadline) throw error
      await sleep(50)
    }
  }
}

export interface ProduceOptions {
  readonly swipes: number
  readonly rate?: number | undefined
  readonly signal?: AbortSignal | undefined
}

/** Writes swipes as JSON to the topic, keyed by card, in order of arrival. Resolves when the broker has them all. */
export async function produceSwipes(
  brokers: string,
  generator: SwipeGenerator,
  options: ProduceOptions,
): Promise<void> {
  const producer = kafkaClient(brokers).producer({
    allowAutoTopicCreation: false,
    maxInFlightRequests: REQUESTS_IN_FLIGHT,
  })
  await producer.connect()
  const started = performance.now()
  const inFlight: Promise<unknown>[] = []
  try {
    for (let sent = 0; sent < options.swipes && !options.signal?.aborted; ) {
      const count = Math.min(REQUEST_ROWS, options.swipes - sent)
      const batch = generator.next(count)
      const messages = Array.from({ length: count }, (_, row) => {
        const card = batch.cardId[row]!
        return { key: String(card), value: swipeToJson(batch, row), partition: card % SWIPES_PARTITIONS }
      })
      if (options.rate !== undefined) await untilTime(started + (sent / options.rate) * 1000)
      inFlight.push(producer.send({ topic: SWIPES_TOPIC, messages }))
      if (inFlight.length >= REQUESTS_IN_FLIGHT) await inFlight.shift()
      sent += count
    }
    await Promise.all(inFlight)
  } finally {
    await Promise.allSettled(inFlight)
    await producer.disconnect()
  }
}

async function untilTime(time: number): Promise<void> {
  const wait = time - performance.now()
  if (wait > 0) await sleep(wait)
}

/** An alert as the topic has it. */
export interface AlertMessage {
  readonly swipe_id: number
  readonly card_id: number
  readonly score: number
  readonly reason: string
}

/** Reads the topic of alerts from its start and keeps the last message of each key, as a compacted topic does. */
export class AlertReader {
  readonly alerts = new Map<string, AlertMessage>()
  readonly #disconnect: () => Promise<void>

  private constructor(disconnect: () => Promise<void>) {
    this.#disconnect = disconnect
  }

  static async start(brokers: string, onMessage: () => void = () => undefined): Promise<AlertReader> {
    const groupId = `fraud-alerts-${process.pid}-${Date.now()}`
    const consumer = kafkaClient(brokers).consumer({ groupId, maxWaitTimeInMs: 100, retry: { retries: 5 } })
    const reader = new AlertReader(() => consumer.disconnect())
    await consumer.connect()
    await consumer.subscribe({ topic: ALERTS_TOPIC, fromBeginning: true })
    await consumer.run({
      eachMessage: async ({ message }) => {
        const key = String(message.key)
        if (message.value === null) reader.alerts.delete(key)
        else reader.alerts.set(key, JSON.parse(String(message.value)) as AlertMessage)
        onMessage()
      },
    })
    return reader
  }

  async close(): Promise<void> {
    await this.#disconnect()
  }
}
