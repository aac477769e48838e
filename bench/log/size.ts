/** What sealed rows take on disk, beside DuckDB's Parquet with Zstandard of the same rows. */
import { closeSync, mkdirSync, openSync, statSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { swipesToArrow } from '../../examples/fraud/arrow.js'
import { folderBytes } from '../../examples/fraud/folder-bytes.js'
import { SwipeGenerator } from '../../examples/fraud/generate.js'
import { swipeToJson } from '../../examples/fraud/json.js'
import { type Appender, open } from '../../src/index.js'
import type { Figure } from './driver.js'
import { nexmark } from './nexmark.js'

const SEED = 20_261_104
const GOAL = 1.1
const CARDS = 100_000
const CHUNK = 10_000

interface Rows {
  readonly name: string
  /** Column and SQL type, for us and for DuckDB. */
  readonly columns: Readonly<Record<string, string>>
  append(appender: Appender): Promise<void>
  /** The same rows as JSON, a row a line. */
  lines(): Iterable<string>
}

export async function sizes(folder: string, rows: number, duckdb: string): Promise<Figure[]> {
  const figures: Figure[] = []
  const events = nexmark(SEED, rows).map(
    (table): Rows => ({
      name: `nexmark ${table.name}`,
      columns: table.columns,
      async append(appender) {
        for (const row of table.rows) await appender.append(row)
      },
      *lines() {
        for (const row of table.rows)
          yield JSON.stringify(row, (_, value: unknown) => (typeof value === 'bigint' ? Number(value) : value))
      },
    }),
  )
  let [ours, parquet] = [0, 0]
  for (const table of [swipes(rows), ...events]) {
    const sealed = await sealedBytes(join(folder, table.name.replace(' ', '-')), table)
    const other = await parquetBytes(folder, table)
    figures.push(...compared(table.name, sealed, other, duckdb))
    if (!table.name.startsWith('nexmark')) continue
    ours += sealed
    parquet += other
  }
  return [...figures, ...compared('nexmark, all events', ours, parquet, duckdb)]
}

function compared(rows: string, ours: number, parquet: number, duckdb: string): Figure[] {
  const size = { case: `size of ${rows}`, metric: 'on disk', unit: 'MB', better: 'lower' } as const
  return [
    { ...size, subject: 'millrace', value: ours / 1e6 },
    { ...size, subject: `parquet + zstd of duckdb ${duckdb}`, value: parquet / 1e6 },
    { ...size, subject: 'millrace', metric: 'of Parquet', unit: 'x', value: ours / parquet, goal: GOAL },
  ]
}

function swipes(rows: number): Rows {
  const all = new SwipeGenerator({ seed: SEED, cards: CARDS, history: 1 }).next(rows)
  return {
    name: 'fraud swipes',
    // biome-ignore format: a table reads best as one
    columns: { swipe_id: 'BIGINT', card_id: 'BIGINT', amount: 'NUMERIC(10,2)', currency: 'TEXT', merchant: 'TEXT', category: 'TEXT',
               city: 'TEXT', lat: 'DOUBLE PRECISION', lon: 'DOUBLE PRECISION', ts: 'TIMESTAMPTZ' },
    append: (appender) => appender.appendArrow(swipesToArrow(all)),
    *lines() {
      for (let row = 0; row < all.count; row++) yield swipeToJson(all, row)
    },
  }
}

const declared = (columns: Rows['columns']) =>
  Object.entries(columns)
    .map(([name, type]) => `${name} ${type}`)
    .join(', ')

async function sealedBytes(folder: string, rows: Rows): Promise<number> {
  const db = await open(folder)
  try {
    await db.execute(`CREATE STREAM rows (${declared(rows.columns)})`)
    const appender = db.appender('rows')
    await rows.append(appender)
    await appender.close()
    await db.query('CHECKPOINT')
    return await folderBytes(join(folder, 'segments'))
  } finally {
    await db.close()
  }
}

async function parquetBytes(folder: string, rows: Rows): Promise<number> {
  const { DuckDBInstance } = await import('@duckdb/node-api')
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  mkdirSync(folder, { recursive: true })
  const [json, parquet] = [join(folder, 'rows.ndjson'), join(folder, 'rows.parquet')]
  writeLines(json, rows.lines())
  const types = Object.entries(rows.columns).map(([name, type]) => `${name}: '${type}'`)
  await connection.run(`COPY (SELECT * FROM read_json('${json}', format = 'newline_delimited', columns = {${types.join(', ')}}))
    TO '${parquet}' (FORMAT parquet, COMPRESSION zstd)`)
  connection.closeSync()
  instance.closeSync()
  return statSync(parquet).size
}

function writeLines(path: string, lines: Iterable<string>): void {
  const file = openSync(path, 'w')
  let waiting: string[] = []
  const flush = () => {
    writeSync(file, waiting.map((line) => `${line}\n`).join(''))
    waiting = []
  }
  for (const line of lines) {
    waiting.push(line)
    if (waiting.length === CHUNK) flush()
  }
  flush()
  closeSync(file)
}
