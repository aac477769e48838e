/** What tests need of Kafka: the real broker of `examples/kafka-broker`, and a client that is not ours (kafkajs). */
import { type Admin, Kafka, logLevel, Partitioners } from 'kafkajs'

export { type Broker, type BrokerOptions, startBroker } from '../../../examples/kafka-broker/broker.js'

export interface Message {
  readonly partition: number
  readonly offset: bigint
  readonly key: string | null
  /** null is a tombstone. */
  readonly value: string | null
}

export interface OutMessage {
  readonly value: string | Buffer | null
  readonly key?: string
  readonly partition?: number
}

const client = (brokers: string) =>
  new Kafka({
    clientId: 'millrace-tests',
    brokers: [brokers],
    logLevel: logLevel.NOTHING,
    retry: { initialRetryTime: 50, maxRetryTime: 500, retries: 60 },
  })

/** Sends all messages and waits until the broker has them. */
export async function produce(brokers: string, topic: string, messages: readonly OutMessage[]): Promise<void> {
  // Without idempotence a half-accepted send that is tried again stands twice in the topic.
  const producer = client(brokers).producer({
    createPartitioner: Partitioners.DefaultPartitioner,
    idempotent: true,
    maxInFlightRequests: 1,
  })
  await producer.connect()
  try {
    for (let at = 0; at < messages.length; at += 5000) {
      await producer.send({ topic, messages: messages.slice(at, at + 5000).map((message) => ({ ...message })) })
    }
  } finally {
    await producer.disconnect()
  }
}

/** Everything that the topic holds now, in the order of each partition. */
export async function readTopic(brokers: string, topic: string): Promise<Message[]> {
  const kafka = client(brokers)
  const admin = kafka.admin()
  await admin.connect()
  const ends = await admin.fetchTopicOffsets(topic)
  await admin.disconnect()
  const missing = new Map<number, bigint>()
  for (const end of ends) if (BigInt(end.high) > BigInt(end.low)) missing.set(end.partition, BigInt(end.high))
  if (missing.size === 0) return []

  const consumer = kafka.consumer({ groupId: `millrace-tests-${process.pid}-${nextGroup++}` })
  const messages: Message[] = []
  await consumer.connect()
  try {
    await consumer.subscribe({ topic, fromBeginning: true })
    await new Promise<void>((resolve, reject) => {
      // A group's coordinator that still loads is a crash too, from which the client restarts by itself.
      consumer.on(consumer.events.CRASH, ({ payload }) => {
        if (!payload.restart) reject(payload.error)
      })
      consumer
        .run({
          autoCommit: false,
          eachMessage: async ({ partition, message }) => {
            const offset = BigInt(message.offset)
            messages.push({
              partition,
              offset,
              key: message.key?.toString() ?? null,
              value: message.value?.toString() ?? null,
            })
            if (offset + 1n >= (missing.get(partition) ?? 0n)) missing.delete(partition)
            if (missing.size === 0) resolve()
          },
        })
        .catch(reject)
    })
  } finally {
    await consumer.disconnect()
  }
  return messages.sort((a, b) => a.partition - b.partition || Number(a.offset - b.offset))
}

let nextGroup = 0

/** The end of each partition, in their order. */
export async function endsOf(brokers: string, topic: string): Promise<number[]> {
  return await administer(brokers, async (admin) => {
    const offsets = await admin.fetchTopicOffsets(topic)
    return offsets.sort((a, b) => a.partition - b.partition).map((end) => Number(end.high))
  })
}

/** Gives a topic more partitions. */
export async function growTopic(brokers: string, topic: string, partitions: number): Promise<void> {
  await administer(brokers, (admin) =>
    admin.createPartitions({ topicPartitions: [{ topic, count: partitions }], validateOnly: false }),
  )
}

/** Takes away what lies before `offset`, as retention would. */
export async function forgetBefore(brokers: string, topic: string, partition: number, offset: number): Promise<void> {
  await administer(brokers, async (admin) => {
    // The client finds the leader only of topics that it was asked for before.
    await admin.fetchTopicOffsets(topic)
    await admin.deleteTopicRecords({ topic, partitions: [{ partition, offset: String(offset) }] })
  })
}

async function administer<T>(brokers: string, work: (admin: Admin) => Promise<T>): Promise<T> {
  const admin = client(brokers).admin()
  await admin.connect()
  try {
    return await work(admin)
  } finally {
    await admin.disconnect()
  }
}

/** What an upsert topic says now: the last value of each key that is not deleted. */
export function latest(messages: readonly Message[]): Map<string, string> {
  const values = new Map<string, string>()
  for (const { key, value } of messages) {
    if (key === null) continue
    if (value === null) values.delete(key)
    else values.set(key, value)
  }
  return values
}

/**
 * Asks again and again until the answer is right; the last wrong answer is the error. `explain` tells what else is known
 * then: a wait that ends without a reason cannot be looked into later.
 */
export async function eventually<T>(
  ask: () => Promise<T>,
  right: (answer: T) => boolean,
  { timeoutMs = 20_000, explain }: { timeoutMs?: number; explain?: () => Promise<unknown> } = {},
): Promise<T> {
  const deadline = Date.now() + timeoutMs
  for (;;) {
    const answer = await ask()
    if (right(answer)) return answer
    if (Date.now() > deadline) {
      const known = explain === undefined ? '' : `\n${text(await explain().catch(String))}`
      throw new Error(`still not right after ${timeoutMs / 1000} s: ${text(answer)}${known}`)
    }
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
}

const text = (value: unknown): string | undefined =>
  JSON.stringify(value, (_, one) => (typeof one === 'bigint' ? one.toString() : one))?.slice(0, 4000)
