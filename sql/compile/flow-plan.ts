/** A bound query to the plan of a view or subscription: rewritten, in the operators that flows have, or refused with a reason. */

import type { Catalog } from '../catalog/catalog.js'
import type { Rel } from '../contract/plan.generated.js'
import { type Refusal, refusal } from '../incremental/check.js'
import { and, compare, conjuncts, remap, shift } from '../logical/expr.js'
import { mapInputs, projectColumns } from '../logical/rel.js'
import { typesOf } from '../logical/schema.js'
import { optimize } from '../rewrite/run.js'
import { columnTypesOf } from './query-plan.js'

export type FlowPlan = { readonly rel: Rel; readonly fired: readonly string[] } | { readonly refused: Refusal }

export function planFlow(bound: Rel, catalog: Catalog, what: string): FlowPlan {
  const columns = columnTypesOf(catalog)
  const swapped = swapRightJoins(withoutOrder(bound), (rel) => typesOf(rel, columns).length)
  const optimized = optimize(swapped, columns)
  const { fired } = optimized
  const rel = withoutNullKeys(optimized.rel, (input) => typesOf(input, columns).length)
  const refused = refusal(rel, what)
  return refused === undefined ? { rel, fired } : { refused }
}

/** A view has no order, so a sort without LIMIT does nothing, at the top and in subqueries. */
function withoutOrder(rel: Rel): Rel {
  const below = mapInputs(rel, (input) => (rel.op === 'limit' ? input : withoutOrder(input)))
  return below.op === 'sort' && below.limit === null && below.offset === 0n ? below.input : below
}

/** A flow keeps no row whose key is NULL, so keys of which NULLs are equal become a condition on pairs. */
function withoutNullKeys(rel: Rel, width: (rel: Rel) => number): Rel {
  const below = mapInputs(rel, (input) => withoutNullKeys(input, width))
  if (below.op !== 'join' || !below.keys.some((key) => key.nulls_equal)) return below
  const left = width(below.left)
  const conditions = below.keys
    .filter((key) => key.nulls_equal)
    .map((key) => compare('is_not_distinct_from', key.left, shift(key.right, left)))
  const residual = and([...conditions, ...(below.residual === null ? [] : conjuncts(below.residual))])
  return { ...below, keys: below.keys.filter((key) => !key.nulls_equal), residual }
}

/** Flows have left joins only. */
function swapRightJoins(rel: Rel, width: (rel: Rel) => number): Rel {
  const below = mapInputs(rel, (input) => swapRightJoins(input, width))
  if (below.op !== 'join' || below.kind !== 'right') return below
  const [left, right] = [width(below.left), width(below.right)]
  const swapped: Rel = {
    ...below,
    kind: 'left',
    left: below.right,
    right: below.left,
    keys: below.keys.map((key) => ({ ...key, left: key.right, right: key.left })),
    residual: below.residual === null ? null : remap(below.residual, (i) => (i < left ? i + right : i - left)),
  }
  return projectColumns(swapped, [
    ...Array.from({ length: left }, (_, i) => i + right),
    ...Array.from({ length: right }, (_, i) => i),
  ])
}
