/** What each stateful operator of a view keeps, in words for EXPLAIN: the cost of a view is told when it is made. */

import type { Catalog } from '../catalog/catalog.js'
import type { Rel } from '../contract/plan.generated.js'
import { namesOf, printExpr } from '../logical/print.js'

export function stateOf(rel: Rel, catalog: Catalog): string | undefined {
  switch (rel.op) {
    case 'join': {
      const names = (input: Rel) => namesOf(input, catalog).join(', ')
      const by =
        rel.keys.length === 0
          ? 'without a key'
          : `by ${rel.keys.map((key) => printExpr(key.left, namesOf(rel.left, catalog))).join(', ')}`
      return `state: every row of both sides ${by} (left: ${names(rel.left)}; right: ${names(rel.right)})`
    }
    case 'aggregate': {
      if (rel.aggregates.length === 0) return 'state: a count per distinct row'
      const values = rel.aggregates.some((call) => call.distinct || call.function === 'min' || call.function === 'max')
      const per = rel.group.length === 0 ? 'one group' : 'a row per group'
      return `state: ${per}${values ? ', and the counted values of MIN, MAX and DISTINCT' : ''}`
    }
    case 'temporal_filter':
      return rel.until.length === 0
        ? `state: the rows whose time is to come (${namesOf(rel.input, catalog).join(', ')})`
        : `state: the rows until their time is over (${namesOf(rel.input, catalog).join(', ')})`
    case 'window':
      return `state: every row in order${rel.partition.length === 0 ? ', in one partition' : ', per partition'} (${namesOf(rel.input, catalog).join(', ')})`
    case 'sort':
    case 'limit': {
      if (rel.limit === null && rel.offset === 0n) return undefined
      return `state: every row in order (${namesOf(rel.input, catalog).join(', ')}), or the first ${rel.limit === null ? 'ones' : rel.limit + rel.offset} where the rows only come`
    }
    default:
      return undefined
  }
}
