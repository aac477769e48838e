/** `npm start`: the card-fraud job from end to end on this machine, shown as it runs, then a prompt on its database. */
import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, rm } from 'node:fs/promises'
import { dirname, join, relative, resolve } from 'node:path'
import { type Database, MillraceError, open, runRepl } from '../../src/index.js'
import { type Broker, startBroker } from '../kafka-broker/broker.js'
import { feedEmbedded } from './embedded.js'
import { SwipeGenerator } from './generate.js'
import { readBack, runThroughKafka } from './kafka.js'
import { HELP, OptionError, type Options, parseOptions } from './options.js'
import { createPipeline } from './pipeline.js'
import { alertText, count, megabytes, type Progress } from './status.js'
import { makeTopics } from './topics.js'
import { Watch } from './watch.js'

const SUGGESTIONS = [
  'SELECT city, count(*) AS alerts, sum(amount) AS amount FROM flagged GROUP BY city ORDER BY alerts DESC LIMIT 10;',
  'SELECT window_start, count(*) AS swipes, sum(amount) AS amount\n' +
    "FROM TUMBLE(swipes, ts, INTERVAL '1 hour') GROUP BY window_start ORDER BY window_start DESC LIMIT 12;",
  'SELECT swipe_id, ts, category, city, amount, km, score FROM scored\n' +
    'WHERE card_id = (SELECT max(card_id) FROM flagged) ORDER BY ts;',
]

/** Files that only a database of ours has: a folder without them is never wiped. */
const OURS = ['LOCK', 'journal']

const say = (text: string): void => {
  process.stdout.write(`${text}\n`)
}

async function main(): Promise<number> {
  const options = parseOptions(process.argv.slice(2))
  if (options.help) {
    process.stdout.write(HELP)
    return 0
  }
  const interrupt = new AbortController()
  const onInterrupt = (): void => {
    if (interrupt.signal.aborted) process.exit(130)
    interrupt.abort()
  }
  process.on('SIGINT', onInterrupt)
  process.on('SIGTERM', onInterrupt)

  const dir = resolve(options.dir)
  await prepareFolder(dir, options.keep)
  const broker = options.kafka && options.brokers === undefined ? await startBroker({ report: say }) : undefined
  let db: Database | undefined
  try {
    db = await open(dir)
    await runJob(db, options, dir, options.brokers ?? broker?.brokers, interrupt.signal)
    if (process.stdin.isTTY && process.stdout.isTTY && !interrupt.signal.aborted) {
      process.off('SIGINT', onInterrupt)
      say(`\nThe database is open here; later: npx millrace ${relative(process.cwd(), dir) || '.'}\n`)
      await runRepl(db, { input: process.stdin, output: process.stdout, suggestions: SUGGESTIONS })
    }
  } finally {
    await close(db, broker)
  }
  return 0
}

async function close(db: Database | undefined, broker: Broker | undefined): Promise<void> {
  try {
    await db?.close()
  } finally {
    await broker?.stop()
  }
}

async function runJob(
  db: Database,
  options: Options,
  dir: string,
  brokers: string | undefined,
  signal: AbortSignal,
): Promise<void> {
  const generator = new SwipeGenerator({ seed: options.seed, cards: options.cards })
  const before = await setUp(db, options, generator, brokers, signal)
  if (signal.aborted) return say('Interrupted before the run.')
  db.resetFreshness()
  let taken = 0
  const where = brokers === undefined ? 'the embedded log' : `Kafka at ${brokers}`
  const title = `Millrace: card fraud on ${where}, ${count(options.cards)} cards, seed ${options.seed}`
  const watch = await Watch.start(db, { title, total: options.swipes, dir, output: process.stdout, taken: () => taken })
  const started = performance.now()
  let progress: Progress
  let seconds: number
  try {
    if (brokers === undefined) {
      const onCommitted = (rows: number): void => {
        taken += rows
      }
      await feedEmbedded(db, generator, { swipes: options.swipes, rate: options.rate, signal, onCommitted })
    } else {
      const onTaken = (rows: number): void => {
        taken = rows
      }
      const { swipes, cards, seed, rate } = options
      await runThroughKafka(db, { brokers, swipes, cards, seed, rate, signal, onTaken })
    }
    seconds = (performance.now() - started) / 1000
    progress = await watch.end()
  } catch (error) {
    watch.abandon()
    throw error
  }
  await summarize(db, progress, taken, seconds, before)
  if (brokers !== undefined && !signal.aborted) {
    say(
      `Read back by an ordinary Kafka client: ${count(await readBack(db, brokers, signal))} alerts in the topic "alerts".`,
    )
  }
  if (signal.aborted) say('Interrupted: what was acknowledged is kept.')
}

/** Makes the pipeline, or finds it in a kept database and skips the swipes that it has. */
async function setUp(
  db: Database,
  options: Options,
  generator: SwipeGenerator,
  brokers: string | undefined,
  signal: AbortSignal,
): Promise<number> {
  if (options.keep && db.catalog().some((entry) => entry.name === 'flagged')) return await goOn(db, options, generator)
  if (brokers !== undefined) await makeTopics(brokers)
  try {
    await createPipeline(db, generator, { brokers, signal })
  } catch (error) {
    if (!signal.aborted) throw error
  }
  return 0
}

async function goOn(db: Database, options: Options, generator: SwipeGenerator): Promise<number> {
  const cards = await numberOf(db, 'SELECT COUNT(*) AS n FROM cards')
  if (cards !== options.cards) {
    throw new OptionError(
      `the database in "${options.dir}" has ${cards} cards, not ${options.cards}: give --cards ${cards}`,
    )
  }
  const swipes = await numberOf(db, 'SELECT COUNT(*) AS n FROM swipes')
  for (let skipped = 0; skipped < swipes; skipped += SKIP_ROWS) generator.next(Math.min(SKIP_ROWS, swipes - skipped))
  return swipes
}

const SKIP_ROWS = 8192

async function numberOf(db: Database, query: string): Promise<number> {
  const [row] = (await db.query<{ n: bigint }>(query)).rows
  return Number(row?.n ?? 0n)
}

async function summarize(
  db: Database,
  progress: Progress,
  taken: number,
  seconds: number,
  before: number,
): Promise<void> {
  const flagged = await numberOf(db, 'SELECT COUNT(*) AS n FROM flagged')
  const swipes = await numberOf(db, 'SELECT COUNT(*) AS n FROM swipes')
  say('')
  say(
    `${count(taken)} swipes in ${seconds.toFixed(1)} s: ${count(taken / seconds)} a second${before > 0 ? `, ${count(swipes)} in all` : ''}.`,
  )
  say(
    `${count(flagged)} flagged (${((flagged / Math.max(1, swipes)) * 100).toFixed(2)} %), ${megabytes(progress.bytes)} on disk.`,
  )
  say(`From commit to alert: half within ${progress.p50Ms.toFixed(1)} ms, 99 % within ${progress.p99Ms.toFixed(1)} ms.`)
  const [latest] = progress.latest
  if (latest !== undefined && !process.stdout.isTTY) say(`The latest: ${alertText(latest)}`)
}

/** An empty place for the database. What is not a database of ours is left alone. */
async function prepareFolder(dir: string, keep: boolean): Promise<void> {
  await mkdir(dirname(dir), { recursive: true })
  if (!existsSync(dir) || keep) return
  const entries = await readdir(dir).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOTDIR') throw new OptionError(`"${dir}" is not a folder`)
    throw error
  })
  if (entries.length > 0 && !OURS.every((name) => entries.includes(name))) {
    throw new OptionError(`the folder "${dir}" holds something else than a Millrace database: give another --dir`)
  }
  // A database that another process uses must not be pulled from under it. Only opening it tells for certain, but that
  // takes long for a large one, so only where the process that used it last seems to be there.
  if (await holderLives(dir)) await (await open(dir)).close()
  await rm(dir, { recursive: true, force: true })
}

async function holderLives(dir: string): Promise<boolean> {
  // It begins with the process's number.
  const holder = Number.parseInt(await readFile(join(dir, 'LOCK'), 'utf8').catch(() => ''), 10)
  if (Number.isNaN(holder) || holder <= 0) return false
  try {
    process.kill(holder, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH'
  }
}

try {
  process.exitCode = await main()
} catch (error) {
  const hint = error instanceof MillraceError && error.hint !== undefined ? `\n${error.hint}` : ''
  const help = error instanceof OptionError ? '\nnpm start -- --help tells the options.' : ''
  process.stderr.write(`npm start: ${(error as Error).message}${hint}${help}\n`)
  process.exitCode = error instanceof OptionError ? 2 : 1
}
