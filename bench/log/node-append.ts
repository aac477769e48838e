/** Appends from Node beside DuckDB's appender: rows in columns (Arrow batches, data chunks) and row objects. Both write a file
 *  and end when all of it is durable; we are durable after every batch too. */
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { Int64, makeData, Table, TimestampMicrosecond, tableToIPC, Utf8, Vector, vectorFromArray } from 'apache-arrow'
import { Random } from '../../examples/fraud/random.js'
import { open } from '../../src/index.js'
import type { Figure } from './driver.js'

const SEED = 20_261_104
const BATCH = 8192
/** DuckDB's chunks hold no more. */
const CHUNK = 2048
const GOALS = { columns: 5, objects: 2 } as const
const START_US = 1_790_000_000_000_000n
const BIGINTS = ['auction', 'bidder', 'price', 'sequence'] as const
const COLUMNS =
  'auction BIGINT, bidder BIGINT, price BIGINT, sequence BIGINT, url TEXT, extra TEXT, date_time TIMESTAMP'

type Event = {
  readonly auction: bigint
  readonly bidder: bigint
  readonly price: bigint
  readonly sequence: bigint
  readonly url: string
  readonly extra: string
  readonly date_time: bigint
}

function events(rows: number): Event[] {
  const random = new Random(SEED)
  const letters = (length: number) => {
    let text = ''
    for (let n = 0; n < length; n++) text += String.fromCharCode(97 + (random.uint32() % 26))
    return text
  }
  return Array.from({ length: rows }, (_, row) => ({
    auction: BigInt(random.uint32() % 100_000),
    bidder: BigInt(random.uint32() % 1_000_000),
    price: BigInt(random.uint32() % 10_000_000),
    sequence: BigInt(row),
    url: `https://auctions.example/item/${letters(9)}`,
    extra: letters(60),
    date_time: START_US + BigInt(row) * 100n,
  }))
}

export async function nodeAppends(folder: string, rows: number, repeat: number, duckdb: string): Promise<Figure[]> {
  const all = events(rows)
  const batches: Uint8Array[] = []
  for (let from = 0; from < rows; from += BATCH) batches.push(arrow(all.slice(from, from + BATCH)))
  const figures: Figure[] = []
  for (let turn = 0; turn <= repeat; turn++) {
    for (const form of ['columns', 'objects'] as const) {
      globalThis.gc?.()
      const us = await ours(join(folder, 'node'), form, all, batches)
      const theirs = await duckdbs(join(folder, 'node'), form, all)
      if (turn === 0) continue // It warms both.
      const one = {
        case: `append from Node, ${form === 'columns' ? 'Arrow batches' : 'row objects'}`,
        metric: 'events',
        unit: 'rows/s',
        better: 'higher',
      } as const
      const other = form === 'columns' ? 'appender, data chunks' : 'appender, row by row'
      figures.push({ ...one, subject: 'millrace', value: rows / us })
      figures.push({ ...one, subject: `duckdb ${duckdb} ${other}`, value: rows / theirs })
      const ratio = { metric: `over DuckDB's ${other}`, unit: 'x', value: theirs / us, goal: GOALS[form] }
      figures.push({ ...one, subject: 'millrace', ...ratio })
    }
  }
  return figures
}

function arrow(rows: readonly Event[]): Uint8Array {
  // Not by vectorFromArray: it cannot take microseconds.
  const longs = (type: Int64 | TimestampMicrosecond, name: 'date_time' | (typeof BIGINTS)[number]) =>
    new Vector([
      makeData({ type, data: BigInt64Array.from(rows, (row) => row[name]) } as Parameters<typeof makeData>[0]),
    ])
  const texts = (name: 'url' | 'extra') => {
    const values = rows.map((row) => row[name])
    return vectorFromArray(values, new Utf8())
  }
  const bigints = BIGINTS.map((name) => [name, longs(new Int64(), name)] as const)
  const date_time = longs(new TimestampMicrosecond(), 'date_time')
  return tableToIPC(
    new Table({ ...Object.fromEntries(bigints), url: texts('url'), extra: texts('extra'), date_time }),
    'stream',
  )
}

type Form = keyof typeof GOALS

async function ours(
  folder: string,
  form: Form,
  all: readonly Event[],
  batches: readonly Uint8Array[],
): Promise<number> {
  mkdirSync(folder, { recursive: true })
  const db = await open(join(folder, 'db'))
  await db.execute(`CREATE STREAM events (${COLUMNS})`)
  const appender = db.appender('events')
  const started = performance.now()
  if (form === 'columns') for (const batch of batches) await appender.appendArrow(batch)
  else for (const row of all) await appender.append(row)
  await appender.flush()
  const seconds = (performance.now() - started) / 1000
  await appender.close()
  await db.close()
  rmSync(folder, { recursive: true })
  return seconds
}

async function duckdbs(folder: string, form: Form, all: readonly Event[]): Promise<number> {
  const { BIGINT, DuckDBDataChunk, DuckDBInstance, DuckDBTimestampValue, TIMESTAMP, VARCHAR } = await import(
    '@duckdb/node-api'
  )
  mkdirSync(folder, { recursive: true })
  const instance = await DuckDBInstance.create(join(folder, 'events.duckdb'))
  const connection = await instance.connect()
  await connection.run(`CREATE TABLE events (${COLUMNS})`)
  const appender = await connection.createAppender('events')
  // Values as its client wants them, made before the clock starts, as our batches are.
  const times = all.map((row) => new DuckDBTimestampValue(row.date_time))
  const names = [...BIGINTS, 'url', 'extra'] as const
  const columns = names.map((name) => all.map((row) => row[name]))
  const types = [BIGINT, BIGINT, BIGINT, BIGINT, VARCHAR, VARCHAR, TIMESTAMP]
  const started = performance.now()
  if (form === 'columns') {
    for (let from = 0; from < all.length; from += CHUNK) {
      const chunk = DuckDBDataChunk.create(types)
      chunk.setColumns([...columns, times].map((column) => column.slice(from, from + CHUNK)))
      appender.appendDataChunk(chunk)
    }
  } else {
    for (const [at, row] of all.entries()) {
      for (const name of BIGINTS) appender.appendBigInt(row[name])
      appender.appendVarchar(row.url)
      appender.appendVarchar(row.extra)
      appender.appendTimestamp(times[at]!)
      appender.endRow()
    }
  }
  appender.closeSync()
  await connection.run('CHECKPOINT')
  const seconds = (performance.now() - started) / 1000
  connection.closeSync()
  instance.closeSync()
  rmSync(folder, { recursive: true })
  return seconds
}
