/** Where an expression stands, hence what it may contain. Aggregates, window calls and subqueries are taken out of it as they are
 *  found and leave a column number behind that is resolved once all are known; the numbers below are far above any real column. */
import type { AggregateCall, Expr, Rel, SortKey, WindowCall } from '../contract/plan.generated.js'
import { column, exprKey, some, substitute } from '../logical/expr.js'
import type { Span, WindowDefinition } from '../syntax/tree.js'
import type { Environment } from './environment.js'
import type { Scope } from './scope.js'

const BASE = {
  aggregate: 1_000_000,
  window: 2_000_000,
  above: 3_000_000,
  below: 4_000_000,
  grouping: 5_000_000,
  set: 6_000_000,
} as const

export type PlaceKind = keyof typeof BASE

export function place(kind: PlaceKind, index: number): Expr {
  return column(BASE[kind] + index)
}

/** The kind and number of a placeholder; undefined for a real column. */
export function placeOf(index: number): { kind: PlaceKind; index: number } | undefined {
  if (index < BASE.aggregate) return undefined
  const kinds: PlaceKind[] = ['set', 'grouping', 'below', 'above', 'window', 'aggregate']
  const kind = kinds.find((k) => index >= BASE[k])!
  return { kind, index: index - BASE[kind] }
}

export function has(expr: Expr, kind: PlaceKind): boolean {
  return some(expr, (e) => e.op === 'column' && placeOf(e.index)?.kind === kind)
}

export interface WindowUse {
  readonly partition: readonly Expr[]
  readonly order: readonly SortKey[]
  readonly call: WindowCall
}

/** Placeholders replaced by what they stand for over the rows at hand. */
export type Finish = (expr: Expr) => Expr

/** A subquery joined to rows that keep their columns, and its value. */
export type Attachment = (left: Rel, finish: Finish) => { readonly rel: Rel; readonly value: Expr }

/** What was taken out of the expressions of one SELECT. */
export interface Harvest {
  readonly aggregates: AggregateCall[]
  readonly windows: WindowUse[]
  /** The arguments of each GROUPING. */
  readonly groupings: { readonly args: readonly Expr[]; readonly span: Span }[]
  /** Subqueries joined above the aggregate, and below it. */
  readonly above: Attachment[]
  readonly below: Attachment[]
  /** Arrays of functions that return sets, each with how many are within its arguments. */
  readonly sets: { readonly list: Expr; readonly level: number }[]
  readonly named: readonly WindowDefinition[]
}

export function newHarvest(named: readonly WindowDefinition[]): Harvest {
  return { aggregates: [], windows: [], groupings: [], above: [], below: [], sets: [], named }
}

export interface Stage {
  readonly env: Environment
  readonly scope: Scope
  /** As messages call it: `WHERE`, `JOIN conditions`. */
  readonly clause: string
  readonly harvest: Harvest | undefined
  readonly aggregates: boolean
  readonly windows: boolean
  /** Where a subquery goes; undefined where none may stand. */
  readonly subqueries: 'above' | 'below' | undefined
  /** Inside the arguments of an aggregate or window call. */
  readonly inside?: 'aggregate' | 'window'
}

/** The placeholder of a function that returns a set. Equal ones share one: they go through their rows together anyway. */
export function addSet(harvest: Harvest, list: Expr): Expr {
  const key = exprKey(list)
  const same = harvest.sets.findIndex((other) => exprKey(other.list) === key)
  if (same !== -1) return place('set', same)
  let level = 0
  some(list, (e) => {
    const placed = e.op === 'column' ? placeOf(e.index) : undefined
    if (placed?.kind === 'set') level = Math.max(level, harvest.sets[placed.index]!.level + 1)
    return false
  })
  return place('set', harvest.sets.push({ list, level }) - 1)
}

/** The placeholder of an aggregate; equal calls share one. */
export function addAggregate(harvest: Harvest, call: AggregateCall): Expr {
  const key = aggregateKey(call)
  const known = harvest.aggregates.findIndex((other) => aggregateKey(other) === key)
  return place('aggregate', known === -1 ? harvest.aggregates.push(call) - 1 : known)
}

function aggregateKey(call: AggregateCall): string {
  const of = (expr: Expr | null) => (expr === null ? '' : exprKey(expr))
  const order = (call.order ?? []).map((key) => `${key.descending}${key.nulls_first}`).join()
  return `${call.function}:${call.distinct}:${order}:${of(call.arg)}:${of(call.filter)}`
}

/** An expression under the aggregate, once the values of its subqueries are known. */
export function resolveBelow(expr: Expr, values: readonly Expr[]): Expr {
  return substitute(expr, (index) => {
    const placed = placeOf(index)
    return placed?.kind === 'below' ? values[placed.index]! : column(index)
  })
}
