/** The Rust program `bench_log`: built once, run a command at a time, its JSON lines gathered into measurements. */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { root } from '../machine.js'
import type { Measurement } from '../suite.js'

export type Figure = Omit<Measurement, 'values'> & { readonly value: number }

export function runDriver(command: string, folder: string, amount: number, repeat: number): Figure[] {
  const args = ['run', '--quiet', '--release', '--manifest-path', join(root, 'native', 'Cargo.toml')]
  args.push('-p', 'millrace-log', '--example', 'bench_log', '--', command, folder, String(amount), String(repeat))
  // The allocator's options in the addon (native/crates/binding/src/allocator.rs).
  const env = { ...process.env, MIMALLOC_ALLOW_THP: '0', MIMALLOC_PURGE_DELAY: '10000' }
  const output = execFileSync('cargo', args, { encoding: 'utf8', env, stdio: ['ignore', 'pipe', 'inherit'] })
  return output
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Figure)
}

/** One measurement for all repetitions of a figure, in the order of first sight. */
export function gathered(figures: readonly Figure[]): Measurement[] {
  const found = new Map<string, { measurement: Measurement; values: number[] }>()
  for (const { value, ...figure } of figures) {
    const key = `${figure.case}\0${figure.metric}\0${figure.subject}`
    const known = found.get(key)
    if (known !== undefined) known.values.push(value)
    else {
      const values = [value]
      found.set(key, { measurement: { ...figure, values }, values })
    }
  }
  return [...found.values()].map((one) => one.measurement)
}
