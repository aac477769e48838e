/** Conditions on group keys alone move below the aggregate. Why: groups that nobody wants are never built. Unsafe without keys:
 *  `SELECT count(*) … HAVING false` has no row, but with the filter below it would have one. A condition on no column stays. */
import { and, conjuncts, substitute, usedColumns } from '../../logical/expr.js'
import { filter } from '../../logical/rel.js'
import type { Rule } from '../rule.js'

export const pushFilterThroughAggregate: Rule = {
  name: 'push-filter-through-aggregate',
  scope: 'operator',
  apply(rel) {
    if (rel.op !== 'filter' || rel.input.op !== 'aggregate') return rel
    const { group, input } = rel.input
    const all = conjuncts(rel.predicate)
    const pushed = all.filter((expr) => {
      const used = [...usedColumns(expr)]
      return used.length > 0 && used.every((index) => index < group.length)
    })
    if (pushed.length === 0) return rel
    const below = filter(input, and(pushed.map((expr) => substitute(expr, (index) => group[index]!))))
    return filter({ ...rel.input, input: below }, and(all.filter((expr) => !pushed.includes(expr))))
  },
}
