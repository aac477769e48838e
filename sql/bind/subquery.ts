/** Subqueries in expressions. As conditions of WHERE, EXISTS and IN become semi and anti joins; anywhere else a subquery is a value,
 *  which is joined to the rows of the clause that it stands in. */
import type { Expr, Rel } from '../contract/plan.generated.js'
import { and, column, not } from '../logical/expr.js'
import { project } from '../logical/rel.js'
import type * as tree from '../syntax/tree.js'
import { BOOLEAN } from '../types/data-type.js'
import { type Bound, bound } from './coerce.js'
import {
  anyTrue,
  attachExists,
  attachMembership,
  attachScalar,
  type Dependent,
  dependentJoin,
  onlyExistence,
} from './dependent-join.js'
import { type BoundQuery, relTypes } from './environment.js'
import { bindExpr } from './expr.js'
import { fail, unsupported } from './fail.js'
import { bindBinary, comparable, equality, noOperator } from './operators.js'
import { outerColumn } from './outer.js'
import { bindQuery } from './query.js'
import { type Attachment, type Finish, place, type Stage } from './stage.js'

interface Inner extends BoundQuery {
  readonly id: number
}

function bindInner(query: tree.Query, stage: Stage): Inner {
  const { env } = stage
  const id = env.scopes.count++
  const outer = { scope: stage.scope, id, parent: env.outer }
  return { ...bindQuery(query, { ...env, outer, lateral: undefined }), id }
}

function dependent(inner: Inner, finish: Finish): Dependent {
  return { rel: inner.rel, id: inner.id, column: (index) => finish(column(index)) }
}

/** A condition of WHERE as a join of what FROM gave. */
export type ConditionJoin = (left: Rel, finish: Finish) => Rel

/** EXISTS, NOT EXISTS and IN; undefined for what is a value. NOT IN is one, as a NULL decides over it. */
export function bindConditionJoin(expr: tree.Expr, stage: Stage, negated = false): ConditionJoin | undefined {
  if (expr.kind === 'unary' && expr.operator === 'not') return bindConditionJoin(expr.operand, stage, !negated)
  if (expr.kind === 'exists') {
    const inner = bindInner(expr.query, stage)
    const rows = { ...inner, rel: onlyExistence(inner.rel) }
    return (left, finish) => dependentJoin(negated ? 'anti' : 'semi', left, dependent(rows, finish), and([]), stage.env)
  }
  if (expr.kind !== 'in_query' || negated !== expr.negated) return undefined
  const operands = operandsOf(expr.operand).map((operand) => bindExpr(operand, stage))
  const inner = bindInner(expr.query, stage)
  checkWidth(inner, operands.length, expr)
  const { env } = stage
  return (left, finish) => {
    const width = relTypes(left, env).length
    const conditions = operands.map((operand, i) => {
      const there = subqueryColumn(inner, i, expr.query.span)
      const placed = { ...there, expr: column(width + i) }
      return equality({ ...operand, expr: finish(operand.expr) }, placed, expr.operand.span)
    })
    return dependentJoin('semi', left, dependent(inner, finish), and(conditions), env)
  }
}

/** A condition's parts that are joined by AND. */
export function parts(expr: tree.Expr): tree.Expr[] {
  return expr.kind === 'binary' && expr.operator === 'and' ? [...parts(expr.left), ...parts(expr.right)] : [expr]
}

function operandsOf(operand: tree.Expr): readonly tree.Expr[] {
  return operand.kind === 'row' ? operand.items : [operand]
}

function checkWidth(inner: Inner, wanted: number, { query }: { readonly query: tree.Query }): void {
  if (inner.columns.length > wanted) fail('SyntaxError', 'subquery has too many columns', query.span)
  if (inner.columns.length < wanted) fail('SyntaxError', 'subquery has too few columns', query.span)
}

function subqueryColumn(inner: Inner, index: number, span: tree.Span): Bound {
  return { expr: column(index), type: inner.columns[index]!.type, unknown: false, span }
}

export function bindExistsValue(expr: tree.Exists, stage: Stage): Bound {
  const inner = bindInner(expr.query, stage)
  const value = attach((left, finish) => attachExists(left, dependent(inner, finish), stage.env), stage, expr.span)
  return bound(value, BOOLEAN, expr.span)
}

export function bindScalarSubquery(expr: tree.Subquery, stage: Stage): Bound {
  const inner = bindInner(expr.query, stage)
  if (inner.columns.length !== 1) fail('SyntaxError', 'subquery must return only one column', expr.span)
  const value = attach((left, finish) => attachScalar(left, dependent(inner, finish), stage.env), stage, expr.span)
  return bound(value, inner.columns[0]!.type, expr.span)
}

export function bindInValue(expr: tree.InQuery, stage: Stage): Bound {
  const inside = bindAny('=', expr.operand, expr, stage)
  return bound(expr.negated ? not(inside) : inside, BOOLEAN, expr.span)
}

const OPPOSITE: Partial<Record<tree.BinaryOperator, tree.BinaryOperator>> = {
  '=': '<>',
  '<>': '=',
  '<': '>=',
  '<=': '>',
  '>': '<=',
  '>=': '<',
}

/** `x < ALL (…)` is `NOT x >= ANY (…)`. */
export function bindQuantified(expr: tree.Quantified, stage: Stage): Bound {
  const { operator, operand, span } = expr
  if (expr.quantifier === 'any') return bound(bindAny(operator, operand, expr, stage), BOOLEAN, span)
  return bound(not(bindAny(OPPOSITE[operator]!, operand, expr, stage)), BOOLEAN, span)
}

/** References with these numbers are the operands themselves: they are over the outer query's rows too. */
const OPERAND = 20_000_000

function bindAny(
  operator: tree.BinaryOperator,
  written: tree.Expr,
  at: { readonly query: tree.Query; readonly span: tree.Span },
  stage: Stage,
): Expr {
  const { env } = stage
  const operands = operandsOf(written).map((operand) => bindExpr(operand, stage))
  const inner = bindInner(at.query, stage)
  checkWidth(inner, operands.length, at)
  const [first] = operands
  const values = operands.map((_, i) => subqueryColumn(inner, i, at.query.span))
  if (operator === '=' && operands.length === 1) {
    const sides = comparable(first!, values[0]!) ?? noOperator('=', first!, values[0]!, written.span)
    const column0 = { ...inner, rel: project(inner.rel, [sides[1]]) }
    return attach(
      (left, finish) => attachMembership(left, finish(sides[0]), dependent(column0, finish), env),
      stage,
      at.span,
    )
  }
  if (operands.length > 1 && operator !== '=' && operator !== '<>')
    unsupported('row values can be compared with a subquery only by =, <>, IN and NOT IN', written.span)
  const pairs = operands.map((operand, i) => {
    const there =
      operand.expr.op === 'literal' || operand.expr.op === 'parameter'
        ? operand
        : { ...operand, expr: outerColumn(inner.id, OPERAND + i, operand.type) }
    return bindBinary(
      '=' === operator || operands.length > 1 ? '=' : operator,
      there,
      values[i]!,
      written.span,
      at.span,
    ).expr
  })
  const comparison = operands.length > 1 && operator === '<>' ? not(and(pairs)) : and(pairs)
  const any = { ...inner, rel: anyTrue(project(inner.rel, [comparison])) }
  return attach(
    (left, finish) => {
      const over = dependent(any, finish)
      const columnOf = (index: number) =>
        index >= OPERAND ? finish(operands[index - OPERAND]!.expr) : over.column(index)
      return attachScalar(left, { ...over, column: columnOf }, env)
    },
    stage,
    at.span,
  )
}

function attach(attachment: Attachment, stage: Stage, at: tree.Span): Expr {
  if (stage.subqueries === undefined || stage.harvest === undefined)
    unsupported(`subqueries are not supported in ${stage.clause}`, at)
  return place(stage.subqueries, stage.harvest[stage.subqueries].push(attachment) - 1)
}

/** The rows with the columns of all subqueries, and each one's value over them. A subquery may use those before it. */
export function attachAll(
  rel: Rel,
  attachments: readonly Attachment[],
  finish: (expr: Expr, values: readonly Expr[]) => Expr,
): { rel: Rel; values: Expr[] } {
  const values: Expr[] = []
  let joined = rel
  for (const attachment of attachments) {
    const attached = attachment(joined, (expr) => finish(expr, values))
    joined = attached.rel
    values.push(attached.value)
  }
  return { rel: joined, values }
}
