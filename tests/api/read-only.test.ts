/** Databases that are opened to be read only, and who may have a folder open. */
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { open } from '../../src/index.js'
import { root } from '../tidy/sources.js'

let folder = ''
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-read-only-'))
  await using db = await open(join(folder, 'db'))
  await db.execute(`
    CREATE STREAM s (k INT, v BIGINT); CREATE TABLE t (id INT PRIMARY KEY, v TEXT);
    CREATE MATERIALIZED VIEW sums AS SELECT k, sum(v)::bigint AS total FROM s GROUP BY k;
    INSERT INTO s VALUES (1, 10), (2, 20); CHECKPOINT; INSERT INTO s VALUES (1, 5); INSERT INTO t VALUES (1, 'one')`)
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const failure = (work: Promise<unknown>) =>
  work.then(
    () => undefined,
    (error: unknown) => error,
  )

/** Every file with its bytes and its time. */
function files(): unknown[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
    .map((path) => [path, statSync(path).mtimeMs, readFileSync(path).toString('base64')])
}

it('rows and views are read by several at once, and nothing is written', async () => {
  const path = join(folder, 'db')
  const before = files()
  {
    await using one = await open(path, { readOnly: true })
    await using other = await open(path, { readOnly: true })
    expect([one.readOnly, other.readOnly]).toEqual([true, true])
    for (const db of [one, other]) {
      expect((await db.query('SELECT * FROM sums ORDER BY k')).rows).toEqual([
        { k: 1, total: 15n },
        { k: 2, total: 20n },
      ])
      expect((await db.query('SELECT count(*) AS n FROM t')).rows).toEqual([{ n: 1n }])
    }
    const refused: [string, string][] = [
      ["INSERT INTO t VALUES (2, 'two')", 'INSERT'],
      ["UPDATE t SET v = 'uno'", 'UPDATE'],
      ['DELETE FROM t', 'DELETE'],
      ['TRUNCATE s', 'TRUNCATE TABLE'],
      ['CREATE TABLE u (a INT)', 'CREATE TABLE'],
      ['DROP VIEW IF EXISTS nothing; DROP MATERIALIZED VIEW sums', 'DROP MATERIALIZED VIEW'],
      ['CHECKPOINT', 'CHECKPOINT'],
      ['ALTER CONSUMER GROUP g ON s SEEK TO END', 'ALTER CONSUMER GROUP'],
    ]
    for (const [text, tag] of refused) {
      const message = `cannot execute ${tag} in a read-only transaction`
      expect(await failure(one.execute(text)), text).toMatchObject({ code: '25006' })
      expect(await failure(one.execute(text.replace(/^.*; /, ''))), text).toMatchObject({ code: '25006', message })
    }
    expect(() => one.appender('t')).toThrow(expect.objectContaining({ code: '25006' }))
    const inside = one.transaction(async (tx) => {
      expect((await tx.query('SELECT v FROM t')).rows).toEqual([{ v: 'one' }])
      await tx.query('DELETE FROM t')
    })
    expect(await failure(inside)).toMatchObject({ code: '25006' })
    const consumer = await one.consumer({ group: 'g', stream: 's' })
    const { value } = await consumer[Symbol.asyncIterator]().next()
    expect([...value!.records()]).toHaveLength(3)
    expect(await failure(consumer.commit())).toMatchObject({ code: '25006' })
    expect((await one.query('CHECK DATABASE')).rows).toEqual([])
    const writer = await failure(open(path))
    expect(writer).toMatchObject({ code: '55006' })
  }
  expect(files()).toEqual(before)
  await using db = await open(path)
  expect((await db.query('SELECT count(*) AS n FROM s')).rows).toEqual([{ n: 3n }])
})

it('while a process writes, the error tells which, and since when', async () => {
  await using db = await open(join(folder, 'db'))
  for (const options of [{}, { readOnly: true }]) {
    const error = (await failure(open(join(folder, 'db'), options))) as Error
    expect(error).toMatchObject({ code: '55006', hint: expect.stringContaining('Close') })
    expect(error.message).toMatch(
      new RegExp(`is in use by process ${process.pid} \\(.+\\) since \\d{4}-\\d\\d-\\d\\d .+ UTC$`),
    )
  }
  await db.query('SELECT 1')
})

it('what is not there is not made', async () => {
  const path = join(folder, 'none')
  const message = `database "${path}" does not exist`
  expect(await failure(open(path, { readOnly: true }))).toMatchObject({ code: '58P01', message })
  expect(readdirSync(folder)).toEqual(['db'])
  expect(await failure(open(':memory:', { readOnly: true }))).toMatchObject({ code: '22023' })
})

it('a folder that cannot be written is read only by who says so', () => {
  const paths = readdirSync(folder, { recursive: true }).map((name) => join(folder, String(name)))
  for (const path of [folder, ...paths]) chmodSync(path, statSync(path).isDirectory() ? 0o555 : 0o444)
  const script = `
    const { open } = await import(${JSON.stringify(join(root, 'dist', 'src', 'index.js'))})
    const path = ${JSON.stringify(join(folder, 'db'))}
    const refused = await open(path).then(() => undefined, (error) => error)
    const db = await open(path, { readOnly: true })
    const { rows } = await db.query('SELECT total FROM sums ORDER BY k')
    await db.close()
    console.log(JSON.stringify([refused?.code, refused?.hint, rows.map((row) => Number(row.total))]))`
  // Permissions bind everybody but root.
  const as = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {}
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    ...as,
    cwd: '/',
    encoding: 'utf8',
  })
  for (const path of [folder, ...paths]) chmodSync(path, 0o755)
  expect(stderr).toBe('')
  expect(JSON.parse(stdout)).toEqual([
    '42501',
    'A database in a folder that cannot be written can be opened to be read only.',
    [15, 20],
  ])
})
