/** The committed TypeScript side of the contract is what Rust would write today. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { cargoEnv } from '../../setup.mjs'
import { Code } from '../../sql/diag/codes.js'
import { read, root } from './sources.js'

let folder = ''
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-generated-'))
  const manifest = join(root, 'native', 'Cargo.toml')
  const args = [
    'run',
    '--quiet',
    '--release',
    '--manifest-path',
    manifest,
    '-p',
    'millrace-expr',
    '--example',
    'generate',
    folder,
  ]
  // As every other build: in the same target folder, for the same named target.
  execFileSync('cargo', args, { env: cargoEnv, stdio: ['ignore', 'inherit', 'inherit'] })
}, 1_200_000)
afterAll(() => rmSync(folder, { recursive: true, force: true }))

for (const name of ['plan.generated.ts', 'functions.generated.ts']) {
  it(`${name} does not drift (npm run generate)`, () => {
    expect(read(`sql/contract/${name}`)).toBe(readFileSync(join(folder, name), 'utf8'))
  })
}

it('the SQLSTATE tables of both sides are equal', () => {
  const rust = [...read('native/crates/base/src/error.rs').matchAll(/^ {4}(\w+) = "(\w{5})",$/gm)]
  expect(rust.length).toBeGreaterThan(40)
  const camel = (name: string) => name[0]!.toLowerCase() + name.slice(1)
  const normal = (entries: [string, string][]) =>
    entries.map(([n, c]) => `${n.toLowerCase().replaceAll('_', '')} ${c}`).sort()
  expect(normal(Object.entries(Code))).toEqual(normal(rust.map((m) => [camel(m[1]!), m[2]!])))
})
