/** Nexmark's streams and queries: the schema, the queries' texts, and events on their way into a database. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Database } from '../../src/index.js'
import { root } from '../machine.js'
import type { Stretch } from './events.js'

const SOURCES = join(root, 'bench', 'nexmark')
/** The keys of q13's side input. */
const SIDE_KEYS = 10_000

export const SCHEMA = readFileSync(join(SOURCES, 'schema.sql'), 'utf8')
export const STREAMS = ['person', 'auction', 'bid'] as const

export interface NexmarkQuery {
  readonly name: string
  readonly sql: string
}

export const QUERIES: readonly NexmarkQuery[] = readFileSync(join(SOURCES, 'queries.sql'), 'utf8')
  .split(/^-- (?=q\d+: )/m)
  .slice(1)
  .map((part) => {
    const [title, ...lines] = part.split('\n')
    return { name: title!.split(':')[0]!, sql: lines.join('\n').trim().replace(/;$/, '') }
  })

export async function define(db: Database): Promise<void> {
  await db.execute(SCHEMA)
  await db.query(
    `INSERT INTO side_input SELECT n, CAST(n AS TEXT) FROM generate_series(0, ${SIDE_KEYS - 1}) AS side (n)`,
  )
}

/** Takes stretches of events, a commit a stream. */
export class Loader {
  readonly #appenders

  constructor(db: Database) {
    this.#appenders = STREAMS.map((stream) => ({ stream, appender: db.appender(stream) }))
  }

  async load(stretch: Stretch): Promise<void> {
    for (const { stream, appender } of this.#appenders) {
      // Of a short stretch a stream can have no row, and then it has no columns.
      if (Object.keys(stretch[stream]).length > 0) await appender.appendColumns(stretch[stream])
    }
  }

  async close(): Promise<void> {
    for (const { appender } of this.#appenders) await appender.close()
  }
}
