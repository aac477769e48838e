/** The card-fraud job of `examples/fraud`, embedded and through a real broker. Each run is a process of its own, so that its peak
 *  memory is its own. */
import { spawn } from 'node:child_process'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startBroker } from '../../examples/kafka-broker/broker.js'
import type { FraudRun, Job } from '../fraud/job.js'
import { root } from '../machine.js'
import { type Context, type Measurement, median, type Outcome, type Suite } from '../suite.js'

const SWIPES = 500_000
/** Of the project's goals: swipes a second, and freshness in ms at half that load. */
const GOALS = { embedded: 200_000, kafka: 100_000, p99_ms: 50 } as const

/** A load within this part of the asked one counts as it. */
const LOAD_TOLERANCE = 0.98

export const fraud: Suite = {
  name: 'fraud',
  about: 'the card-fraud job: swipes/s end to end, freshness, peak memory',
  async run(context) {
    const embedded = await measure('embedded', undefined, context)
    const kafka = await throughBroker(context)
    return {
      measurements: [...embedded, ...kafka.measurements],
      missing: kafka.missing ?? [],
      notes: [
        `${context.rows ?? SWIPES} swipes a run; end to end is from the first swipe offered until every view and the sink have all of them`,
        `freshness is measured at half the goal's load: ${GOALS.embedded / 2} swipes/s embedded, ${GOALS.kafka / 2} through Kafka; where "load offered" is less, the producer was the limit and p99 has no goal`,
        'embedded freshness is from commit to published; through Kafka it is from commit until the broker has the alert',
        'peak memory is that of the whole process: Node, the engine, and the prepared input (its size is in the JSON)',
      ],
    }
  },
}

async function throughBroker(context: Context): Promise<Outcome> {
  let broker: Awaited<ReturnType<typeof startBroker>>
  try {
    broker = await startBroker({ report: context.report })
  } catch (error) {
    return { measurements: [], missing: [`through Kafka: ${error instanceof Error ? error.message : String(error)}`] }
  }
  try {
    return { measurements: await measure('kafka', broker.brokers, context) }
  } finally {
    await broker.stop()
  }
}

async function measure(mode: Job['mode'], brokers: string | undefined, context: Context): Promise<Measurement[]> {
  const runs: FraudRun[] = []
  for (let turn = 1; turn <= context.repeat; turn++) {
    const run = await runJob({
      mode,
      swipes: context.rows ?? SWIPES,
      load: GOALS[mode] / 2,
      ...(brokers === undefined ? {} : { brokers }),
    })
    context.report(
      `  ${mode} ${turn} of ${context.repeat}: ${Math.round(run.swipes_a_second)} swipes/s, ${run.flagged} flagged, p99 ${run.p99_ms} ms`,
    )
    runs.push(run)
  }
  const one = (
    metric: string,
    unit: string,
    better: 'higher' | 'lower',
    pick: (run: FraudRun) => number,
    goal?: number,
  ): Measurement => ({
    case: mode,
    subject: 'millrace',
    metric,
    unit,
    better,
    values: runs.map(pick),
    ...(goal === undefined ? {} : { goal }),
  })
  const atLoad = median(runs.map((run) => run.load_offered)) >= (GOALS[mode] / 2) * LOAD_TOLERANCE
  return [
    one('end to end', 'swipes/s', 'higher', (run) => run.swipes_a_second, GOALS[mode]),
    one('freshness p50', 'ms', 'lower', (run) => run.p50_ms),
    // Freshness at less than the load says nothing about the goal.
    one('freshness p99', 'ms', 'lower', (run) => run.p99_ms, atLoad ? GOALS.p99_ms : undefined),
    one('load offered', 'swipes/s', 'higher', (run) => run.load_offered),
    one('peak memory', 'MiB', 'lower', (run) => run.peak_rss_mib),
    one('prepared input', 'MiB', 'lower', (run) => run.input_mib),
    one('on disk', 'MiB', 'lower', (run) => run.disk_mib),
  ]
}

async function runJob(job: Job): Promise<FraudRun> {
  // The pipeline names the model's file from the clone's folder.
  const program = join(dirname(fileURLToPath(import.meta.url)), '..', 'fraud', 'job.js')
  const child = spawn(process.execPath, [program, JSON.stringify(job)], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let out = ''
  child.stdout.on('data', (chunk) => {
    out += chunk
  })
  const code = await new Promise<number | null>((resolve) => child.once('exit', resolve))
  if (code !== 0) throw new Error(`the ${job.mode} run ended with ${code}`)
  return JSON.parse(out) as FraudRun
}
