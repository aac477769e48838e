/** A filter moves into each input of UNION ALL. Why: there it can sink further. Always safe: the inputs' columns have the
 *  same positions and types. */
import { filter } from '../../logical/rel.js'
import type { Rule } from '../rule.js'

export const pushFilterThroughUnion: Rule = {
  name: 'push-filter-through-union',
  scope: 'operator',
  apply(rel) {
    if (rel.op !== 'filter' || rel.input.op !== 'union_all') return rel
    return { ...rel.input, inputs: rel.input.inputs.map((input) => filter(input, rel.predicate)) }
  },
}
