/** Conditions over a join move into the side whose columns they use; across an inner or cross join, an equality becomes a key and
 *  the rest part of the join. Why: smaller inputs, and `FROM a, b WHERE a.x = b.x` is a hash join. Unsafe towards the side that a
 *  join may fill with NULLs: over `a LEFT JOIN b`, `b.x IS NULL` must see the unmatched rows. */
import type { Expr } from '../../contract/plan.generated.js'
import { and, conjuncts, shift } from '../../logical/expr.js'
import { filter, sideOf, splitKeys } from '../../logical/rel.js'
import type { Rule } from '../rule.js'

export const pushFilterIntoJoin: Rule = {
  name: 'push-filter-into-join',
  scope: 'operator',
  apply(rel, context) {
    if (rel.op !== 'filter' || rel.input.op !== 'join') return rel
    const join = rel.input
    const leftWidth = context.width(join.left)
    const intoLeft = join.kind !== 'right' && join.kind !== 'full'
    const intoRight = join.kind === 'inner' || join.kind === 'right'
    const [left, right, across, above]: Expr[][] = [[], [], [], []]
    for (const condition of conjuncts(rel.predicate)) {
      const side = sideOf(condition, leftWidth)
      if (side === 'left' && intoLeft) left!.push(condition)
      else if (side === 'right' && intoRight) right!.push(shift(condition, -leftWidth))
      else if (side === 'both' && join.kind === 'inner') across!.push(condition)
      else above!.push(condition)
    }
    if (left!.length + right!.length + across!.length === 0) return rel
    const { keys, rest } = splitKeys(across!, leftWidth)
    const residual = [...(join.residual === null ? [] : conjuncts(join.residual)), ...rest]
    const joined = {
      ...join,
      left: filter(join.left, and(left!)),
      right: filter(join.right, and(right!)),
      keys: [...join.keys, ...keys],
      residual: residual.length === 0 ? null : and(residual),
    }
    return filter(joined, and(above!))
  },
}
