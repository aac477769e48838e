/** One run of the card-fraud job in a process of its own: as fast as it goes, then at a steady load. Prints a `FraudRun`. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { cardsToArrow, pastToArrow, swipesToArrow } from '../../examples/fraud/arrow.js'
import { readSql } from '../../examples/fraud/folder.js'
import { folderBytes } from '../../examples/fraud/folder-bytes.js'
import { SwipeGenerator } from '../../examples/fraud/generate.js'
import { swipeToJson } from '../../examples/fraud/json.js'
import { type Database, open } from '../../src/index.js'
import { connectorsIdle, makeTopic, PacedLoad, PreparedSwipes } from './topic.js'

export interface Job {
  readonly mode: 'embedded' | 'kafka'
  readonly swipes: number
  /** Swipes a second while freshness is measured. */
  readonly load: number
  readonly brokers?: string
}

export interface FraudRun {
  readonly swipes_a_second: number
  readonly flagged: number
  readonly p50_ms: number
  readonly p99_ms: number
  /** Below the asked load where the producer could not keep up. */
  readonly load_offered: number
  readonly peak_rss_mib: number
  readonly input_mib: number
  readonly disk_mib: number
}

const SEED = 20_260_302
const CARDS = 10_000
const BATCH = 10_000
/** Steady load comes in small commits, as from a service that flushes often. */
const TICK_MS = 10
const STEADY_SECONDS = 8
const WARM_SECONDS = 2
const MIB = 2 ** 20

async function main(job: Job): Promise<FraudRun> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-bench-'))
  const generator = new SwipeGenerator({ seed: SEED, cards: CARDS })
  const db = await open(join(folder, 'db'))
  try {
    await db.execute(await readSql('tables.sql'))
    await fillTables(db, generator)
    const run = job.mode === 'embedded' ? await embedded(db, generator, job) : await throughKafka(db, generator, job)
    const { rows } = await db.query<{ n: bigint }>('SELECT count(*) AS n FROM flagged')
    return {
      ...run,
      flagged: Number(rows[0]?.n),
      peak_rss_mib: process.resourceUsage().maxRSS / 1024,
      disk_mib: (await folderBytes(folder)) / MIB,
    }
  } finally {
    await db.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

type Timed = Omit<FraudRun, 'flagged' | 'peak_rss_mib' | 'disk_mib'>

async function fillTables(db: Database, generator: SwipeGenerator): Promise<void> {
  const cards = db.appender('cards')
  await cards.appendArrow(cardsToArrow(generator.cards, 0, CARDS))
  await cards.close()
  const past = generator.past()
  const history = db.appender('past_swipes')
  for (let from = 0; from < past.count; from += BATCH) {
    await history.appendArrow(pastToArrow(past, from, Math.min(from + BATCH, past.count)))
  }
  await history.close()
}

async function embedded(db: Database, generator: SwipeGenerator, job: Job): Promise<Timed> {
  await db.execute(await readSql('source.embedded.sql'))
  await db.execute(await readSql('pipeline.sql'))
  // Made before the clock starts: the generator is not what is measured.
  const batches: Uint8Array[] = []
  for (let made = 0; made < job.swipes; made += BATCH)
    batches.push(swipesToArrow(generator.next(Math.min(BATCH, job.swipes - made))))
  const input_mib = batches.reduce((sum, batch) => sum + batch.byteLength, 0) / MIB

  const appender = db.appender('swipes')
  const started = performance.now()
  for (const batch of batches) await appender.appendArrow(batch)
  await appender.flush()
  // A read sees every acknowledged commit, so it waits until the views have them all.
  await db.query('SELECT count(*) AS n FROM flagged')
  const swipes_a_second = job.swipes / ((performance.now() - started) / 1000)
  batches.length = 0

  const load_offered = await steady(db, job.load, async (count) => {
    await appender.appendArrow(swipesToArrow(generator.next(count)))
  })
  await appender.close()
  const { p50_ms, p99_ms } = (await db.stats()).freshness
  return { swipes_a_second, p50_ms, p99_ms, load_offered, input_mib }
}

async function throughKafka(db: Database, generator: SwipeGenerator, job: Job): Promise<Timed> {
  const { brokers } = job
  if (brokers === undefined) throw new Error('a run through Kafka needs brokers')
  const [swipes, alerts] = [`swipes-${process.pid}`, `alerts-${process.pid}`]
  await makeTopic(brokers, swipes, 4)
  await makeTopic(brokers, alerts, 1)
  const prepared = await PreparedSwipes.begin(brokers, swipes)
  const load = await PacedLoad.start(brokers, swipes, job.load)
  try {
    let bytes = 0
    const send = async (count: number, target: Pick<PacedLoad, 'send'>) => {
      const batch = generator.next(count)
      const messages = Array.from({ length: count }, (_, row) => swipeToJson(batch, row))
      for (const message of messages) bytes += message.length
      await target.send(messages)
    }
    for (let made = 0; made < job.swipes; made += BATCH) await send(Math.min(BATCH, job.swipes - made), prepared)
    const input_mib = bytes / MIB

    const placed = (text: string) =>
      text
        .replaceAll('localhost:9092', brokers)
        .replaceAll("'swipes'", `'${swipes}'`)
        .replaceAll("'alerts'", `'${alerts}'`)
    await db.execute(placed(await readSql('source.kafka.sql')))
    await db.execute(await readSql('pipeline.sql'))
    await db.execute(placed(await readSql('sink.kafka.sql')))
    const started = performance.now()
    await prepared.publish()
    await connectorsIdle(db, job.swipes)
    const swipes_a_second = job.swipes / ((performance.now() - started) / 1000)

    const steadily = job.load * (WARM_SECONDS + STEADY_SECONDS)
    for (let made = 0; made < steadily; made += BATCH) await send(Math.min(BATCH, steadily - made), load)
    load.begin()
    await sleep(WARM_SECONDS * 1000)
    db.resetFreshness()
    const load_offered = await load.done()
    const sink = (await db.stats()).sinks[0]
    if (sink === undefined) throw new Error('the pipeline has no sink')
    const { p50_ms, p99_ms } = sink.freshness
    return { swipes_a_second, p50_ms, p99_ms, load_offered, input_mib }
  } finally {
    await prepared.close()
    load.close()
  }
}

/** Offers the load in small parts, first to warm up, then with freshness counted; returns the load that was offered. */
async function steady(db: Database, load: number, offer: (count: number) => Promise<void>): Promise<number> {
  const part = Math.max(1, Math.round((load * TICK_MS) / 1000))
  let [offered, counting] = [0, false]
  let started = performance.now()
  for (let tick = 0; ; tick++) {
    const elapsed = performance.now() - started
    if (!counting && elapsed >= WARM_SECONDS * 1000) {
      db.resetFreshness()
      counting = true
      offered = 0
      tick = 0
      started = performance.now()
    } else if (counting && elapsed >= STEADY_SECONDS * 1000) {
      return offered / (elapsed / 1000)
    }
    await offer(part)
    offered += part
    const wait = (tick + 1) * TICK_MS - (performance.now() - started)
    if (wait > 0) await sleep(wait)
  }
}

process.stdout.write(JSON.stringify(await main(JSON.parse(process.argv[2] ?? '{}') as Job)))
