/** A bound query to the plan that the engine runs once. */

import type { Catalog } from '../catalog/catalog.js'
import type { Rel } from '../contract/plan.generated.js'
import type { ColumnTypes } from '../logical/rel.js'
import { optimize, type Rewritten } from '../rewrite/run.js'

export function planQuery(bound: Rel, catalog: Catalog): Rewritten {
  return optimize(bound, columnTypesOf(catalog))
}

export function columnTypesOf(catalog: Catalog): ColumnTypes {
  const known = new Map<number, ReturnType<ColumnTypes>>()
  return (id) => {
    if (!known.has(id)) known.set(id, catalog.columnTypes(id))
    return known.get(id)
  }
}
