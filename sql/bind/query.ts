/** A whole query: WITH, the body, and the ORDER BY, LIMIT and OFFSET around it. */
import type { Rel, SortKey, WindowCall } from '../contract/plan.generated.js'
import { suggest } from '../diag/suggest.js'
import { and, bigint, column, compare } from '../logical/expr.js'
import { filter, projectColumns, ROW_NUMBER, window } from '../logical/rel.js'
import type * as tree from '../syntax/tree.js'
import { BIGINT } from '../types/data-type.js'
import { integerValue } from '../types/literal.js'
import { bindAsOf } from './as-of.js'
import { coerce } from './coerce.js'
import { evaluateConstant } from './constants.js'
import { type BoundQuery, type Environment, relTypes } from './environment.js'
import { bindExpr } from './expr.js'
import { fail, unsupported } from './fail.js'
import { EMPTY_SCOPE } from './scope.js'
import { bindSelect, ordinal } from './select.js'
import { bindSetOperation } from './set-operations.js'
import { bindValues } from './values.js'
import { direction } from './windows.js'

export function bindQuery(query: tree.Query, outside: Environment): BoundQuery {
  const around = query.asOf === undefined ? outside : { ...outside, asOf: bindAsOf(query.asOf, outside) }
  const env = query.with === undefined ? around : withTables(query.with, around)
  const { body } = query
  const own = body.kind === 'select' ? bindSelect(body, query.orderBy, env) : bindBody(body, env)
  const sorted = body.kind === 'select' ? own : { ...own, rel: sortOutputs(own, query.orderBy) }
  return { ...sorted, rel: limited(sorted.rel, query, env) }
}

export function bindBody(body: tree.QueryBody, env: Environment): BoundQuery {
  switch (body.kind) {
    case 'select':
      return bindSelect(body, [], env)
    case 'set_operation':
      return bindSetOperation(body, env)
    case 'values':
      return bindValues(body, env)
    case 'query':
      return bindQuery(body, env)
    default:
      return body satisfies never
  }
}

/** The environment in which the tables of a WITH are known. */
export function withTables(clause: tree.With, env: Environment): Environment {
  if (clause.recursive) unsupported('WITH RECURSIVE is not supported yet', clause.span)
  const tables = new Map(env.tables)
  const names = new Set<string>()
  for (const table of clause.tables) {
    const { name } = table.name
    if (names.has(name)) fail('DuplicateAlias', `WITH query name "${name}" specified more than once`, table.name.span)
    names.add(name)
    const query = bindQuery(table.query, { ...env, tables: new Map(tables), lateral: undefined, inner: true })
    if (table.columns.length > query.columns.length) {
      fail(
        'InvalidColumnReference',
        `WITH query "${name}" has ${query.columns.length} columns available but ${table.columns.length} columns specified`,
        table.name.span,
      )
    }
    tables.set(name, {
      rel: query.rel,
      columns: query.columns.map((c, i) => ({ ...c, name: table.columns[i]?.name ?? c.name })),
    })
  }
  return { ...env, tables }
}

/** ORDER BY over a set operation or VALUES knows only the result's columns. */
function sortOutputs(query: BoundQuery, orderBy: readonly tree.SortItem[]): Rel {
  if (orderBy.length === 0) return query.rel
  const keys = orderBy.map((item): SortKey => {
    const { expr } = item
    if (expr.kind === 'number')
      return { expr: column(ordinal(expr, query.columns.length, 'ORDER BY')), ...direction(item) }
    if (expr.kind !== 'column' || expr.parts.length !== 1) {
      unsupported(
        'invalid UNION/INTERSECT/EXCEPT ORDER BY clause',
        expr.span,
        'Only result column names can be used, not expressions or functions.',
      )
    }
    const { name } = expr.parts[0]!
    const at = query.columns.findIndex((c) => c.name === name)
    if (at === -1) {
      const near = suggest(
        name,
        query.columns.map((c) => c.name),
      )
      fail('UndefinedColumn', `column "${name}" does not exist`, expr.span, {
        hint: near === undefined ? undefined : `Perhaps you meant the column "${near}".`,
      })
    }
    return { expr: column(at), ...direction(item) }
  })
  return { op: 'sort', input: query.rel, keys, limit: null, offset: 0n }
}

function limited(rel: Rel, query: tree.Query, env: Environment): Rel {
  const limit = count(query.limit, 'LIMIT', env)
  const offset = count(query.offset, 'OFFSET', env) ?? 0n
  if (query.withTies && limit !== null) return limitedWithTies(rel, limit, offset, query, env)
  return limit === null && offset === 0n ? rel : { op: 'limit', input: rel, limit, offset }
}

/** The rows that the order does not tell from the last one have its RANK. */
function limitedWithTies(rel: Rel, limit: bigint, offset: bigint, query: tree.Query, env: Environment): Rel {
  // The order's own columns, which a projection on top may have left out.
  const sorted = rel.op === 'project' ? rel.input : rel
  if (query.orderBy.length === 0 || sorted.op !== 'sort')
    fail('SyntaxError', 'WITH TIES cannot be specified without ORDER BY clause', query.limit!.span)
  const width = relTypes(sorted, env).length
  const rank: WindowCall = { ...ROW_NUMBER, function: { function: 'rank' } }
  const numbered = window(sorted.input, [], sorted.keys, [ROW_NUMBER, rank])
  const kept = filter(
    numbered,
    and([
      compare('greater', column(width), bigint(offset)),
      compare('less_equal', column(width + 1), bigint(offset + limit)),
    ]),
  )
  const all = Array.from({ length: width }, (_, i) => i)
  const ordered: Rel = { ...sorted, input: projectColumns(kept, all) }
  return rel.op === 'project' ? { ...rel, input: ordered } : ordered
}

function count(expr: tree.Expr | undefined, clause: string, env: Environment): bigint | null {
  if (expr === undefined) return null
  const stage = {
    env,
    scope: EMPTY_SCOPE,
    clause,
    harvest: undefined,
    aggregates: false,
    windows: false,
    subqueries: undefined,
  }
  const value = bindExpr(expr, stage)
  const literal = evaluateConstant(
    coerce(value, BIGINT, 'assignment', (from) => `argument of ${clause} must be type bigint, not type ${from}`),
    `argument of ${clause}`,
    expr.span,
  )
  if (literal.type === 'null') return null
  const rows = integerValue(literal)!
  if (rows < 0n) fail('InvalidParameterValue', `${clause} must not be negative`, expr.span)
  return rows
}
