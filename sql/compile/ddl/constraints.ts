/** UNIQUE and CHECK: objects of the catalog beside their table, which the engine enforces. */

import { bindCondition } from '../../bind/expr.js'
import { fail } from '../../bind/fail.js'
import { checkLength } from '../../bind/object-name.js'
import { qualified } from '../../catalog/catalog.js'
import type { CatalogChange, ColumnDef, Definition } from '../../contract/plan.generated.js'
import { rewrite } from '../../logical/expr.js'
import { foldExpr } from '../../logical/fold.js'
import type * as tree from '../../syntax/tree.js'
import { type CompileContext, environmentOf, textOf } from '../context.js'
import { rowScope, rowStage } from '../row-expressions.js'
import { columnAt } from './columns.js'

/** The table that constraints are bound for: it may not be there yet. */
export interface Constrained {
  readonly id: number
  readonly name: string
  readonly schema: string
  readonly columns: readonly ColumnDef[]
}

/** The objects that a table's UNIQUE and CHECK constraints make. */
export function bindConstraints(
  statement: { readonly columns: readonly tree.ColumnDefinition[]; readonly constraints: readonly tree.Constraint[] },
  table: Constrained,
  nextId: () => number,
  context: CompileContext,
): CatalogChange[] {
  const names = new Set(context.catalog.partsOf(table.id).map((part) => part.name))
  const changes: CatalogChange[] = []
  const add = (constraint: tree.Constraint, column: tree.Ident | undefined) => {
    const definition = bindConstraint(constraint, column, table, nextId(), names, context)
    changes.push({ change: 'create', definition })
  }
  for (const column of statement.columns) for (const constraint of column.constraints) add(constraint, column.name)
  for (const constraint of statement.constraints) if (constraint.type !== 'primary_key') add(constraint, undefined)
  return changes
}

export function bindConstraint(
  constraint: tree.Constraint,
  column: tree.Ident | undefined,
  table: Constrained,
  id: number,
  names: Set<string>,
  context: CompileContext,
): Definition {
  const idents = column === undefined ? constraint.columns : [column]
  const taken = (name: string) => names.has(name) || context.catalog.find(qualified(table.schema, name)) !== undefined
  const suffix = constraint.type === 'unique' ? 'key' : 'check'
  const stem = [table.name, ...idents.map((ident) => ident.name)].join('_')
  const name = constraint.name?.name ?? freeName(stem, suffix, taken)
  if (constraint.name !== undefined) {
    checkLength(name, constraint.name.span)
    if (names.has(name)) {
      const message = `constraint "${name}" for relation "${table.name}" already exists`
      fail('DuplicateObject', message, constraint.name.span)
    }
    if (constraint.type === 'unique' && context.catalog.find(qualified(table.schema, name)) !== undefined)
      fail('DuplicateTable', `relation "${name}" already exists`, constraint.name.span)
  }
  names.add(name)
  const base = { id, name, schema: table.schema, sql: textOf(context, constraint.span), depends_on: [table.id] }
  if (constraint.type === 'unique') {
    const columns = idents.map((ident) => columnAt(table.columns, ident, 'named in key'))
    const twice = idents.find((_, i) => columns.indexOf(columns[i]!) !== i)
    if (twice !== undefined)
      fail('DuplicateColumn', `column "${twice.name}" appears twice in unique constraint`, twice.span)
    const ascending = columns.map((at) => ({ column: at, descending: false, nulls_first: false }))
    return { ...base, object: { kind: 'index', table: table.id, columns: ascending, unique: true, constraint: true } }
  }
  const stage = rowStage(environmentOf(context), rowScope(table.columns, table.name, 0), 'CHECK constraints')
  const predicate = rewrite(bindCondition(constraint.expr!, stage), foldExpr)
  return { ...base, object: { kind: 'check', table: table.id, predicate } }
}

/** `t_a_key`, `t_a_key1`, …, as PostgreSQL names what has no name. */
export function freeName(stem: string, suffix: string, taken: (name: string) => boolean): string {
  for (let n = 0; ; n++) {
    const name = `${stem}_${suffix}${n === 0 ? '' : n}`
    if (!taken(name)) return name
  }
}
