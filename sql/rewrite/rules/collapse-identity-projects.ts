/** Drops a project that gives its input's columns in their order. Why: an operator less. Safe everywhere: names are not part of
 *  an operator. */
import type { Rule } from '../rule.js'

export const collapseIdentityProjects: Rule = {
  name: 'collapse-identity-projects',
  scope: 'operator',
  apply(rel, context) {
    if (rel.op !== 'project' || rel.exprs.length !== context.width(rel.input)) return rel
    return rel.exprs.every((expr, i) => expr.op === 'column' && expr.index === i) ? rel.input : rel
  },
}
