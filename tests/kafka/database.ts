/** The small pipeline of these tests: numbered events in, an upsert topic out. */
import type { Database, SinkStats, SourceStats } from '../../src/index.js'
import { endsOf, eventually } from '../harness/kafka/index.js'

export function sourceSql(brokers: string, topic: string, more = ''): string {
  return `CREATE SOURCE ${topic} (id BIGINT NOT NULL, grp TEXT, amount NUMERIC(12,2), at TIMESTAMPTZ)
    WITH (connector = 'kafka', topic = '${topic}', properties.bootstrap.server = '${brokers}',
          scan.startup.mode = 'earliest'${more}) FORMAT PLAIN ENCODE JSON`
}

export function sinkSql(brokers: string, topic: string, from: string, key: string): string {
  return `CREATE SINK ${topic} FROM ${from} WITH (connector = 'kafka', topic = '${topic}',
    properties.bootstrap.server = '${brokers}') FORMAT UPSERT ENCODE JSON KEY (${key})`
}

export async function source(db: Database, name: string): Promise<SourceStats> {
  const found = (await db.stats()).sources.find((one) => one.name === name)
  if (found === undefined) throw new Error(`there is no source ${name}`)
  return found
}

export async function sink(db: Database, name: string): Promise<SinkStats> {
  const found = (await db.stats()).sinks.find((one) => one.name === name)
  if (found === undefined) throw new Error(`there is no sink ${name}`)
  return found
}

/** The stream that takes the source's messages that are no rows. */
export function deadLettersOf(db: Database, name: string): string {
  const properties = db.catalog().find((entry) => entry.name === name)?.properties ?? []
  const stream = properties.find(([property]) => property === 'dead letters')?.[1]
  if (stream === undefined) throw new Error(`${name} has no dead letters`)
  return stream
}

export async function count(db: Database, relation: string): Promise<number> {
  const { rows } = await db.query<{ n: bigint }>(`SELECT count(*) AS n FROM ${relation}`)
  return Number(rows[0]?.n)
}

/** Waits for the ids from 0 to `total`, each once; says what is known of the source when they do not come. */
export async function allArrive(db: Database, brokers: string, name: string, total: number): Promise<void> {
  const explain = async () => ({
    missing: await missingIds(db, name, total),
    ends: await endsOf(brokers, name).catch(String),
    stats: await db.stats(),
  })
  await eventually(
    () => count(db, name),
    (rows) => rows >= total,
    { timeoutMs: 30_000, explain },
  )
  const missing = await missingIds(db, name, total)
  const rows = await count(db, name)
  if (missing.length > 0 || rows !== total)
    throw new Error(`${name} has ${rows} rows in place of ${total}, without ${missing.join(', ')}`)
}

async function missingIds(db: Database, name: string, total: number): Promise<string[]> {
  const { rows } = await db.query<{ id: bigint }>(`SELECT DISTINCT id FROM ${name}`)
  const here = new Set(rows.map((row) => Number(row.id)))
  const ranges: string[] = []
  for (let from = 0; from < total; from++) {
    if (here.has(from)) continue
    let to = from
    while (to + 1 < total && !here.has(to + 1)) to++
    ranges.push(`${from}..${to}`)
    from = to
  }
  return ranges
}
