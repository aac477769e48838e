/** VALUES: rows of constants, each column with one type. */
import type { Expr, Rel } from '../contract/plan.generated.js'
import { oneRow, project } from '../logical/rel.js'
import type * as tree from '../syntax/tree.js'
import { unify } from './coerce.js'
import type { BoundQuery, Environment } from './environment.js'
import { bindExpr } from './expr.js'
import { fail } from './fail.js'
import { EMPTY_SCOPE } from './scope.js'
import { type Harvest, newHarvest, resolveBelow, type Stage } from './stage.js'
import { attachAll } from './subquery.js'

export function valuesStage(env: Environment): Stage {
  return {
    env,
    scope: EMPTY_SCOPE,
    clause: 'VALUES',
    harvest: undefined,
    aggregates: false,
    windows: false,
    subqueries: undefined,
  }
}

export function bindValues(values: tree.Values, env: Environment): BoundQuery {
  const width = values.rows[0]!.length
  const harvests = values.rows.map(() => newHarvest([]))
  const rows = values.rows.map((row, r) => {
    const stage: Stage = { ...valuesStage(env), harvest: harvests[r], subqueries: 'below' }
    if (row.length !== width)
      fail('SyntaxError', 'VALUES lists must all be the same length', row[0]?.span ?? values.span)
    return row.map((cell) => bindExpr(cell, stage))
  })
  const columns = Array.from({ length: width }, (_, i) =>
    unify(
      rows.map((row) => row[i]!),
      'VALUES',
    ),
  )
  const unknown = columns.map((_, i) => rows.every((row) => row[i]!.unknown))
  const exprs = rows.map((_, r): Expr[] => columns.map((c) => c.exprs[r]!))
  const plain = harvests.every((harvest) => harvest.below.length === 0)
  return {
    rel: plain
      ? { op: 'values', types: columns.map((c) => c.type), rows: exprs }
      : { op: 'union_all', inputs: exprs.map((row, r) => withSubqueries(row, harvests[r]!)) },
    columns: columns.map((c, i) => ({
      name: `column${i + 1}`,
      type: c.type,
      unknown: unknown[i]! && rows.length === 1,
    })),
  }
}

/** One row whose expressions may have subqueries. */
function withSubqueries(row: readonly Expr[], harvest: Harvest): Rel {
  const { rel, values } = attachAll(oneRow(), harvest.below, resolveBelow)
  return project(
    rel,
    row.map((expr) => resolveBelow(expr, values)),
  )
}
