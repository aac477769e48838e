/** Kafka's own producer benchmark against a broker on this machine: once one that fsyncs every append, once one that does not. */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type Broker, startBroker } from '../../examples/kafka-broker/broker.js'
import { brokerJars, findJava, type Report } from '../../examples/kafka-broker/jars.js'
import { root } from '../machine.js'
import type { Figure } from './driver.js'

const run = promisify(execFile)
const RECORD_BYTES = 100

export const FSYNC = '100-byte records, fsync'
export const NO_FSYNC = '100-byte records, no fsync'

interface Way {
  readonly case: string
  readonly subject: string
  readonly topic: Readonly<Record<string, string>>
  readonly producer: readonly string[]
}

/** Each with the defaults and with the largest batches that help it: the better one is what counts. */
const WAYS: readonly Way[] = [false, true].flatMap((fsync) =>
  ([[], ['batch.size=262144', 'linger.ms=20', 'buffer.memory=134217728']] as const).map((tuned) => ({
    case: fsync ? FSYNC : NO_FSYNC,
    subject: `kafka 4.3.1 producer-perf-test, ${tuned.length > 0 ? 'batches of 256 KiB' : 'defaults'}`,
    topic: fsync ? { 'flush.messages': '1' } : {},
    producer: ['acks=all', ...tuned],
  })),
)

export class KafkaPeer {
  readonly #broker: Broker
  readonly #java: string
  readonly #classes: string
  #topics = 0

  private constructor(broker: Broker, java: string, classes: string) {
    this.#broker = broker
    this.#java = java
    this.#classes = classes
  }

  static async start(report: Report): Promise<KafkaPeer> {
    const java = await findJava()
    const tools = await brokerJars(report, join(root, 'bench', 'log', 'kafka-tools', 'pom.xml'))
    const broker = await startBroker({ report })
    const classes = [tools, await brokerJars(report)].map((folder) => join(folder, '*')).join(':')
    return new KafkaPeer(broker, java, classes)
  }

  /** One turn of every way; the first in a topic's life has its own warming up inside, as the tool has it. */
  async turn(records: number): Promise<Figure[]> {
    const figures: Figure[] = []
    for (const way of WAYS) {
      const topic = `records-${this.#topics++}`
      await this.#broker.createTopic(topic, 1, way.topic)
      // biome-ignore format: a command line reads best in its own order
      const args = ['-Xmx512m', '-cp', this.#classes, 'org.apache.kafka.tools.ProducerPerformance', '--topic', topic, '--num-records', String(records),
                    '--record-size', String(RECORD_BYTES), '--throughput', '-1', '--producer-props', `bootstrap.servers=${this.#broker.brokers}`, ...way.producer]
      const { stdout } = await run(this.#java, args, { maxBuffer: 16 << 20 })
      // The last line sums up: "1000000 records sent, 326000.1 records/sec (31.1 MB/sec), …".
      const rates = [...stdout.matchAll(/records sent, ([\d.]+) records\/sec/g)]
      const value = Number(rates.at(-1)?.[1] ?? Number.NaN)
      if (!(value > 0)) throw new Error(`Kafka's benchmark said nothing of its speed:\n${stdout}`)
      figures.push({
        case: way.case,
        subject: way.subject,
        metric: 'records',
        unit: 'records/s',
        better: 'higher',
        value,
      })
    }
    return figures
  }

  async stop(): Promise<void> {
    await this.#broker.stop()
  }
}
