/** One project instead of two. Why: no batch in between. Unsafe when it would compute twice what was computed once:
 *  `SELECT d, d + 1 FROM (SELECT predict(m, a) AS d …)` keeps both, as the model must not run twice a row. */
import type { Expr } from '../../contract/plan.generated.js'
import { children, isCheap, substitute } from '../../logical/expr.js'
import { project } from '../../logical/rel.js'
import type { Rule } from '../rule.js'

export const mergeProjects: Rule = {
  name: 'merge-projects',
  scope: 'operator',
  apply(rel) {
    if (rel.op !== 'project' || rel.input.op !== 'project') return rel
    const inner = rel.input
    const uses = new Map<number, number>()
    for (const expr of rel.exprs) countUses(expr, uses)
    for (const [index, count] of uses) {
      if (count > 1 && !isCheap(inner.exprs[index]!)) return rel
    }
    return project(
      inner.input,
      rel.exprs.map((expr) => substitute(expr, (index) => inner.exprs[index]!)),
    )
  },
}

function countUses(expr: Expr, uses: Map<number, number>): void {
  if (expr.op === 'column') uses.set(expr.index, (uses.get(expr.index) ?? 0) + 1)
  for (const child of children(expr)) countUses(child, uses)
}
