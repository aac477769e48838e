/** One filter instead of two, the inner conditions first. Why: one pass over a batch, and the other rules see all conditions.
 *  Conditions stay in order, but AND promises none: as in PostgreSQL, only CASE guards against an error. */
import { and, conjuncts } from '../../logical/expr.js'
import { filter } from '../../logical/rel.js'
import type { Rule } from '../rule.js'

export const mergeFilters: Rule = {
  name: 'merge-filters',
  scope: 'operator',
  apply(rel) {
    if (rel.op !== 'filter' || rel.input.op !== 'filter') return rel
    return filter(rel.input.input, and([...conjuncts(rel.input.predicate), ...conjuncts(rel.predicate)]))
  },
}
