/** Constant subexpressions become literals. Why: computed once, and later rules see literals. Only what is certain to be exactly
 *  what the engine computes: integers within range, exact decimals, casts without rounding of unknown kind, comparisons. Whatever
 *  would be an error (overflow, 1/0) stays, so that it is raised only if a row reaches it. */
import { rewrite } from '../../logical/expr.js'
import { foldExpr } from '../../logical/fold.js'
import { mapExprs } from '../../logical/rel.js'
import type { Rule } from '../rule.js'

export const foldConstants: Rule = {
  name: 'fold-constants',
  scope: 'operator',
  apply: (rel) => mapExprs(rel, (expr) => rewrite(expr, foldExpr)),
}
