/** Assignments and conditions over a row that is there: of UPDATE, DELETE and ON CONFLICT DO UPDATE. */

import { coerce } from '../bind/coerce.js'
import type { Environment } from '../bind/environment.js'
import { bindCondition, bindExpr } from '../bind/expr.js'
import { fail } from '../bind/fail.js'
import type { Scope } from '../bind/scope.js'
import type { Stage } from '../bind/stage.js'
import type { Assignment, ColumnDef, Definition, Expr } from '../contract/plan.generated.js'
import { column, constant, isTrue, rewrite } from '../logical/expr.js'
import { foldExpr } from '../logical/fold.js'
import type * as tree from '../syntax/tree.js'
import { nullOf } from '../types/literal.js'
import { columnAt } from './ddl/columns.js'
import { filledBy, refuseAssigned } from './ddl/filled-columns.js'

/** The columns of one row under a table's name; the first of them is column `start` of the input. */
export function rowScope(columns: readonly ColumnDef[], table: string, start: number): Scope {
  const named = columns.map((c, i) => ({
    name: c.name,
    table,
    expr: column(start + i),
    type: c.data_type,
    qualifiedOnly: false,
  }))
  return { tables: [table], columns: named }
}

/** `clause` is what messages call the place. */
export function rowStage(env: Environment, scope: Scope, clause: string): Stage {
  return {
    env,
    scope,
    clause,
    harvest: undefined,
    aggregates: false,
    windows: false,
    subqueries: undefined,
  }
}

export function bindAssignments(
  list: readonly tree.Assignment[],
  to: { readonly definition: Definition; readonly columns: readonly ColumnDef[] },
  stage: Stage,
): Assignment[] {
  const seen = new Set<number>()
  return list.map((assignment) => {
    const at = columnAt(to.columns, assignment.column, `of relation "${to.definition.name}"`)
    if (seen.has(at))
      fail('SyntaxError', `multiple assignments to same column "${assignment.column.name}"`, assignment.span)
    seen.add(at)
    const into = to.columns[at]!
    refuseAssigned(filledBy(stage.env.catalog, to.definition.id, at), assignment)
    if (assignment.value.kind === 'default') return { column: at, value: defaultOf(into) }
    const value = coerce(
      bindExpr(assignment.value, stage),
      into.data_type,
      'assignment',
      (from, type) => `column "${into.name}" is of type ${type} but expression is of type ${from}`,
    )
    return { column: at, value: rewrite(value, foldExpr) }
  })
}

/** Null where there is no condition, or one that is always true. */
export function bindPredicate(where: tree.Expr | undefined, stage: Stage): Expr | null {
  if (where === undefined) return null
  const folded = rewrite(bindCondition(where, { ...stage, clause: 'WHERE' }), foldExpr)
  return isTrue(folded) ? null : folded
}

export function defaultOf(definition: ColumnDef): Expr {
  return definition.default ?? constant(nullOf(definition.data_type))
}
