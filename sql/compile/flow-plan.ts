/** A bound query to the plan of a view or subscription: rewritten, in the operators that flows have, or refused with a reason. */

import type { Catalog } from '../catalog/catalog.js'
import type { Rel } from '../contract/plan.generated.js'
import { type Refusal, refusal } from '../incremental/check.js'
import { remap } from '../logical/expr.js'
import { mapInputs, projectColumns } from '../logical/rel.js'
import { typesOf } from '../logical/schema.js'
import { optimize } from '../rewrite/run.js'
import { columnTypesOf } from './query-plan.js'

export type FlowPlan = { readonly rel: Rel; readonly fired: readonly string[] } | { readonly refused: Refusal }

export function planFlow(bound: Rel, catalog: Catalog, what: string): FlowPlan {
  const columns = columnTypesOf(catalog)
  const swapped = swapRightJoins(withoutOrder(bound), (rel) => typesOf(rel, columns).length)
  const { rel, fired } = optimize(swapped, columns)
  const refused = refusal(rel, what)
  return refused === undefined ? { rel, fired } : { refused }
}

/** A view has no order, so a sort does nothing, at the top and in subqueries, unless a LIMIT above it asks which rows are
 *  the first. Between the two there can be a projection, which leaves out columns of the order. */
function withoutOrder(rel: Rel, limited = false): Rel {
  const keeps = rel.op === 'limit' || (limited && rel.op === 'project')
  const below = mapInputs(rel, (input) => withoutOrder(input, keeps))
  if (limited) return below
  return below.op === 'sort' && below.limit === null && below.offset === 0n ? below.input : below
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
