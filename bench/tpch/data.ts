/** TPC-H's rows: written by the Rust example `tpch_data`, loaded into Millrace and into DuckDB from the same files. */
import { execFileSync } from 'node:child_process'
import { createReadStream, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { DuckDBConnection } from '@duckdb/node-api'
import type { Database } from '../../src/index.js'
import { root } from '../machine.js'

const SOURCES = join(root, 'bench', 'tpch')
/** Rows of one commit. */
const CHUNK_ROWS = 65_536

interface Column {
  readonly name: string
  readonly read: (field: string) => unknown
}

const READERS: Readonly<Record<string, Column['read']>> = {
  INTEGER: Number,
  BIGINT: BigInt,
  TEXT: (field) => field,
  // Two digits behind the point are exact as a number here: no amount has more than 15 digits.
  'DECIMAL(15,2)': Number,
  DATE: (field) => new Date(field),
}

export const SCHEMA = readFileSync(join(SOURCES, 'schema.sql'), 'utf8')

/** The tables and how a field of each column is read, as the schema says. */
function tables(): Map<string, Column[]> {
  const found = new Map<string, Column[]>()
  for (const [, table, body] of SCHEMA.matchAll(/CREATE TABLE (\w+) \(([\s\S]*?)\);/g)) {
    const columns = [...body!.matchAll(/(\w+) ([A-Z]+(?:\([0-9,]+\))?) NOT NULL/g)].map(([, name, type]) => {
      const read = READERS[type!]
      if (read === undefined) throw new Error(`no reader for ${type} of ${table}.${name}`)
      return { name: name!, read }
    })
    found.set(table!, columns)
  }
  return found
}

/** The 22 queries. Q11 asks for a fraction that goes with the size of the data; of less than scale factor 1 it would find nothing. */
export function queries(scale: number): string[] {
  const text = readFileSync(join(SOURCES, 'queries.sql'), 'utf8').replace(/^--.*$/gm, '')
  const found = text
    .split(';')
    .map((query) => query.trim())
    .filter((query) => query !== '')
  if (found.length !== 22) throw new Error(`${found.length} queries`)
  return found.map((query) => query.replace('* 0.0001\n', `* ${fraction(scale)}\n`))
}

function fraction(scale: number): string {
  return (0.0001 / Math.max(1, scale)).toFixed(10).replace(/0+$/, '')
}

/** Writes the tables as text into a folder. */
export function generate(scale: number, folder: string): void {
  const args = ['run', '--quiet', '--release', '--manifest-path', join(root, 'native', 'Cargo.toml')]
  args.push('-p', 'millrace-log', '--example', 'tpch_data', '--', String(scale), folder)
  execFileSync('cargo', args, { stdio: ['ignore', 'ignore', 'inherit'] })
}

export async function loadMillrace(db: Database, folder: string): Promise<void> {
  for (const create of SCHEMA.split(';').slice(0, -1)) await db.execute(create)
  for (const [table, columns] of tables()) {
    const appender = db.appender(table)
    let rows: unknown[][] = columns.map(() => [])
    const flush = async () => {
      const full = rows
      rows = columns.map(() => [])
      await appender.appendColumns(Object.fromEntries(columns.map(({ name }, i) => [name, full[i]!])))
    }
    for await (const line of createInterface({ input: createReadStream(join(folder, `${table}.tbl`)) })) {
      const fields = line.split('|')
      for (let i = 0; i < columns.length; i++) rows[i]!.push(columns[i]!.read(fields[i]!))
      if (rows[0]!.length === CHUNK_ROWS) await flush()
    }
    if (rows[0]!.length > 0) await flush()
    await appender.close()
  }
}

export async function loadDuckDb(connection: DuckDBConnection, folder: string): Promise<void> {
  for (const create of SCHEMA.split(';').slice(0, -1)) await connection.run(create)
  for (const [table, columns] of tables()) {
    const names = columns.map(({ name }) => `'${name}'`)
    // A `|` ends each line, so there is one more column, and it is empty.
    const files = `read_csv('${join(folder, `${table}.tbl`)}', delim = '|', header = false, quote = '', all_varchar = true,
      names = [${names.join(', ')}, 'nothing'])`
    await connection.run(`INSERT INTO ${table} SELECT * EXCLUDE (nothing) FROM ${files}`)
  }
}
