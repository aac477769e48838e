/** The project's own source files, as git knows them (tracked or new, not ignored). */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..')

export function sourceFiles(pattern: RegExp): string[] {
  const args = ['ls-files', '--cached', '--others', '--exclude-standard']
  const all = execFileSync('git', args, { cwd: root, encoding: 'utf8', maxBuffer: 1 << 26 }).split('\n')
  return [...new Set(all)].filter((path) => pattern.test(path) && existsSync(join(root, path))).sort()
}

export const read = (path: string): string => readFileSync(join(root, path), 'utf8')
