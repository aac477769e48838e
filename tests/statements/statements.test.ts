/** Statements of .slt files by `db.query` and over the wire, against PostgreSQL's answers. */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { describe, expect, it } from 'vitest'
import { formatText, MillraceError, open } from '../../src/index.js'
import { blocksOf, isOrdered, rowText } from './records.js'

const folder = join(dirname(fileURLToPath(import.meta.url)), 'slt')

/** What a statement did: rows as text, or the number of changed ones. */
interface Answer {
  readonly rows: string[]
  readonly count: number | null
}

type Run = (sql: string) => Promise<Answer>

for (const file of readdirSync(folder).filter((name) => name.endsWith('.slt'))) {
  const text = readFileSync(join(folder, file), 'utf8')
  describe(file, () => {
    it('by query', async () => {
      const db = await open()
      try {
        await check(text, async (sql) => {
          const result = await db.query(sql)
          const types = result.fields.map((field) => field.data_type)
          const rows = result.arrays().map((row) => {
            const cells = row.map((value, i) => (value === null ? null : formatText(value, types[i]!)))
            return rowText(cells.map((cell, i) => (types[i]!.type === 'boolean' ? (cell?.slice(0, 1) ?? null) : cell)))
          })
          return { rows, count: Number(result.rowCount) }
        })
      } finally {
        await db.close()
      }
    })
    it('over the wire', async () => {
      const db = await open()
      const server = await db.listen({ port: 0 })
      const types = { getTypeParser: () => (value: string) => value } as unknown as pg.CustomTypesConfig
      const client = new pg.Client({ host: '127.0.0.1', port: server.port, user: 'me', database: 'any', types })
      try {
        await client.connect()
        await check(text, async (sql) => {
          const { rows, rowCount } = await client.query<(string | null)[]>({ text: sql, rowMode: 'array' })
          return { rows: rows.map(rowText), count: rowCount }
        })
      } finally {
        await client.end()
        await db.close()
      }
    })
  })
}

/** All differences at once: one that was not expected often explains the next. */
async function check(text: string, run: Run): Promise<void> {
  const differences: object[] = []
  for (const { line, comment, head, sql, rows } of blocksOf(text)) {
    if (comment) continue
    const answer = await run(sql).catch(codeOf)
    let found = head.startsWith('query') ? head : 'statement ok'
    if (typeof answer === 'string') found = answer
    else if (head.startsWith('statement count')) found = `statement count ${answer.count}`
    const shown = typeof answer === 'string' ? [] : isOrdered(sql) ? answer.rows : answer.rows.toSorted()
    const wanted = head.startsWith('query') ? rows : []
    if (found !== head || (head.startsWith('query') && shown.join('\n') !== wanted.join('\n')))
      differences.push({ line, sql, head, rows: wanted, found, shown })
  }
  expect(differences).toEqual([])
}

function codeOf(error: unknown): string {
  const isOurs = error instanceof MillraceError || error instanceof pg.DatabaseError
  if (!isOurs) throw error
  return error.code === 'XX000' ? `statement error XX000 ${error.message}` : `statement error ${error.code}`
}
