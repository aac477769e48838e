/** A join key for which NULLs are equal is an ordinary one where one side is never NULL. Why: a join by
 *  ordinary keys need not keep rows with NULL keys. What a subquery is computed for is mostly such a key: it was equated with
 *  something in the subquery's WHERE. */
import type { Rel } from '../../contract/plan.generated.js'
import { neverNull } from '../../logical/never-null.js'
import type { Rule } from '../rule.js'

export const plainNullKeys: Rule = {
  name: 'plain-null-keys',
  scope: 'operator',
  apply(rel, context) {
    if (rel.op !== 'join' || !rel.keys.some((key) => key.nulls_equal)) return rel
    const width = (input: Rel) => context.width(input)
    const keys = rel.keys.map((key) =>
      key.nulls_equal && (neverNull(key.left, rel.left, width) || neverNull(key.right, rel.right, width))
        ? { ...key, nulls_equal: false }
        : key,
    )
    return keys.every((key, i) => key === rel.keys[i]) ? rel : { ...rel, keys }
  },
}
