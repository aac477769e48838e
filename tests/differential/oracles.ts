/** Who says what is right: DuckDB in this process, and PostgreSQL where its server is installed. */
import { spawn, spawnSync } from 'node:child_process'
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { openOracle } from '../sql/oracle.js'

export type Cells = readonly (readonly (string | null)[])[]

export interface Judge {
  readonly name: 'duckdb' | 'postgres'
  /** Forgets all tables. */
  reset(): Promise<void>
  /** A SQLSTATE where it has one, or a text, when the statement fails. */
  run(sql: string): Promise<{ rows: Cells } | { error: string }>
  close(): Promise<void>
}

export async function duckDb(): Promise<Judge> {
  const oracle = await openOracle()
  return {
    name: 'duckdb',
    // Another instance would take longer than all queries on the tables.
    reset: async () => {
      for (const [name] of await oracle.query('SELECT table_name FROM duckdb_tables()')) {
        await oracle.run(`DROP TABLE ${name}`)
      }
    },
    run: async (sql) => {
      try {
        return { rows: await oracle.query(sql) }
      } catch (error) {
        return { error: (error as Error).message }
      }
    },
    close: async () => oracle.close(),
  }
}

/** The newest server that Debian's packages put on this machine. */
function postgresBinaries(): string | undefined {
  const root = '/usr/lib/postgresql'
  const given = process.env.PG_BIN
  if (given !== undefined) return given
  if (!existsSync(root)) return undefined
  const newest = readdirSync(root)
    .sort((a, b) => Number(b) - Number(a))
    .map((version) => join(root, version, 'bin'))
  return newest.find((bin) => existsSync(join(bin, 'postgres')))
}

/** Whether `postgres()` has a server to start. */
export function hasPostgres(): boolean {
  return postgresBinaries() !== undefined && unprivileged() !== undefined
}

/** A server of its own, over a socket in a folder of its own; undefined when there is none to run. */
export async function postgres(): Promise<Judge | undefined> {
  const bin = postgresBinaries()
  if (bin === undefined) return undefined
  const as = unprivileged()
  if (as === undefined) return undefined
  const folder = mkdtempSync(join(tmpdir(), 'differential-'))
  if ('uid' in as) chownSync(folder, as.uid, as.gid)
  const data = join(folder, 'data')
  const options = [
    '-D',
    data,
    '-A',
    'trust',
    '-U',
    'judge',
    '-E',
    'UTF8',
    '--lc-collate=C',
    '--lc-ctype=C.UTF-8',
    '--no-sync',
  ]
  const made = spawnSync(join(bin, 'initdb'), options, { ...as, cwd: folder })
  if (made.status !== 0) {
    rmSync(folder, { recursive: true, force: true })
    return undefined
  }
  const settings = ['-c', 'fsync=off', '-c', 'TimeZone=UTC', '-c', 'listen_addresses=', '-c', 'jit=off']
  const server = spawn(join(bin, 'postgres'), ['-D', data, '-k', folder, ...settings], {
    ...as,
    cwd: folder,
    stdio: 'ignore',
  })
  const ended = new Promise<void>((resolve) => server.once('exit', () => resolve()))
  const stop = async () => {
    server.kill('SIGINT')
    await ended
    rmSync(folder, { recursive: true, force: true })
  }
  const client = await connected(folder, server)
  if (client === undefined) {
    await stop()
    return undefined
  }
  return {
    name: 'postgres',
    reset: async () => {
      await client.query('DROP SCHEMA public CASCADE; CREATE SCHEMA public')
    },
    run: async (sql) => {
      try {
        const { rows } = await client.query<(string | null)[]>({ text: sql, rowMode: 'array' })
        return { rows }
      } catch (error) {
        return { error: (error as pg.DatabaseError).code ?? (error as Error).message }
      }
    },
    close: async () => {
      await client.end()
      await stop()
    },
  }
}

/** PostgreSQL does not run as root. */
function unprivileged(): { uid: number; gid: number } | Record<string, never> | undefined {
  if (process.getuid?.() !== 0) return {}
  const number = (flag: string) => {
    const found = spawnSync('id', [flag, 'postgres'], { encoding: 'utf8' })
    return found.status === 0 ? Number(found.stdout) : undefined
  }
  const [uid, gid] = [number('-u'), number('-g')]
  return uid === undefined || gid === undefined ? undefined : { uid, gid }
}

async function connected(folder: string, server: { exitCode: number | null }): Promise<pg.Client | undefined> {
  const asText = { getTypeParser: () => (value: string) => value }
  while (server.exitCode === null) {
    const client = new pg.Client({ host: folder, user: 'judge', database: 'postgres', types: asText as never })
    try {
      await client.connect()
      return client
    } catch {
      // It is not listening yet.
      await client.end().catch(() => undefined)
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
  return undefined
}
