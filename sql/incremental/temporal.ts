/**
 * Filters on `now()` in a view. A condition that compares `now()` with a row's time is true from one moment on, or until
 * one: solved for `now()` it says which, and the rows come and go at these moments without being looked at in between.
 *
 *     ts > now() - INTERVAL '1 hour'        valid until ts + INTERVAL '1 hour'
 *     day = current_date                    valid from day, until day + 1
 *
 * The idea is Materialize's temporal filters. What cannot be solved stays, and is refused as any changing function is.
 */
import type { DataType, Expr, Rel } from '../contract/plan.generated.js'
import { and, type BinaryOp, binary, cast, conjuncts, constant, integer, some, typeOf } from '../logical/expr.js'
import { type ColumnTypes, filter, mapInputs } from '../logical/rel.js'
import { typesOf } from '../logical/schema.js'
import { DATE, isInteger, TIMESTAMP, TIMESTAMPTZ } from '../types/data-type.js'
import { fixedMicroseconds, type IntervalParts, parseInterval } from '../types/interval.js'

type Comparison = 'less' | 'less_equal' | 'greater' | 'greater_equal' | 'equal'

/** From when on and until when a condition is true: timestamptz each. */
interface Moments {
  readonly from: readonly Expr[]
  readonly until: readonly Expr[]
}

const FLIPPED: Partial<Record<BinaryOp, Comparison>> = {
  less: 'greater',
  less_equal: 'greater_equal',
  greater: 'less',
  greater_equal: 'less_equal',
  equal: 'equal',
}

const TICK: IntervalParts = { months: 0, days: 0, microseconds: 1n }

/** The plan with its conditions on `now()` as temporal filters, where they can be solved. */
export function withTemporalFilters(rel: Rel, columns: ColumnTypes): Rel {
  const below = mapInputs(rel, (input) => withTemporalFilters(input, columns))
  if (below.op === 'filter') {
    const { moments, rest } = solved(conjuncts(below.predicate), typesOf(below.input, columns))
    return moments === undefined ? below : temporal(filter(below.input, and(rest)), moments)
  }
  // What an inner join requires of its rows can as well be required afterwards.
  if (below.op === 'join' && below.kind === 'inner' && below.residual !== null) {
    const { moments, rest } = solved(conjuncts(below.residual), typesOf(below, columns))
    if (moments === undefined) return below
    return temporal({ ...below, residual: rest.length === 0 ? null : and(rest) }, moments)
  }
  return below
}

function temporal(input: Rel, { from, until }: Moments): Rel {
  return { op: 'temporal_filter', input, from: [...from], until: [...until] }
}

function solved(
  conditions: readonly Expr[],
  types: readonly DataType[],
): { readonly moments: Moments | undefined; readonly rest: readonly Expr[] } {
  const found: Moments[] = []
  const rest = conditions.filter((condition) => {
    const moments = isTimed(condition) ? momentsOf(condition, types) : undefined
    if (moments !== undefined) found.push(moments)
    return moments === undefined
  })
  return { moments: found.length === 0 ? undefined : all(...found), rest }
}

function all(...moments: readonly Moments[]): Moments {
  return { from: moments.flatMap((one) => one.from), until: moments.flatMap((one) => one.until) }
}

/** Whether `now()` is in it. */
function isTimed(expr: Expr): boolean {
  return some(expr, isNow)
}

function isNow(expr: Expr): boolean {
  return expr.op === 'call' && expr.function === 'now'
}

function momentsOf(condition: Expr, types: readonly DataType[]): Moments | undefined {
  if (condition.op !== 'binary') return undefined
  const { operator, left, right } = condition
  const flipped = FLIPPED[operator]
  if (flipped === undefined || isTimed(left) === isTimed(right)) return undefined
  return isTimed(left) ? solve(left, FLIPPED[flipped]!, right, types) : solve(right, flipped, left, types)
}

/** When `side operator bound` is true, where only `side` has `now()` in it. */
function solve(side: Expr, operator: Comparison, bound: Expr, types: readonly DataType[]): Moments | undefined {
  if (isNow(side)) return momentsOfNow(operator, bound)
  switch (side.op) {
    case 'cast':
      return solveCast(side.input, side.to, operator, bound, types)
    case 'binary':
      return solveArithmetic(side, operator, bound, types)
    case 'call':
      return side.function === 'date_trunc' ? solveTrunc(side, operator, bound, types) : undefined
    default:
      return undefined
  }
}

function momentsOfNow(operator: Comparison, bound: Expr): Moments {
  const after = () => moved(bound, TIMESTAMPTZ, TICK)
  switch (operator) {
    case 'greater_equal':
      return { from: [bound], until: [] }
    case 'greater':
      return { from: [after()], until: [] }
    case 'less':
      return { from: [], until: [bound] }
    case 'less_equal':
      return { from: [], until: [after()] }
    case 'equal':
      return { from: [bound], until: [after()] }
  }
}

function solveCast(
  input: Expr,
  to: DataType,
  operator: Comparison,
  bound: Expr,
  types: readonly DataType[],
): Moments | undefined {
  const from = typeOf(input, types)
  if (isMoment(from) && isMoment(to)) return solve(input, operator, cast(bound, to, from), types)
  if (isMoment(from) && to.type === 'date') {
    // A day begins with its midnight and ends with the next.
    const begin = cast(bound, DATE, from)
    const end = cast(binary('add', bound, integer(1), DATE), DATE, from)
    return solveSteps(input, operator, begin, end, types)
  }
  if (from.type === 'date' && isMoment(to)) {
    // Midnights lie on days: what is compared is the day of the bound, or the one after it.
    const floor = cast(bound, to, DATE)
    const ceiling = binary('add', cast(moved(bound, to, negated(TICK)), to, DATE), integer(1), DATE)
    if (operator === 'equal') return undefined
    const up = operator === 'greater_equal' || operator === 'less'
    return solve(input, operator, up ? ceiling : floor, types)
  }
  return undefined
}

/** `now()` and its like go up in steps; the bound is where one begins. */
function solveSteps(
  input: Expr,
  operator: Comparison,
  begin: Expr,
  end: Expr,
  types: readonly DataType[],
): Moments | undefined {
  switch (operator) {
    case 'greater_equal':
    case 'less':
      return solve(input, operator, begin, types)
    case 'greater':
      return solve(input, 'greater_equal', end, types)
    case 'less_equal':
      return solve(input, 'less', end, types)
    case 'equal': {
      const both = [solve(input, 'greater_equal', begin, types), solve(input, 'less', end, types)]
      return both[0] === undefined || both[1] === undefined ? undefined : all(both[0], both[1])
    }
  }
}

function solveTrunc(
  call: Expr & { op: 'call' },
  operator: Comparison,
  bound: Expr,
  types: readonly DataType[],
): Moments | undefined {
  const [unit, input] = call.args
  if (unit?.op !== 'literal' || unit.literal.type !== 'text' || input === undefined || call.args.length !== 2)
    return undefined
  const step = parseInterval(`1 ${unit.literal.value}`)
  const type = call.data_type
  if (step === undefined || !isMoment(type) || operator === 'equal') return undefined
  const next = (expr: Expr) => moved({ ...call, args: [unit, expr] }, type, step)
  // Where the first step at the bound or behind it begins, and where the first behind it does.
  const ceiling = next(moved(bound, type, negated(TICK)))
  return solveSteps(input, operator, ceiling, next(bound), types)
}

function solveArithmetic(
  side: Expr & { op: 'binary' },
  operator: Comparison,
  bound: Expr,
  types: readonly DataType[],
): Moments | undefined {
  const { operator: sign, left, right } = side
  if ((sign !== 'add' && sign !== 'subtract') || isTimed(left) === isTimed(right)) return undefined
  const [timed, other] = isTimed(left) ? [left, right] : [right, left]
  const [type, otherType] = [typeOf(timed, types), typeOf(other, types)]
  // time + other, time - other, other - time
  const isTaken = sign === 'subtract' && timed === right
  if (!isTaken && isMoment(type) && otherType.type === 'interval') {
    const by = fixedInterval(other)
    return by && solve(timed, operator, moved(bound, type, sign === 'add' ? negated(by) : by), types)
  }
  if (!isTaken && type.type === 'date' && otherType.type === 'interval') {
    // Of a day and an interval comes a time.
    const by = fixedInterval(other)
    return (
      by && solveCast(timed, TIMESTAMP, operator, moved(bound, TIMESTAMP, sign === 'add' ? negated(by) : by), types)
    )
  }
  if (!isTaken && type.type === 'date' && isInteger(otherType)) {
    return solve(timed, operator, binary(sign === 'add' ? 'subtract' : 'add', bound, other, DATE), types)
  }
  // The distance of two times.
  const isDistance = sign === 'subtract' && otherType.type === type.type
  if (isDistance && isMoment(type)) {
    const by = fixedInterval(bound)
    if (by === undefined) return undefined
    return isTaken
      ? solve(timed, FLIPPED[operator]!, moved(other, type, negated(by)), types)
      : solve(timed, operator, moved(other, type, by), types)
  }
  if (isDistance && type.type === 'date') {
    return isTaken
      ? solve(timed, FLIPPED[operator]!, binary('subtract', other, bound, DATE), types)
      : solve(timed, operator, binary('add', other, bound, DATE), types)
  }
  return undefined
}

function isMoment(type: DataType): boolean {
  return type.type === 'timestamp' || type.type === 'timestamptz'
}

/** An interval of always the same length: with months, `time + interval` cannot be solved for the time. */
function fixedInterval(expr: Expr): IntervalParts | undefined {
  if (expr.op !== 'literal' || expr.literal.type !== 'interval') return undefined
  const { months, days, microseconds } = expr.literal
  return fixedMicroseconds(expr.literal) === undefined ? undefined : { months, days, microseconds }
}

function negated({ months, days, microseconds }: IntervalParts): IntervalParts {
  return { months: -months, days: -days, microseconds: -microseconds }
}

function moved(time: Expr, type: DataType, by: IntervalParts): Expr {
  return binary('add', time, constant({ type: 'interval', ...by }), type)
}
