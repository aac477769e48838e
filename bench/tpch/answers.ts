/** Answers of two databases, made comparable: a row a text. */
import type { DuckDBConnection } from '@duckdb/node-api'
import type { Database } from '../../src/index.js'

/** DuckDB divides DECIMALs as doubles and shows at most 17 digits; where either side has more, 10 significant ones must agree. */
const DIGITS = 10
/** Of a double, all of which say something. */
const DOUBLE_DIGITS = 15

export async function millraceRows(db: Database, query: string): Promise<string[]> {
  return (await db.query(query)).arrays().map((row) => row.map(field).join('|'))
}

export async function duckDbRows(connection: DuckDBConnection, query: string): Promise<string[]> {
  return (await connection.runAndReadAll(query)).getRows().map((row) => row.map(field).join('|'))
}

function field(value: unknown): string {
  if (value === null || value === undefined) return 'NULL'
  if (value instanceof Date) return value.toISOString().slice(0, 10)
  // A double of DuckDB's: its integers of so many digits are BigInts.
  if (typeof value === 'number' && Math.abs(value) >= 10 ** DOUBLE_DIGITS) return number(value.toPrecision(DIGITS))
  const text = String(value)
  const [, decimals] = /^-?\d+\.(\d+)$/.exec(text) ?? []
  if (decimals === undefined || (decimals.length <= 6 && text.length <= DOUBLE_DIGITS)) return number(text)
  return number(Number(text).toPrecision(DIGITS))
}

/** Trailing zeros differ with the declared scale. */
function number(text: string): string {
  return /^-?\d+\.\d+$/.test(text) ? text.replace(/\.?0+$/, '') : text
}
