/** The name of a result column without alias, as PostgreSQL chooses it. */
import type { Expr } from '../syntax/tree.js'

export function outputName(expr: Expr): string {
  return nameFrom(expr) ?? '?column?'
}

function nameFrom(expr: Expr): string | undefined {
  switch (expr.kind) {
    case 'column':
      return expr.parts.at(-1)!.name
    case 'call':
      return expr.name.parts.at(-1)!.name
    case 'cast':
      return nameFrom(expr.operand) ?? expr.type.name.split(' ')[0]
    case 'collate':
      return nameFrom(expr.operand)
    case 'case':
      return (expr.otherwise === undefined ? undefined : nameFrom(expr.otherwise)) ?? 'case'
    case 'extract':
      return 'extract'
    case 'exists':
      return 'exists'
    case 'at_time_zone':
      return 'timezone'
    case 'typed_literal':
      return expr.type.name
    case 'boolean':
      return 'bool'
    case 'subquery': {
      const { body } = expr.query
      const first = body.kind === 'select' ? body.items[0] : undefined
      return first?.kind === 'select_expr' ? (first.alias?.name ?? nameFrom(first.expr)) : undefined
    }
    default:
      return undefined
  }
}
