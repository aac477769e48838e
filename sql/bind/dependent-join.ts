/** The join of rows with a subquery that depends on them (LATERAL, EXISTS, IN, a scalar subquery), as a join that does not. */
import type { AggregateCall, Expr, JoinKind, Rel } from '../contract/plan.generated.js'
import {
  and,
  bigint,
  column,
  compare,
  conjuncts,
  constant,
  equal,
  isNull,
  shift,
  substitute,
  TRUE_EXPR,
} from '../logical/expr.js'
import { aggregate, atMostOneRow, exactlyOneRow, filter, join, project, projectColumns } from '../logical/rel.js'
import { BIGINT, BOOLEAN } from '../types/data-type.js'
import { FALSE, nullOf, TRUE } from '../types/literal.js'
import { type Environment, relTypes } from './environment.js'
import { isCorrelated, outerValues, refersOut, resolveOuter } from './outer.js'
import { aggregateByDomain, type Domain, overNoRows, unnest } from './unnest.js'

/** A subquery, and what its references to the query around mean over the rows that it is joined to. */
export interface Dependent {
  readonly rel: Rel
  readonly id: number
  readonly column: (index: number) => Expr
}

const COUNT: AggregateCall = { function: 'count_star', arg: null, distinct: false, filter: null, data_type: BIGINT }

/** Output: the left columns, then the subquery's (left only for semi and anti). `condition` is over both. */
export function dependentJoin(kind: JoinKind, left: Rel, inner: Dependent, condition: Expr, env: Environment): Rel {
  const l = relTypes(left, env).length
  if (!isCorrelated(inner.rel, inner.id) && kind !== 'semi' && kind !== 'anti')
    return join(kind, left, inner.rel, l, condition)
  const r = relTypes(inner.rel, env).length
  const beside = unnestBeside(kind, left, inner, condition, env)
  if (beside !== undefined) return beside
  const pulled = pullUp(kind, left, inner, condition, env)
  if (pulled !== undefined) return pulled
  const { rel, same } = overDomain(left, inner, env, r)
  const joined = join(kind, left, rel, l, and([...conjuncts(condition), ...same(l)]))
  return kind === 'semi' || kind === 'anti' ? joined : projectColumns(joined, range(l + r))
}

function range(length: number): number[] {
  return Array.from({ length }, (_, i) => i)
}

/** The subquery for every value on which it depends, and the conditions that find a left row's own: the values begin at column
 *  `from` of the subquery. */
function overDomain(left: Rel, inner: Dependent, env: Environment, from: number) {
  const domain = domainOf(left, inner)
  return { rel: unnest(inner.rel, domain, env), same: (l: number) => sameValues(domain, inner, l + from) }
}

function domainOf(left: Rel, inner: Dependent): Domain {
  const values = outerValues(inner.rel, inner.id)
  const group = values.map((value) => resolveOuter(value, inner.id, inner.column))
  return { rel: aggregate(left, group, []), values, id: inner.id }
}

function sameValues(domain: Domain, inner: Dependent, from: number): Expr[] {
  return domain.values.map((value, i) =>
    compare('is_not_distinct_from', resolveOuter(value, inner.id, inner.column), column(from + i)),
  )
}

/** Where only the filters and projections on top of a subquery refer out, its conditions are conditions of the join. */
function pullUp(kind: JoinKind, left: Rel, inner: Dependent, condition: Expr, env: Environment): Rel | undefined {
  const l = relTypes(left, env).length
  const { id } = inner
  const resolved = (expr: Expr) => resolveOuter(shift(expr, l), id, inner.column)
  const peeled = peel(inner.rel, id, kind === 'semi' || kind === 'anti', env)
  if (peeled === undefined) return undefined
  const { rel, exprs, conditions } = peeled
  const own = conjuncts(condition).map((part) =>
    substitute(part, (index) => (index < l ? column(index) : resolved(exprs[index - l]!))),
  )
  const on = and([...conditions.map(resolved), ...own])
  if (kind === 'semi' || kind === 'anti') return join(kind, left, rel, l, on)
  if (kind === 'inner') return project(join(kind, left, rel, l, on), [...range(l).map(column), ...exprs.map(resolved)])
  // An outer join fills the projection's columns with NULL, so it is computed below.
  if (kind !== 'left' || exprs.some((expr) => refersOut(expr, id))) return undefined
  const w = relTypes(rel, env).length
  const wide = project(rel, [...range(w).map(column), ...exprs])
  const overWide = conjuncts(condition).map((part) => substitute(part, (i) => column(i < l ? i : i + w)))
  const joined = join('left', left, wide, l, and([...conditions.map(resolved), ...overWide]))
  return projectColumns(joined, [...range(l), ...exprs.map((_, i) => l + w + i)])
}

/** Lists of the left row itself (`FROM t, unnest(t.items)`) become rows beside it: no join is needed. */
function unnestBeside(kind: JoinKind, left: Rel, inner: Dependent, condition: Expr, env: Environment): Rel | undefined {
  if (kind !== 'inner' && kind !== 'left') return undefined
  const layers: Rel[] = []
  let current = inner.rel
  while (current.op === 'project' || current.op === 'filter') {
    layers.push(current)
    current = current.input
  }
  if (current.op !== 'unnest' || current.input.op !== 'values' || current.input.rows.length !== 1) return undefined
  // A left row without elements stays, unless something else than the lists decides.
  const plain = layers.every((layer) => layer.op === 'project' && layer.exprs.every(strict))
  if (kind === 'left' && !(plain && conjuncts(condition).length === 0)) return undefined
  const [l, one] = [relTypes(left, env).length, relTypes(current.input, env).length]
  const [first] = current.input.rows
  // Over the left columns, then the elements.
  const over = (expr: Expr): Expr =>
    resolveOuter(
      substitute(expr, (index) => (index < one ? first![index]! : column(l + index - one))),
      inner.id,
      inner.column,
    )
  let rel: Rel = { ...current, input: left, lists: current.lists.map(over), outer: kind === 'left' }
  let exprs = relTypes(current, env).map((_, i): Expr => over(column(i)))
  for (const layer of layers.reverse()) {
    const onto = (expr: Expr) =>
      resolveOuter(
        substitute(expr, (index) => exprs[index]!),
        inner.id,
        inner.column,
      )
    if (layer.op === 'filter') rel = filter(rel, onto(layer.predicate))
    else if (layer.op === 'project') exprs = layer.exprs.map(onto)
  }
  const on = substitute(condition, (index) => (index < l ? column(index) : exprs[index - l]!))
  return project(filter(rel, on), [...range(l).map(column), ...exprs])
}

/** NULL where its column is. */
function strict(expr: Expr): boolean {
  if (expr.op === 'column') return true
  if (expr.op === 'cast') return strict(expr.input)
  return expr.op === 'call' && expr.function === 'row_field' && strict(expr.args[0]!)
}

interface Peeled {
  readonly rel: Rel
  /** The subquery's columns over `rel`. */
  readonly exprs: readonly Expr[]
  readonly conditions: readonly Expr[]
}

/** `projections`: also those that do not refer out, as the join shows none of the subquery's columns. */
function peel(rel: Rel, id: number, projections: boolean, env: Environment): Peeled | undefined {
  let current = rel
  let exprs: Expr[] = relTypes(rel, env).map((_, i) => column(i))
  let conditions: Expr[] = []
  while (isCorrelated(current, id) || (projections && current.op === 'project')) {
    if (current.op === 'project') {
      const below = current.exprs
      const over = (expr: Expr) => substitute(expr, (index) => below[index]!)
      exprs = exprs.map(over)
      conditions = conditions.map(over)
    } else if (current.op === 'filter') conditions = [...conjuncts(current.predicate), ...conditions]
    else return undefined
    current = current.input
  }
  return { rel: current, exprs, conditions }
}

/** Rows with more columns, and a value over them. */
export interface Attached {
  readonly rel: Rel
  readonly value: Expr
}

/** The value of a subquery of one column: NULL where it has no row, 21000 where it has several and the value is used. */
export function attachScalar(left: Rel, inner: Dependent, env: Environment): Attached {
  const l = relTypes(left, env).length
  const single = atMostOneRow(inner.rel) ? inner : { ...inner, rel: checked(inner.rel, env) }
  const { exprs, rel } = unprojected(single.rel, env)
  if (!isCorrelated(single.rel, inner.id)) {
    const joined = join(exactlyOneRow(rel) ? 'inner' : 'left', left, rel, l, TRUE_EXPR)
    if (exactlyOneRow(rel)) return { rel: joined, value: shift(exprs[0]!, l) }
    return { rel: join('left', left, single.rel, l, TRUE_EXPR), value: column(l) }
  }
  if (rel.op !== 'aggregate' || rel.group.length > 0)
    return { rel: dependentJoin('left', left, single, TRUE_EXPR, env), value: column(l) }
  const domain = domainOf(left, { ...inner, rel })
  const value = (from: number) =>
    resolveOuter(
      substitute(exprs[0]!, (index) => overNoRows(rel.aggregates[index]!, column(from + index))),
      inner.id,
      inner.column,
    )
  if (domain.values.length === 0) return { rel: join('inner', left, rel, l, TRUE_EXPR), value: value(l) }
  const grouped = aggregateByDomain(rel, domain, env)
  const joined = join('left', left, grouped, l, and(sameValues(domain, inner, l)))
  return { rel: joined, value: value(l + domain.values.length) }
}

/** One row that holds a value and how many rows there were. */
function checked(rel: Rel, env: Environment): Rel {
  const [type] = relTypes(rel, env)
  const any: AggregateCall = {
    function: type!.type === 'boolean' ? 'bool_and' : 'min',
    arg: column(0),
    distinct: false,
    filter: null,
    data_type: type!,
  }
  const value: Expr = { op: 'call', function: 'single_row', args: [column(0), column(1)], data_type: type! }
  return project(aggregate(rel, [], [any, COUNT]), [value])
}

/** The projections on top of an operator, as expressions over it. */
function unprojected(rel: Rel, env: Environment): { rel: Rel; exprs: Expr[] } {
  let current = rel
  let exprs: Expr[] = relTypes(rel, env).map((_, i) => column(i))
  while (current.op === 'project') {
    const below = current.exprs
    exprs = exprs.map((expr) => substitute(expr, (index) => below[index]!))
    current = current.input
  }
  return { rel: current, exprs }
}

/** Whether the subquery has a row. */
export function attachExists(left: Rel, inner: Dependent, env: Environment): Attached {
  const counted = project(aggregate(onlyExistence(inner.rel), [], [COUNT]), [compare('greater', column(0), bigint(0n))])
  return attachScalar(left, { ...inner, rel: counted }, env)
}

/** What only matters to what the rows are, not to whether there is one, is left out. */
export function onlyExistence(rel: Rel): Rel {
  if (rel.op === 'sort' && rel.limit === null && rel.offset === 0n) return onlyExistence(rel.input)
  if (rel.op === 'limit' && rel.offset === 0n && rel.limit !== 0n) return onlyExistence(rel.input)
  if (rel.op === 'aggregate' && rel.group.length > 0) return onlyExistence(rel.input)
  return rel.op === 'project' ? onlyExistence(rel.input) : rel
}

/** `operand IN (subquery)`: the subquery has one column of the operand's type. NULL where nothing is equal and some comparison is
 *  not known. Two hash joins: one finds an equal value, one tells how many rows there are and how many of them are NULL. */
export function attachMembership(left: Rel, operand: Expr, inner: Dependent, env: Environment): Attached {
  const l = relTypes(left, env).length
  const domain = domainOf(left, inner)
  const d = domain.values.length
  const correlated = d > 0
  const all = correlated ? unnest(inner.rel, domain, env) : inner.rel
  const keys = range(d).map((i) => column(1 + i))
  const present = aggregate(filter(all, isNull(column(0), true)), [column(0), ...keys], [])
  const marked = project(present, [...range(1 + d).map(column), TRUE_EXPR])
  const found = join('left', left, marked, l, and([equal(operand, column(l)), ...sameValues(domain, inner, l + 1)]))
  const mark = column(l + 1 + d)
  const from = l + d + 2
  const known: AggregateCall = { ...COUNT, function: 'count', arg: column(0) }
  const counted = aggregate(all, keys, [COUNT, known])
  const rel = join(correlated ? 'left' : 'inner', found, counted, from, and(sameValues(domain, inner, from)))
  const [rows, values] = [overNoRows(COUNT, column(from + d)), overNoRows(known, column(from + d + 1))]
  // biome-ignore-start lint/suspicious/noThenProperty: the contract's CASE branch has a THEN
  const branches = [
    { when: isNull(mark, true), then: constant(TRUE) },
    { when: compare('equal', rows, bigint(0n)), then: constant(FALSE) },
    { when: compare('or', isNull(operand), compare('greater', rows, values)), then: constant(nullOf(BOOLEAN)) },
  ]
  // biome-ignore-end lint/suspicious/noThenProperty: as above
  return { rel, value: { op: 'case', branches, otherwise: constant(FALSE), data_type: BOOLEAN } }
}

/** `operand op ANY (subquery)` for any operator: `comparison` is a boolean column of the subquery, one row a comparison. */
export function anyTrue(comparison: Rel): Rel {
  const or = (arg: Expr): AggregateCall => ({
    function: 'bool_or',
    arg,
    distinct: false,
    filter: null,
    data_type: BOOLEAN,
  })
  // biome-ignore-start lint/suspicious/noThenProperty: the contract's CASE branch has a THEN
  const branches = [
    { when: column(0), then: constant(TRUE) },
    { when: column(1), then: constant(nullOf(BOOLEAN)) },
  ]
  // biome-ignore-end lint/suspicious/noThenProperty: as above
  const value: Expr = { op: 'case', branches, otherwise: constant(FALSE), data_type: BOOLEAN }
  return project(aggregate(comparison, [], [or(column(0)), or(isNull(column(0)))]), [value])
}
