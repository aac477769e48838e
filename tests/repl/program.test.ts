/** The program `millrace` as people and scripts run it: pipes, options, exit codes, and a real pseudo-terminal. */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { root } from '../tidy/sources.js'

const program = join(root, 'dist', 'src', 'repl', 'main.js')
let home = ''
beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), 'millrace-repl-'))
})
afterAll(() => rmSync(home, { recursive: true, force: true }))

interface Finished {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

function run(args: readonly string[], input = ''): Promise<Finished> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [program, ...args], { cwd: home, env: { ...process.env, HOME: home } })
    let out = ''
    let err = ''
    child.stdout.on('data', (chunk) => {
      out += chunk
    })
    child.stderr.on('data', (chunk) => {
      err += chunk
    })
    child.on('error', reject)
    child.on('close', (code) => resolve({ code, out, err }))
    child.stdin.end(input)
  })
}

const SETUP = "CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT); INSERT INTO t VALUES (1, 'one'), (2, NULL);"

describe('scripts', () => {
  it('print tags and tables on standard output', async () => {
    const { code, out, err } = await run([], `${SETUP}\nSELECT *\nFROM t\nORDER BY a;`)
    expect([code, err]).toEqual([0, ''])
    expect(out).toBe('CREATE TABLE\nINSERT 0 2\n a |  b  \n---+-----\n 1 | one\n 2 | \n(2 rows)\n\n')
  })
  it('stop at the first error, with its place, and exit with 3', async () => {
    const { code, out, err } = await run([], `${SETUP} SELECT\n bb FROM t; SELECT 1;`)
    expect(code).toBe(3)
    expect(out).toBe('CREATE TABLE\nINSERT 0 2\n')
    expect(err).toContain('ERROR:  column "bb" does not exist\nLINE 2:  bb FROM t;\n         ^\nHINT:  ')
  })
  it('-c and -f run in the order given, on a folder that keeps', async () => {
    writeFileSync(join(home, 'a.sql'), 'INSERT INTO t VALUES (3, $$three;$$);\n\\x on\nSELECT b FROM t WHERE a = 3')
    const first = await run(['db', '-c', SETUP, '-f', 'a.sql', '-c', '\\d t'])
    expect([first.code, first.err]).toEqual([0, ''])
    expect(first.out).toContain('-[ RECORD 1 ]\nb | three;\n')
    expect(first.out).toContain('Table "t"')
    expect(first.out).toContain('Primary key: a')
    const second = await run(['db', '-q', '-c', 'INSERT INTO t VALUES (4, $$x$$)', '-c', 'SELECT count(*) FROM t'])
    expect(second.out).toBe(' count \n-------\n     4\n(1 row)\n\n')
  })
  it('--readonly reads and changes nothing, neither the data nor the folder', async () => {
    expect((await run(['kept', '-c', SETUP])).code).toBe(0)
    const files = () =>
      readdirSync(join(home, 'kept'), { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name))
        .map((file) => [file, statSync(file).mtimeMs, readFileSync(file).toString('base64')])
        .sort()
    const before = files()
    const read = await run(['kept', '--readonly', '-c', 'SELECT b FROM t WHERE a = 1'])
    expect([read.code, read.out, read.err]).toEqual([0, '  b  \n-----\n one\n(1 row)\n\n', ''])
    for (const change of ['INSERT INTO t VALUES (9, $$x$$)', 'CREATE TABLE u (a INTEGER)', 'DROP TABLE t']) {
      const refused = await run(['kept', '--readonly', '-c', change])
      expect([refused.code, refused.out]).toEqual([3, ''])
      expect(refused.err).toMatch(
        /^ERROR: {2}cannot execute .* in a read-only transaction\nDETAIL: {2}The database is open to be read only\./,
      )
    }
    expect(files()).toEqual(before)
    const nowhere = await run(['not-there', '--readonly', '-c', 'SELECT 1'])
    expect([nowhere.code, existsSync(join(home, 'not-there'))]).toEqual([2, false])
    // Several may read at a time.
    const both = await Promise.all([1, 2].map(() => run(['kept', '--readonly', '-c', 'SELECT count(*) FROM t'])))
    expect(both.map((one) => one.code)).toEqual([0, 0])
  })
  it('tell what cannot be done, by exit code', async () => {
    expect((await run(['--nope'])).code).toBe(1)
    expect((await run(['-f', 'no-such.sql'])).code).toBe(1)
    writeFileSync(join(home, 'a-file'), 'x')
    const opened = await run(['a-file'])
    expect(opened.code).toBe(2)
    expect(opened.err).toMatch(/^ERROR: {2}/)
    expect((await run([], '\\nope\n')).code).toBe(3)
  })
  it('--help and --version', async () => {
    expect((await run(['--help'])).out).toContain('Usage: millrace [path]')
    expect((await run(['--version'])).out).toMatch(/^millrace \d+\.\d+\.\d+\n$/)
  })
  it('a reader that leaves early is no error', async () => {
    const child = spawn(
      'sh',
      [
        '-c',
        `"${process.execPath}" "${program}" -c "SELECT * FROM generate_series(1, 200000) AS g(n)" | head -n 3; echo "\${PIPESTATUS:-done}"`,
      ],
      {
        env: { ...process.env, HOME: home },
      },
    )
    let all = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk) => {
        all += chunk
      })
    }
    await new Promise((resolve) => child.on('close', resolve))
    expect(all).toMatch(/^ +n +\n-+\n +1\ndone\n$/)
  })
  it('each statement is acknowledged before the next is read', async () => {
    const child = spawn(process.execPath, [program], { env: { ...process.env, HOME: home } })
    const tag = new Promise((resolve) => child.stdout.once('data', (chunk) => resolve(String(chunk))))
    child.stdin.write('CREATE TABLE t (a INTEGER PRIMARY KEY);\n')
    expect(await tag).toBe('CREATE TABLE\n')
    child.stdin.end()
    await new Promise((resolve) => child.on('close', resolve))
  })
})

/** A person at a terminal: `script` of util-linux gives the program a pseudo-terminal of its own. */
class Terminal {
  readonly #child: ChildProcess
  #seen = ''
  #from = 0
  readonly closed: Promise<number | null>

  constructor(args: string) {
    this.#child = spawn('script', ['-qfec', `stty cols 200; "${process.execPath}" "${program}" ${args}`, '/dev/null'], {
      cwd: home,
      env: { ...process.env, HOME: home, TERM: 'xterm' },
    })
    for (const stream of [this.#child.stdout!, this.#child.stderr!]) {
      stream.on('data', (chunk) => {
        this.#seen += chunk
      })
    }
    this.closed = new Promise((resolve) => this.#child.on('close', resolve))
  }

  type(text: string): void {
    this.#child.stdin!.write(text)
  }

  /** Waits until the text is shown, after what was waited for before; gives what was shown up to its end. */
  async shows(text: string): Promise<string> {
    const screen = () => stripVTControlCharacters(this.#seen).replaceAll('\r', '')
    await expect.poll(() => screen().slice(this.#from), { timeout: 20_000 }).toContain(text)
    const end = screen().indexOf(text, this.#from) + text.length
    const shown = screen().slice(this.#from, end)
    this.#from = end
    return shown
  }

  end(): void {
    this.#child.kill('SIGKILL')
  }
}

describe('a terminal', () => {
  let terminal: Terminal | undefined
  afterEach(() => terminal?.end())

  it('multi-line statements, errors with a caret, commands, Ctrl-C, Ctrl-D and history', async () => {
    terminal = new Terminal('')
    await terminal.shows('millrace=> ')
    terminal.type('create table t (a integer primary key,\r')
    await terminal.shows('millrace-> ')
    terminal.type('b text);\r')
    await terminal.shows('CREATE TABLE\nmillrace=> ')
    terminal.type("insert into t values (1, 'x');\r")
    await terminal.shows('INSERT 0 1\nmillrace=> ')
    terminal.type('select nope from t;\r')
    expect(await terminal.shows('^')).toContain('ERROR:  column "nope" does not exist\nLINE 1: select nope from t')
    terminal.type('\\timing\r')
    await terminal.shows('Timing is on.')
    terminal.type('select a, b from t;\r')
    expect(await terminal.shows('Time: ')).toContain(' a | b \n---+---\n 1 | x\n(1 row)\n')
    await terminal.shows('millrace=> ')
    terminal.type('select 1,')
    await terminal.shows('select 1,')
    terminal.type('\x03')
    await terminal.shows('^C\nmillrace=> ')
    terminal.type('\\dt\r')
    expect(await terminal.shows('(1 row)')).toContain('List of tables')
    terminal.type('\x1b[A\x1b[A\r')
    expect(await terminal.shows('Time: ')).toContain(' 1 | x')
    terminal.type('\x04')
    expect(await terminal.closed).toBe(0)
    const history = join(home, '.millrace_history')
    expect(readFileSync(history, 'utf8')).toContain('create table t (a integer primary key, b text);\n')
    expect(statSync(history).mode & 0o077).toBe(0)
  })

  it('Ctrl-C ends a subscription, and \\q leaves', async () => {
    terminal = new Terminal('live')
    await terminal.shows('millrace=> ')
    terminal.type(
      'create stream s (a integer); insert into s values (7); subscribe to (select a from s) with snapshot;\r',
    )
    await terminal.shows('CREATE STREAM\n')
    await terminal.shows('| 7\n')
    terminal.type('\x03')
    await terminal.shows('millrace=> ')
    terminal.type('\\q\r')
    expect(await terminal.closed).toBe(0)
    expect(existsSync(join(home, 'live'))).toBe(true)
  })
})
