/** AND, OR, NOT and CASE over constants, `NOT NOT x`, `NOT (x OR y)`, `x AND x`. Why: what is left are conditions that
 *  other rules can move. Three-valued throughout: `x OR NOT x` is no constant, as x may be NULL. `FALSE AND x` drops x
 *  together with an error that it might have raised, as in PostgreSQL. */
import type { BinaryOp, Expr } from '../../contract/plan.generated.js'
import { compare, exprKey, FALSE_EXPR, isFalse, isTrue, rewrite, TRUE_EXPR } from '../../logical/expr.js'
import { mapExprs } from '../../logical/rel.js'
import { BOOLEAN } from '../../types/data-type.js'
import { FALSE, nullOf, TRUE } from '../../types/literal.js'
import type { Rule } from '../rule.js'

export const simplifyBooleans: Rule = {
  name: 'simplify-booleans',
  scope: 'operator',
  apply: (rel) => mapExprs(rel, (expr) => rewrite(expr, simplify)),
}

const INVERSE: Partial<Record<BinaryOp, BinaryOp>> = {
  equal: 'not_equal',
  not_equal: 'equal',
  less: 'greater_equal',
  greater_equal: 'less',
  greater: 'less_equal',
  less_equal: 'greater',
  is_distinct_from: 'is_not_distinct_from',
  is_not_distinct_from: 'is_distinct_from',
}

function simplify(expr: Expr): Expr {
  switch (expr.op) {
    case 'binary':
      if (expr.operator === 'and') return junction(expr, isTrue, isFalse)
      return expr.operator === 'or' ? junction(expr, isFalse, isTrue) : expr
    case 'not':
      return negation(expr.input) ?? expr
    case 'is_null':
      if (expr.input.op !== 'literal') return expr
      return { op: 'literal', literal: (expr.input.literal.type === 'null') !== expr.negated ? TRUE : FALSE }
    case 'case':
      return simplifyCase(expr)
    default:
      return expr
  }
}

function junction(expr: Expr & { op: 'binary' }, neutral: (e: Expr) => boolean, absorbing: (e: Expr) => boolean): Expr {
  const { left, right } = expr
  if (neutral(left)) return right
  if (neutral(right)) return left
  if (absorbing(left)) return left
  if (absorbing(right)) return right
  return exprKey(left) === exprKey(right) ? left : expr
}

function negation(input: Expr): Expr | undefined {
  if (isTrue(input)) return FALSE_EXPR
  if (isFalse(input)) return TRUE_EXPR
  switch (input.op) {
    case 'literal':
      return input.literal.type === 'null' ? { op: 'literal', literal: nullOf(BOOLEAN) } : undefined
    case 'not':
      return input.input
    case 'is_null':
    case 'in_list':
    case 'like':
      return { ...input, negated: !input.negated }
    case 'binary': {
      if (input.operator === 'and' || input.operator === 'or') {
        const side = (inner: Expr): Expr => negation(inner) ?? { op: 'not', input: inner }
        return compare(input.operator === 'and' ? 'or' : 'and', side(input.left), side(input.right))
      }
      // Also right for NaN, which PostgreSQL orders after every other number.
      const inverse = INVERSE[input.operator]
      return inverse === undefined ? undefined : compare(inverse, input.left, input.right)
    }
    default:
      return undefined
  }
}

function simplifyCase(expr: Expr & { op: 'case' }): Expr {
  const branches = []
  let otherwise = expr.otherwise
  let changed = false
  for (const branch of expr.branches) {
    const never = isFalse(branch.when) || (branch.when.op === 'literal' && branch.when.literal.type === 'null')
    if (never) {
      changed = true
      continue
    }
    if (isTrue(branch.when)) {
      changed = true
      otherwise = branch.then
      break
    }
    branches.push(branch)
  }
  if (!changed) return expr
  if (branches.length > 0) return { ...expr, branches, otherwise }
  return otherwise ?? { op: 'literal', literal: nullOf(expr.data_type) }
}
