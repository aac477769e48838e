/** pgbench's SELECT-only script on a keyed table, over the wire: our server in a process of its own beside PostgreSQL's. */
import { execFileSync, type SpawnSyncReturns, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { open } from '../../src/index.js'
import { root } from '../machine.js'
import type { Measurement, Suite } from '../suite.js'

const ROWS = 1_000_000
/** Of one scale of pgbench. */
const BRANCH_ROWS = 100_000
const SECONDS = 5
const HOST = '127.0.0.1'
const DATABASE = 'postgres'
const INSTALLED = '/usr/lib/postgresql'
const CASES = [
  { name: '1 client, simple', clients: ['-c', '1'], protocol: 'simple' },
  { name: '1 client, prepared', clients: ['-c', '1'], protocol: 'prepared' },
  { name: '8 clients, simple', clients: ['-c', '8', '-j', '2'], protocol: 'simple' },
  { name: '8 clients, prepared', clients: ['-c', '8', '-j', '2'], protocol: 'prepared' },
] as const

interface Served {
  readonly subject: string
  readonly port: number
  readonly stop: () => Promise<void>
}

export const wire: Suite = {
  name: 'wire',
  about: "pgbench's SELECT-only script over the wire, beside PostgreSQL",
  async run({ rows = ROWS, repeat, report }) {
    const scale = Math.max(1, Math.round(rows / BRANCH_ROWS))
    const folder = mkdtempSync(join(process.env.MILLRACE_BENCH_DIR ?? tmpdir(), 'millrace-wire-'))
    const served: Served[] = []
    const measurements: Measurement[] = []
    try {
      report(`  ${scale * BRANCH_ROWS} rows: loading`)
      served.push(await millrace(join(folder, 'db'), scale))
      const peer = await postgresql(folder, scale)
      if (peer !== undefined) served.push(peer)
      const values = new Map<string, number[]>()
      // What was just loaded is read from a disk, and programs get faster as they run.
      for (const { port } of served) transactions(['-c', '1'], port, scale)
      for (let turn = 0; turn < repeat; turn++) {
        for (const { name, clients, protocol } of CASES) {
          for (const { subject, port } of served) {
            const tps = transactions([...clients, '-M', protocol], port, scale)
            const key = `${name}\t${subject}`
            values.set(key, [...(values.get(key) ?? []), tps])
            report(`  ${name}, ${subject}: ${tps.toFixed(0)}/s`)
          }
        }
      }
      for (const [key, list] of values) {
        const [name = '', subject = ''] = key.split('\t')
        const of = { case: name, subject, values: list }
        measurements.push({ ...of, metric: 'transactions', unit: '1/s', better: 'higher' })
      }
      const missing = peer === undefined ? [`postgresql: not installed below ${INSTALLED}`] : []
      const notes = [
        `${scale * BRANCH_ROWS} accounts; pgbench -S for ${SECONDS} s a run, over TCP on this machine, which it shares with the server`,
        'PostgreSQL: shared_buffers 512 MB, its other settings as they come',
      ]
      return { measurements, missing, notes }
    } finally {
      for (const { stop } of served) await stop()
      rmSync(folder, { recursive: true, force: true })
    }
  },
}

function transactions(args: readonly string[], port: number, scale: number): number {
  const to = ['-h', HOST, '-p', String(port), '-U', 'postgres', '-n', '-S', '-s', String(scale), '-T', String(SECONDS)]
  const done = spawnSync('pgbench', [...to, ...args, DATABASE], { encoding: 'utf8' })
  const tps = /^tps = ([\d.]+)/m.exec(done.stdout ?? '')?.[1]
  if (done.status !== 0 || tps === undefined) throw new Error(`pgbench failed: ${done.error?.message ?? done.stderr}`)
  return Number(tps)
}

async function millrace(path: string, scale: number): Promise<Served> {
  const db = await open(path)
  try {
    await db.execute(`CREATE TABLE pgbench_branches (bid INTEGER PRIMARY KEY, bbalance INTEGER, filler TEXT);
      CREATE TABLE pgbench_accounts (aid INTEGER PRIMARY KEY, bid INTEGER, abalance INTEGER, filler TEXT);
      INSERT INTO pgbench_branches SELECT i, 0, '' FROM generate_series(1, ${scale}) AS g(i);
      INSERT INTO pgbench_accounts SELECT i, (i - 1) / ${BRANCH_ROWS} + 1, 0, repeat(' ', 84)
        FROM generate_series(1, ${scale * BRANCH_ROWS}) AS g(i)`)
  } finally {
    await db.close()
  }
  const port = await freePort()
  const program = join(root, 'dist', 'src', 'repl', 'main.js')
  const child = spawn(process.execPath, [program, 'serve', path, '--port', String(port)], { stdio: 'ignore' })
  const ended = once(child, 'exit')
  await reachable(port)
  return {
    subject: 'millrace',
    port,
    stop: async () => {
      child.kill()
      await ended
    },
  }
}

/** A server of its own with pgbench's tables; undefined where PostgreSQL is not installed. */
async function postgresql(folder: string, scale: number): Promise<Served | undefined> {
  const versions = existsSync(INSTALLED) ? readdirSync(INSTALLED).sort((a, b) => Number(a) - Number(b)) : []
  const version = versions.at(-1)
  if (version === undefined) return undefined
  const bin = join(INSTALLED, version, 'bin')
  const data = join(folder, 'postgresql')
  // PostgreSQL refuses to run as root.
  const asRoot = userInfo().uid === 0
  const user = asRoot ? Number(execFileSync('id', ['-u', 'postgres'], { encoding: 'utf8' })) : undefined
  if (user !== undefined) chownSync(folder, user, -1)
  const run = (program: string, ...args: string[]): SpawnSyncReturns<Buffer> => {
    const done = spawnSync(join(bin, program), args, { stdio: 'ignore', ...(user !== undefined && { uid: user }) })
    if (done.status !== 0) throw new Error(`${program} failed with ${done.status ?? done.error?.message}`)
    return done
  }
  run('initdb', '-D', data, '-U', 'postgres', '-A', 'trust')
  const port = await freePort()
  const settings = `-p ${port} -c listen_addresses=${HOST} -c shared_buffers=512MB -k ${folder}`
  run('pg_ctl', '-D', data, '-o', settings, '-l', join(folder, 'log'), '-w', 'start')
  const stop = async () => {
    run('pg_ctl', '-D', data, '-m', 'fast', '-w', 'stop')
  }
  const to = ['-h', HOST, '-p', String(port), '-U', 'postgres', '-i', '-q', '-s', String(scale), DATABASE]
  const loaded = spawnSync('pgbench', to, { encoding: 'utf8' })
  if (loaded.status !== 0) {
    await stop()
    throw new Error(`pgbench -i failed: ${loaded.stderr}`)
  }
  return { subject: `postgresql ${version}`, port, stop }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, HOST)
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}

const REACHABLE_MS = 30_000

async function reachable(port: number): Promise<void> {
  const until = performance.now() + REACHABLE_MS
  for (;;) {
    const socket = connect(port, HOST)
    const there = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true))
      socket.once('error', () => resolve(false))
    })
    socket.destroy()
    if (there) return
    if (performance.now() > until) throw new Error(`nobody listens on port ${port}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}
