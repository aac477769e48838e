/** What every branch of an OR of ANDs asks for stands once in front of it: `(a AND b) OR (a AND c)` becomes `a AND (b OR c)`.
 *  Why: `a` may then be a join's key, where the OR as a whole could only filter a cross join (TPC-H's Q19). A branch that asks for
 *  nothing else makes the rest vacuous: `a OR (a AND c)` is `a`. Right in three-valued logic, which is distributive. Not where `a`
 *  is volatile: it would be computed once instead of twice. */
import type { Expr } from '../../contract/plan.generated.js'
import { and, compare, conjuncts, exprKey, rewrite, some } from '../../logical/expr.js'
import { mapExprs } from '../../logical/rel.js'
import { volatilityOf } from '../../logical/volatility.js'
import type { Rule } from '../rule.js'

export const extractCommonFactors: Rule = {
  name: 'extract-common-factors',
  scope: 'operator',
  apply: (rel) => mapExprs(rel, (expr) => rewrite(expr, factored)),
}

/** `a OR (b OR c)` as [a, b, c]. */
export function disjuncts(expr: Expr): Expr[] {
  if (expr.op === 'binary' && expr.operator === 'or') return [...disjuncts(expr.left), ...disjuncts(expr.right)]
  return [expr]
}

/** The disjunction of at least one. */
export function or(branches: readonly Expr[]): Expr {
  return branches.reduce((left, right) => compare('or', left, right))
}

function isVolatile(expr: Expr): boolean {
  return some(expr, (part) => part.op === 'call' && volatilityOf(part.function) === 'volatile')
}

function factored(expr: Expr): Expr {
  if (expr.op !== 'binary' || expr.operator !== 'or') return expr
  const branches = disjuncts(expr).map(conjuncts)
  const [first = [], ...others] = branches
  const known = others.map((branch) => new Set(branch.map(exprKey)))
  const shared = first.filter((part) => !isVolatile(part) && known.every((keys) => keys.has(exprKey(part))))
  if (shared.length === 0) return expr
  const keys = new Set(shared.map(exprKey))
  const rest = branches.map((branch) => branch.filter((part) => !keys.has(exprKey(part))))
  return rest.some((branch) => branch.length === 0) ? and(shared) : and([...shared, or(rest.map(and))])
}
