/** GROUP BY with its GROUPING SETS, ROLLUP and CUBE. Each set is an aggregate of its own over the same rows, and all are a UNION ALL;
 *  keys that a set does not have are NULL there, and GROUPING is a constant. */
import type { AggregateCall, Expr, Rel } from '../contract/plan.generated.js'
import { column, constant, integer, sameExpr } from '../logical/expr.js'
import { aggregate, oneRow, project } from '../logical/rel.js'
import type * as tree from '../syntax/tree.js'
import { nullOf } from '../types/literal.js'
import { type Environment, relTypes } from './environment.js'
import { fail } from './fail.js'
import { has } from './stage.js'

/** As many as PostgreSQL takes. */
const SETS_MAX = 4096

export interface Grouping {
  readonly keys: readonly Expr[]
  /** The numbers of each set's keys; undefined for one set of all. */
  readonly sets: readonly (readonly number[])[] | undefined
}

export function bindGrouping(groupBy: tree.GroupBy | undefined, bind: (expr: tree.Expr) => Expr): Grouping {
  const keys: Expr[] = []
  const key = (expr: tree.Expr): number => {
    const value = bind(expr)
    if (has(value, 'aggregate')) fail('GroupingError', 'aggregate functions are not allowed in GROUP BY', expr.span)
    if (has(value, 'window')) fail('WindowingError', 'window functions are not allowed in GROUP BY', expr.span)
    const known = keys.findIndex((other) => sameExpr(other, value))
    return known === -1 ? keys.push(value) - 1 : known
  }
  const items = groupBy?.items ?? []
  let sets: number[][] = [[]]
  for (const item of items) {
    const own = setsOf(item, key)
    if (sets.length * own.length > SETS_MAX)
      fail('StatementTooComplex', `too many grouping sets present (maximum ${SETS_MAX})`, item.span)
    sets = sets.flatMap((set) => own.map((more) => [...set, ...more]))
  }
  return { keys, sets: items.some((item) => item.kind === 'grouping_sets') ? sets : undefined }
}

function setsOf(item: tree.GroupItem, key: (expr: tree.Expr) => number): number[][] {
  if (item.kind !== 'grouping_sets') return [item.kind === 'row' ? item.items.map(key) : [key(item)]]
  if (item.form === 'sets') return item.items.flatMap((inner) => setsOf(inner, key))
  const parts = item.items.map((inner) => setsOf(inner, key)[0]!)
  if (item.form === 'rollup') return [...parts.keys(), parts.length].reverse().map((n) => parts.slice(0, n).flat())
  if (parts.length > 12) fail('StatementTooComplex', 'CUBE is limited to 12 elements', item.span)
  return Array.from({ length: 2 ** parts.length }, (_, i) =>
    // Most significant first, so that the set of all comes first.
    parts.filter((_, bit) => (i & (1 << (parts.length - 1 - bit))) === 0).flat(),
  )
}

/** Output: keys, calls, then a number for each GROUPING: a bit an argument, 1 where the set does not have that key. */
export function groupBySets(
  input: Rel,
  keys: readonly Expr[],
  sets: readonly (readonly number[])[],
  calls: readonly AggregateCall[],
  groupings: readonly (readonly number[])[],
  env: Environment,
): Rel {
  const types = relTypes(aggregate(input, keys, calls), env)
  const inputs = sets.map((set): Rel => {
    const own = [...new Set(set)]
    const nothing = own.length + calls.length === 0
    const grouped = nothing
      ? oneRow()
      : aggregate(
          input,
          own.map((i) => keys[i]!),
          calls,
        )
    const shown = keys.map((_, i) => (own.includes(i) ? column(own.indexOf(i)) : constant(nullOf(types[i]!))))
    const marks = groupings.map((args) => integer(args.reduce((bits, at) => bits * 2 + (own.includes(at) ? 0 : 1), 0)))
    return project(grouped, [...shown, ...calls.map((_, i) => column(own.length + i)), ...marks])
  })
  return inputs.length === 1 ? inputs[0]! : { op: 'union_all', inputs }
}
