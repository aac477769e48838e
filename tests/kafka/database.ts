/** The small pipeline of these tests: numbered events in, an upsert topic out. */
import type { Database, Stats } from '../../src/index.js'

export interface ConnectorStats {
  readonly name: string
  readonly rows: number
  readonly dead_letters?: number
  readonly lag?: number
  readonly error: string | null
}

export function sourceSql(brokers: string, topic: string, more = ''): string {
  return `CREATE SOURCE ${topic} (id BIGINT NOT NULL, grp TEXT, amount NUMERIC(12,2), at TIMESTAMPTZ)
    WITH (connector = 'kafka', topic = '${topic}', properties.bootstrap.server = '${brokers}',
          scan.startup.mode = 'earliest'${more}) FORMAT PLAIN ENCODE JSON`
}

export function sinkSql(brokers: string, topic: string, from: string, key: string): string {
  return `CREATE SINK ${topic} FROM ${from} WITH (connector = 'kafka', topic = '${topic}',
    properties.bootstrap.server = '${brokers}') FORMAT UPSERT ENCODE JSON KEY (${key})`
}

export async function connector(db: Database, kind: 'sources' | 'sinks', name: string): Promise<ConnectorStats> {
  const stats: Stats = await db.stats()
  const found = (stats[kind] as ConnectorStats[]).find((one) => one.name === name)
  if (found === undefined) throw new Error(`no ${name} among the ${kind}`)
  return found
}

/** The stream that takes the source's messages that are no rows. */
export function deadLettersOf(db: Database, source: string): string {
  const properties = db.catalog().find((entry) => entry.name === source)?.properties ?? []
  const stream = properties.find(([name]) => name === 'dead letters')?.[1]
  if (stream === undefined) throw new Error(`${source} has no dead letters`)
  return stream
}

export async function count(db: Database, relation: string): Promise<number> {
  const { rows } = await db.query<{ n: bigint }>(`SELECT count(*) AS n FROM ${relation}`)
  return Number(rows[0]?.n)
}
