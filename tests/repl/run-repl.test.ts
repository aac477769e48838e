/** `runRepl` on a database that is open already, as a program of one's own uses it. */
import { PassThrough } from 'node:stream'
import { expect, it } from 'vitest'
import { open, runRepl } from '../../src/index.js'

async function converse(
  input: string,
  suggestions: readonly string[] = [],
): Promise<{ out: string; err: string; tables: string[] }> {
  const database = await open()
  const [output, errors] = [new PassThrough(), new PassThrough()]
  const source = new PassThrough()
  source.end(input)
  try {
    await runRepl(database, { input: source, output, errors, suggestions, terminal: false })
    const tables = database.catalog().map((entry) => entry.name)
    return { out: String(output.read() ?? ''), err: String(errors.read() ?? ''), tables }
  } finally {
    await database.close()
  }
}

it('shows what to try, runs what comes, goes on after an error, and leaves the database open', async () => {
  const { out, err, tables } = await converse(
    'create table t (a integer primary key);\nselect nope;\ninsert into t\nvalues (1);\nselect * from t;\n\\d t\n',
    ['SELECT * FROM t', 'SELECT count(*)\nFROM t'],
  )
  expect(out).toMatch(/^Try:\n {2}SELECT \* FROM t\n {2}SELECT count\(\*\)\n {2}FROM t\n\nmillrace=> /)
  expect(out).toContain('CREATE TABLE\nINSERT 0 1\n')
  expect(out).toContain(' a \n---\n 1\n(1 row)\n')
  expect(out).toContain('Primary key: a')
  expect(err).toContain('ERROR:  column "nope" does not exist')
  expect(tables).toEqual(['t'])
})

it('catalog commands, \\x and \\q', async () => {
  const { out, err } = await converse(
    'create stream s (a integer); create view v as select a from s; \\dv\n\\ds\n\\dt\n\\x\nselect 1 as a, 2 as b;\n\\nope\n\\q\nselect 99;\n',
  )
  expect(out).toMatch(/List of views\n +Name +\| +Type +\| +Columns *\n[-+]+\n v +\| view +\| a\n\(1 row\)/)
  expect(out).toMatch(/ s +\| stream +\| a\n/)
  expect(out).toContain('Expanded display is on.\n')
  expect(out).toContain('-[ RECORD 1 ]\na | 1\nb | 2\n')
  expect(err).toContain('Did not find any relations.')
  expect(err).toContain('invalid command \\nope')
  expect(out).not.toContain('99')
})
