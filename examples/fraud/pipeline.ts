/** Sets the pipeline up in a database: the SQL files, with the addresses of this run put in, and the card holders. */
import type { Database } from '../../src/index.js'
import { cardsToArrow, pastToArrow } from './arrow.js'
import { MODEL_PATH, readSql } from './folder.js'
import type { SwipeGenerator } from './generate.js'

const LOAD_ROWS = 32_768

/** What the .sql files say for somebody who runs them by hand. */
const MODEL_IN_SQL = 'examples/fraud/model/fraud.onnx'
const BROKERS_IN_SQL = 'localhost:9092'

export interface PipelineOptions {
  /** Reads swipes from and writes alerts to the Kafka broker at this address; without it the stream is embedded. */
  readonly brokers?: string | undefined
  readonly signal?: AbortSignal | undefined
}

/** Makes everything but the sink: tables, holders and their past, the stream or source of swipes, and the views. */
export async function createPipeline(
  db: Database,
  generator: SwipeGenerator,
  options: PipelineOptions = {},
): Promise<void> {
  await run(db, 'tables.sql', options)
  await loadHolders(db, generator, options.signal)
  if (options.brokers === undefined) await run(db, 'source.embedded.sql', options)
  if (options.brokers !== undefined) await run(db, 'source.kafka.sql', options)
  await run(db, 'pipeline.sql', options)
  if (options.brokers !== undefined) await run(db, 'sink.kafka.sql', options)
}

async function run(db: Database, file: string, options: PipelineOptions): Promise<void> {
  const text = await readSql(file)
  const script = text
    .replaceAll(`'${MODEL_IN_SQL}'`, literal(MODEL_PATH))
    .replaceAll(`'${BROKERS_IN_SQL}'`, literal(options.brokers ?? BROKERS_IN_SQL))
  await db.execute(script, options.signal === undefined ? {} : { signal: options.signal })
}

const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`

async function loadHolders(db: Database, generator: SwipeGenerator, signal: AbortSignal | undefined): Promise<void> {
  await using cards = db.appender('cards')
  for (let start = 0; start < generator.cards.count; start += LOAD_ROWS) {
    signal?.throwIfAborted()
    await cards.appendArrow(cardsToArrow(generator.cards, start, Math.min(generator.cards.count, start + LOAD_ROWS)))
  }
  await using past = db.appender('past_swipes')
  const rows = generator.past()
  for (let start = 0; start < rows.count; start += LOAD_ROWS) {
    signal?.throwIfAborted()
    await past.appendArrow(pastToArrow(rows, start, Math.min(rows.count, start + LOAD_ROWS)))
  }
}
