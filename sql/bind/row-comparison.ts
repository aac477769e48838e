/** `(a, b) = (c, d)` and `(a, b) < (c, d)`: pair by pair from the left, as PostgreSQL compares rows. */
import type { Expr as PlanExpr } from '../contract/plan.generated.js'
import { and, compare, not } from '../logical/expr.js'
import type * as tree from '../syntax/tree.js'
import { BOOLEAN } from '../types/data-type.js'
import { type Bound, bound } from './coerce.js'
import { fail, unsupported } from './fail.js'
import { bindBinary } from './operators.js'

/** What decides where two rows are equal so far, and what decides at their last values. */
const ORDERS: Partial<Record<tree.BinaryOperator, tree.BinaryOperator>> = { '<': '<', '<=': '<', '>': '>', '>=': '>' }

export function bindRows(expr: tree.Binary, left: tree.Row, right: tree.Row, bind: (item: tree.Expr) => Bound): Bound {
  const { operator, operatorSpan, span } = expr
  if (left.items.length !== right.items.length)
    fail('SyntaxError', 'unequal number of entries in row expressions', operatorSpan)
  const pairs = left.items.map((item, i) => [bind(item), bind(right.items[i]!)] as const)
  const each = (by: tree.BinaryOperator, [a, b]: readonly [Bound, Bound]) =>
    bindBinary(by, a, b, operatorSpan, span).expr
  if (operator === '=' || operator === '<>') {
    const same = and(pairs.map((pair) => each('=', pair)))
    return bound(operator === '=' ? same : not(same), BOOLEAN, span)
  }
  const strict = ORDERS[operator]
  if (strict === undefined)
    return unsupported('row values can be compared only by =, <>, <, <=, > and >=', operatorSpan)
  const ordered = pairs.reduceRight<PlanExpr | undefined>((rest, pair) => {
    if (rest === undefined) return each(operator, pair)
    return compare('or', each(strict, pair), and([each('=', pair), rest]))
  }, undefined)
  return ordered === undefined
    ? unsupported('rows without values cannot be compared', operatorSpan)
    : bound(ordered, BOOLEAN, span)
}
