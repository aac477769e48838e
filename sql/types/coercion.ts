/** PostgreSQL's casts: which happen by themselves, which on assignment, which only when written; and the type that several
 *  values have in common. Types only: the binder turns the answers into `cast` expressions. */
import type { DataType, RowField } from '../contract/plan.generated.js'
import {
  arrayOf,
  DOUBLE,
  isInteger,
  isNested,
  isNumber,
  NUMERIC_PRECISION_MAX,
  numericOfInteger,
  numericWith,
  PLAIN_NUMERIC,
  sameType,
  TIMESTAMP,
  TIMESTAMPTZ,
} from './data-type.js'

/** `implicit` happens anywhere, `assignment` also when stored in a column, `explicit` only by CAST. */
export type CastContext = 'implicit' | 'assignment' | 'explicit'

type Kind = DataType['type']

const IMPLICIT: Partial<Record<Kind, readonly Kind[]>> = {
  smallint: ['integer', 'bigint', 'numeric', 'real', 'double'],
  integer: ['bigint', 'numeric', 'real', 'double'],
  bigint: ['numeric', 'real', 'double'],
  numeric: ['real', 'double'],
  real: ['double'],
  date: ['timestamp', 'timestamptz'],
  timestamp: ['timestamptz'],
  time: ['interval'],
}

const ASSIGNMENT: Partial<Record<Kind, readonly Kind[]>> = {
  integer: ['smallint'],
  bigint: ['smallint', 'integer'],
  numeric: ['smallint', 'integer', 'bigint'],
  real: ['smallint', 'integer', 'bigint', 'numeric'],
  double: ['smallint', 'integer', 'bigint', 'numeric', 'real'],
  timestamp: ['date', 'time'],
  timestamptz: ['date', 'time', 'timestamp'],
  interval: ['time'],
}

const EXPLICIT: Partial<Record<Kind, readonly Kind[]>> = {
  boolean: ['integer'],
  integer: ['boolean'],
  jsonb: ['boolean', 'smallint', 'integer', 'bigint', 'numeric', 'real', 'double'],
}

export function canCast(from: DataType, to: DataType, context: CastContext): boolean {
  if (isNested(from) && isNested(to)) return canCastNested(from, to, context)
  if (from.type === to.type) return true
  if (IMPLICIT[from.type]?.includes(to.type) === true) return true
  if (context === 'implicit') return false
  if (ASSIGNMENT[from.type]?.includes(to.type) === true || to.type === 'text') return true
  if (context === 'assignment') return false
  return EXPLICIT[from.type]?.includes(to.type) === true || from.type === 'text'
}

/** What is within is cast in the same context. */
function canCastNested(from: DataType, to: DataType, context: CastContext): boolean {
  if (from.type === 'array' && to.type === 'array') return canCast(from.element, to.element, context)
  if (from.type === 'map' && to.type === 'map')
    return sameType(from.key, to.key) && canCast(from.value, to.value, context)
  if (from.type !== 'row' || to.type !== 'row' || from.fields.length !== to.fields.length) return false
  const { fields } = to
  return from.fields.every((field, i) => canCast(field.data_type, fields[i]!.data_type, context))
}

/** The type to which both sides of a comparison are cast; undefined when there is no such operator. NUMERICs compare at
 *  any scale, so they stay as they are. */
export function comparisonType(left: DataType, right: DataType): DataType | undefined {
  if (isNested(left) && isNested(right)) return pair(left, right)
  if (left.type === right.type) return left
  if (isNumber(left) && isNumber(right)) return arithmeticType(left, right)
  return wider(left, right)
}

/** The type in which two numbers meet in arithmetic: any float with another type makes double precision. */
export function arithmeticType(left: DataType, right: DataType): DataType | undefined {
  if (!isNumber(left) || !isNumber(right)) return undefined
  if (left.type === 'numeric' && right.type === 'numeric') return left
  if (left.type === right.type) return left
  if (isInteger(left) && isInteger(right)) return canCast(left, right, 'implicit') ? right : left
  if (left.type === 'numeric' && isInteger(right)) return numericOfInteger(right)
  if (right.type === 'numeric' && isInteger(left)) return numericOfInteger(left)
  return DOUBLE
}

/** PostgreSQL's rule of UNION, CASE, COALESCE, VALUES and arrays; undefined when the types do not go together. */
export function commonType(types: readonly DataType[]): DataType | undefined {
  const [first, ...rest] = types
  if (first === undefined) return undefined
  let found: DataType = first
  for (const type of rest) {
    const next = pair(found, type)
    if (next === undefined) return undefined
    found = next
  }
  return found
}

function pair(a: DataType, b: DataType): DataType | undefined {
  if (sameType(a, b)) return a
  if (isNested(a) && isNested(b)) return nestedPair(a, b)
  if (a.type === 'numeric' || b.type === 'numeric') {
    const [left, right] = [asNumeric(a), asNumeric(b)]
    if (left !== undefined && right !== undefined) {
      return numericWith(
        Math.max(left.precision - left.scale, right.precision - right.scale),
        Math.max(left.scale, right.scale),
      )
    }
  }
  return wider(a, b)
}

/** A row's fields have the names of the first. */
function nestedPair(a: DataType, b: DataType): DataType | undefined {
  if (a.type === 'array' && b.type === 'array') {
    const element = pair(a.element, b.element)
    return element && arrayOf(element)
  }
  if (a.type === 'map' && b.type === 'map') {
    const value = sameType(a.key, b.key) ? pair(a.value, b.value) : undefined
    return value && { type: 'map', key: a.key, value }
  }
  if (a.type !== 'row' || b.type !== 'row' || a.fields.length !== b.fields.length) return undefined
  const fields: RowField[] = []
  for (const [i, { name, data_type }] of a.fields.entries()) {
    const common = pair(data_type, b.fields[i]!.data_type)
    if (common === undefined) return undefined
    fields.push({ name, data_type: common })
  }
  return { type: 'row', fields }
}

function wider(a: DataType, b: DataType): DataType | undefined {
  if (canCast(a, b, 'implicit')) return b
  if (canCast(b, a, 'implicit')) return a
  return undefined
}

function asNumeric(type: DataType): (DataType & { type: 'numeric' }) | undefined {
  const found = isInteger(type) ? numericOfInteger(type) : type
  return found.type === 'numeric' ? found : undefined
}

/** Digits after the point that no product loses. */
const EXACT_DIGITS = 12

/** The result of `left operator right` once both are NUMERIC. A quotient keeps 16 digits, as PostgreSQL shows. */
export function numericResult(
  operator: 'add' | 'subtract' | 'multiply' | 'divide' | 'modulo',
  left: DataType & { type: 'numeric' },
  right: DataType & { type: 'numeric' },
): DataType {
  const integers = Math.max(left.precision - left.scale, right.precision - right.scale)
  const scale = Math.max(left.scale, right.scale)
  switch (operator) {
    case 'add':
    case 'subtract':
      return numericWith(integers + 1, scale)
    case 'multiply': {
      // Exact where it fits; where it does not, digits after the point make room for those before it, but not the first of them:
      // declared widths are seldom used up, and a price times a discount times a tax is exact.
      const whole = left.precision - left.scale + right.precision - right.scale
      const room = Math.max(scale, EXACT_DIGITS, NUMERIC_PRECISION_MAX - whole)
      return numericWith(whole, Math.min(left.scale + right.scale, room))
    }
    case 'divide':
      return { type: 'numeric', precision: 38, scale: scale <= PLAIN_NUMERIC.scale ? 16 : scale }
    case 'modulo':
      return numericWith(integers, scale)
    default:
      return operator satisfies never
  }
}

type Operands = readonly [left: DataType, right: DataType, result: DataType]

/** PostgreSQL's date/time arithmetic: the operand types to cast to, and the result. */
export function timeArithmetic(operator: string, left: DataType, right: DataType): Operands | undefined {
  const interval: DataType = { type: 'interval' }
  const integer: DataType = { type: 'integer' }
  const date: DataType = { type: 'date' }
  const [l, r] = [left.type, right.type]
  const plusOrMinus = operator === 'add' || operator === 'subtract'
  if (plusOrMinus && r === 'interval') {
    if (l === 'date' || l === 'timestamp') return [left, right, TIMESTAMP]
    if (l === 'timestamptz' || l === 'time' || l === 'interval') return [left, right, left]
  }
  if (operator === 'add' && l === 'interval') {
    if (r === 'date' || r === 'timestamp') return [left, right, TIMESTAMP]
    if (r === 'timestamptz') return [left, right, TIMESTAMPTZ]
    if (r === 'time') return [left, right, right] // swapped by the binder: the engine has only time + interval
  }
  if (operator === 'subtract') {
    if (l === 'date' && r === 'date') return [left, right, integer]
    if (l === 'time' && r === 'time') return [left, right, interval]
    const moments = ['date', 'timestamp', 'timestamptz']
    if (moments.includes(l) && moments.includes(r)) {
      const common = comparisonType(left, right)
      return common === undefined ? undefined : [common, common, interval]
    }
  }
  const days = r === 'integer' || r === 'smallint'
  if (plusOrMinus && l === 'date' && days) return [left, integer, date]
  if (operator === 'add' && (l === 'integer' || l === 'smallint') && r === 'date') return [integer, right, date]
  if ((operator === 'multiply' || operator === 'divide') && l === 'interval' && isNumber(right))
    return [left, DOUBLE, interval]
  if (operator === 'multiply' && isNumber(left) && r === 'interval') return [DOUBLE, right, interval]
  return undefined
}

/** Types that PostgreSQL prefers within their category when several overloads fit. */
export function isPreferred(type: DataType): boolean {
  return (
    type.type === 'double' ||
    type.type === 'text' ||
    type.type === 'timestamptz' ||
    type.type === 'boolean' ||
    type.type === 'interval'
  )
}
