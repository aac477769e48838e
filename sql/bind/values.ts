/** VALUES: rows of constants, each column with one type. */
import type { Expr } from '../contract/plan.generated.js'
import type * as tree from '../syntax/tree.js'
import { unify } from './coerce.js'
import type { BoundQuery, Environment } from './environment.js'
import { bindExpr } from './expr.js'
import { fail } from './fail.js'
import { EMPTY_SCOPE } from './scope.js'
import type { Stage } from './stage.js'

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
  const stage = valuesStage(env)
  const width = values.rows[0]!.length
  const rows = values.rows.map((row) => {
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
  return {
    rel: {
      op: 'values',
      types: columns.map((c) => c.type),
      rows: rows.map((_, r): Expr[] => columns.map((c) => c.exprs[r]!)),
    },
    columns: columns.map((c, i) => ({
      name: `column${i + 1}`,
      type: c.type,
      unknown: unknown[i]! && rows.length === 1,
    })),
  }
}
