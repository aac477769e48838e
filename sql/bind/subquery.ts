/** Subqueries in expressions. As conditions of WHERE, EXISTS and IN become semi and anti joins (correlated ones too, by what their
 *  own WHERE says); a scalar subquery becomes a join with its one row. */
import type { AggregateCall, Expr, Rel } from '../contract/plan.generated.js'
import { and, bigint, compare, equal, isNull, substitute } from '../logical/expr.js'
import { aggregate, atMostOneRow, exactlyOneRow, filter, join } from '../logical/rel.js'
import type * as tree from '../syntax/tree.js'
import { BIGINT, BOOLEAN } from '../types/data-type.js'
import { type Bound, bound } from './coerce.js'
import { type Environment, relTypes } from './environment.js'
import { bindCondition, bindExpr } from './expr.js'
import { fail, unsupported } from './fail.js'
import { bindFrom } from './from.js'
import { comparable, noOperator } from './operators.js'
import { bindQuery } from './query.js'
import type { Scope } from './scope.js'
import { has, newHarvest, place, placeOf, type Stage } from './stage.js'

export type JoinCondition = tree.Exists | tree.InQuery

/** EXISTS or IN as a join of `left`, whose names are `scope`. `negated` is that of the whole condition. */
export function bindSubqueryJoin(
  condition: JoinCondition,
  negated: boolean,
  left: Rel,
  stage: Stage,
  finish: (expr: Expr) => Expr,
): Rel {
  const width = relTypes(left, stage.env).length
  const inner = bindInner(condition.query, stage.env, stage.scope)
  const conditions = inner.correlated.map((expr) => overBoth(expr, width))
  if (condition.kind === 'in_query') conditions.push(membership(condition, negated, inner, stage, width, finish))
  return join(negated ? 'anti' : 'semi', left, inner.rel, width, and(conditions))
}

function membership(
  condition: tree.InQuery,
  negated: boolean,
  inner: Inner,
  stage: Stage,
  width: number,
  finish: (expr: Expr) => Expr,
): Expr {
  if (inner.values.length !== 1) fail('SyntaxError', 'subquery has too many columns', condition.query.span)
  const operand = bindExpr(condition.operand, stage)
  const value = inner.values[0]!
  const there: Bound = { ...value, expr: overBoth(value.expr, width) }
  const sides = comparable({ ...operand, expr: finish(operand.expr) }, there)
  if (sides === undefined) return noOperator('=', operand, value, condition.operand.span)
  const same = equal(sides[0], sides[1])
  // x NOT IN (…) is not true where a comparison is NULL: such a row counts as a match of the anti join.
  return negated ? compare('or', same, isNull(same)) : same
}

interface Inner {
  readonly rel: Rel
  /** Conditions that use the outer query, over the inner columns and `outer` placeholders. */
  readonly correlated: readonly Expr[]
  /** The select list over the inner columns. */
  readonly values: readonly Bound[]
}

function bindInner(query: tree.Query, env: Environment, outer: Scope): Inner {
  const { body } = query
  const simple =
    body.kind === 'select' &&
    query.with === undefined &&
    query.limit === undefined &&
    query.offset === undefined &&
    body.groupBy === undefined &&
    body.having === undefined &&
    body.qualify === undefined &&
    !hasCalls(body)
  if (!simple) {
    const whole = bindQuery(query, { ...env, outer })
    return {
      rel: whole.rel,
      correlated: [],
      values: whole.columns.map((c, index) => ({
        expr: { op: 'column', index },
        type: c.type,
        unknown: false,
        span: query.span,
      })),
    }
  }
  const inside: Environment = { ...env, outer }
  const from = bindFrom(body.from, inside)
  const harvest = newHarvest(body.windows)
  const stage: Stage = {
    env: inside,
    scope: from.scope,
    clause: 'WHERE',
    harvest,
    aggregates: false,
    windows: false,
    subqueries: undefined,
    outer: true,
  }
  let { rel } = from
  const own: Expr[] = []
  const correlated: Expr[] = []
  for (const part of body.where === undefined ? [] : parts(body.where)) {
    const nested = asJoin(part)
    if (nested !== undefined) {
      rel = bindSubqueryJoin(nested.condition, nested.negated, rel, { ...stage, outer: false }, (expr) => expr)
      continue
    }
    const expr = bindCondition(part, stage)
    if (has(expr, 'outer')) correlated.push(expr)
    else own.push(expr)
  }
  const plain: Stage = { ...stage, clause: 'SELECT', outer: false }
  const values = body.items.flatMap((item) =>
    item.kind === 'star'
      ? from.scope.columns.filter((c) => !c.qualifiedOnly).map((c) => bound(c.expr, c.type, item.span))
      : [bindExpr(item.expr, plain)],
  )
  return { rel: filter(rel, and(own)), correlated, values }
}

/** Aggregates, window calls and subqueries in the select list need the whole of a query. */
function hasCalls(select: tree.Select): boolean {
  return (
    select.distinctOn.length > 0 || select.items.some((item) => item.kind === 'select_expr' && !isSimple(item.expr))
  )
}

function isSimple(expr: tree.Expr): boolean {
  switch (expr.kind) {
    case 'column':
    case 'number':
    case 'string':
    case 'boolean':
    case 'null':
    case 'typed_literal':
    case 'parameter':
      return true
    case 'cast':
    case 'unary':
      return isSimple(expr.operand)
    case 'binary':
      return isSimple(expr.left) && isSimple(expr.right)
    default:
      return false
  }
}

/** `outer` placeholders are the left columns of the join, inner columns its right ones. */
function overBoth(expr: Expr, leftWidth: number): Expr {
  return substitute(expr, (index) => {
    const placed = placeOf(index)
    if (placed === undefined) return { op: 'column', index: index + leftWidth }
    return { op: 'column', index: placed.kind === 'outer' ? placed.index : index }
  })
}

/** A condition's parts that are joined by AND. */
export function parts(expr: tree.Expr): tree.Expr[] {
  return expr.kind === 'binary' && expr.operator === 'and' ? [...parts(expr.left), ...parts(expr.right)] : [expr]
}

export function asJoin(expr: tree.Expr, negated = false): { condition: JoinCondition; negated: boolean } | undefined {
  if (expr.kind === 'unary' && expr.operator === 'not') return asJoin(expr.operand, !negated)
  if (expr.kind === 'exists') return { condition: expr, negated }
  return expr.kind === 'in_query' ? { condition: expr, negated: negated !== expr.negated } : undefined
}

const COUNT: AggregateCall = { function: 'count_star', arg: null, distinct: false, filter: null, data_type: BIGINT }

/** EXISTS as a value: the count of the subquery, which must not be correlated. */
export function bindExistsValue(expr: tree.Exists, stage: Stage): Bound {
  const query = bindQuery(expr.query, { ...stage.env, outer: stage.scope })
  const counted = aggregate(query.rel, [], [COUNT])
  return bound(compare('greater', attach(counted, stage, expr.span), bigint(0n)), BOOLEAN, expr.span)
}

export function bindScalarSubquery(expr: tree.Subquery, stage: Stage): Bound {
  const query = bindQuery(expr.query, { ...stage.env, outer: stage.scope })
  if (query.columns.length !== 1) fail('SyntaxError', 'subquery must return only one column', expr.span)
  if (!atMostOneRow(query.rel)) {
    unsupported(
      'a scalar subquery must be known to return at most one row',
      expr.span,
      'Use an aggregate such as max(…), or LIMIT 1.',
    )
  }
  return bound(attach(query.rel, stage, expr.span), query.columns[0]!.type, expr.span)
}

function attach(rel: Rel, stage: Stage, at: tree.Span): Expr {
  if (stage.subqueries === undefined || stage.harvest === undefined)
    unsupported(`subqueries are not supported in ${stage.clause}`, at)
  return place(stage.subqueries, stage.harvest[stage.subqueries].push(rel) - 1)
}

/** The rows with one more column for each scalar subquery; NULL where one has no row. */
export function joinScalars(rel: Rel, scalars: readonly Rel[], width: number): Rel {
  let joined = rel
  for (const [i, scalar] of scalars.entries()) {
    const kind = exactlyOneRow(scalar) ? 'inner' : 'left'
    joined = join(kind, joined, scalar, width + i, and([]))
  }
  return joined
}
