/** Writes an .slt file whose answers are PostgreSQL's, from a file of one statement a line (lines with `!` are set-up, `#` comments):
 *  `npm run build && node tests/sql/from-postgres.mjs statements.sql out.slt`, with PGHOST, PGPORT and PGUSER of an empty server.
 *  Where Millrace answers otherwise, the record is left out and named, as somebody has to look at it. */
import { readFileSync, writeFileSync } from 'node:fs'
import pg from 'pg'
import { formatText, open } from '../../dist/src/index.js'

const [input, output] = process.argv.slice(2)
const lines = readFileSync(input, 'utf8').split('\n')
// Every value as PostgreSQL writes it.
const postgres = new pg.Client({ types: { getTypeParser: () => (value) => value } })
await postgres.connect()
await postgres.query("DROP SCHEMA public CASCADE; CREATE SCHEMA public; SET timezone = 'UTC'")
const millrace = await open()
const [records, strange] = [[], []]

for (const line of lines.map((text) => text.trim()).filter((text) => text !== '')) {
  if (line.startsWith('#')) records.push(line)
  else if (line.startsWith('!')) {
    const sql = line.slice(1).trim()
    await postgres.query(sql)
    await millrace.query(sql)
    records.push(`statement ok\n${sql}`)
  } else records.push(await recordOf(line))
}
writeFileSync(output, `${records.filter((record) => record !== '').join('\n\n')}\n`)
console.log(`${records.length - strange.length} records`, strange)
await millrace.close()
await postgres.end()

async function recordOf(sql) {
  const theirs = await postgres.query({ text: sql, rowMode: 'array' }).catch((error) => error)
  const ours = await millrace.query(sql).catch((error) => error)
  const same = theirs instanceof Error ? theirs.code === ours.code : !(ours instanceof Error)
  if (!same) {
    strange.push(sql)
    return ''
  }
  if (theirs instanceof Error) return `statement error ${theirs.code}\n${sql}`
  const types = ours.fields.map((field) => letterOf(field.data_type.type))
  const cells = ours
    .arrays()
    .map((row) => row.map((value, at) => (value === null ? null : formatText(value, ours.fields[at].data_type))))
  const ordered = /\border\s+by\b[^()]*$/i.test(sql)
  const shown = (rows) => {
    const all = rows.map((row) => row.map((cell, at) => normal(cell, types[at])).join(' | '))
    return ordered ? all : all.sort()
  }
  const wanted = shown(theirs.rows)
  const unwritable = theirs.rows.some(
    (row) => row.some((cell) => cell !== null && /[|\n]|^\s|\s$|^NULL$/.test(cell)) || row.join('') === '',
  )
  if (
    unwritable ||
    theirs.rows.some((row) => row.length !== types.length) ||
    wanted.join('\n') !== shown(cells).join('\n')
  ) {
    strange.push(sql)
    return ''
  }
  const columns = types.map((_, at) => `c${at + 1}`).join(', ')
  const view = await millrace.query(`CREATE MATERIALIZED VIEW a_view (${columns}) AS ${sql}`).catch((error) => error)
  if (!(view instanceof Error)) await millrace.query('DROP MATERIALIZED VIEW a_view')
  else if (view.code !== '0A000') console.log(`view: ${view.code} ${view.message} ${sql}`)
  const marks = `${ordered ? ' ordered' : ''}${view instanceof Error ? ' noview' : ''}`
  const rows = theirs.rows.map((row) => row.map((cell) => cell ?? 'NULL').join(' | '))
  return [`query ${types.join('')}${marks}`, sql, '----', ...rows].join('\n')
}

function letterOf(type) {
  if (type === 'boolean') return 'B'
  if (type === 'smallint' || type === 'integer' || type === 'bigint') return 'I'
  return ['numeric', 'real', 'double'].includes(type) ? 'R' : 'T'
}

function normal(cell, type) {
  if (cell === null) return 'NULL'
  if (type === 'B') return cell.startsWith('t') ? 't' : 'f'
  if (type === 'R' && Number.isFinite(Number(cell))) return String(Number(Number(cell).toPrecision(10)))
  return type === 'R' ? cell.toLowerCase() : cell
}
