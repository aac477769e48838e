/** A project of plain columns over a scan becomes the scan's column list. Why: a scan gives columns in any order for nothing.
 *  Not when a column repeats: a scan reads each once. */
import { scan } from '../../logical/rel.js'
import type { Rule } from '../rule.js'

export const projectIntoScan: Rule = {
  name: 'project-into-scan',
  scope: 'operator',
  apply(rel) {
    if (rel.op !== 'project' || rel.input.op !== 'scan' || rel.exprs.length === 0) return rel
    const source = rel.input
    const columns = rel.exprs.map((expr) => (expr.op === 'column' ? source.columns[expr.index]! : -1))
    if (columns.includes(-1) || new Set(columns).size !== columns.length) return rel
    return scan(source.relation, columns, source.as_of)
  },
}
