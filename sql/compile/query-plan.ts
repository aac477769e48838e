/** A bound query to the plan that the engine runs once. */

import type { Catalog } from '../catalog/catalog.js'
import type { Rel } from '../contract/plan.generated.js'
import { type ColumnTypes, someRel } from '../logical/rel.js'
import { optimize, type Rewritten } from '../rewrite/run.js'
import { swapRightJoins } from './right-joins.js'

export function planQuery(bound: Rel, catalog: Catalog): Rewritten {
  const columns = columnTypesOf(catalog)
  // Rows that a window's order leaves equal are in the order of their columns: these must lie as they do in a view.
  const hasWindow = someRel(bound, (rel) => rel.op === 'window')
  return optimize(hasWindow ? swapRightJoins(bound, columns) : bound, columns)
}

export function columnTypesOf(catalog: Catalog): ColumnTypes {
  const known = new Map<number, ReturnType<ColumnTypes>>()
  return (id) => {
    if (!known.has(id)) known.set(id, catalog.columnTypes(id))
    return known.get(id)
  }
}
