/** The broker's side of a run: topics, an ordinary producer, and waiting until the pipeline has everything. */
import { setTimeout as sleep } from 'node:timers/promises'
import { Kafka, logLevel, type Producer } from 'kafkajs'
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

export class SwipeProducer {
  readonly #producer: Producer
  readonly #topic: string

  private constructor(producer: Producer, topic: string) {
    this.#producer = producer
    this.#topic = topic
  }

  static async connect(brokers: string, topic: string): Promise<SwipeProducer> {
    const producer = client(brokers).producer({ allowAutoTopicCreation: false, createPartitioner: () => nextPartition })
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
    if (source !== undefined && sink !== undefined && source.rows >= swipes) {
      const { rows } = await db.query<{ n: bigint }>('SELECT count(*) AS n FROM flagged')
      if (sink.rows >= Number(rows[0]?.n)) return
    }
    if (Date.now() > deadline)
      throw new Error(`the pipeline did not get through ${swipes} swipes: ${JSON.stringify(stats)}`)
    await sleep(POLL_MS)
  }
}
