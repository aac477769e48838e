/** Every statement of the corpus parses, prints, and parses to the same tree again; its spans lie inside it. */
import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { printStatement } from '../../sql/syntax/printer.js'
import { parseScript } from '../../sql/syntax/script.js'
import { nodes, withoutSpans } from './tree-shape.js'

const folder = new URL('./corpus/', import.meta.url)

for (const file of readdirSync(folder).filter((name) => name.endsWith('.sql'))) {
  describe(file, () => {
    const script = readFileSync(new URL(file, folder), 'utf8')
    const { statements } = parseScript(script)
    test('has statements', () => expect(statements.length).toBeGreaterThan(10))
    for (const { tree, span, text } of statements) {
      test(text.slice(0, 100).replaceAll('\n', ' '), () => {
        expect(script.slice(span.start, span.end)).toBe(text)
        const printed = printStatement(tree)
        const again = parseScript(printed).statements
        expect(again.length, printed).toBe(1)
        expect(withoutSpans(again[0]!.tree), printed).toEqual(withoutSpans(tree))
        expect(printStatement(again[0]!.tree)).toBe(printed)
        for (const node of nodes(tree)) {
          expect(node.span.start, node.kind).toBeGreaterThanOrEqual(span.start)
          expect(node.span.end, node.kind).toBeLessThanOrEqual(span.end)
          expect(node.span.end, node.kind).toBeGreaterThan(node.span.start)
        }
      })
    }
  })
}
