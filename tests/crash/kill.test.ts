/** Nothing acknowledged is lost: a writing process is killed at random points, and the database is opened and compared. */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { open } from '../../src/index.js'
import { root } from '../tidy/sources.js'

let folder = ''
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-crash-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Runs the writer until it has acknowledged `rows` rows, kills it, and returns the numbers that it acknowledged. */
function writeAndKill(path: string, from: number, rows: number): Promise<number[]> {
  return new Promise((resolve, reject) => {
    const program = join(root, 'dist', 'tests', 'crash', 'writer.js')
    const child = spawn(process.execPath, [program, path, String(from)], { stdio: ['ignore', 'pipe', 'pipe'] })
    let out = ''
    let err = ''
    child.stderr.on('data', (chunk) => {
      err += chunk
    })
    child.stdout.on('data', (chunk) => {
      out += chunk
      if (out.split('\n').length > rows) child.kill('SIGKILL')
    })
    child.on('exit', (_code, signal) => {
      if (signal !== 'SIGKILL') return reject(new Error(`the writer ended by itself: ${err}`))
      resolve(out.split('\n').slice(0, -1).map(Number))
    })
  })
}

const ROUNDS = Number(process.env.MILLRACE_CRASH_ROUNDS ?? 12)

it(`kill -9 loses nothing that was acknowledged (${ROUNDS} rounds)`, async () => {
  const path = join(folder, 'db')
  const setup = await open(path)
  await setup.execute(`
    CREATE STREAM s (n BIGINT, label TEXT);
    CREATE TABLE t (k BIGINT PRIMARY KEY, n BIGINT);
    CREATE MATERIALIZED VIEW v AS SELECT count(*) AS rows, sum(n) AS total FROM s`)
  await setup.close()
  const acknowledged = new Set<number>()
  const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31))
  console.log(`SEED=${seed}`)
  let state = seed
  const random = (limit: number): number => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff
    return state % limit
  }
  for (let round = 0; round < ROUNDS; round++) {
    for (const n of await writeAndKill(path, round * 1_000_000, 1 + random(60))) acknowledged.add(n)
    const db = await open(path)
    try {
      const rows = (await db.query('SELECT n, label FROM s')).rows as { n: bigint; label: string }[]
      const found = new Set(rows.map((row) => Number(row.n)))
      expect(found.size).toBe(rows.length)
      expect(rows.every((row) => row.label === `row ${row.n}`)).toBe(true)
      expect([...acknowledged].filter((n) => !found.has(n))).toEqual([])
      const view = (await db.query('SELECT * FROM v')).rows
      expect(view).toEqual((await db.query('SELECT count(*) AS rows, sum(n) AS total FROM s')).rows)
      const keys = (await db.query('SELECT k, n FROM t')).rows as { k: bigint; n: bigint }[]
      expect(new Set(keys.map((row) => row.k)).size).toBe(keys.length)
      expect(keys.every((row) => row.n % 50n === row.k && found.has(Number(row.n)))).toBe(true)
    } finally {
      await db.close()
    }
  }
}, 300_000)
