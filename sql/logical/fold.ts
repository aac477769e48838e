/** Evaluates an operator on literals where the result is certain: the heart of fold-constants, also used by the binder for
 *  constants that a clause requires (LIMIT 2 + 3). */
import type { BinaryOp, Expr, Literal } from '../contract/plan.generated.js'
import { type DataType, isInteger, sameType } from '../types/data-type.js'
import { type Decimal, formatDecimal, parseDecimal, precisionOf, rescale } from '../types/decimal.js'
import { integerLiteral, integerValue, literalKey, literalType, nullOf } from '../types/literal.js'

/** The literal of an operator whose children are literals, else the same expression. */
export function foldExpr(expr: Expr): Expr {
  const literal = evaluate(expr)
  return literal === undefined ? expr : { op: 'literal', literal }
}

function evaluate(expr: Expr): Literal | undefined {
  switch (expr.op) {
    case 'cast':
      return expr.input.op === 'literal' ? castLiteral(expr.input.literal, expr.to) : undefined
    case 'negate':
      return expr.input.op === 'literal' ? negateLiteral(expr.input.literal) : undefined
    case 'binary':
      if (expr.left.op !== 'literal' || expr.right.op !== 'literal') return undefined
      return evaluateBinary(expr.operator, expr.left.literal, expr.right.literal, expr.data_type)
    default:
      return undefined
  }
}

/** Casts that lose nothing or round as PostgreSQL surely does. */
export function castLiteral(literal: Literal, to: DataType): Literal | undefined {
  if (literal.type === 'null') return nullOf(to)
  if (sameType(literalType(literal), to)) return literal
  const whole = integerValue(literal)
  if (whole !== undefined) {
    switch (to.type) {
      case 'smallint':
      case 'integer':
      case 'bigint':
        return integerLiteral(to.type, whole)
      case 'double':
        return { type: 'double', value: Number(whole) }
      case 'real':
        return whole > -16_777_216n && whole < 16_777_216n ? { type: 'real', value: Number(whole) } : undefined
      case 'numeric':
        return numericLiteral({ unscaled: whole, scale: 0 }, to)
      default:
        return undefined
    }
  }
  if (literal.type === 'numeric') {
    if (to.type === 'double') return { type: 'double', value: Number(literal.value) }
    if (to.type === 'numeric') return numericLiteral(parseDecimal(literal.value), to)
    return undefined
  }
  if (literal.type === 'date' && to.type === 'timestamp') {
    return { type: 'timestamp', value: BigInt(literal.value) * 86_400_000_000n }
  }
  if (literal.type === 'real' && to.type === 'double') return { type: 'double', value: literal.value }
  return undefined
}

function numericLiteral(value: Decimal | undefined, to: DataType & { type: 'numeric' }): Literal | undefined {
  if (value === undefined) return undefined
  const rounded = rescale(value, to.scale)
  const precision = precisionOf(rounded)
  if (precision === undefined || precision > to.precision) return undefined
  return { type: 'numeric', value: formatDecimal(rounded), precision: to.precision, scale: to.scale }
}

export function negateLiteral(literal: Literal): Literal | undefined {
  switch (literal.type) {
    case 'null':
      return literal
    case 'smallint':
    case 'integer':
    case 'bigint':
      return integerLiteral(literal.type, -BigInt(literal.value))
    case 'real':
    case 'double':
      return { type: literal.type, value: -literal.value }
    case 'numeric': {
      const negated = literal.value.startsWith('-') ? literal.value.slice(1) : `-${literal.value}`
      return { ...literal, value: /[1-9]/.test(negated) ? negated : negated.replace('-', '') }
    }
    case 'interval':
      return {
        type: 'interval',
        months: -literal.months || 0,
        days: -literal.days || 0,
        microseconds: -literal.microseconds,
      }
    default:
      return undefined
  }
}

function evaluateBinary(operator: BinaryOp, left: Literal, right: Literal, type: DataType): Literal | undefined {
  if (operator === 'and' || operator === 'or') return undefined // simplify-booleans knows their NULLs
  if (operator === 'is_distinct_from' || operator === 'is_not_distinct_from') return undefined
  if (left.type === 'null' || right.type === 'null') return nullOf(type)
  if (type.type === 'boolean') return compareLiterals(operator, left, right)
  if (operator === 'concat') {
    return left.type === 'text' && right.type === 'text' ? { type: 'text', value: left.value + right.value } : undefined
  }
  if (left.type === 'double' && right.type === 'double') return floatResult(operator, left.value, right.value)
  const [a, b] = [integerValue(left), integerValue(right)]
  if (a === undefined || b === undefined || !isInteger(type)) return undefined
  const value = integerResult(operator, a, b)
  return value === undefined ? undefined : integerLiteral(type.type as 'integer', value)
}

function integerResult(operator: BinaryOp, a: bigint, b: bigint): bigint | undefined {
  switch (operator) {
    case 'add':
      return a + b
    case 'subtract':
      return a - b
    case 'multiply':
      return a * b
    case 'divide':
      return b === 0n ? undefined : a / b
    case 'modulo':
      return b === 0n ? undefined : a % b
    default:
      return undefined
  }
}

/** IEEE 754 is the same on both sides; results that PostgreSQL reports as errors are left to the engine. */
function floatResult(operator: BinaryOp, a: number, b: number): Literal | undefined {
  let value: number
  if (operator === 'add') value = a + b
  else if (operator === 'subtract') value = a - b
  else if (operator === 'multiply') value = a * b
  else if (operator === 'divide' && b !== 0) value = a / b
  else return undefined
  const underflow = value === 0 && (operator === 'multiply' || operator === 'divide') && a !== 0 && b !== 0
  return Number.isFinite(value) && !underflow ? { type: 'double', value } : undefined
}

function compareLiterals(operator: BinaryOp, left: Literal, right: Literal): Literal | undefined {
  const order = orderOf(left, right)
  if (order === undefined) {
    // Texts and the like: equality is certain, order is the engine's.
    if (left.type !== right.type || !['text', 'boolean', 'bytea'].includes(left.type)) return undefined
    const same = literalKey(left) === literalKey(right)
    if (operator === 'equal') return { type: 'boolean', value: same }
    return operator === 'not_equal' ? { type: 'boolean', value: !same } : undefined
  }
  switch (operator) {
    case 'equal':
      return { type: 'boolean', value: order === 0 }
    case 'not_equal':
      return { type: 'boolean', value: order !== 0 }
    case 'less':
      return { type: 'boolean', value: order < 0 }
    case 'less_equal':
      return { type: 'boolean', value: order <= 0 }
    case 'greater':
      return { type: 'boolean', value: order > 0 }
    case 'greater_equal':
      return { type: 'boolean', value: order >= 0 }
    default:
      return undefined
  }
}

function orderOf(left: Literal, right: Literal): number | undefined {
  const [a, b] = [integerValue(left), integerValue(right)]
  if (a !== undefined && b !== undefined) return a < b ? -1 : a > b ? 1 : 0
  if (left.type === 'numeric' && right.type === 'numeric') {
    const [x, y] = [parseDecimal(left.value), parseDecimal(right.value)]
    if (x === undefined || y === undefined) return undefined
    const scale = Math.max(x.scale, y.scale)
    const [u, v] = [rescale(x, scale).unscaled, rescale(y, scale).unscaled]
    return u < v ? -1 : u > v ? 1 : 0
  }
  const ordered = ['date', 'time', 'timestamp', 'timestamptz', 'double']
  if (left.type !== right.type || !ordered.includes(left.type)) return undefined
  const [x, y] = [(left as { value: number | bigint }).value, (right as { value: number | bigint }).value]
  if (Number.isNaN(x) || Number.isNaN(y)) return undefined
  return x < y ? -1 : x > y ? 1 : 0
}
