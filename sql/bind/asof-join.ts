/** ASOF JOIN: each left row with the nearest right row, in the order of the one inequality of its condition, among those that satisfy it.
 *  It is a LATERAL join with the first row of the right side, sorted from the nearest on. */
import type { Expr, Rel } from '../contract/plan.generated.js'
import { column, conjuncts, shift, substitute, TRUE_EXPR } from '../logical/expr.js'
import { filter, sideOf } from '../logical/rel.js'
import type * as tree from '../syntax/tree.js'
import type { Dependent } from './dependent-join.js'
import { dependentJoin } from './dependent-join.js'
import { type Environment, relTypes } from './environment.js'
import { fail } from './fail.js'
import { outerColumn } from './outer.js'

/** Whether the nearest right row is the greatest, seen from the left operand. */
const LOOKS_BACK: Readonly<Record<string, boolean>> = {
  greater_equal: true,
  greater: true,
  less_equal: false,
  less: false,
}

/** `condition` is over the columns of both sides. */
export function asofJoin(
  kind: 'inner' | 'left',
  left: Rel,
  inner: Dependent,
  condition: Expr,
  ref: tree.Join,
  env: Environment,
): Rel {
  const types = relTypes(left, env)
  const width = types.length
  const orders = conjuncts(condition).flatMap((part) => orderOf(part, width))
  const [order, second] = orders
  if (order === undefined || second !== undefined) {
    fail('SyntaxError', 'ASOF JOIN needs one inequality of the two sides', (ref.on ?? ref).span, {
      hint: 'Write equalities of keys, and one of >=, >, <=, <: ON t.key = p.key AND t.time >= p.time.',
    })
  }
  const own = substitute(condition, (index) =>
    index < width ? outerColumn(inner.id, index, types[index]!) : column(index - width),
  )
  const nearest: Rel = {
    op: 'sort',
    input: filter(inner.rel, own),
    keys: [{ expr: order.right, descending: order.back, nulls_first: false }],
    limit: 1n,
    offset: 0n,
  }
  return dependentJoin(kind, left, { ...inner, rel: nearest }, TRUE_EXPR, env)
}

/** The right side of an inequality, over its own columns. */
function orderOf(part: Expr, width: number): { readonly right: Expr; readonly back: boolean }[] {
  if (part.op !== 'binary') return []
  const back = LOOKS_BACK[part.operator]
  if (back === undefined) return []
  const sides = `${sideOf(part.left, width)} ${sideOf(part.right, width)}`
  if (sides === 'left right') return [{ right: shift(part.right, -width), back }]
  return sides === 'right left' ? [{ right: shift(part.left, -width), back: !back }] : []
}
