/** From placeholders to columns: what the aggregates, subqueries and window calls that were taken out of a SELECT's expressions are
 *  once its operators stand. */
import type { Expr, Rel, WindowCall } from '../contract/plan.generated.js'
import { column, exprKey, mapChildren, sameExpr, sortKeyOf, substitute } from '../logical/expr.js'
import { window } from '../logical/rel.js'
import { writtenAs } from './expr.js'
import { fail } from './fail.js'
import { type Harvest, type PlaceKind, placeOf, resolveBelow } from './stage.js'

/** Where the placeholders are once the operators stand: group keys and aggregates (or FROM's columns), then scalar subqueries, then
 *  window results. */
export class Layers {
  readonly group: readonly Expr[]
  /** The values of the subqueries of the select list, over their rows. */
  aboveValues: readonly Expr[] = []
  readonly #belowValues: readonly Expr[]
  readonly #harvest: Harvest
  readonly #grouped: boolean
  readonly #windowAt: number[] = []
  readonly #setAt = new Map<number, number>()

  constructor(harvest: Harvest, belowValues: readonly Expr[], group: readonly Expr[] | undefined) {
    this.#belowValues = belowValues
    this.#harvest = harvest
    this.#grouped = group !== undefined
    this.group = group ?? []
  }

  /** An expression under the aggregate. */
  below(expr: Expr): Expr {
    return substitute(resolveBelow(expr, this.#belowValues), (index) => {
      const placed = placeOf(index)
      return placed?.kind === 'set' && this.#setAt.has(placed.index) ? this.#place(index) : column(index)
    })
  }

  /** An expression over it. */
  above(expr: Expr): Expr {
    if (!this.#grouped) return substitute(expr, (index) => this.#place(index))
    const key = this.group.findIndex((other) => sameExpr(other, expr))
    if (key !== -1) return column(key)
    if (expr.op !== 'column') return mapChildren(expr, (child) => this.above(child))
    const placed = placeOf(expr.index)
    if (placed === undefined || placed.kind === 'below') this.#ungrouped(expr)
    return this.#place(expr.index)
  }

  /** The numbers of the group keys that each GROUPING names. */
  groupings(): number[][] {
    return this.#harvest.groupings.map(({ args, span }) =>
      args.map((arg) => {
        const at = this.group.findIndex((key) => sameExpr(key, arg))
        if (at === -1) {
          fail(
            'GroupingError',
            'arguments to GROUPING must be grouping expressions of the associated query level',
            span,
          )
        }
        return at
      }),
    )
  }

  #place(index: number): Expr {
    const placed = placeOf(index)
    if (placed === undefined) return column(index)
    const at: Record<PlaceKind, () => Expr> = {
      aggregate: () => column(this.group.length + placed.index),
      grouping: () => column(this.group.length + this.#harvest.aggregates.length + placed.index),
      above: () => this.aboveValues[placed.index]!,
      below: () => this.#belowValues[placed.index]!,
      window: () => column(this.#windowAt[placed.index]!),
      set: () => column(this.#setAt.get(placed.index)!),
    }
    return at[placed.kind]()
  }

  #ungrouped(expr: Expr): never {
    const ref = writtenAs(expr)
    const name = ref === undefined ? 'a column' : `column "${ref.parts.map((p) => p.name).join('.')}"`
    return fail(
      'GroupingError',
      `${name} must appear in the GROUP BY clause or be used in an aggregate function`,
      ref?.span,
    )
  }

  /** The rows of the functions that return sets, those within others' arguments first. `which` are their numbers. */
  sets(input: Rel, which: readonly number[], width: (rel: Rel) => number, finish: (expr: Expr) => Expr): Rel {
    let rel = input
    const { sets } = this.#harvest
    const deepest = Math.max(-1, ...which.map((i) => sets[i]!.level))
    for (let level = 0; level <= deepest; level++) {
      const now = which.filter((i) => sets[i]!.level === level && !this.#setAt.has(i))
      if (now.length === 0) continue
      const before = width(rel)
      const lists = now.map((i) => finish(sets[i]!.list))
      rel = { op: 'unnest', input: rel, lists, ordinality: false, outer: false }
      now.forEach((set, i) => {
        this.#setAt.set(set, before + i)
      })
    }
    return rel
  }

  /** One operator for all calls of equal partition and order. */
  windows(input: Rel, inputWidth: number): Rel {
    const groups = new Map<string, number[]>()
    const placed = this.#harvest.windows.map((use) => ({
      partition: use.partition.map((expr) => this.above(expr)),
      order: use.order.map((key) => ({ ...key, expr: this.above(key.expr) })),
      call: {
        ...use.call,
        args: use.call.args.map((arg) => this.above(arg)),
        filter: use.call.filter && this.above(use.call.filter),
      },
    }))
    for (const [i, use] of placed.entries()) {
      const key = `${use.partition.map(exprKey).sort().join('|')} ${use.order.map(sortKeyOf).join('|')}`
      const members = groups.get(key)
      if (members === undefined) groups.set(key, [i])
      else members.push(i)
    }
    let rel = input
    let width = inputWidth
    for (const members of groups.values()) {
      const first = placed[members[0]!]!
      const calls = new Map<string, number>()
      const distinct = members.filter((i) => {
        const key = callKey(placed[i]!.call)
        const seen = calls.has(key)
        if (!seen) calls.set(key, width++)
        this.#windowAt[i] = calls.get(key)!
        return !seen
      })
      rel = window(
        rel,
        first.partition,
        first.order,
        distinct.map((i) => placed[i]!.call),
      )
    }
    return rel
  }
}

/** Equal for calls that give the same column, which is then computed once. */
function callKey(call: WindowCall): string {
  const whole = { ...call, args: call.args.map(exprKey), filter: call.filter && exprKey(call.filter) }
  return JSON.stringify(whole, (_, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value))
}
