/** A bound query to the plan of a view or subscription: rewritten, in the operators that flows have, or refused with a reason. */

import type { Catalog } from '../catalog/catalog.js'
import type { Rel } from '../contract/plan.generated.js'
import { type Refusal, refusal } from '../incremental/check.js'
import { withTemporalFilters } from '../incremental/temporal.js'
import { mapInputs } from '../logical/rel.js'
import { optimize } from '../rewrite/run.js'
import { columnTypesOf } from './query-plan.js'
import { swapRightJoins } from './right-joins.js'

export type FlowPlan = { readonly rel: Rel; readonly fired: readonly string[] } | { readonly refused: Refusal }

export function planFlow(bound: Rel, catalog: Catalog, what: string): FlowPlan {
  const columns = columnTypesOf(catalog)
  // Flows have left joins only.
  const swapped = swapRightJoins(withoutOrder(bound), columns)
  const { rel: optimized, fired } = optimize(swapped, columns)
  const rel = withTemporalFilters(optimized, columns)
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
