/** What the flow engine cannot keep up to date yet is refused when the view is made, with the reason. */
import type { Expr, Rel } from '../contract/plan.generated.js'
import { some } from '../logical/expr.js'
import { exprsOf, inputs } from '../logical/rel.js'
import { volatilityOf } from '../logical/volatility.js'

export interface Refusal {
  readonly message: string
  readonly hint?: string
}

/** Why a plan cannot be kept up to date; undefined when it can. `what` is what wants it: `a materialized view`. */
export function refusal(rel: Rel, what: string): Refusal | undefined {
  for (const expr of exprsOf(rel)) {
    const found = volatileCall(expr)
    if (found !== undefined) {
      return {
        message: `${found} cannot be used in ${what}`,
        hint:
          found === 'now()'
            ? "Compare it with a time of the row in a condition: WHERE ts > now() - INTERVAL '1 hour'. Months have no fixed length."
            : 'Its result changes although no row does. Use a column of the rows instead.',
      }
    }
  }
  const own = refusedOperator(rel, what)
  if (own !== undefined) return own
  for (const input of inputs(rel)) {
    const found = refusal(input, what)
    if (found !== undefined) return found
  }
  return undefined
}

function volatileCall(expr: Expr): string | undefined {
  let found: string | undefined
  some(expr, (e) => {
    if (e.op === 'call' && volatilityOf(e.function) !== 'immutable') found = `${e.function}()`
    return found !== undefined
  })
  return found
}

function refusedOperator(rel: Rel, what: string): Refusal | undefined {
  switch (rel.op) {
    case 'scan':
      if (rel.as_of !== null) {
        return {
          message: `AS OF cannot be used in ${what}`,
          hint: `The past does not change, so there is nothing to keep up to date. Use it in a query.`,
        }
      }
      return undefined
    case 'aggregate':
      if (rel.aggregates.some((call) => call.function === 'collect' && (call.order ?? []).length === 0))
        return {
          message: `an aggregate whose result depends on the order of its rows needs an ORDER BY in ${what}`,
          hint: 'Write one within the call: array_agg(x ORDER BY y).',
        }
      return undefined
    default:
      return undefined
  }
}
