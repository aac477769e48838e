/** UPDATE and DELETE whose rows a query finds: FROM and USING, subqueries. The query gives for each row what happens, the row that is
 *  there, the new row, and what RETURNING may read beside it; the engine does the rest (`runtime/src/modify.rs`). */

import { coerce } from '../bind/coerce.js'
import { type Environment, relTypes } from '../bind/environment.js'
import { bindExpr } from '../bind/expr.js'
import { fail } from '../bind/fail.js'
import { bindFrom } from '../bind/from.js'
import type { Scope } from '../bind/scope.js'
import { applyWhere, splitWhere } from '../bind/select.js'
import { newHarvest, resolveBelow, type Stage } from '../bind/stage.js'
import { attachAll } from '../bind/subquery.js'
import type { ColumnDef, Command, Definition, Expr, Rel } from '../contract/plan.generated.js'
import { PLAN_VERSION } from '../contract/plan.generated.js'
import { column, constant, rewrite } from '../logical/expr.js'
import { foldExpr } from '../logical/fold.js'
import { project } from '../logical/rel.js'
import type * as tree from '../syntax/tree.js'
import { columnAt } from './ddl/columns.js'
import { filledBy, refuseAssigned } from './ddl/filled-columns.js'
import { planQuery } from './query-plan.js'
import { defaultOf } from './row-expressions.js'

/** What happens to a row, as the engine reads it. */
export const ACTION = { insert: 1, update: 2, delete: 3 } as const

interface Changed {
  readonly definition: Definition
  readonly columns: readonly ColumnDef[]
}

export interface Modification {
  readonly command: Command
  /** The names that RETURNING sees: the target's columns, which come first in FROM, then those of the other tables. */
  readonly scope: Scope
}

/** Whether a statement needs a query to find its rows. */
export function needsQuery(statement: tree.Update | tree.Delete): boolean {
  if (statement.kind === 'update') {
    if (statement.from.length > 0 || statement.assignments.some((a) => hasSubquery(a.value))) return true
  } else if (statement.using.length > 0) return true
  return statement.where !== undefined && hasSubquery(statement.where)
}

export function hasSubquery(node: unknown): boolean {
  if (Array.isArray(node)) return node.some(hasSubquery)
  if (typeof node !== 'object' || node === null) return false
  if ((node as { kind?: unknown }).kind === 'query') return true
  return Object.values(node).some(hasSubquery)
}

export function modify(statement: tree.Update | tree.Delete, to: Changed, env: Environment): Modification {
  const { table, alias } = statement
  const others = statement.kind === 'update' ? statement.from : statement.using
  const targetRef: tree.TableRef = {
    kind: 'table_name',
    name: table,
    ...(alias && { alias: { kind: 'table_alias', name: alias, columns: [], span: alias.span } }),
    span: table.span,
  }
  const from = bindFrom([targetRef, ...others], env)
  const harvest = newHarvest([])
  const where: Stage = {
    env,
    scope: from.scope,
    clause: 'WHERE',
    harvest,
    aggregates: false,
    windows: false,
    subqueries: 'below',
  }
  const found = applyWhere(from.rel, splitWhere(statement.where, where), harvest).rel
  const width = to.columns.length
  const there = to.columns.map((_, i) => column(i))
  const further = relTypes(from.rel, env)
    .slice(width)
    .map((_, i) => column(width + i))
  const { rel, values } =
    statement.kind === 'update'
      ? assigned(statement.assignments, to, found, { ...where, clause: 'UPDATE', harvest: newHarvest([]) })
      : { rel: found, values: there }
  const action = constant({ type: 'integer', value: ACTION[statement.kind] })
  const source = project(rel, [action, ...there, ...values, ...further])
  return { command: modifyCommand(to, source, false, env), scope: from.scope }
}

export function modifyCommand(to: Changed, source: Rel, refuseRepeats: boolean, env: Environment): Command {
  return {
    command: 'modify',
    version: PLAN_VERSION,
    relation: to.definition.id,
    source: planQuery(source, env.catalog).rel,
    refuse_repeats: refuseRepeats,
    transaction: null,
  }
}

/** The new rows: assigned columns, and the others as they are. Subqueries are joined to the rows that WHERE has left. */
export function assigned(
  list: readonly tree.Assignment[],
  to: Changed,
  found: Rel,
  stage: Stage,
): { readonly rel: Rel; readonly values: Expr[] } {
  const seen = new Map<number, Expr>()
  for (const assignment of list) {
    const at = columnAt(to.columns, assignment.column, `of relation "${to.definition.name}"`)
    if (seen.has(at))
      fail('SyntaxError', `multiple assignments to same column "${assignment.column.name}"`, assignment.span)
    const into = to.columns[at]!
    refuseAssigned(filledBy(stage.env.catalog, to.definition.id, at), assignment)
    seen.set(at, assignedValue(assignment, into, stage))
  }
  const attached = attachAll(found, stage.harvest!.below, resolveBelow)
  return {
    rel: attached.rel,
    values: to.columns.map((_, i) => {
      const value = seen.get(i)
      return value === undefined ? column(i) : rewrite(resolveBelow(value, attached.values), foldExpr)
    }),
  }
}

function assignedValue(assignment: tree.Assignment, into: ColumnDef, stage: Stage): Expr {
  if (assignment.value.kind === 'default') return defaultOf(into)
  const value = oneColumn(assignment)
  return coerce(
    value === undefined ? bindExpr(assignment.value, stage) : bindExpr(value, stage),
    into.data_type,
    'assignment',
    (from, type) => `column "${into.name}" is of type ${type} but expression is of type ${from}`,
  )
}

/** `(a, b) = (SELECT x, y …)`: each column takes its place of the subquery's row. */
export function oneColumn({ value, place }: tree.Assignment): tree.Expr | undefined {
  if (place === undefined || value.kind !== 'subquery') return undefined
  const { span } = value
  const ident = (name: string): tree.Ident => ({ kind: 'ident', name, span })
  const columns = Array.from({ length: place.of }, (_, i) => ident(`column${i + 1}`))
  const alias: tree.TableAlias = { kind: 'table_alias', name: ident('assigned'), columns, span }
  const expr: tree.Expr = { kind: 'column', parts: [columns[place.index]!], span }
  const body: tree.Select = {
    kind: 'select',
    distinct: false,
    distinctOn: [],
    items: [{ kind: 'select_expr', expr, span }],
    from: [{ kind: 'derived_table', query: value.query, lateral: false, alias, span }],
    windows: [],
    span,
  }
  return { ...value, query: { kind: 'query', body, orderBy: [], span } }
}
