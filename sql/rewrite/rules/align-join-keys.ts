/** The two sides of a join key get one type. NUMERICs compare at any scale, so an equality may stand between two of their types, but a
 *  hash join looks up equal bytes. Where one type holds all values of both, both sides are cast to it; where none does, the
 *  equality is a condition on pairs. Last, as other rules would make a key of the condition again. */
import type { DataType, JoinKey } from '../../contract/plan.generated.js'
import { and, cast, compare, conjuncts, shift, typeOf } from '../../logical/expr.js'
import { NUMERIC_PRECISION_MAX, numericWith, sameType } from '../../types/data-type.js'
import type { Rule } from '../rule.js'

export const alignJoinKeys: Rule = {
  name: 'align-join-keys',
  scope: 'operator',
  apply(rel, context) {
    if (rel.op !== 'join' || rel.keys.length === 0) return rel
    const [left, right] = [context.types(rel.left), context.types(rel.right)]
    const typesOfKey = (key: JoinKey) => [typeOf(key.left, left), typeOf(key.right, right)] as const
    if (rel.keys.every((key) => sameType(...typesOfKey(key)))) return rel
    const keys: JoinKey[] = []
    const conditions = rel.residual === null ? [] : conjuncts(rel.residual)
    for (const key of rel.keys) {
      const [l, r] = typesOfKey(key)
      const type = typeOfBoth(l, r)
      if (type === undefined) {
        const operator = key.nulls_equal ? 'is_not_distinct_from' : 'equal'
        conditions.push(compare(operator, key.left, shift(key.right, left.length)))
      } else keys.push({ ...key, left: cast(key.left, l, type), right: cast(key.right, r, type) })
    }
    return { ...rel, keys, residual: conditions.length === 0 ? null : and(conditions) }
  },
}

/** The type that holds the values of both without rounding; undefined when it would have too many digits. */
function typeOfBoth(left: DataType, right: DataType): DataType | undefined {
  if (sameType(left, right)) return left
  if (left.type !== 'numeric' || right.type !== 'numeric') return undefined
  const integers = Math.max(left.precision - left.scale, right.precision - right.scale)
  const scale = Math.max(left.scale, right.scale)
  return integers + scale > NUMERIC_PRECISION_MAX ? undefined : numericWith(integers, scale)
}
