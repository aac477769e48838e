/** On what was measured: a number without its machine and versions says nothing. */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { cpus, platform, release, totalmem } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export interface Machine {
  readonly cpu: string
  readonly cores: number
  readonly memory_gib: number
  readonly os: string
  readonly versions: Readonly<Record<string, string>>
}

/** The clone's folder, from `bench/` and from `dist/bench/` alike. */
export const root = clone(dirname(fileURLToPath(import.meta.url)))

function clone(from: string): string {
  for (let folder = from; ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'package.json'))) return folder
    if (folder === dirname(folder)) throw new Error(`no package.json above ${from}`)
  }
}

export function machine(): Machine {
  const all = cpus()
  return {
    cpu: all[0]?.model.trim() ?? 'unknown',
    cores: all.length,
    memory_gib: Math.round(totalmem() / 2 ** 30),
    os: `${platform()} ${release()}`,
    versions: {
      millrace: packageVersion(root),
      commit: firstLine('git', ['-C', root, 'rev-parse', '--short', 'HEAD']),
      node: process.version,
      rustc: firstLine('rustc', ['--version']).split(' ')[1] ?? 'unknown',
    },
  }
}

/** The version of an installed npm package; undefined where it is not there. */
export function installed(name: string): string | undefined {
  const folder = join(root, 'node_modules', name)
  return existsSync(join(folder, 'package.json')) ? packageVersion(folder) : undefined
}

function packageVersion(folder: string): string {
  return (JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { version: string }).version
}

function firstLine(command: string, args: string[]): string {
  try {
    return (
      execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).split('\n')[0] ?? 'unknown'
    )
  } catch {
    return 'unknown'
  }
}
