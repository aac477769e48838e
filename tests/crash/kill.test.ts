/**
 * Nothing acknowledged is lost, nothing half done is seen: a writing process is killed at random points, also while it
 * opens the database, and what is there afterwards is compared with what it had acknowledged.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { type Database, open } from '../../src/index.js'
import { root } from '../tidy/sources.js'
import { emptyRows, JOURNAL_FILE_BYTES, type Rows, SCHEMA, step, told, VIEWS, WRITERS } from './history.js'

const ROUNDS = Number(process.env.MILLRACE_CRASH_ROUNDS ?? 200)
/** A database is given up after this many, so that none grows large. */
const ROUNDS_EACH = 25
/** Two cores: one process writes while another one's database is compared. */
const LANES = 2

class Writer {
  readonly #child: ChildProcess
  readonly #ended: Promise<NodeJS.Signals | null>
  #out = ''
  #err = ''

  constructor() {
    const program = join(root, 'dist', 'tests', 'crash', 'writer.js')
    this.#child = spawn(process.execPath, [program], { stdio: ['pipe', 'pipe', 'pipe'] })
    this.#child.stdout!.on('data', (chunk) => {
      this.#out += chunk
    })
    this.#child.stderr!.on('data', (chunk) => {
      this.#err += chunk
    })
    this.#child.stdin!.on('error', () => {}) // told by #ended
    this.#ended = new Promise((resolve) => void this.#child.once('close', (_code, signal) => resolve(signal)))
  }

  #lines(): string[] {
    return this.#out.split('\n').slice(0, -1)
  }

  async #until(lines: number): Promise<void> {
    while (this.#lines().length < lines && this.#child.exitCode === null) await delay(1)
  }

  /** Lets it write, kills it, and returns for each writer the steps that were acknowledged. */
  async run(path: string, from: readonly number[], acknowledged: number, after: number): Promise<number[][]> {
    await this.#until(1)
    this.#child.stdin!.write(`${JSON.stringify({ path, from })}\n`)
    await this.#until(1 + acknowledged)
    await delay(after)
    await this.end()
    const steps: number[][] = from.map(() => [])
    for (const line of this.#lines().slice(1)) {
      const [writer, n] = line.split(' ').map(Number)
      steps[writer!]!.push(n!)
    }
    return steps
  }

  async end(): Promise<void> {
    this.#child.kill('SIGKILL')
    const signal = await this.#ended
    if (signal !== 'SIGKILL') throw new Error(`the writer ended by itself: ${this.#err}`)
  }
}

/** Each writer's rows as the database has them. */
async function rowsOf(db: Database): Promise<string[]> {
  const all: Rows[] = Array.from({ length: WRITERS }, emptyRows)
  for (const row of (await db.query<Record<string, string>>('SELECT w, n, part, label FROM s')).rows) {
    const rows = all[Number(row.w)]!.s
    const at = `${row.n}/${row.part}`
    expect(rows.has(at), `two rows ${at} of writer ${row.w}`).toBe(false)
    rows.set(at, row.label!)
  }
  for (const row of (await db.query<Record<string, string>>('SELECT k, w, n, note FROM t')).rows) {
    const rows = all[Number(row.w)]!.t
    expect(rows.has(Number(row.k)), `two rows with key ${row.k}`).toBe(false)
    rows.set(Number(row.k), { n: Number(row.n), note: row.note! })
  }
  for (const row of (await db.query<Record<string, string>>('SELECT w, name, n FROM u')).rows) {
    const rows = all[Number(row.w)]!.u
    expect(rows.has(row.name!), `two rows with key (${row.w}, ${row.name})`).toBe(false)
    rows.set(row.name!, Number(row.n))
  }
  return all.map(told)
}

/** What a writer has, and the next step that it will do. */
interface Known {
  rows: Rows
  next: number
}

/** The database has all acknowledged steps of a writer, and of the next one all or nothing. */
function advance(known: Known, writer: number, acknowledged: readonly number[], found: string, where: string): void {
  for (const n of acknowledged) {
    expect(n, where).toBe(known.next)
    step(writer, known.next++).apply(known.rows)
  }
  if (found === told(known.rows)) return
  step(writer, known.next++).apply(known.rows)
  expect(found.split('\n'), where).toEqual(told(known.rows).split('\n'))
}

async function crashAndCompare(path: string, rounds: number, random: (limit: number) => number, name: string) {
  const setup = await open(path, { journalFileBytes: JOURNAL_FILE_BYTES })
  await setup.execute(SCHEMA)
  await setup.close()
  const known: Known[] = Array.from({ length: WRITERS }, () => ({ rows: emptyRows(), next: 0 }))
  let writer = new Writer()
  for (let round = 0; round < rounds; round++) {
    // One in eight is killed at any time from its start on, most often while it opens the database.
    const early = random(8) === 0
    const from = known.map(({ next }) => next)
    const steps = await writer.run(path, from, early ? 0 : 1 + random(60), random(early ? 80 : 6))
    writer = new Writer() // loads while the database is compared
    const db = await open(path, { journalFileBytes: JOURNAL_FILE_BYTES })
    try {
      const found = await rowsOf(db)
      known.forEach((rows, w) => void advance(rows, w, steps[w]!, found[w]!, `${name}, round ${round}, writer ${w}`))
      for (const [view, query] of VIEWS) {
        const kept = (await db.query(`SELECT * FROM ${view} ORDER BY w`)).rows
        expect(kept, `${name}, round ${round}, ${view}`).toEqual((await db.query(`${query} ORDER BY w`)).rows)
      }
      expect((await db.query('CHECK DATABASE')).rows, `${name}, round ${round}`).toEqual([])
    } finally {
      await db.close()
    }
  }
  await writer.end()
  // Else neither sealing nor compaction was ever cut short.
  if (rounds >= ROUNDS_EACH) expect(readdirSync(join(path, 'segments')).length).toBeGreaterThan(0)
}

it(`kill -9 loses nothing that was acknowledged (${ROUNDS} rounds)`, async () => {
  expect(existsSync(join(root, 'dist', 'tests', 'crash', 'writer.js'))).toBe(true)
  const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31))
  console.log(`SEED=${seed}`)
  const folder = mkdtempSync(join(tmpdir(), 'millrace-crash-'))
  const databases = Math.ceil(ROUNDS / ROUNDS_EACH)
  let next = 0
  const lane = async () => {
    while (next < databases) {
      const index = next++
      let state = (seed + index * 7919) >>> 0
      const random = (limit: number): number => {
        state = (Math.imul(state, 1664525) + 1013904223) >>> 0
        return (state >>> 8) % limit
      }
      const rounds = Math.min(ROUNDS_EACH, ROUNDS - index * ROUNDS_EACH)
      const path = join(folder, `${index}`)
      await crashAndCompare(path, rounds, random, path)
      rmSync(path, { recursive: true })
    }
  }
  await Promise.all(Array.from({ length: LANES }, lane))
  // Only when all went well: what failed is to be looked at.
  rmSync(folder, { recursive: true })
}, 900_000)
