/** A filter moves below a sort without limit, and conditions on the row's own columns below a time window. Why: fewer rows to
 *  sort or to multiply. Unsafe above a LIMIT: `(SELECT … LIMIT 5) WHERE x` takes the five first. */
import { and, conjuncts, usedColumns } from '../../logical/expr.js'
import { filter } from '../../logical/rel.js'
import type { Rule } from '../rule.js'

export const pushFilterThroughSort: Rule = {
  name: 'push-filter-through-sort',
  scope: 'operator',
  apply(rel, context) {
    if (rel.op !== 'filter') return rel
    const { input } = rel
    if (input.op === 'sort' && input.limit === null && input.offset === 0n) {
      return { ...input, input: filter(input.input, rel.predicate) }
    }
    if (input.op !== 'time_window') return rel
    const width = context.width(input.input)
    const all = conjuncts(rel.predicate)
    const pushed = all.filter((expr) => [...usedColumns(expr)].every((index) => index < width))
    if (pushed.length === 0) return rel
    const below = { ...input, input: filter(input.input, and(pushed)) }
    return filter(below, and(all.filter((expr) => !pushed.includes(expr))))
  },
}
