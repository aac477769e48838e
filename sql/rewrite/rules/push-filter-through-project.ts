/** Conditions on columns that a project only passes on (or casts) move below it. Why: the project computes fewer rows, and the
 *  condition can sink further. A condition on a computed column stays above, as below it would be computed twice:
 *  `WHERE score > 0.9` over `predict(…) AS score`. */
import { and, conjuncts, isCheap, substitute, usedColumns } from '../../logical/expr.js'
import { filter } from '../../logical/rel.js'
import type { Rule } from '../rule.js'

export const pushFilterThroughProject: Rule = {
  name: 'push-filter-through-project',
  scope: 'operator',
  apply(rel) {
    if (rel.op !== 'filter' || rel.input.op !== 'project') return rel
    const { exprs, input } = rel.input
    const all = conjuncts(rel.predicate)
    const pushed = all.filter((expr) => [...usedColumns(expr)].every((index) => isCheap(exprs[index]!)))
    if (pushed.length === 0) return rel
    const below = filter(input, and(pushed.map((expr) => substitute(expr, (index) => exprs[index]!))))
    return filter({ ...rel.input, input: below }, and(all.filter((expr) => !pushed.includes(expr))))
  },
}
