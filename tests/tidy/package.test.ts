/** What `npm pack` would ship: outputs of sources that are here, and nothing of the tests. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { root, staleOutputs } from '../../setup.mjs'
import { sourceFiles } from './sources.js'

function packedFiles(): string[] {
  // Without scripts: `prepack` would build, and take away what this test looks for.
  const args = ['pack', '--dry-run', '--json', '--ignore-scripts']
  const out = execFileSync('npm', args, {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
    maxBuffer: 1 << 26,
    shell: process.platform === 'win32',
  })
  const [packed] = JSON.parse(out) as [{ files: { path: string }[] }]
  return packed.files.map((file) => file.path)
}

it('the package holds outputs of sources that exist, the native module, and no test', () => {
  const packed = packedFiles()
  const sources = new Set(sourceFiles(/\.ts$/))
  const outputs = packed.filter((path) => path.startsWith('dist/'))
  expect(outputs).toContain('dist/src/index.js')
  expect(outputs).toContain('dist/src/index.d.ts')
  expect(outputs).toContain('dist/src/repl/main.js')
  const orphans = outputs.filter(
    (path) => !sources.has(path.slice('dist/'.length).replace(/(\.d\.ts|\.js)(\.map)?$/, '.ts')),
  )
  expect(orphans, 'outputs without a source; node setup.mjs takes them away').toEqual([])
  const other = packed.filter((path) => !path.startsWith('dist/'))
  const rest = other.filter(
    (path) => !/^(LICENSE|(.*\/)?README\.md|package\.json|src\/native\/[^/]+\.(cjs|node))$/.test(path),
  )
  expect(rest).toEqual([])
  expect(packed.filter((path) => /(^|\/)(tests|bench|examples)\/|\.test\./.test(path))).toEqual([])
}, 120_000)

it('an output is stale when its source is gone', () => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-stale-'))
  try {
    const write = (path: string) => {
      mkdirSync(join(folder, path, '..'), { recursive: true })
      writeFileSync(join(folder, path), '')
    }
    write('sources/sql/here.ts')
    for (const name of ['here', 'gone']) {
      for (const ending of ['js', 'js.map', 'd.ts']) write(`dist/sql/${name}.${ending}`)
    }
    write('dist/.sql.tsbuildinfo')
    expect(staleOutputs(join(folder, 'dist'), join(folder, 'sources'))).toEqual(
      ['gone.d.ts', 'gone.js', 'gone.js.map'].map((name) => join('sql', name)),
    )
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
