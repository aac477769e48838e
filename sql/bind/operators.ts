/** Operators with their operand types: which operator of PostgreSQL is meant, and the casts that it needs. */
import type { BinaryOp, Expr } from '../contract/plan.generated.js'
import { and, binary, compare, not } from '../logical/expr.js'
import { negateLiteral } from '../logical/fold.js'
import type { BinaryOperator, Span } from '../syntax/tree.js'
import { arithmeticType, comparisonType, numericResult, timeArithmetic } from '../types/coercion.js'
import {
  arrayOf,
  BOOLEAN,
  type DataType,
  depthOf,
  familyName,
  isInteger,
  isNumber,
  isTime,
  TEXT,
} from '../types/data-type.js'
import { integerLiteral } from '../types/literal.js'
import { bindCall } from './calls.js'
import { asNumeric, type Bound, boolean, bound, castTo, coerce, known } from './coerce.js'
import { fail } from './fail.js'
import { isParameter, roomy } from './parameters.js'

const COMPARISONS: Partial<Record<BinaryOperator, BinaryOp>> = {
  '=': 'equal',
  '<>': 'not_equal',
  '<': 'less',
  '<=': 'less_equal',
  '>': 'greater',
  '>=': 'greater_equal',
}

const ARITHMETIC: Partial<Record<BinaryOperator, 'add' | 'subtract' | 'multiply' | 'divide' | 'modulo'>> = {
  '+': 'add',
  '-': 'subtract',
  '*': 'multiply',
  '/': 'divide',
  '%': 'modulo',
}

const REGEX: Partial<Record<BinaryOperator, BinaryOp>> = {
  '~': 'regex_match',
  '~*': 'regex_i_match',
  '!~': 'regex_not_match',
  '!~*': 'regex_not_i_match',
}

export function bindBinary(operator: BinaryOperator, left: Bound, right: Bound, at: Span, span: Span): Bound {
  const comparison = COMPARISONS[operator]
  if (comparison !== undefined) return bindComparison(comparison, left, right, at, span, operator)
  const nested = nestedOperator(operator, left, right)
  if (nested !== undefined) return bindCall(nested, [left, PATHS.has(operator) ? asPath(right) : right], span)
  const arithmetic = ARITHMETIC[operator]
  if (arithmetic !== undefined) return bindArithmetic(arithmetic, operator, left, right, at, span)
  const regex = REGEX[operator]
  if (regex !== undefined) {
    const texts = [left, right].map((side) =>
      side.unknown || side.type.type === 'text' ? coerce(side, TEXT) : noOperator(operator, left, right, at),
    )
    return bound(compare(regex, texts[0]!, texts[1]!), BOOLEAN, span)
  }
  switch (operator) {
    case 'and':
      return bound(and([boolean(left, 'AND'), boolean(right, 'AND')]), BOOLEAN, span)
    case 'or':
      return bound(compare('or', boolean(left, 'OR'), boolean(right, 'OR')), BOOLEAN, span)
    case '||':
      return bindConcat(left, right, at, span)
    case '^':
      return bindCall('power', [left, right], span)
    case '^@':
      return bindCall('starts_with', [left, right], span)
    case '&':
    case '|':
    case '#':
    case '<<':
    case '>>': {
      const integers = [left, right].every((side) => side.unknown || isInteger(side.type))
      if (!integers || (left.unknown && right.unknown)) noOperator(operator, left, right, at)
      return bindCall(BITS[operator], [left, right], span)
    }
    default:
      return noOperator(operator, left, right, at)
  }
}

const BITS = {
  '&': 'bit_and_of',
  '|': 'bit_or_of',
  '#': 'bit_xor_of',
  '<<': 'shift_left_of',
  '>>': 'shift_right_of',
} as const

/** `~`, `@`, `|/` and `||/` before their operand. */
export function bindPrefix(operator: '~' | '@' | '|/' | '||/', operand: Bound, at: Span): Bound {
  const name = { '~': 'bit_not_of', '@': 'abs', '|/': 'sqrt', '||/': 'cbrt' }[operator]
  const fits = operator === '~' ? isInteger(operand.type) : isNumber(operand.type)
  if (!operand.unknown && !fits)
    fail('UndefinedFunction', `operator does not exist: ${operator} ${familyName(operand.type)}`, at)
  return bindCall(name, [operand], at)
}

/** The function behind an operator of JSONB or of arrays. */
function nestedOperator(operator: BinaryOperator, left: Bound, right: Bound): string | undefined {
  const [l, r] = [left, right].map((side) => (side.unknown ? undefined : side.type.type))
  if (l === 'jsonb' || (r === 'jsonb' && left.unknown)) {
    const at = right.unknown ? 'object_field' : isInteger(right.type) ? 'array_element' : 'object_field'
    switch (operator) {
      case '->':
        return `jsonb_${at}`
      case '->>':
        return `jsonb_${at}_text`
      default:
        return JSONB_OPERATORS[operator]
    }
  }
  if (l !== 'array' && r !== 'array') return undefined
  if (operator !== '||') return ARRAY_OPERATORS[operator]
  // A string of unknown type beside an array is one too, as PostgreSQL takes it.
  if ((l === 'array' || left.unknown) && (r === 'array' || right.unknown)) {
    const [a, b] = [elementOf(left), elementOf(right)]
    // An array put to an array of arrays is one more of them.
    if (a !== undefined && b !== undefined && depthOf(a) > depthOf(b)) return 'array_append'
    if (a !== undefined && b !== undefined && depthOf(a) < depthOf(b)) return 'array_prepend'
    return 'array_cat'
  }
  return l === 'array' ? 'array_append' : 'array_prepend'
}

function elementOf(side: Bound): DataType | undefined {
  return side.type.type === 'array' && !side.unknown ? side.type.element : undefined
}

/** Operators whose right side is an array of text. */
const PATHS: ReadonlySet<BinaryOperator> = new Set(['#>', '#>>', '#-', '?|', '?&'])

function asPath(side: Bound): Bound {
  return side.unknown ? bound(coerce(side, arrayOf(TEXT)), arrayOf(TEXT), side.span) : side
}

const JSONB_OPERATORS: Partial<Record<BinaryOperator, string>> = {
  '#>': 'jsonb_extract_path',
  '#>>': 'jsonb_extract_path_text',
  '#-': 'jsonb_delete_path',
  '@>': 'jsonb_contains',
  '<@': 'jsonb_contained',
  '?': 'jsonb_exists',
  '?|': 'jsonb_exists_any',
  '?&': 'jsonb_exists_all',
  '||': 'jsonb_concat',
  '-': 'jsonb_delete',
}

const ARRAY_OPERATORS: Partial<Record<BinaryOperator, string>> = {
  '@>': 'array_contains',
  '<@': 'array_contained',
  '&&': 'array_overlap',
}

export function bindComparison(
  operator: BinaryOp,
  left: Bound,
  right: Bound,
  at: Span,
  span: Span,
  shown: string,
): Bound {
  return bound(comparison(operator, left, right, at, shown), BOOLEAN, span)
}

/** `left = right`, in a form that a join can take as it is. */
export function equality(left: Bound, right: Bound, at: Span): Expr {
  return comparison('equal', left, right, at, '=')
}

function comparison(operator: BinaryOp, left: Bound, right: Bound, at: Span, shown: string): Expr {
  const [a, b] = comparable(left, right) ?? noOperator(shown, left, right, at)
  return compare(operator, a, b)
}

/** Both sides in the type in which they compare. NUMERICs compare at any scale, so that a column stays as it is; where they are a
 *  join's keys, the rule `align-join-keys` gives them one type. */
export function comparable(left: Bound, right: Bound): readonly [Expr, Expr] | undefined {
  if (left.unknown && right.unknown) return [coerce(left, TEXT), coerce(right, TEXT)]
  if (left.unknown) return [coerce(left, literalTarget(left, right.type)), right.expr]
  if (right.unknown) return [left.expr, coerce(right, literalTarget(right, left.type))]
  const type = comparisonType(left.type, right.type)
  if (type === undefined) return undefined
  if (type.type === 'numeric') return [asNumeric(left).expr, asNumeric(right).expr]
  return [castTo(left.expr, left.type, type), castTo(right.expr, right.type, type)]
}

/** A string compared with NUMERIC keeps all its digits: `amount > '1.255'` must not round. */
function literalTarget(literal: Bound, type: DataType): DataType {
  if (isParameter(literal.expr)) return roomy(type)
  if (type.type !== 'numeric' || literal.expr.op !== 'literal' || literal.expr.literal.type !== 'text') return type
  const digits = /^\s*[+-]?(\d*)\.?(\d*)\s*$/.exec(literal.expr.literal.value)
  if (digits === null) return type
  const scale = digits[2]!.length
  return { type: 'numeric', precision: Math.min(38, Math.max(1, digits[1]!.length + scale)), scale }
}

function bindArithmetic(
  name: 'add' | 'subtract' | 'multiply' | 'divide' | 'modulo',
  shown: BinaryOperator,
  left: Bound,
  right: Bound,
  at: Span,
  span: Span,
): Bound {
  const [a, b] = adapted(name, left, right)
  const time = timeArithmetic(name, a.type, b.type)
  if (time !== undefined) {
    const [l, r, result] = time
    const [x, y] = [castTo(a.expr, a.type, l), castTo(b.expr, b.type, r)]
    const swap = name === 'add' && l.type === 'interval' && r.type === 'time'
    return bound(swap ? binary(name, y, x, result) : binary(name, x, y, result), result, span)
  }
  const type = arithmeticType(a.type, b.type)
  if (type === undefined || (name === 'modulo' && (type.type === 'double' || type.type === 'real')))
    return noOperator(shown, left, right, at)
  if (type.type !== 'numeric')
    return bound(binary(name, castTo(a.expr, a.type, type), castTo(b.expr, b.type, type), type), type, span)
  const [x, y] = [asNumeric(a), asNumeric(b)]
  if (x.type.type !== 'numeric' || y.type.type !== 'numeric') return noOperator(shown, left, right, at)
  const result = numericResult(name, x.type, y.type)
  return bound(binary(name, x.expr, y.expr, result), result, span)
}

/** A string of unknown type beside a number is that number's type; beside a time, an interval for + and -, as PostgreSQL picks. */
function adapted(name: string, left: Bound, right: Bound): readonly [Bound, Bound] {
  if (left.unknown === right.unknown) return [known(left), known(right)]
  const [literal, other] = left.unknown ? [left, right] : [right, left]
  let type = other.type
  if (isTime(type) && (name === 'add' || (name === 'subtract' && literal === right && type.type === 'time')))
    type = { type: 'interval' }
  else if (type.type === 'interval' && (name === 'multiply' || name === 'divide')) type = { type: 'double' }
  else if (isNumber(type)) type = literalTarget(literal, type)
  const taken = bound(coerce(literal, type), type, literal.span)
  return left.unknown ? [taken, right] : [left, taken]
}

function bindConcat(left: Bound, right: Bound, at: Span, span: Span): Bound {
  const bytes =
    [left, right].every((side) => side.type.type === 'bytea' || side.unknown) &&
    [left, right].some((side) => side.type.type === 'bytea')
  const type: DataType = bytes ? { type: 'bytea' } : TEXT
  const anyText = left.unknown || right.unknown || left.type.type === 'text' || right.type.type === 'text'
  if (!bytes && !anyText) return noOperator('||', left, right, at)
  return bound(binary('concat', coerce(left, type, 'assignment'), coerce(right, type, 'assignment'), type), type, span)
}

export function bindNegation(operand: Bound, at: Span): Bound {
  const value = operand.unknown ? bound(coerce(operand, { type: 'double' }), { type: 'double' }, operand.span) : operand
  if (!isNumber(value.type) && value.type.type !== 'interval') {
    fail('UndefinedFunction', `operator does not exist: - ${familyName(value.type)}`, at)
  }
  if (value.expr.op === 'literal') {
    const literal = negateLiteral(value.expr.literal)
    // -2147483648 is an integer although 2147483648 is not.
    if (literal?.type === 'bigint') {
      const narrow = integerLiteral('integer', literal.value)
      if (narrow !== undefined && value.expr.literal.type === 'bigint' && value.expr.literal.value === 2147483648n)
        return bound({ op: 'literal', literal: narrow }, { type: 'integer' }, at)
    }
    if (literal?.type === 'numeric' && literal.value === '-9223372036854775808') {
      return bound({ op: 'literal', literal: { type: 'bigint', value: -9223372036854775808n } }, { type: 'bigint' }, at)
    }
    if (literal !== undefined) return bound({ op: 'literal', literal }, value.type, at)
  }
  return bound({ op: 'negate', input: value.expr }, value.type, at)
}

export function bindNot(operand: Bound, span: Span): Bound {
  return bound(not(boolean(operand, 'NOT')), BOOLEAN, span)
}

export function noOperator(shown: string, left: Bound, right: Bound, at: Span): never {
  const name = (side: Bound) => (side.unknown ? 'unknown' : familyName(side.type))
  return fail('UndefinedFunction', `operator does not exist: ${name(left)} ${shown} ${name(right)}`, at, {
    hint: 'No operator matches the given name and argument types. You might need to add explicit type casts.',
  })
}
