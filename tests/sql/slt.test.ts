/** Each .slt file through three doors: every query ad hoc on Millrace, the same on DuckDB (or a written answer), and as a
 *  materialized view that is made before the first row and fed row by row. At every step the view equals its query. */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { type Database, formatText, MillraceError, open } from '../../src/index.js'
import { openOracle } from './oracle.js'
import { normalRow, parseSlt, type QueryRecord, rowByRow, type SltRecord, writtenRow } from './slt.js'

const folder = join(dirname(fileURLToPath(import.meta.url)), 'slt')

for (const file of readdirSync(folder).filter((name) => name.endsWith('.slt'))) {
  const records = parseSlt(readFileSync(join(folder, file), 'utf8'))
  describe(file, () => {
    it('ad hoc, against DuckDB or the written answers', () => checkQueries(records))
    it('as views, fed row by row', () => checkViews(records))
  })
}

async function checkQueries(records: readonly SltRecord[]): Promise<void> {
  // Where every answer is written, the set-up need not be DuckDB's SQL.
  const asked = records.some((record) => record.kind === 'query' && record.expected === undefined)
  const oracle = asked ? await openOracle() : undefined
  const database = await open()
  try {
    for (const record of records) {
      if (record.kind === 'statement') {
        if (record.error === undefined) {
          await oracle?.run(record.sql)
          await database.query(record.sql)
        } else {
          const failure = await database.query(record.sql).then(() => 'no error', codeOf)
          expect({ line: record.line, code: failure }).toEqual({ line: record.line, code: record.error })
        }
        continue
      }
      const expected =
        record.expected?.map((line) => writtenRow(line, record.types)) ??
        (await oracle!.query(record.sql)).map((row) => normalRow(row, record.types))
      const found = await rowsOf(database, record.sql, record.types)
      const order = (rows: string[]) => (record.ordered ? rows : rows.toSorted())
      expect({ line: record.line, rows: order(found) }).toEqual({ line: record.line, rows: order(expected) })
    }
  } finally {
    await database.close()
    oracle?.close()
  }
}

async function checkViews(records: readonly SltRecord[]): Promise<void> {
  const queries = records.filter((record): record is QueryRecord => record.kind === 'query')
  const statements = records.flatMap((record) =>
    record.kind === 'statement' && record.error === undefined ? [record.sql] : [],
  )
  const definitions = statements.filter((sql) => /^\s*CREATE/i.test(sql))
  const writes = statements.filter((sql) => !/^\s*CREATE/i.test(sql)).flatMap(rowByRow)
  const database = await open()
  try {
    for (const sql of definitions) await database.query(sql)
    const views: { name: string; query: QueryRecord }[] = []
    for (const query of queries) {
      const name = `view_of_line_${query.line}`
      // Expressions without a name would share one.
      const columns = [...query.types].map((_, at) => `c${at + 1}`).join(', ')
      const made = await database
        .query(`CREATE MATERIALIZED VIEW ${name} (${columns}) AS ${query.sql}`)
        .then(() => 'made', codeOf)
      expect({ line: query.line, made }).toEqual({ line: query.line, made: query.noView ? '0A000' : 'made' })
      if (!query.noView) views.push({ name, query })
    }
    for (const write of writes) {
      await database.query(write)
      for (const { name, query } of views) {
        const [view, adHoc] = await Promise.all([
          rowsOf(database, `SELECT * FROM ${name}`, query.types),
          rowsOf(database, query.sql, query.types),
        ])
        expect({ line: query.line, after: write, rows: view.toSorted() }).toEqual({
          line: query.line,
          after: write,
          rows: adHoc.toSorted(),
        })
      }
    }
  } finally {
    await database.close()
  }
}

async function rowsOf(database: Database, sql: string, types: string): Promise<string[]> {
  const result = await database.query(sql)
  return result.arrays().map((row) =>
    normalRow(
      row.map((value, at) => (value === null ? null : formatText(value, result.fields[at]!.data_type))),
      types,
    ),
  )
}

function codeOf(error: unknown): string {
  if (error instanceof MillraceError) return error.code === 'XX000' ? `XX000 ${error.message}` : error.code
  throw error
}
