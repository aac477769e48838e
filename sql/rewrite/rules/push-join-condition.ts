/** A part of a join's own condition that uses one side only moves into that side. Why: fewer rows are indexed. Unsafe for the side
 *  that the join preserves: in `a LEFT JOIN b ON a.x > 1`, rows of `a` with x = 0 stay, without a match. */
import type { Expr } from '../../contract/plan.generated.js'
import { and, conjuncts, shift } from '../../logical/expr.js'
import { filter, sideOf } from '../../logical/rel.js'
import type { Rule } from '../rule.js'

export const pushJoinCondition: Rule = {
  name: 'push-join-condition',
  scope: 'operator',
  apply(rel, context) {
    if (rel.op !== 'join' || rel.residual === null) return rel
    const leftWidth = context.width(rel.left)
    const intoLeft = rel.kind === 'inner' || rel.kind === 'right' || rel.kind === 'semi'
    const intoRight = rel.kind !== 'right' && rel.kind !== 'full'
    const [left, right, kept]: Expr[][] = [[], [], []]
    for (const condition of conjuncts(rel.residual)) {
      const side = sideOf(condition, leftWidth)
      if (side === 'left' && intoLeft) left!.push(condition)
      else if (side === 'right' && intoRight) right!.push(shift(condition, -leftWidth))
      else kept!.push(condition)
    }
    if (left!.length + right!.length === 0) return rel
    return {
      ...rel,
      left: filter(rel.left, and(left!)),
      right: filter(rel.right, and(right!)),
      residual: kept!.length === 0 ? null : and(kept!),
    }
  },
}
