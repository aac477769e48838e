/** Decorrelation, after Neumann and Kemper, "Unnesting Arbitrary Queries": a subquery that depends on its outer query's row is computed
 *  for all distinct values on which it depends at once. The set of those values (the domain) sinks through the subquery's operators
 *  until nothing under it refers out; each operator on the way carries the domain's columns along, after its own.
 *
 *  Where a filter equates every one of the values with something of the subquery, the domain is not needed: what it is equated with
 *  stands for it, and the join with the outer query picks the values that exist. That is the usual case, and one hash join. */
import type { AggregateCall, DataType, Expr, Rel, SortKey } from '../contract/plan.generated.js'
import {
  and,
  bigint,
  column,
  compare,
  conjuncts,
  exprKey,
  isNull,
  mapChildren,
  remap,
  sameExpr,
  typeOf,
} from '../logical/expr.js'
import { aggregate, filter, join, project, projectColumns, type RelOf, ROW_NUMBER, window } from '../logical/rel.js'
import { BIGINT, sameType } from '../types/data-type.js'
import { type Environment, relTypes } from './environment.js'
import { isCorrelated, isOuterValue, refersOut } from './outer.js'

export interface Domain {
  /** One row for each combination of values; one column a value. */
  readonly rel: Rel
  /** What each column stands for inside of the subquery. */
  readonly values: readonly Expr[]
  /** The outer query. */
  readonly id: number
}

/** The subquery's columns, then the domain's, for every value of the domain; perhaps also for values that it does not have. */
export function unnest(rel: Rel, domain: Domain, env: Environment): Rel {
  if (!isCorrelated(rel, domain.id)) return join('inner', rel, domain.rel, width(rel, env), and([]))
  switch (rel.op) {
    case 'filter':
      return unnestFilter(rel, domain, env)
    case 'project': {
      const below = width(rel.input, env)
      const exprs = rel.exprs.map((expr) => inside(expr, domain, below))
      return project(unnest(rel.input, domain, env), [...exprs, ...domainColumns(domain, below)])
    }
    case 'aggregate':
      return unnestAggregate(rel, domain, env)
    case 'window': {
      const below = width(rel.input, env)
      const at = (expr: Expr) => inside(expr, domain, below)
      const calls = rel.calls.map((call) => ({
        ...call,
        args: call.args.map(at),
        filter: call.filter && at(call.filter),
      }))
      const order = rel.order.map((key) => ({ ...key, expr: at(key.expr) }))
      const partition = [...rel.partition.map(at), ...domainColumns(domain, below)]
      const windowed = window(unnest(rel.input, domain, env), partition, order, calls)
      return domainLast(windowed, below, domain.values.length, calls.length)
    }
    case 'time_window': {
      const below = width(rel.input, env)
      const input = unnest(rel.input, domain, env)
      return domainLast({ ...rel, input, time: inside(rel.time, domain, below) }, below, domain.values.length, 2)
    }
    case 'unnest': {
      const below = width(rel.input, env)
      const lists = rel.lists.map((expr) => inside(expr, domain, below))
      const added = lists.length + (rel.ordinality ? 1 : 0)
      const unnested: Rel = { ...rel, input: unnest(rel.input, domain, env), lists }
      return domainLast(unnested, below, domain.values.length, added)
    }
    case 'sort':
    case 'limit':
      return unnestLimit(rel, domain, env)
    case 'union_all':
      return { ...rel, inputs: rel.inputs.map((input) => unnest(input, domain, env)) }
    case 'values':
      return {
        op: 'union_all',
        inputs: rel.rows.map((row) =>
          project(domain.rel, [...row.map((cell) => inside(cell, domain, 0)), ...domainColumns(domain, 0)]),
        ),
      }
    case 'join':
      return unnestJoin(rel, domain, env)
    case 'scan':
    case 'generate_series':
    case 'temporal_filter':
      throw new Error(`a ${rel.op} refers to no outer query`)
    default:
      return rel satisfies never
  }
}

function width(rel: Rel, env: Environment): number {
  return relTypes(rel, env).length
}

function range(length: number, from = 0): number[] {
  return Array.from({ length }, (_, i) => from + i)
}

function domainColumns(domain: Domain, from: number): Expr[] {
  return range(domain.values.length, from).map(column)
}

/** An expression of the subquery where the domain's columns begin at `from`. */
function inside(expr: Expr, domain: Domain, from: number): Expr {
  if (isOuterValue(expr, domain.id)) {
    return column(from + domain.values.findIndex((value) => exprKey(value) === exprKey(expr)))
  }
  return mapChildren(expr, (child) => inside(child, domain, from))
}

/** The columns that an operator has added after the domain's go before them. */
function domainLast(rel: Rel, before: number, values: number, added: number): Rel {
  return projectColumns(rel, [...range(before), ...range(added, before + values), ...range(values, before)])
}

function unnestFilter(rel: RelOf<'filter'>, domain: Domain, env: Environment): Rel {
  const below = width(rel.input, env)
  if (!isCorrelated(rel.input, domain.id)) {
    const conditions = conjuncts(rel.predicate)
    const equated = domain.values.map((value) => equatedWith(value, conditions, relTypes(rel.input, env)))
    if (equated.every((found) => found !== undefined)) {
      const used = new Set<Expr>(equated.map((found) => found.condition))
      const all = project(rel.input, [...range(below).map(column), ...equated.map((found) => found.expr)])
      const rest = conditions.filter((condition) => !used.has(condition)).map((c) => inside(c, domain, below))
      // The equality itself is never true on NULL.
      const present = equated.map((_, i) => isNull(column(below + i), true))
      return filter(all, and([...present, ...rest]))
    }
  }
  return filter(unnest(rel.input, domain, env), inside(rel.predicate, domain, below))
}

/** The condition `value = expression of the input`, if there is one. NUMERICs of two scales can be equal and are still two types. */
function equatedWith(value: Expr, conditions: readonly Expr[], types: readonly DataType[]) {
  for (const condition of conditions) {
    if (condition.op !== 'binary' || condition.operator !== 'equal') continue
    const { left, right } = condition
    for (const [a, b] of [
      [left, right],
      [right, left],
    ] as const) {
      if (sameExpr(a, value) && !refersOut(b) && sameType(typeOf(a, types), typeOf(b, types)))
        return { condition, expr: b }
    }
  }
  return undefined
}

function unnestAggregate(rel: RelOf<'aggregate'>, domain: Domain, env: Environment): Rel {
  const values = domain.values.length
  const keys = rel.group.length
  const grouped = aggregateByDomain(rel, domain, env)
  const calls = rel.aggregates.length
  if (keys > 0) {
    // Group keys, the domain's columns, calls.
    return projectColumns(grouped, [...range(keys), ...range(calls, keys + values), ...range(values, keys)])
  }
  // Without GROUP BY there is a row for no rows too.
  const same = range(values).map((i) => compare('is_not_distinct_from', column(i), column(values + i)))
  const all = join('left', domain.rel, grouped, values, and(same))
  const results = rel.aggregates.map((call, i) => overNoRows(call, column(2 * values + i)))
  return project(all, [...results, ...domainColumns(domain, 0)])
}

/** The aggregate with the domain's columns as further group keys, after its own. */
export function aggregateByDomain(rel: RelOf<'aggregate'>, domain: Domain, env: Environment): Rel {
  const below = width(rel.input, env)
  const at = (expr: Expr) => inside(expr, domain, below)
  const calls = rel.aggregates.map((call) => ({
    ...call,
    arg: call.arg && at(call.arg),
    filter: call.filter && at(call.filter),
  }))
  return aggregate(unnest(rel.input, domain, env), [...rel.group.map(at), ...domainColumns(domain, below)], calls)
}

/** The result of a call where a left join found no group: counts are 0, all others NULL. */
export function overNoRows(call: AggregateCall, result: Expr): Expr {
  if (call.function !== 'count' && call.function !== 'count_star') return result
  return { op: 'call', function: 'coalesce', args: [result, bigint(0n)], data_type: BIGINT }
}

/** A limit for each value of the domain is a bound on ROW_NUMBER. */
function unnestLimit(rel: RelOf<'sort'> | RelOf<'limit'>, domain: Domain, env: Environment): Rel {
  const { input } = rel
  if (rel.op === 'limit') {
    if (input.op === 'project') return unnest({ ...input, input: { ...rel, input: input.input } }, domain, env)
    if (input.op === 'sort' && input.limit === null && input.offset === 0n)
      return unnestLimit({ ...input, limit: rel.limit, offset: rel.offset }, domain, env)
  }
  const below = width(input, env)
  const keys = rel.op === 'sort' ? rel.keys : []
  const order = keys.map((key): SortKey => ({ ...key, expr: inside(key.expr, domain, below) }))
  const all = unnest(input, domain, env)
  if (rel.limit === null && rel.offset === 0n) return all
  const values = domain.values.length
  const numbered = window(all, domainColumns(domain, below), order, [ROW_NUMBER])
  const number = column(below + values)
  const bounds = [compare('greater', number, bigint(rel.offset))]
  if (rel.limit !== null) bounds.push(compare('less_equal', number, bigint(rel.offset + rel.limit)))
  return projectColumns(filter(numbered, and(bounds)), range(below + values))
}

function unnestJoin(rel: RelOf<'join'>, domain: Domain, env: Environment): Rel {
  const [l, r, d] = [width(rel.left, env), width(rel.right, env), domain.values.length]
  const condition = joinCondition(rel, l)
  const [inLeft, inRight] = [isCorrelated(rel.left, domain.id), isCorrelated(rel.right, domain.id)]
  const leftOnly = rel.kind === 'semi' || rel.kind === 'anti'
  const keepsLeft = leftOnly || rel.kind === 'left' || rel.kind === 'full'
  const keepsRight = rel.kind === 'right' || rel.kind === 'full'
  // A side that keeps its unmatched rows keeps them for each value of the domain.
  const needLeft = inLeft || keepsLeft || (!inRight && !keepsRight)
  const needRight = inRight || keepsRight
  const left = needLeft ? unnest(rel.left, domain, env) : rel.left
  const right = needRight ? unnest(rel.right, domain, env) : rel.right
  const leftWidth = needLeft ? l + d : l
  const rightDomain = leftWidth + r
  const moved = remap(inside(condition, domain, DOMAIN_MARK), (i) =>
    i >= DOMAIN_MARK ? (needLeft ? l : rightDomain) + i - DOMAIN_MARK : i < l ? i : i - l + leftWidth,
  )
  const same =
    needLeft && needRight
      ? range(d).map((i) => compare('is_not_distinct_from', column(l + i), column(rightDomain + i)))
      : []
  const joined = join(rel.kind, left, right, leftWidth, and([...conjuncts(moved), ...same]))
  if (leftOnly) return joined
  const columns = [...range(l), ...range(r, leftWidth)].map(column)
  const types = domain.rel
  const values = range(d).map((i): Expr => {
    if (rel.kind === 'full') {
      const args = [column(l + i), column(rightDomain + i)]
      return { op: 'call', function: 'coalesce', args, data_type: relTypes(types, env)[i]! }
    }
    return column(needLeft && !keepsRight ? l + i : rightDomain + i)
  })
  return project(joined, [...columns, ...values])
}

/** Far above any column. */
const DOMAIN_MARK = 10_000_000

/** A join's keys and residual as one condition over left columns followed by right columns. */
function joinCondition(rel: RelOf<'join'>, leftWidth: number): Expr {
  const keys = rel.keys.map((key) =>
    compare(
      key.nulls_equal ? 'is_not_distinct_from' : 'equal',
      key.left,
      remap(key.right, (i) => i + leftWidth),
    ),
  )
  return and([...keys, ...(rel.residual === null ? [] : conjuncts(rel.residual))])
}
