/** A column's default as SQL, for people. Defaults have no columns, so they are small. */
import { type Expr, printLiteral, typeName } from '../../sql/index.js'

export function printDefault(expr: Expr): string {
  switch (expr.op) {
    case 'literal':
      return printLiteral(expr.literal)
    case 'call':
      return `${expr.function}(${expr.args.map(printDefault).join(', ')})`
    case 'cast':
      return `CAST(${printDefault(expr.input)} AS ${typeName(expr.to)})`
    case 'negate':
      return `-${printDefault(expr.input)}`
    default:
      return '(expression)'
  }
}
