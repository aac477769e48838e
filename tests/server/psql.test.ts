/** psql itself, against the program `millrace serve`. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { root } from '../tidy/sources.js'

const program = join(root, 'dist', 'src', 'repl', 'main.js')
const PASSWORD = 'secret'
let folder = ''
let server: ChildProcess
let port = ''

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-serve-'))
  writeFileSync(join(folder, 'password'), `${PASSWORD}\n`)
  const args = ['serve', join(folder, 'db'), '--port', '0', '--password-file', join(folder, 'password')]
  server = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  port = await new Promise<string>((resolve, reject) => {
    let out = ''
    server.stdout!.on('data', (chunk) => {
      out += chunk
      const found = /listening on 127\.0\.0\.1:(\d+)/.exec(out)?.[1]
      if (found !== undefined) resolve(found)
    })
    server.on('exit', (code) => reject(new Error(`the server ended with ${code}`)))
  })
})
afterAll(async () => {
  const ended = new Promise((resolve) => server.on('exit', resolve))
  server.removeAllListeners('exit')
  const gone = new Promise((resolve) => server.on('exit', resolve))
  server.kill('SIGTERM')
  await Promise.race([ended, gone])
  rmSync(folder, { recursive: true, force: true })
})

function psql(args: readonly string[], input = '', password = PASSWORD) {
  const env = {
    ...process.env,
    PGHOST: '127.0.0.1',
    PGPORT: port,
    PGUSER: 'me',
    PGDATABASE: 'any',
    PGPASSWORD: password,
  }
  const { status, stdout, stderr } = spawnSync('psql', ['-X', ...args], {
    env,
    input,
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  })
  return { status, out: stdout, err: stderr.replace(/^psql: warning:.*\n.*\n/gm, '') }
}

it('runs a script as it would on PostgreSQL', () => {
  const { out, status } = psql(
    [],
    `CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT);
     INSERT INTO t VALUES (1, 'one'), (2, NULL);
     SELECT a, b, a * 0.5 AS half, b IS NULL AS none FROM t ORDER BY a;
     BEGIN; DELETE FROM t; ROLLBACK;
     UPDATE t SET b = 'two' WHERE a = 2;
     \\echo :ROW_COUNT`,
  )
  expect(out).toBe(`CREATE TABLE
INSERT 0 2
 a |  b  | half | none 
---+-----+------+------
 1 | one |  0.5 | f
 2 |     |  1.0 | t
(2 rows)

BEGIN
DELETE 2
ROLLBACK
UPDATE 1
1
`)
  expect(status).toBe(0)
})

it('shows errors with a caret, their detail and hint', () => {
  const { err, status } = psql(['-v', 'ON_ERROR_STOP=1', '-c', 'SELECT a,\n  bb FROM t'])
  expect(err).toBe(`ERROR:  column "bb" does not exist
LINE 2:   bb FROM t
          ^
HINT:  Perhaps you meant the column "t.b".
`)
  expect(status).toBe(1)
})

it('fetches a large result in parts and prints every row', () => {
  const { out } = psql(['-At', '-v', 'FETCH_COUNT=0', '-c', 'SELECT g FROM generate_series(1, 200000) AS g'])
  expect(out.trimEnd().split('\n')).toHaveLength(200_000)
})

it('wants the right password', () => {
  const { err, status } = psql(['-c', 'SELECT 1'], '', 'wrong')
  expect(err).toContain('password authentication failed for user "me"')
  expect(status).toBe(2)
})

it('says what is wrong with its options', () => {
  const run = (...args: string[]) => spawnSync(process.execPath, [program, 'serve', ...args], { encoding: 'utf8' })
  expect(run('--help').stdout).toContain('Usage: millrace serve')
  expect(run('--port', 'x')).toMatchObject({ status: 1, stderr: expect.stringContaining('--port takes a number') })
  expect(run('--tls-key', 'x')).toMatchObject({ status: 1, stderr: expect.stringContaining('go together') })
  expect(run('--host', '0.0.0.0', '--port', '0')).toMatchObject({
    status: 2,
    stderr: expect.stringContaining('refusing to listen on "0.0.0.0" without a password'),
  })
})
