/** Arrows go one way: who may import whom, for TypeScript by this table and for Rust by the crates' manifests. */
import { posix } from 'node:path'
import { describe, expect, it } from 'vitest'
import { read, sourceFiles } from './sources.js'

/** A layer may import itself and what its row names. The first row whose prefix fits a file is the file's. */
const LAYERS: readonly (readonly [layer: string, mayImport: readonly string[]])[] = [
  ['sql/contract', []],
  ['sql/types', ['sql/contract', 'sql/diag']],
  ['sql/diag', []],
  ['sql/syntax', ['sql/diag', 'chevrotain']],
  ['sql/catalog', ['sql/contract', 'sql/types', 'sql/diag']],
  ['sql/logical', ['sql/contract', 'sql/types', 'sql/diag', 'sql/catalog']],
  ['sql/system', ['sql/contract', 'sql/types', 'sql/diag', 'sql/catalog', 'sql/syntax', 'sql/logical']],
  ['sql/bind', ['sql/contract', 'sql/types', 'sql/diag', 'sql/catalog', 'sql/syntax', 'sql/logical', 'sql/system']],
  ['sql/rewrite', ['sql/contract', 'sql/types', 'sql/diag', 'sql/catalog', 'sql/logical']],
  ['sql/incremental', ['sql/contract', 'sql/types', 'sql/diag', 'sql/catalog', 'sql/logical']],
  [
    'sql/compile',
    [
      'sql/contract',
      'sql/types',
      'sql/diag',
      'sql/catalog',
      'sql/syntax',
      'sql/logical',
      'sql/system',
      'sql/bind',
      'sql/rewrite',
      'sql/incremental',
    ],
  ],
  ['sql/', ['sql/']],
  ['src/values', ['sql/index', 'node:']],
  ['src/native', ['sql/index', 'src/values', 'node:', 'apache-arrow', 'msgpackr']],
  ['src/catalog', ['sql/index', 'src/values', 'src/native', 'node:', 'msgpackr']],
  ['src/engine', ['sql/index', 'src/values', 'src/native', 'src/catalog', 'node:', 'apache-arrow']],
  ['src/server', ['sql/index', 'src/values', 'src/native', 'src/catalog', 'src/engine', 'node:']],
  [
    'src/api',
    ['sql/index', 'src/values', 'src/native', 'src/catalog', 'src/engine', 'src/server', 'node:', 'apache-arrow'],
  ],
  ['src/repl', ['sql/index', 'src/values', 'src/api', 'src/index', 'src/native', 'node:', 'apache-arrow']],
  ['src/', ['sql/index', 'src/', 'node:', 'apache-arrow', 'msgpackr']],
  ['examples/', ['examples/', 'src/', 'sql/', 'node:', 'apache-arrow', 'kafkajs']],
  ['bench/', ['bench/', 'examples/', 'src/', 'sql/', 'node:', 'apache-arrow', 'kafkajs', '@duckdb/node-api']],
  [
    'tests/',
    [
      'tests/',
      'bench/',
      'examples/',
      'src/',
      'sql/',
      'setup.mjs',
      'node:',
      'vitest',
      'apache-arrow',
      'msgpackr',
      'kafkajs',
      'pg',
      'onnxruntime-web',
      '@duckdb/node-api',
      'chevrotain',
    ],
  ],
  ['vitest.config', ['vitest']],
]

const IMPORT =
  /(?:^|\n)\s*(?:import|export)\b[^'"\n]*?\bfrom\s*['"]([^'"]+)['"]|(?:^|\n)\s*import\s+['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]\s*\)|\n\}\s*from\s*['"]([^'"]+)['"]/g

function importsOf(path: string): string[] {
  return [...read(path).matchAll(IMPORT)].map((m) => {
    const target = m[1] ?? m[2] ?? m[3] ?? m[4] ?? ''
    return target.startsWith('.') ? posix.join(posix.dirname(path), target) : target
  })
}

describe('TypeScript layers', () => {
  for (const path of sourceFiles(/^(sql|src|bench|examples|tests)\/.*\.ts$|^[^/]+\.ts$/)) {
    it(path, () => {
      const row = LAYERS.find(([layer]) => path.startsWith(layer))
      expect(row, 'a file that no layer covers').toBeDefined()
      const [layer, allowed] = row!
      const wrong = importsOf(path).filter(
        (target) => !target.startsWith(layer) && !allowed.some((prefix) => target.startsWith(prefix)),
      )
      expect(wrong).toEqual([])
    })
  }
})

/** Lowest first: a crate may use crates before it, but for the exceptions below. */
const CRATES = [
  'base',
  'plan',
  'kernels',
  'expr',
  'log',
  'exec',
  'flow',
  'model',
  'connect',
  'wire',
  'runtime',
  'binding',
  'sim',
  'fuzz',
]
const FORBIDDEN: Readonly<Record<string, readonly string[]>> = {
  flow: ['log', 'exec'],
  exec: ['log'],
  kernels: ['plan'],
  binding: ['log', 'exec', 'flow', 'model', 'connect'],
}

describe('Rust layers', () => {
  for (const path of sourceFiles(/^native\/crates\/[^/]+\/Cargo\.toml$/)) {
    it(path, () => {
      const crate = path.split('/')[2]!
      const rank = CRATES.indexOf(crate)
      expect(rank, 'a crate that the order does not name').toBeGreaterThanOrEqual(0)
      const dependencies = read(path).split('[dev-dependencies]')[0]!
      const used = [...dependencies.matchAll(/^millrace-(\w+)/gm)].map((m) => m[1]!)
      expect(used.filter((name) => CRATES.indexOf(name) >= rank || FORBIDDEN[crate]?.includes(name))).toEqual([])
    })
  }
})
