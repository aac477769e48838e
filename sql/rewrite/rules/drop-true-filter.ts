/** Drops a filter whose predicate is TRUE. Why: an operator less. Safe for queries and views: every change passes with its
 *  weight. Not for NULL or FALSE, which keep no row. */
import { isTrue } from '../../logical/expr.js'
import type { Rule } from '../rule.js'

export const dropTrueFilter: Rule = {
  name: 'drop-true-filter',
  after: ['fold-constants'], // sees `1 = 1` only once it is a literal
  scope: 'operator',
  apply: (rel) => (rel.op === 'filter' && isTrue(rel.predicate) ? rel.input : rel),
}
