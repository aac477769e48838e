/**
 * `npm test`: sets up, then formatting, linters, types, Rust's and TypeScript's tests. Every step runs even if one
 * before it failed; the last line says `Tests: N passed, N failed`. `npm test -- <path>` runs only those vitest files.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { cargoEnv, root, setUp } from '../setup.mjs'

setUp()

const only = process.argv.slice(2)
/** Histories of the log's simulator. `SIM_SEEDS` in the environment makes it more, `SIM_SEED` begins elsewhere. */
const SIM_SEEDS = '20000'
let passed = 0
let failed = 0

/** Runs one step; its standard output is returned when `capture` is set. */
function step(name, command, args, capture = false) {
  console.error(`\n== ${name}`)
  const started = Date.now()
  const result = spawnSync(command, args, {
    cwd: root,
    env: { SIM_SEEDS, ...cargoEnv },
    stdio: ['ignore', capture ? 'pipe' : 'inherit', 'inherit'],
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  })
  if (capture) process.stderr.write(result.stdout ?? '')
  console.error(
    `== ${name}: ${result.status === 0 ? 'ok' : 'FAILED'} in ${((Date.now() - started) / 1000).toFixed(0)} s`,
  )
  return { ok: result.status === 0, out: result.stdout ?? '' }
}

/** A gate counts as one test. */
function gate(name, command, args) {
  if (step(name, command, args).ok) passed++
  else failed++
}

const bin = (name) => join(root, 'node_modules', '.bin', name)
const manifest = ['--manifest-path', 'native/Cargo.toml']

if (only.length === 0) {
  gate('biome', bin('biome'), ['check', '--error-on-warnings', '.'])
  gate('cargo fmt', 'cargo', ['fmt', ...manifest, '--all', '--check'])
  gate('clippy', 'cargo', [
    'clippy',
    '--release',
    '--quiet',
    ...manifest,
    '--workspace',
    '--all-targets',
    '--',
    '-D',
    'warnings',
  ])
  const rust = step(
    'cargo test',
    'cargo',
    ['test', '--release', '--quiet', ...manifest, '--workspace', '--no-fail-fast'],
    true,
  )
  let counted = 0
  for (const [, ok, bad] of rust.out.matchAll(/^test result: \w+\. (\d+) passed; (\d+) failed/gm)) {
    passed += Number(ok)
    failed += Number(bad)
    counted += Number(bad)
  }
  // A build error or a crash has no count of its own.
  if (!rust.ok && counted === 0) failed++
}

if (only.length === 0) {
  // Built apart: a planted bug must not be in anything that the other steps test or ship.
  gate('planted bugs', 'cargo', [
    'test',
    '--release',
    '--quiet',
    ...manifest,
    '--package',
    'millrace-sim',
    '--features',
    'plant',
    '--test',
    'planted',
  ])
}

const folder = mkdtempSync(join(tmpdir(), 'millrace-test-'))
try {
  const report = join(folder, 'vitest.json')
  const args = ['run', '--reporter=default', '--reporter=json', `--outputFile.json=${report}`, ...only]
  const { ok } = step('vitest', bin('vitest'), args)
  try {
    const counts = JSON.parse(readFileSync(report, 'utf8'))
    passed += counts.numPassedTests
    failed += counts.numFailedTests
    if (!ok && counts.numFailedTests === 0) failed++
    // A skipped test is a failure: it says nothing about the code.
    failed += counts.numPendingTests + counts.numTodoTests
  } catch {
    failed++
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}

console.log(`Tests: ${passed} passed, ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1
