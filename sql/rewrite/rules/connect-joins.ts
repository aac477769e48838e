/**
 * Relations that are joined by commas come in the order in which they were written, so that two without a condition between
 * them make a cross product, although a third would connect them: TPC-H's query 9 begins with all parts times all suppliers.
 * Where an inner join's relations have such a product they are joined anew: each time the first that a condition connects
 * with those that are joined already. Relations that nothing connects make their own joins, multiplied at the end. Why: a product
 * of rows that a condition throws away again is the worst that a plan can do. Before: `(a x b) join c`; after: `(a join c) join b`.
 */
import type { Expr, Rel } from '../../contract/plan.generated.js'
import { and, compare, conjuncts, equal, remap, shift, usedColumns } from '../../logical/expr.js'
import { filter, join, mapInputs, projectColumns } from '../../logical/rel.js'
import type { Rule, RuleContext } from '../rule.js'

export const connectJoins: Rule = {
  name: 'connect-joins',
  scope: 'plan',
  after: ['push-filter-into-join', 'push-join-condition'],
  apply: connected,
}

type InnerJoin = Rel & { readonly op: 'join'; readonly kind: 'inner' }

function connected(rel: Rel, context: RuleContext): Rel {
  if (!isCluster(rel)) return mapInputs(rel, (input) => connected(input, context))
  const cluster = clusterOf(rel, context)
  const leaves = cluster.leaves.map((leaf) => ({ ...leaf, rel: connected(leaf.rel, context) }))
  const changed = leaves.some((leaf, at) => leaf.rel !== cluster.leaves[at]!.rel)
  if (leaves.length > 2 && cluster.hasProduct) {
    const joined = joinedAnew(leaves, cluster.conditions)
    if (joined !== undefined) return joined
  }
  return changed
    ? withLeaves(
        rel,
        leaves.map((leaf) => leaf.rel),
      )
    : rel
}

function isInner(rel: Rel): rel is InnerJoin {
  return rel.op === 'join' && rel.kind === 'inner'
}

/** Inner joins, also with filters between them: of many joins not every filter has sunk to its relation. */
function isCluster(rel: Rel): boolean {
  return isInner(rel) || (rel.op === 'filter' && isCluster(rel.input))
}

/** A relation of a cluster: its columns are those from `first` on in the cluster's output. */
interface Leaf {
  readonly rel: Rel
  readonly first: number
  readonly width: number
}

interface Cluster {
  readonly leaves: readonly Leaf[]
  /** Over the columns of all leaves. */
  readonly conditions: readonly Expr[]
  /** Whether some join has no key. */
  readonly hasProduct: boolean
}

function clusterOf(rel: Rel, context: RuleContext, first = 0): Cluster {
  if (rel.op === 'filter' && isCluster(rel)) {
    const below = clusterOf(rel.input, context, first)
    const own = conjuncts(rel.predicate).map((condition) => shift(condition, first))
    return { ...below, conditions: [...below.conditions, ...own] }
  }
  if (!isInner(rel)) return { leaves: [{ rel, first, width: context.width(rel) }], conditions: [], hasProduct: false }
  const left = clusterOf(rel.left, context, first)
  const middle = first + context.width(rel.left)
  const right = clusterOf(rel.right, context, middle)
  const keys = rel.keys.map(({ left: l, right: r, nulls_equal }) => {
    const [a, b] = [shift(l, first), shift(r, middle)]
    return nulls_equal ? compare('is_not_distinct_from', a, b) : equal(a, b)
  })
  const rest = rel.residual === null ? [] : conjuncts(rel.residual).map((condition) => shift(condition, first))
  return {
    leaves: [...left.leaves, ...right.leaves],
    conditions: [...left.conditions, ...right.conditions, ...keys, ...rest],
    hasProduct: left.hasProduct || right.hasProduct || rel.keys.length === 0,
  }
}

/** What is joined so far: which leaves, in the order of their columns, and with which conditions still to come. */
interface Joined {
  readonly rel: Rel
  readonly leaves: readonly Leaf[]
  readonly width: number
}

/** Undefined where the written order is the one that comes out. */
function joinedAnew(leaves: readonly Leaf[], conditions: readonly Expr[]): Rel | undefined {
  const open = conditions.map((expr) => ({ expr, leaves: leavesOf(expr, leaves) }))
  const take = (having: ReadonlySet<Leaf>) => {
    const ready = open.filter((condition) => [...condition.leaves].every((leaf) => having.has(leaf)))
    for (const one of ready) open.splice(open.indexOf(one), 1)
    return ready.map((one) => one.expr)
  }
  const both = (a: Joined, b: Joined): Joined => {
    const all = [...a.leaves, ...b.leaves]
    const at = placesOf(all)
    const condition = and(take(new Set(all)).map((expr) => remap(expr, at)))
    return { rel: join('inner', a.rel, b.rel, a.width, condition), leaves: all, width: a.width + b.width }
  }
  const single = (leaf: Leaf): Joined => {
    const own = take(new Set([leaf])).map((expr) => shift(expr, -leaf.first))
    return { rel: filter(leaf.rel, and(own)), leaves: [leaf], width: leaf.width }
  }
  const remaining = [...leaves]
  const parts: Joined[] = []
  while (remaining.length > 0) {
    let part = single(remaining.shift()!)
    for (;;) {
      const having = new Set(part.leaves)
      const next = remaining.find((leaf) => open.some((condition) => connects(condition.expr, having, leaf, leaves)))
      if (next === undefined) break
      remaining.splice(remaining.indexOf(next), 1)
      part = both(part, single(next))
    }
    parts.push(part)
  }
  const whole = parts.reduce(both)
  if (whole.leaves.every((leaf, at) => leaf === leaves[at])) return undefined
  const at = placesOf(whole.leaves)
  return projectColumns(
    whole.rel,
    Array.from({ length: whole.width }, (_, i) => at(i)),
  )
}

/** Whether a condition is a key between what is joined and another relation. */
function connects(expr: Expr, having: ReadonlySet<Leaf>, leaf: Leaf, leaves: readonly Leaf[]): boolean {
  if (expr.op !== 'binary' || (expr.operator !== 'equal' && expr.operator !== 'is_not_distinct_from')) return false
  const [a, b] = [leavesOf(expr.left, leaves), leavesOf(expr.right, leaves)]
  const joined = (side: ReadonlySet<Leaf>) => side.size > 0 && [...side].every((one) => having.has(one))
  const alone = (side: ReadonlySet<Leaf>) => side.size === 1 && side.has(leaf)
  return (joined(a) && alone(b)) || (joined(b) && alone(a))
}

function leavesOf(expr: Expr, leaves: readonly Leaf[]): Set<Leaf> {
  return new Set(
    [...usedColumns(expr)].map((index) => leaves.findLast((leaf) => leaf.first <= index && leaf.width > 0)!),
  )
}

/** Where a column of the cluster's output lies when the leaves come in this order. */
function placesOf(order: readonly Leaf[]): (index: number) => number {
  const starts: { readonly leaf: Leaf; readonly start: number }[] = []
  let start = 0
  for (const leaf of order) {
    starts.push({ leaf, start })
    start += leaf.width
  }
  return (index) => {
    const { leaf, start } = starts.find((one) => index >= one.leaf.first && index < one.leaf.first + one.leaf.width)!
    return start + index - leaf.first
  }
}

/** The same joins over other relations. */
function withLeaves(rel: Rel, leaves: readonly Rel[]): Rel {
  const left = [...leaves]
  const replaced = (one: Rel): Rel => (isCluster(one) ? mapInputs(one, replaced) : left.shift()!)
  return replaced(rel)
}
