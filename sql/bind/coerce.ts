/** Values of one type where another is wanted: literals of unknown type take it, others get an explicit cast, or an error. */
import type { Expr, Literal } from '../contract/plan.generated.js'
import { cast, constant } from '../logical/expr.js'
import { castLiteral } from '../logical/fold.js'
import type { Span } from '../syntax/tree.js'
import { type CastContext, canCast, commonType } from '../types/coercion.js'
import {
  type DataType,
  isInteger,
  isNested,
  numeric,
  numericOfInteger,
  sameType,
  TEXT,
  typeName,
} from '../types/data-type.js'
import { digitsOf } from '../types/decimal.js'
import { integerValue, nullOf } from '../types/literal.js'
import { parseValue } from '../types/parse-value.js'
import { fail } from './fail.js'
import { decideParameter, isParameter } from './parameters.js'

export interface Bound {
  readonly expr: Expr
  readonly type: DataType
  /** A bare string or NULL: `expr` is a text literal until a context gives it a type. */
  readonly unknown: boolean
  readonly span: Span
}

export function bound(expr: Expr, type: DataType, span: Span): Bound {
  return { expr, type, unknown: false, span }
}

export function unknownText(value: string, span: Span): Bound {
  return { expr: constant({ type: 'text', value }), type: TEXT, unknown: true, span }
}

export function unknownNull(span: Span): Bound {
  return { expr: constant(nullOf(TEXT)), type: TEXT, unknown: true, span }
}

/** The value as that type. Casting a constant folds where that is exact. */
export function coerce(
  value: Bound,
  to: DataType,
  context: CastContext = 'implicit',
  what?: (from: string, to: string) => string,
): Expr {
  if (value.unknown) return adapt(value, to)
  if (sameType(value.type, to)) return value.expr
  if (!canCast(value.type, to, context)) {
    const [from, wanted] = [typeName(value.type), typeName(to)]
    if (context === 'explicit') fail('CannotCoerce', `cannot cast type ${from} to ${wanted}`, value.span)
    const hint = canCast(value.type, to, 'explicit') ? 'You will need to rewrite or cast the expression.' : undefined
    fail('DatatypeMismatch', what?.(from, wanted) ?? `expected type ${wanted}, not ${from}`, value.span, { hint })
  }
  return castTo(value.expr, value.type, to)
}

export function castTo(expr: Expr, from: DataType, to: DataType): Expr {
  if (sameType(from, to)) return expr
  const folded = expr.op === 'literal' ? castLiteral(expr.literal, to) : undefined
  return folded === undefined ? cast(expr, from, to) : constant(folded)
}

function adapt(value: Bound, to: DataType): Expr {
  if (isParameter(value.expr)) return decideParameter(value.expr, to, value.span)
  const literal = unknownLiteral(value)
  if (literal === undefined) return castTo(value.expr, value.type, to)
  if (literal.type === 'null') return constant(nullOf(to))
  if (literal.type !== 'text' || isNested(to)) return castTo(value.expr, value.type, to)
  const parsed = parseValue(literal.value, to)
  if ('literal' in parsed) return constant(parsed.literal)
  return fail(parsed.code, parsed.message, value.span)
}

function unknownLiteral(value: Bound): Literal | undefined {
  return value.expr.op === 'literal' ? value.expr.literal : undefined
}

/** One type for several values, by the rules of UNION; `what` names the construct: `CASE`, `UNION`. */
export function unify(values: readonly Bound[], what: string): { type: DataType; exprs: Expr[] } {
  const known = values.filter((value) => !value.unknown)
  let type: DataType = known[0]?.type ?? TEXT
  const decimal = known.some((value) => value.type.type === 'numeric')
  const typeIn = (value: Bound): DataType => (decimal ? (numericTypeOf(value) ?? value.type) : value.type)
  if (known[0] !== undefined) type = typeIn(known[0])
  for (const value of known.slice(1)) {
    const next = commonType([type, typeIn(value)])
    if (next === undefined) {
      fail(
        'DatatypeMismatch',
        `${what} types ${typeName(type)} and ${typeName(value.type)} cannot be matched`,
        value.span,
      )
    }
    type = next
  }
  const wanted = roomForConstants(values, type)
  return { type: wanted, exprs: values.map((value) => coerce(value, wanted)) }
}

/** A string beside NUMERICs must not be rounded to their scale: `COALESCE(amount, '0.125')`. */
function roomForConstants(values: readonly Bound[], type: DataType): DataType {
  if (type.type !== 'numeric') return type
  let found: DataType = type
  for (const value of values) {
    const literal = value.unknown ? unknownLiteral(value) : undefined
    const scale = literal?.type === 'text' ? (/\.(\d+)\s*$/.exec(literal.value)?.[1]?.length ?? 0) : 0
    if (scale === 0 || found.type !== 'numeric' || scale <= found.scale) continue
    found = commonType([found, { type: 'numeric', precision: scale + 1, scale }]) ?? found
  }
  return found
}

/** A bare string or NULL that nothing else decides is text. */
export function known(value: Bound): Bound {
  if (!value.unknown) return value
  return { ...value, expr: isParameter(value.expr) ? adapt(value, TEXT) : value.expr, unknown: false }
}

/** Arithmetic wants NUMERIC on both sides: an integer beside one becomes one, a constant one with only its own digits. */
export function asNumeric(value: Bound): Bound {
  const type = numericTypeOf(value)
  return type === undefined ? value : { ...value, expr: castTo(value.expr, value.type, type), type }
}

function numericTypeOf(value: Bound): DataType | undefined {
  if (!isInteger(value.type) || value.unknown) return undefined
  const constantValue = value.expr.op === 'literal' ? integerValue(value.expr.literal) : undefined
  return constantValue === undefined ? numericOfInteger(value.type) : numeric(digitsOf(constantValue), 0)
}

export function boolean(value: Bound, clause: string): Expr {
  return coerce(
    value,
    { type: 'boolean' },
    'implicit',
    (from) => `argument of ${clause} must be type boolean, not type ${from}`,
  )
}
