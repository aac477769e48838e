/** The broker's side of a run: topics, an ordinary producer, and waiting until the pipeline has everything. */
import { setTimeout as sleep } from 'node:timers/promises'
import { Kafka, logLevel, type Producer, type Transaction } from 'kafkajs'
import type { Database } from '../../src/index.js'

const client = (brokers: string) =>
  new Kafka({ clientId: 'millrace-bench', brokers: [brokers], logLevel: logLevel.NOTHING })

export async function makeTopic(brokers: string, topic: string, partitions: number): Promise<void> {
  const admin = client(brokers).admin()
  await admin.connect()
  await admin.createTopics({
    waitForLeaders: true,
    topics: [{ topic, numPartitions: partitions, replicationFactor: 1 }],
  })
  await admin.disconnect()
}

/** The longest that a transaction may stay open; the broker allows no more. */
const TRANSACTION_MS = 15 * 60_000

/** Sends at once. */
export class SwipeProducer {
  readonly #producer: Producer
  readonly #topic: string

  private constructor(producer: Producer, topic: string) {
    this.#producer = producer
    this.#topic = topic
  }

  static async connect(brokers: string, topic: string): Promise<SwipeProducer> {
    const producer = client(brokers).producer({
      allowAutoTopicCreation: false,
      createPartitioner: () => nextPartition,
    })
    await producer.connect()
    return new SwipeProducer(producer, topic)
  }

  async send(messages: readonly string[]): Promise<void> {
    await this.#producer.send({ topic: this.#topic, messages: messages.map((value) => ({ value })) })
  }

  async close(): Promise<void> {
    await this.#producer.disconnect()
  }
}

/** Sends into a transaction: the broker has the messages, and readers see them all at once when it is published. So the producer's
 *  speed is not what is measured. */
export class PreparedSwipes {
  readonly #producer: Producer
  readonly #transaction: Transaction
  readonly #topic: string

  private constructor(producer: Producer, transaction: Transaction, topic: string) {
    this.#producer = producer
    this.#transaction = transaction
    this.#topic = topic
  }

  static async begin(brokers: string, topic: string): Promise<PreparedSwipes> {
    const producer = client(brokers).producer({
      allowAutoTopicCreation: false,
      createPartitioner: () => nextPartition,
      transactionalId: topic,
      transactionTimeout: TRANSACTION_MS,
      idempotent: true,
      maxInFlightRequests: 1,
    })
    await producer.connect()
    return new PreparedSwipes(producer, await producer.transaction(), topic)
  }

  async send(messages: readonly string[]): Promise<void> {
    await this.#transaction.send({ topic: this.#topic, messages: messages.map((value) => ({ value })) })
  }

  async publish(): Promise<void> {
    await this.#transaction.commit()
  }

  async close(): Promise<void> {
    await this.#producer.disconnect()
  }
}

/** Swipes have no key here, and go to the partitions in turn. */
const nextPartition = ({ partitionMetadata }: { partitionMetadata: { partitionId: number }[] }) =>
  turn++ % partitionMetadata.length
let turn = 0

const POLL_MS = 5
const PATIENCE_MS = 10 * 60_000

/** Waits until the source has read that many swipes, the views have them, and the sink has delivered what they flag. */
export async function connectorsIdle(db: Database, swipes: number): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS
  for (;;) {
    const stats = await db.stats()
    const [source, sink] = [stats.sources[0], stats.sinks[0]]
    if (source !== undefined && sink !== undefined && source.rows >= swipes && stats.flow_frontier >= stats.epoch) {
      const { rows } = await db.query<{ n: bigint }>('SELECT count(*) AS n FROM flagged')
      if (sink.rows >= Number(rows[0]?.n)) return
    }
    if (Date.now() > deadline)
      throw new Error(`the pipeline did not get through ${swipes} swipes: ${JSON.stringify(stats)}`)
    await sleep(POLL_MS)
  }
}
