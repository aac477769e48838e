/** How deep a tree is, found without recursion: a chain of ten thousand operators needs no parentheses to be that deep. */
import { Code } from '../diag/codes.js'
import { SqlError } from '../diag/error.js'
import { TREE_DEPTH_MAX } from './limits.js'
import type { Span, Statement } from './tree.js'

/** A statement with fewer tokens cannot make a tree that is too deep. */
const TOKENS_SAFE = TREE_DEPTH_MAX / 2

export function checkDepth(tree: Statement, tokens: number): void {
  if (tokens < TOKENS_SAFE) return
  let level: object[] = [tree]
  let span: Span = tree.span
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > TREE_DEPTH_MAX) {
      throw new SqlError(Code.StatementTooComplex, 'statement is nested too deeply', {
        at: span,
        detail: `Expressions and queries can be ${TREE_DEPTH_MAX} levels deep; a chain of operators is one level for each.`,
      })
    }
    const next: object[] = []
    for (const node of level) {
      if ('span' in node) span = node.span as Span
      for (const child of Object.values(node)) if (typeof child === 'object' && child !== null) next.push(child)
    }
    level = next
  }
}
