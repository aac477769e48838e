/** Which columns of a plan are never NULL, by what its filters keep. A column that might be is said to be. */
import type { Expr, Rel } from '../contract/plan.generated.js'
import { conjuncts } from './expr.js'

export function neverNull(expr: Expr, rel: Rel, width: (rel: Rel) => number): boolean {
  if (expr.op === 'literal') return expr.literal.type !== 'null'
  if (expr.op !== 'column') return false
  const { index } = expr
  switch (rel.op) {
    case 'filter':
      return conjuncts(rel.predicate).some((part) => excludesNull(part, index)) || neverNull(expr, rel.input, width)
    case 'project':
      return neverNull(rel.exprs[index]!, rel.input, width)
    case 'aggregate': {
      const key = rel.group[index]
      if (key !== undefined) return neverNull(key, rel.input, width)
      const call = rel.aggregates[index - rel.group.length]!
      return call.function === 'count' || call.function === 'count_star'
    }
    case 'window':
    case 'time_window':
    case 'unnest':
      return index >= width(rel.input) ? false : neverNull(expr, rel.input, width)
    case 'sort':
    case 'limit':
    case 'temporal_filter':
      return neverNull(expr, rel.input, width)
    case 'union_all':
      return rel.inputs.every((input) => neverNull(expr, input, width))
    case 'join': {
      const left = width(rel.left)
      if (index < left) return rel.kind !== 'right' && rel.kind !== 'full' && neverNull(expr, rel.left, width)
      if (rel.kind !== 'inner' && rel.kind !== 'right') return false
      return neverNull({ op: 'column', index: index - left }, rel.right, width)
    }
    case 'generate_series':
      return true
    case 'scan':
    case 'values':
      return false
    default:
      return rel satisfies never
  }
}

function excludesNull(condition: Expr, index: number): boolean {
  if (condition.op === 'is_null') return condition.negated && isColumn(condition.input, index)
  if (condition.op !== 'binary') return false
  switch (condition.operator) {
    case 'equal':
    case 'not_equal':
    case 'less':
    case 'less_equal':
    case 'greater':
    case 'greater_equal':
      return isColumn(condition.left, index) || isColumn(condition.right, index)
    default:
      return false
  }
}

function isColumn(expr: Expr, index: number): boolean {
  return expr.op === 'column' && expr.index === index
}
