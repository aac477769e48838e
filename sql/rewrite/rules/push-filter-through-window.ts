/** Conditions on partition columns alone move below a window. Why: whole partitions are left out before they are ordered.
 *  Unsafe for any other column: `WHERE ts > …` over `LAG(x) OVER (ORDER BY ts)` would take away the row before the first. */
import { and, conjuncts, usedColumns } from '../../logical/expr.js'
import { filter } from '../../logical/rel.js'
import type { Rule } from '../rule.js'

export const pushFilterThroughWindow: Rule = {
  name: 'push-filter-through-window',
  scope: 'operator',
  apply(rel) {
    if (rel.op !== 'filter' || rel.input.op !== 'window') return rel
    const { input, partition } = rel.input
    const keys = new Set(partition.flatMap((expr) => (expr.op === 'column' ? [expr.index] : [])))
    const all = conjuncts(rel.predicate)
    const pushed = all.filter((expr) => {
      const used = [...usedColumns(expr)]
      return used.length > 0 && used.every((index) => keys.has(index))
    })
    if (pushed.length === 0) return rel
    return filter(
      { ...rel.input, input: filter(input, and(pushed)) },
      and(all.filter((expr) => !pushed.includes(expr))),
    )
  },
}
