/** Random input never does anything but parse or throw one `SqlError` with a place inside the text. */
import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { SqlError } from '../../sql/diag/error.js'
import { printStatement } from '../../sql/syntax/printer.js'
import { isComplete, parseScript } from '../../sql/syntax/script.js'
import { withoutSpans } from './tree-shape.js'

const seed = Number(process.env.FUZZ_SEED ?? Date.now() % 1_000_000)
console.log(`fuzz seed ${seed} (repeat with FUZZ_SEED=${seed})`)

/** Mulberry32. */
function random(start: number): (below: number) => number {
  let state = start
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return (((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296) * below
  }
}

const folder = new URL('./corpus/', import.meta.url)
const corpus = readdirSync(folder).map((file) => readFileSync(new URL(file, folder), 'utf8'))
const statements = corpus.flatMap((script) => parseScript(script).statements.map((statement) => statement.text))
const words = [...new Set(statements.flatMap((text) => text.match(/\w+|'[^']*'|[^\w\s]/g) ?? []))]

function survives(text: string): void {
  try {
    isComplete(text)
    for (const { tree } of parseScript(text).statements) {
      const printed = printStatement(tree)
      const [again] = parseScript(printed).statements
      expect(withoutSpans(again!.tree), `${text}\n${printed}`).toEqual(withoutSpans(tree))
    }
  } catch (error) {
    if (!(error instanceof SqlError)) throw error
    expect(error.position, text).toBeGreaterThanOrEqual(1)
    expect(error.position, text).toBeLessThanOrEqual(text.length + 1)
    expect(error.caret).toMatch(/^LINE \d+: /)
  }
}

const pick = <T>(list: readonly T[], below: (n: number) => number): T => list[Math.floor(below(list.length))]!

test('damaged statements', () => {
  const below = random(seed)
  for (let round = 0; round < 600; round += 1) {
    const tokens = pick(statements, below).match(/\w+|'[^']*'|\s+|[^\w\s]/g) ?? []
    for (let damage = 0; damage < 1 + below(3); damage += 1) {
      const at = Math.floor(below(tokens.length))
      const kind = Math.floor(below(3))
      if (kind === 0) tokens.splice(at, 1)
      else tokens.splice(at, kind - 1, ` ${pick(words, below)} `)
    }
    survives(tokens.join(''))
  }
})

test('rows of random words', () => {
  const below = random(seed + 1)
  for (let round = 0; round < 300; round += 1) {
    survives(Array.from({ length: below(30) }, () => pick(words, below)).join(' '))
  }
})

test('random characters', () => {
  const below = random(seed + 2)
  const alphabets = [128, 256, 65536]
  for (let round = 0; round < 300; round += 1) {
    const size = pick(alphabets, below)
    survives(Array.from({ length: below(100) }, () => String.fromCharCode(below(size))).join(''))
  }
})

test('1 MB of nonsense is refused within two seconds', () => {
  const below = random(seed + 3)
  const texts = [
    Array.from({ length: 1 << 20 }, () => String.fromCharCode(32 + below(95))).join(''),
    Array.from({ length: 1 << 20 }, () => String.fromCharCode(below(65536))).join(''),
    Array.from({ length: 200_000 }, () => pick(words, below))
      .join(' ')
      .slice(0, 1 << 20),
    `select ${Array.from({ length: 200_000 }, () => pick(['a', '1', '+', '(', ')', ',', 'b'], below)).join(' ')}`,
  ]
  for (const text of texts) {
    const start = performance.now()
    expect(() => parseScript(text)).toThrow(SqlError)
    expect(performance.now() - start).toBeLessThan(2000)
  }
})
