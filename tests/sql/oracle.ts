/** DuckDB as the second opinion. Its dialect is PostgreSQL's in all that the .slt files ask of it. */
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'

export interface Oracle {
  run(sql: string): Promise<void>
  query(sql: string): Promise<(string | null)[][]>
  close(): void
}

export async function openOracle(): Promise<Oracle> {
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  // PostgreSQL's rules where DuckDB has its own.
  await connection.run("SET TimeZone = 'UTC'")
  await connection.run("SET default_null_order = 'nulls_last_on_asc_first_on_desc'")
  await connection.run('SET integer_division = true')
  return {
    run: async (sql) => {
      await connection.run(asDuckDb(sql))
    },
    query: (sql) => readRows(connection, sql),
    close: () => {
      connection.closeSync()
      instance.closeSync()
    },
  }
}

async function readRows(connection: DuckDBConnection, sql: string): Promise<(string | null)[][]> {
  const reader = await connection.runAndReadAll(sql)
  return reader.getRows().map((row) => row.map((value) => (value === null ? null : String(value))))
}

/** A stream is a table there, and has no watermark; JSON is what it has of JSONB. */
function asDuckDb(sql: string): string {
  return sql
    .replace(/^\s*CREATE\s+STREAM\b/i, 'CREATE TABLE')
    .replace(/\bJSONB\b/g, 'JSON')
    .replace(/,\s*WATERMARK\s+FOR[^)]*(?=\))/i, '')
}
