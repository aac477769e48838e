/** What is known while a statement is bound: the catalog, CTEs, parameters, and what the statement turns out to read. */

import type { Catalog } from '../catalog/catalog.js'
import type { AsOf, Rel } from '../contract/plan.generated.js'
import { typesOf } from '../logical/schema.js'
import type { DataType } from '../types/data-type.js'
import type { OuterScope } from './outer.js'
import type { Parameters } from './parameters.js'
import type { SessionView } from './system.js'

/** A column of a query's result. `unknown` is a bare string or NULL, whose type the context may still decide. */
export interface OutputColumn {
  readonly name: string
  readonly type: DataType
  readonly unknown: boolean
}

export interface BoundQuery {
  readonly rel: Rel
  readonly columns: readonly OutputColumn[]
}

export interface Environment {
  readonly catalog: Catalog
  readonly parameters: Parameters
  readonly tables: ReadonlyMap<string, BoundQuery>
  /** Filled while binding: the ids of all that is read, models and views included. */
  readonly reads: Set<number>
  /** Views expanded so far, against a chain without end. */
  readonly depth: number
  /** The queries around this subquery, nearest first. */
  readonly outer: OuterScope | undefined
  /** Whether another query of the statement reads this one's rows. */
  readonly inner?: boolean
  /** The FROM items before the one that is bound, and what is around them: what LATERAL can see. */
  readonly lateral: OuterScope | undefined
  /** How many outer scopes the statement has had: each gets a number of its own. */
  readonly scopes: { count: number }
  readonly notices: string[]
  readonly session: SessionView
  /** The state of the past that the query around reads; null is its own epoch. */
  readonly asOf: AsOf | null
}

export function newEnvironment(
  catalog: Catalog,
  parameters: Parameters,
  notices: string[],
  session: SessionView,
): Environment {
  return {
    catalog,
    parameters,
    tables: new Map(),
    reads: new Set(),
    depth: 0,
    outer: undefined,
    lateral: undefined,
    scopes: { count: 0 },
    notices,
    session,
    asOf: null,
  }
}

export function relTypes(rel: Rel, env: Environment): readonly DataType[] {
  return typesOf(rel, (id) => env.catalog.columnTypes(id))
}
