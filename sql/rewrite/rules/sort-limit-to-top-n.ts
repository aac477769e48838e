/** LIMIT over a sort becomes the sort's own limit, also through a project. Why: a top-n keeps n rows, not all. A sort that has
 *  a limit already is left alone: `(… LIMIT 5) OFFSET 2` must not skip twice. */
import type { Rule } from '../rule.js'

export const sortLimitToTopN: Rule = {
  name: 'sort-limit-to-top-n',
  scope: 'operator',
  apply(rel) {
    if (rel.op !== 'limit') return rel
    const { limit, offset, input } = rel
    if (input.op === 'sort' && input.limit === null && input.offset === 0n) return { ...input, limit, offset }
    if (input.op === 'project') return { ...input, input: { ...rel, input: input.input } }
    return rel
  },
}
