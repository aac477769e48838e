/** Two windows with the same partition and order become one, also when only the lower one's calls are between them. Why: rows are
 *  partitioned and ordered once, and a flow keeps one ordered state instead of two. Unsafe when the upper window uses a
 *  result of the lower: `SUM(lag) OVER w` over `LAG(x) OVER w` stays two. */
import { exprKey, sortKeyOf, usedColumns } from '../../logical/expr.js'
import { projectColumns, window } from '../../logical/rel.js'
import type { Rule } from '../rule.js'

export const mergeWindows: Rule = {
  name: 'merge-windows',
  scope: 'operator',
  apply(rel, context) {
    if (rel.op !== 'window' || rel.input.op !== 'window') return rel
    const inner = rel.input
    const width = context.width(inner.input)
    const own = [
      ...rel.partition,
      ...rel.order.map((key) => key.expr),
      ...rel.calls.flatMap((call) => [...call.args, ...(call.filter === null ? [] : [call.filter])]),
    ]
    if (own.some((expr) => [...usedColumns(expr)].some((index) => index >= width))) return rel
    const keyOf = (w: typeof rel) => `${w.partition.map(exprKey).sort().join('|')} ${w.order.map(sortKeyOf).join('|')}`
    if (keyOf(rel) === keyOf(inner))
      return window(inner.input, inner.partition, inner.order, [...inner.calls, ...rel.calls])
    // Not equal: look one lower, so that w1 w2 w1 shares w1.
    if (inner.input.op !== 'window' || keyOf(inner.input) !== keyOf(rel)) return rel
    const lowest = inner.input
    const base = context.width(lowest.input)
    const between = [
      ...inner.partition,
      ...inner.order.map((key) => key.expr),
      ...inner.calls.flatMap((call) => call.args),
    ]
    const independent = [...own, ...between].every((expr) => [...usedColumns(expr)].every((index) => index < base))
    if (!independent || inner.calls.some((call) => call.filter !== null)) return rel
    const shared = window(lowest.input, lowest.partition, lowest.order, [...lowest.calls, ...rel.calls])
    const moved = window(shared, inner.partition, inner.order, inner.calls)
    const [a, b, c] = [lowest.calls.length, rel.calls.length, inner.calls.length]
    const range = (from: number, count: number) => Array.from({ length: count }, (_, i) => from + i)
    return projectColumns(moved, [...range(0, base + a), ...range(base + a + b, c), ...range(base + a, b)])
  },
}
