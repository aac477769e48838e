/** `npm start` as a program, without a terminal: plain lines, a summary, clean ends. */
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { open } from '../../src/index.js'
import { root } from '../tidy/sources.js'

let folder = ''
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-start-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

interface Ended {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

/** Runs the program; `onOut` sees the output as it comes. */
function start(
  args: readonly string[],
  onOut: (out: string, interrupt: () => void) => void = () => {},
): Promise<Ended> {
  return new Promise((resolve) => {
    const program = join(root, 'dist', 'examples', 'fraud', 'start.js')
    const child = spawn(process.execPath, [program, ...args], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] })
    let out = ''
    let err = ''
    child.stdout.on('data', (chunk) => {
      out += chunk
      onOut(out, () => child.kill('SIGINT'))
    })
    child.stderr.on('data', (chunk) => {
      err += chunk
    })
    child.on('exit', (code) => resolve({ code, out, err }))
  })
}

it('runs the job, sums it up and leaves the database', async () => {
  const { code, out, err } = await start(['--swipes', '20000', '--cards', '1000', '--dir', 'one'])
  expect(err).toBe('')
  expect(code).toBe(0)
  expect(out).toContain('20,000 of 20,000 swipes')
  expect(out).toMatch(/20,000 swipes in [\d.]+ s/)
  expect(out).toMatch(/\d+ flagged/)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the point is that there are none
  expect(out).not.toMatch(/\x1b/)
  const db = await open(join(folder, 'one'))
  try {
    const { rows } = await db.query<{ n: bigint }>('SELECT COUNT(*) AS n FROM swipes')
    expect(rows[0]!.n).toBe(20_000n)
  } finally {
    await db.close()
  }
})

it('makes the database anew, or goes on with --keep', async () => {
  const args = ['--swipes', '5000', '--cards', '1000', '--dir', 'one']
  expect((await start([...args, '--keep'])).out).toContain('25,000 in all')
  expect((await start(args)).out).not.toContain('in all')
  const other = await start([...args, '--keep', '--cards', '999'])
  expect(other.code).toBe(2)
  expect(other.err).toContain('has 1000 cards, not 999: give --cards 1000')
})

it('ends cleanly at Ctrl-C and keeps what was acknowledged', async () => {
  const args = ['--swipes', '100000000', '--cards', '1000', '--dir', 'two']
  let interrupted = false
  const { code, out } = await start(args, (text, interrupt) => {
    if (interrupted || !text.includes(' swipes, ')) return
    interrupted = true
    interrupt()
  })
  expect(code).toBe(0)
  expect(out).toContain('Interrupted: what was acknowledged is kept.')
  const db = await open(join(folder, 'two'))
  try {
    const { rows } = await db.query<{ n: bigint }>('SELECT COUNT(*) AS n FROM swipes')
    expect(rows[0]!.n).toBeGreaterThan(0n)
  } finally {
    await db.close()
  }
})

it('tells its options and checks them before it touches anything', async () => {
  const help = await start(['--help'])
  expect([help.code, help.err]).toEqual([0, ''])
  expect(help.out).toContain('--swipes N')
  const wrong = await start(['--swipes', 'lots', '--dir', 'three'])
  expect(wrong.code).toBe(2)
  expect(wrong.err).toContain('--swipes takes a whole number')
  expect(existsSync(join(folder, 'three'))).toBe(false)
})

it('never wipes a folder that is not a database', async () => {
  const dir = join(folder, 'precious')
  mkdirSync(dir)
  writeFileSync(join(dir, 'photo.jpg'), 'x')
  const { code, err } = await start(['--dir', 'precious'])
  expect(code).toBe(2)
  expect(err).toContain('holds something else than a Millrace database')
  expect(readdirSync(dir)).toEqual(['photo.jpg'])
})

it('leaves a database that is in use alone', async () => {
  const db = await open(join(folder, 'used'))
  try {
    await db.execute('CREATE TABLE t (a INTEGER PRIMARY KEY); INSERT INTO t VALUES (1)')
    const { code, err } = await start(['--dir', 'used'])
    expect(code).toBe(1)
    expect(err).toContain('used')
    expect((await db.query('SELECT a FROM t')).rowCount).toBe(1)
  } finally {
    await db.close()
  }
})

it('says what is wrong when the broker is not there', async () => {
  const { code, err } = await start(['--kafka', '--brokers', '127.0.0.1:1', '--dir', 'four'])
  expect(code).toBe(1)
  expect(err).toContain('127.0.0.1:1')
})
