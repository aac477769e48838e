/** Constants that a clause needs to know at planning: LIMIT, frame offsets, window sizes. */
import type { Expr, Literal } from '../contract/plan.generated.js'
import { rewrite } from '../logical/expr.js'
import { foldExpr } from '../logical/fold.js'
import type { Span } from '../syntax/tree.js'
import { fixedMicroseconds } from '../types/interval.js'
import { fail, unsupported } from './fail.js'
import { isParameter, standIn } from './parameters.js'

export function evaluateConstant(expr: Expr, what: string, at: Span): Literal {
  const folded = rewrite(expr, (inner) => (isParameter(inner) ? standIn(inner) : foldExpr(inner)))
  if (folded.op === 'literal') return folded.literal
  return unsupported(`${what} must be a constant`, at)
}

/** A positive fixed length of time, in microseconds. */
export function constantMicroseconds(
  expr: Expr,
  what: string,
  at: Span,
  options: { zero?: boolean; negative?: boolean } = {},
): bigint {
  const literal = evaluateConstant(expr, what, at)
  if (literal.type !== 'interval') fail('DatatypeMismatch', `${what} must be an interval`, at)
  const microseconds = fixedMicroseconds(literal)
  if (microseconds === undefined) {
    unsupported(
      `${what} cannot have months or years`,
      at,
      "They differ in length; use days, such as INTERVAL '30 days'.",
    )
  }
  if ((microseconds < 0n && options.negative !== true) || (microseconds === 0n && options.zero !== true)) {
    fail('InvalidParameterValue', `${what} must be greater than zero`, at)
  }
  return microseconds
}
