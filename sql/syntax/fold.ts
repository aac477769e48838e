/** A flat row of operands and operators → the tree that precedence makes of it, without recursion. */
import type { BinaryOperator, Expr, Span } from './tree.js'

export interface OperatorToken {
  readonly operator: BinaryOperator
  readonly span: Span
}

/** PostgreSQL's order. Comparisons, BETWEEN, LIKE and IS have rules of their own: they do not chain. */
const BINDING: Readonly<Record<BinaryOperator, number>> = {
  or: 1,
  and: 2,
  '=': 3,
  '<>': 3,
  '<': 3,
  '<=': 3,
  '>': 3,
  '>=': 3,
  '~': 4,
  '~*': 4,
  '!~': 4,
  '!~*': 4,
  '||': 4,
  '->': 4,
  '->>': 4,
  '#>': 4,
  '#>>': 4,
  '#-': 4,
  '@>': 4,
  '<@': 4,
  '?': 4,
  '?|': 4,
  '?&': 4,
  '&&': 4,
  '&': 4,
  '|': 4,
  '#': 4,
  '<<': 4,
  '>>': 4,
  '^@': 4,
  '+': 5,
  '-': 5,
  '*': 6,
  '/': 6,
  '%': 6,
  '^': 7,
}

export function binding(operator: BinaryOperator): number {
  return BINDING[operator]
}

/** There is one operator less than operands. All associate to the left. */
export function fold(operands: readonly Expr[], operators: readonly OperatorToken[]): Expr {
  const values: Expr[] = [operands[0]!]
  const waiting: OperatorToken[] = []
  operators.forEach((operator, i) => {
    while (waiting.length > 0 && BINDING[waiting.at(-1)!.operator] >= BINDING[operator.operator])
      reduce(values, waiting)
    waiting.push(operator)
    values.push(operands[i + 1]!)
  })
  while (waiting.length > 0) reduce(values, waiting)
  return values[0]!
}

function reduce(values: Expr[], waiting: OperatorToken[]): void {
  const { operator, span } = waiting.pop()!
  const right = values.pop()!
  const left = values.pop()!
  values.push(binary(operator, left, right, span))
}

export function binary(operator: BinaryOperator, left: Expr, right: Expr, operatorSpan: Span): Expr {
  return { kind: 'binary', operator, left, right, operatorSpan, span: { start: left.span.start, end: right.span.end } }
}
