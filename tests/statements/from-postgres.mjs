/** Writes PostgreSQL's answers into .slt files: see README.md. */
import { readFileSync, writeFileSync } from 'node:fs'
import pg from 'pg'
import { blocksOf, isOrdered, rowText } from '../../dist/tests/statements/records.js'

for (const file of process.argv.slice(2)) {
  const client = new pg.Client({ types: { getTypeParser: () => (value) => value } })
  await client.connect()
  await client.query("DROP SCHEMA public CASCADE; CREATE SCHEMA public; SET timezone = 'UTC'")
  const out = []
  for (const { comment, sql } of blocksOf(readFileSync(file, 'utf8'))) {
    if (comment) {
      out.push(sql)
      continue
    }
    const answer = await client.query({ text: sql, rowMode: 'array' }).catch((error) => error)
    if (answer instanceof Error) out.push(`statement error ${answer.code}\n${sql}`)
    else if (answer.fields.length > 0) {
      const ordered = isOrdered(sql)
      const rows = answer.rows.map(rowText)
      out.push([`query${ordered ? ' ordered' : ''}`, sql, '----', ...(ordered ? rows : rows.sort())].join('\n'))
    } else if (/^(INSERT|UPDATE|DELETE|MERGE|COPY)$/.test(answer.command))
      out.push(`statement count ${answer.rowCount}\n${sql}`)
    else out.push(`statement ok\n${sql}`)
  }
  writeFileSync(file, `${out.join('\n\n')}\n`)
  const schemas = await client.query(
    "SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_|^information_schema$|^public$'",
  )
  for (const { nspname } of schemas.rows) await client.query(`DROP SCHEMA "${nspname}" CASCADE`)
  await client.end()
}
