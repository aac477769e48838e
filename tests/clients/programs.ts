/** Clients in other languages: they are installed once from their registries into the cache folder, and run as programs. */
import { execFile, execFileSync } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)
const CACHE = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'millrace', 'clients')
const PYTHON_PACKAGES = ['psycopg[binary]==3.3.9', 'psycopg2-binary==2.9.13', 'sqlalchemy==2.1.9']
const JDBC = '42.7.4'
const INSTALL_MS = 170_000

/** Whether the program is on the path. */
export function has(program: string, ...args: string[]): boolean {
  try {
    execFileSync(program, args, { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

/** What a Python program of this folder prints. */
export async function python(script: string, ...args: string[]): Promise<string[]> {
  const folder = join(CACHE, 'python')
  const program = join(folder, 'bin', 'python')
  const installed = join(folder, PYTHON_PACKAGES.join(' ').replaceAll(/[^\w.]+/g, '-'))
  if (!existsSync(installed)) {
    await run('python3', ['-m', 'venv', folder], { timeout: INSTALL_MS })
    await run(program, ['-m', 'pip', 'install', '--quiet', ...PYTHON_PACKAGES], { timeout: INSTALL_MS })
    mkdirSync(installed)
  }
  return await linesOf(program, join(import.meta.dirname, script), ...args)
}

/** What a Java program of this folder prints that has PostgreSQL's driver. */
export async function java(source: string, ...args: string[]): Promise<string[]> {
  const folder = join(CACHE, 'jdbc')
  const jar = join(folder, `postgresql-${JDBC}.jar`)
  if (!existsSync(jar)) {
    const copy = ['-q', '-B', 'dependency:copy', `-Dartifact=org.postgresql:postgresql:${JDBC}`]
    mkdirSync(folder, { recursive: true })
    await run('mvn', [...copy, `-DoutputDirectory=${folder}`], { timeout: INSTALL_MS, cwd: folder })
  }
  return await linesOf('java', '-Duser.timezone=UTC', '-cp', jar, join(import.meta.dirname, source), ...args)
}

async function linesOf(program: string, ...args: string[]): Promise<string[]> {
  const { stdout } = await run(program, args, { timeout: INSTALL_MS })
  return stdout.trimEnd().split('\n')
}
