/** The broker's side of a run: topics, a steady load, and waiting until the pipeline has everything. */
import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { Kafka, logLevel, type Producer, type Transaction } from 'kafkajs'
import type { Database } from '../../src/index.js'
import { root } from '../machine.js'

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

/** Offers messages at a steady rate from a process of its own, so that neither their making nor their sending takes from the
 *  process that is measured. */
export class PacedLoad {
  readonly #process: ChildProcessByStdio<Writable, Readable, null>
  readonly #said: AsyncIterator<string>

  private constructor(process: ChildProcessByStdio<Writable, Readable, null>) {
    this.#process = process
    this.#said = createInterface(process.stdout)[Symbol.asyncIterator]()
  }

  static async start(brokers: string, topic: string, rate: number): Promise<PacedLoad> {
    const manifest = join(root, 'native', 'Cargo.toml')
    const program = ['run', '--quiet', '--release', '--manifest-path', manifest, '-p', 'millrace-connect']
    program.push('--example', 'paced_load', '--', brokers, topic, String(rate))
    const load = new PacedLoad(spawn('cargo', program, { stdio: ['pipe', 'pipe', 'inherit'] }))
    await load.#line() // after what there is to compile
    return load
  }

  /** Keeps messages for later. */
  async send(messages: readonly string[]): Promise<void> {
    if (!this.#process.stdin.write(`${messages.join('\n')}\n`)) await once(this.#process.stdin, 'drain')
  }

  /** Begins to offer what was kept. */
  begin(): void {
    this.#process.stdin.write('\n')
  }

  /** Waits until the broker has all; returns the messages a second that were offered. */
  async done(): Promise<number> {
    const { messages, seconds } = JSON.parse(await this.#line()) as { messages: number; seconds: number }
    return messages / seconds
  }

  async #line(): Promise<string> {
    const { value, done } = await this.#said.next()
    if (done) throw new Error('the load ended early')
    return value as string
  }

  close(): void {
    this.#process.kill()
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
