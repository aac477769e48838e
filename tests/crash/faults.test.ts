/**
 * System calls that fail in a real process: no space, I/O errors, failed fsyncs, short writes, no descriptors. Each gives a
 * clear error, loses nothing that was acknowledged, leaves the host alive and reads going on; writes go on when the cause is
 * gone, after a failed fsync when the database is opened again.
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, statfsSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { root } from '../tidy/sources.js'

const EIO = 5
const EMFILE = 24
const ENOSPC = 28

interface Answer {
  readonly rows?: Record<string, unknown>[]
  readonly error?: { code: string; message: string; hint?: string }
}

let folder = ''
let shim = ''
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-faults-'))
  shim = join(folder, 'faults.so')
  const source = join(root, 'tests', 'crash', 'faults.c')
  execFileSync(process.env.CC ?? 'cc', ['-shared', '-fPIC', '-O1', '-Wall', '-o', shim, source, '-ldl', '-lpthread'])
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

class Host {
  readonly rules: string
  readonly #child: ChildProcess
  readonly #answers: AsyncIterator<string>
  #err = ''

  /** `before` is put before the command that starts Node. */
  constructor(name: string, before: readonly string[] = []) {
    this.rules = join(folder, `${name}.rules`)
    const program = [process.execPath, join(root, 'dist', 'tests', 'crash', 'host.js')]
    const [command, ...rest] = [...before, ...program]
    const env = { ...process.env, LD_PRELOAD: shim, MILLRACE_FAULTS: this.rules }
    this.#child = spawn(command!, rest, { stdio: ['pipe', 'pipe', 'pipe'], env })
    this.#child.stderr!.on('data', (chunk) => {
      this.#err += chunk
    })
    this.#answers = createInterface(this.#child.stdout!)[Symbol.asyncIterator]()
  }

  get pid(): number {
    return this.#child.pid!
  }

  async #ask(question: object): Promise<Answer> {
    this.#child.stdin!.write(`${JSON.stringify(question)}\n`)
    const { value, done } = await this.#answers.next()
    if (done) throw new Error(`the host died: ${this.#child.signalCode ?? this.#child.exitCode} ${this.#err}`)
    return JSON.parse(value) as Answer
  }

  open(path: string): Promise<Answer> {
    return this.#ask({ open: path })
  }

  close(): Promise<Answer> {
    return this.#ask({ close: true })
  }

  run(sql: string): Promise<Answer> {
    return this.#ask({ sql })
  }

  /** A statement that must succeed. */
  async rows(sql: string): Promise<Record<string, unknown>[]> {
    const { rows, error } = await this.run(sql)
    expect(error, sql).toBeUndefined()
    return rows!
  }

  fail(...rules: string[]): void {
    writeFileSync(this.rules, `${rules.join('\n')}\n`)
  }

  /** Ends the process, which must be alive. */
  async end(): Promise<void> {
    expect([this.#child.exitCode, this.#child.signalCode], this.#err).toEqual([null, null])
    const ended = new Promise((resolve) => void this.#child.once('exit', resolve))
    this.#child.stdin!.end()
    expect(await ended).toBe(0)
  }
}

/** Writes numbered rows and knows which were acknowledged. */
class Numbers {
  readonly acknowledged: number[] = []
  /** Those that failed. After a failed fsync nobody knows whether they are on the disk: an open may find them. */
  readonly #refused = new Set<number>()
  #next = 0
  readonly host: Host

  constructor(host: Host) {
    this.host = host
  }

  async create(path: string): Promise<void> {
    expect(await this.host.open(path)).toEqual({})
    await this.host.rows('CREATE STREAM s (n BIGINT, text TEXT)')
    await this.host.rows('CREATE TABLE t (n BIGINT PRIMARY KEY, text TEXT)')
    await this.host.rows('CREATE MATERIALIZED VIEW v AS SELECT count(*) AS rows, sum(n) AS total FROM s')
  }

  /** Writes one number into stream and table; the error of the first that fails. */
  async write(bytes = 100): Promise<Answer['error']> {
    const n = this.#next++
    const row = `(${n}, '${'x'.repeat(bytes)}')`
    const appended = await this.host.run(`INSERT INTO s VALUES ${row}`)
    if (appended.error) {
      this.#refused.add(n)
      return appended.error
    }
    this.acknowledged.push(n)
    return (await this.host.run(`INSERT INTO t VALUES ${row}`)).error
  }

  async some(count: number, bytes = 100): Promise<void> {
    for (let i = 0; i < count; i++) expect(await this.write(bytes)).toBeUndefined()
  }

  /** That everything acknowledged can be read, and what cannot have been is not there. */
  async check(): Promise<void> {
    const found = (await this.host.rows('SELECT n FROM s ORDER BY n')).map(({ n }) => Number(n))
    expect(found).toEqual(this.acknowledged)
    const total = found.reduce((sum, n) => sum + n, 0)
    expect(await this.host.rows('SELECT rows, total::bigint AS total FROM v')).toEqual([{ rows: found.length, total }])
    const kept = (await this.host.rows('SELECT n FROM t ORDER BY n')).map(({ n }) => Number(n))
    expect(kept.every((n) => this.acknowledged.includes(n))).toBe(true)
    expect(await this.host.rows('CHECK DATABASE')).toEqual([])
  }

  async reopen(path: string): Promise<void> {
    await this.host.close()
    expect(await this.host.open(path)).toEqual({})
  }

  /** As `reopen`, after a failed fsync. */
  async reopenInDoubt(path: string): Promise<void> {
    await this.reopen(path)
    const found = (await this.host.rows('SELECT n FROM s ORDER BY n')).map(({ n }) => Number(n))
    this.acknowledged.push(...found.filter((n) => this.#refused.has(n)))
    this.acknowledged.sort((a, b) => a - b)
  }
}

interface Case {
  readonly name: string
  readonly rules: readonly string[]
  readonly code: string
  /** Whether writing goes on without opening the database again. */
  readonly goesOn: boolean
}

const CASES: readonly Case[] = [
  { name: 'no space for a commit', rules: [`write .wal ${ENOSPC} 0 1`], code: '53100', goesOn: true },
  {
    name: 'no space for half a commit',
    rules: [`write .wal SHORT 0 1`, `write .wal ${ENOSPC} 1 1`],
    code: '53100',
    goesOn: true,
  },
  { name: 'a write that fails', rules: [`write .wal ${EIO} 0 1`], code: '58030', goesOn: false },
  { name: 'an fsync that fails', rules: [`sync .wal ${EIO} 0 1`], code: '58030', goesOn: false },
  { name: 'an fsync that finds no space', rules: [`sync .wal ${ENOSPC} 0 1`], code: '53100', goesOn: false },
]

describe('a failing system call', () => {
  it.each(CASES)('$name', async ({ name, rules, code, goesOn }) => {
    const id = name.replaceAll(' ', '-')
    const host = new Host(id)
    const path = join(folder, id)
    const numbers = new Numbers(host)
    await numbers.create(path)
    await numbers.some(10)
    host.fail(...rules)
    const error = await numbers.write()
    expect(error).toMatchObject({ code, message: expect.stringContaining('.wal'), hint: expect.any(String) })
    await numbers.check()
    host.fail()
    if (goesOn) await numbers.some(10)
    else {
      expect(await numbers.write()).toMatchObject({ code })
      await numbers.check()
    }
    await (goesOn ? numbers.reopen(path) : numbers.reopenInDoubt(path))
    await numbers.check()
    await numbers.some(100)
    await numbers.reopen(path)
    await numbers.check()
    await host.end()
  })

  it('short writes are finished', async () => {
    const host = new Host('short')
    const numbers = new Numbers(host)
    await numbers.create(join(folder, 'short'))
    host.fail('write / SHORT 0 1000000')
    await numbers.some(100)
    await numbers.check()
    host.fail()
    await numbers.reopen(join(folder, 'short'))
    await numbers.check()
    await host.end()
  })

  it.each([
    ['segment', [`write .seg ${ENOSPC} 0 3`]],
    ['segment-sync', [`sync .seg ${EIO} 0 3`]],
    ['manifest', [`write .mf ${ENOSPC} 0 2`, `write .new ${EIO} 0 2`]],
    ['manifest-sync', [`sync .mf ${EIO} 0 1`]],
    ['rename', [`rename / ${EIO} 0 2`]],
  ])('sealing that fails is done again: %s', async (id, rules) => {
    const host = new Host(id)
    const path = join(folder, id)
    const numbers = new Numbers(host)
    await numbers.create(path)
    host.fail(...rules)
    // Some of these fail the journal too, when a file is to be renamed: then the database is opened again.
    for (let i = 0; i < 100; i++) {
      const error = await numbers.write()
      if (error === undefined) continue
      expect(error.code).toMatch(/^(58030|53100)$/)
      host.fail()
      await numbers.reopenInDoubt(path)
    }
    await numbers.check()
    host.fail()
    await numbers.some(50)
    expect((await host.run('CHECKPOINT')).error).toBeUndefined()
    expect((await host.rows('SHOW SEGMENTS')).length).toBeGreaterThan(0)
    await numbers.check()
    await numbers.reopen(path)
    await numbers.check()
    await host.end()
  })

  it('no descriptors', async () => {
    const host = new Host('descriptors')
    const path = join(folder, 'descriptors')
    const numbers = new Numbers(host)
    await numbers.create(path)
    await numbers.some(10)
    host.fail(`open ${path} ${EMFILE} 0 1000000`)
    let error: Answer['error']
    for (let i = 0; i < 400 && error === undefined; i++) error = await numbers.write()
    // The journal needs a new file some time, and says so.
    expect(error).toMatchObject({ code: '53000', message: expect.stringContaining('.wal') })
    host.fail()
    await numbers.check()
    await numbers.some(100)
    await numbers.reopen(path)
    await numbers.check()
    await host.end()
  })

  it('a real limit of descriptors at opening', async () => {
    const host = new Host('limit')
    const path = join(folder, 'limit')
    const numbers = new Numbers(host)
    await numbers.create(path)
    await numbers.some(10)
    await host.close()
    execFileSync('prlimit', ['--pid', `${host.pid}`, '--nofile=5:4096'])
    const { error } = await host.open(path)
    expect(error).toMatchObject({ code: '53000' })
    execFileSync('prlimit', ['--pid', `${host.pid}`, '--nofile=4096:4096'])
    expect(await host.open(path)).toEqual({})
    await numbers.check()
    await numbers.some(10)
    await host.end()
  })
})

describe('a full disk', () => {
  const small = () => {
    const place = join(folder, 'small')
    mkdirSync(place, { recursive: true })
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'millrace-test', place], { encoding: 'utf8' })
    return { place, refused: mounted.status === 0 ? undefined : mounted.stderr || String(mounted.error) }
  }

  it('reads go on, and writes when there is space again', async () => {
    const { place, refused } = small()
    // Where nothing may be mounted, a limit on the size of files has to do: what is beyond it is refused in the same way.
    if (refused !== undefined) console.log(`no small file system here, a limit on file sizes instead: ${refused}`)
    const host = new Host('full')
    const path = join(place, 'db')
    const ballast = join(place, 'ballast')
    const numbers = new Numbers(host)
    const limit = (bytes: string) => execFileSync('prlimit', ['--pid', `${host.pid}`, `--fsize=${bytes}:unlimited`])
    const fill = () => {
      if (refused !== undefined) return void limit('4096')
      const { bavail, bsize } = statfsSync(place)
      writeFileSync(ballast, Buffer.alloc(Math.max(0, bavail * bsize - (128 << 10))))
    }
    const free = () => (refused === undefined ? truncateSync(ballast) : void limit('unlimited'))
    try {
      await numbers.create(path)
      for (let round = 0; round < 5; round++) {
        await numbers.some(20)
        fill()
        let error: Answer['error']
        for (let i = 0; i < 2000 && error === undefined; i++) error = await numbers.write(1000)
        expect(error).toMatchObject({ code: '53100', hint: expect.any(String) })
        // Sealing may have made room meanwhile.
        const again = await numbers.write(1000)
        if (again !== undefined) expect(again).toMatchObject({ code: '53100' })
        await numbers.check()
        free()
        await numbers.some(20)
        await numbers.check()
      }
      await numbers.reopen(path)
      await numbers.check()
      await numbers.some(20)
      await host.end()
    } finally {
      if (refused === undefined) spawnSync('umount', ['-l', place])
    }
  })
})

it('a stream that asks for no fsync gets none, unless a table of the same commit does', async () => {
  const host = new Host('durability')
  const path = join(folder, 'durability')
  expect(await host.open(path)).toEqual({})
  await host.rows(`CREATE STREAM fast (n BIGINT) WITH (durability = 'none')`)
  await host.rows('CREATE STREAM safe (n BIGINT)')
  await host.rows('INSERT INTO safe VALUES (0)')
  host.fail(`sync .wal ${EIO} 0 1000`)
  await host.rows('INSERT INTO fast VALUES (1)')
  await host.rows('INSERT INTO fast VALUES (2)')
  expect(await host.rows('SELECT n FROM fast')).toHaveLength(2)
  for (const sql of ['BEGIN', 'INSERT INTO fast VALUES (3)', 'INSERT INTO safe VALUES (3)']) await host.rows(sql)
  expect((await host.run('COMMIT')).error).toMatchObject({ code: '58030' })
  expect(await host.rows('SELECT n FROM safe')).toHaveLength(1)
  await host.end()
})
