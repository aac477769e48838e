/** A filter above a scan is checked by the scan. Where it fixes a table's whole primary key no scan is needed: EXPLAIN says so. */
import type { Catalog } from '../../catalog/catalog.js'
import type { Expr, Rel } from '../../contract/plan.generated.js'

export function scanNote(rel: Rel, catalog: Catalog): string | undefined {
  if (rel.op !== 'filter' || rel.input.op !== 'scan') return undefined
  const { relation, columns } = rel.input
  const object = catalog.byId(relation)?.object
  if (object?.kind !== 'table' || object.primary_key.length === 0) return undefined
  const fixed = new Set(conjuncts(rel.predicate).map((term) => columns[fixedColumn(term) ?? -1]))
  return object.primary_key.every((column) => fixed.has(column)) ? 'looked up by primary key' : undefined
}

function conjuncts(expr: Expr): Expr[] {
  return expr.op === 'binary' && expr.operator === 'and' ? [...conjuncts(expr.left), ...conjuncts(expr.right)] : [expr]
}

/** A constant, or a parameter that will be one. */
function isConstant(expr: Expr): boolean {
  return expr.op === 'literal' || expr.op === 'parameter'
}

/** The column that a term lets have only some constants. */
function fixedColumn(term: Expr): number | undefined {
  if (term.op === 'in_list') {
    const listed = !term.negated && term.list.every(isConstant)
    return listed && term.input.op === 'column' ? term.input.index : undefined
  }
  if (term.op !== 'binary' || term.operator !== 'equal') return undefined
  if (term.left.op === 'column' && isConstant(term.right)) return term.left.index
  return term.right.op === 'column' && isConstant(term.left) ? term.right.index : undefined
}
