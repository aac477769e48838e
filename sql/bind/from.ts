/** The FROM clause: tables, views, CTEs, subqueries, joins, time windows and generate_series, with the names that they bring. */

import { columnsOf, hasRows, kindName } from '../catalog/catalog.js'
import type { Expr, Field, Rel } from '../contract/plan.generated.js'
import { and, column, isNull, shift, TRUE_EXPR } from '../logical/expr.js'
import { filter, oneRow, project, projectColumns, scan } from '../logical/rel.js'
import { parseScript } from '../syntax/script.js'
import type * as tree from '../syntax/tree.js'
import { commonType } from '../types/coercion.js'
import { typeName } from '../types/data-type.js'
import { bindAsOf } from './as-of.js'
import { asofJoin } from './asof-join.js'
import { bound, castTo } from './coerce.js'
import { type Dependent, dependentJoin } from './dependent-join.js'
import { type BoundQuery, type Environment, relTypes } from './environment.js'
import { bindCondition } from './expr.js'
import { fail, unsupported } from './fail.js'
import { objectName } from './object-name.js'
import { bindComparison, equality } from './operators.js'
import { isCorrelated } from './outer.js'
import { bindQuery } from './query.js'
import { EMPTY_SCOPE, joinScopes, type Scope, type ScopeColumn, unqualified } from './scope.js'
import { newHarvest, resolveBelow, type Stage } from './stage.js'
import { attachAll } from './subquery.js'
import { bindSystemRelation } from './system.js'
import { bindTableFunction } from './table-function.js'
import { bindSample } from './table-sample.js'
import { bindTimeWindow } from './time-windows.js'

export interface BoundFrom {
  readonly rel: Rel
  readonly scope: Scope
}

/** Views within views, past which a definition is taken to go round in circles. */
const VIEW_DEPTH_MAX = 64

export function bindFrom(refs: readonly tree.TableRef[], env: Environment): BoundFrom {
  const [first, ...rest] = refs
  if (first === undefined) return { rel: oneRow(), scope: EMPTY_SCOPE }
  const outermost = { ...env, lateral: undefined }
  return rest.reduce((left, ref) => cross(left, ref, outermost), bindTableRef(first, outermost))
}

/** What the items after this one see of it, if they are LATERAL. */
function besides(left: BoundFrom, env: Environment): { readonly id: number; readonly env: Environment } {
  const id = env.scopes.count++
  return { id, env: { ...env, lateral: { scope: left.scope, id, parent: env.lateral ?? env.outer } } }
}

function cross(left: BoundFrom, ref: tree.TableRef, env: Environment): BoundFrom {
  const beside = besides(left, env)
  const right = bindTableRef(ref, beside.env)
  checkAliases(left.scope, right.scope, ref)
  const width = relTypes(left.rel, env).length
  return {
    rel: dependentJoin('inner', left.rel, { rel: right.rel, id: beside.id, column }, TRUE_EXPR, env),
    scope: joinScopes(left.scope, right.scope, width),
  }
}

function checkAliases(left: Scope, right: Scope, ref: tree.TableRef): void {
  const twice = right.tables.find((table) => left.tables.includes(table))
  if (twice !== undefined) {
    fail(
      'DuplicateAlias',
      `table name "${twice}" specified more than once`,
      ref.kind === 'join' ? ref.right.span : ref.span,
      { hint: 'Give one of them an alias.' },
    )
  }
}

export function bindTableRef(ref: tree.TableRef, env: Environment): BoundFrom {
  switch (ref.kind) {
    case 'table_name': {
      const from = bindTableName(ref, env)
      return ref.sample === undefined ? from : bindSample(from, ref.sample, env)
    }
    case 'derived_table': {
      const outer = ref.lateral ? (env.lateral ?? env.outer) : env.outer
      const query = bindQuery(ref.query, { ...env, outer, lateral: undefined, inner: true })
      return named(query, ref.alias?.name.name ?? 'subquery', ref.alias)
    }
    case 'table_function':
      return bindTableFunction(ref, env)
    case 'time_window':
      return bindTimeWindow(ref, env)
    case 'join':
      return bindJoin(ref, env)
    default:
      return ref satisfies never
  }
}

function bindTableName(ref: tree.TableName, env: Environment): BoundFrom {
  const only = ref.name.parts.length === 1 ? ref.name.parts[0]!.name : undefined
  if (only === undefined || !env.tables.has(only)) {
    const system = bindSystemRelation(ref.name, ref.asOf, env)
    if (system !== undefined) return named(system, ref.alias?.name.name ?? ref.name.parts.at(-1)!.name, ref.alias)
  }
  const name = objectName(ref.name)
  const last = ref.name.parts.at(-1)!.name
  const alias = ref.alias?.name.name ?? last
  const common = ref.name.parts.length === 1 ? env.tables.get(last) : undefined
  if (common !== undefined) {
    if (ref.asOf !== undefined)
      unsupported('AS OF cannot be said of a WITH query', ref.asOf.span, 'Say it inside the WITH query.')
    return named(common, alias, ref.alias)
  }
  const definition = env.catalog.find(name)
  if (definition === undefined) {
    const near = env.catalog.didYouMean(name, hasRows)
    fail('UndefinedTable', `relation "${name}" does not exist`, ref.name.span, {
      hint: near === undefined ? undefined : `Perhaps you meant "${near}".`,
    })
  }
  if (!hasRows(definition)) {
    fail('WrongObjectType', `"${name}" is a ${kindName(definition.object.kind)}, which has no rows`, ref.name.span)
  }
  env.reads.add(definition.id)
  const asOf = ref.asOf === undefined ? env.asOf : bindAsOf(ref.asOf, env)
  const columns = columnsOf(definition)!
  if (definition.object.kind === 'view') {
    if (env.depth >= VIEW_DEPTH_MAX)
      fail('StatementTooComplex', `views are nested more than ${VIEW_DEPTH_MAX} deep at "${name}"`, ref.name.span)
    const inner: Environment = {
      ...env,
      tables: new Map(),
      parameters: [],
      outer: undefined,
      inner: true,
      lateral: undefined,
      depth: env.depth + 1,
      asOf,
    }
    const view = viewStatement(definition.sql, name, ref.span)
    return named(columnsOfView(bindQuery(view.query, inner), view, columns), alias, ref.alias)
  }
  const rel = scan(
    definition.id,
    columns.map((_, i) => i),
    asOf,
  )
  const bare = { rel, columns: columns.map((c) => ({ name: c.name, type: c.data_type, unknown: false })) }
  const result = named(bare, alias, ref.alias)
  const withOrigin = result.scope.columns.map((c, i) => ({ ...c, origin: { relation: definition.id, column: i } }))
  return { rel, scope: { ...result.scope, columns: withOrigin } }
}

/** A view is kept as the statement that made it. */
function viewStatement(sql: string, name: string, at: tree.Span): tree.CreateView {
  const statement = parseScript(sql).statements[0]?.tree
  if (statement?.kind !== 'create_view')
    fail('InternalError', `the stored definition of view "${name}" is not a CREATE VIEW`, at)
  return statement
}

/** The columns that the view had when it was made: `*` may have come to stand for more of them since. */
function columnsOfView(query: BoundQuery, view: tree.CreateView, columns: readonly Field[]): BoundQuery {
  const names = query.columns.map((c, i) => view.columns[i]?.name ?? c.name)
  const renamed = query.columns.map((c, i) => ({ ...c, name: names[i]! }))
  if (renamed.length === columns.length) return { ...query, columns: renamed }
  const places = columns.map(({ name }) => names.indexOf(name))
  return { rel: projectColumns(query.rel, places), columns: places.map((at) => renamed[at]!) }
}

export function named(query: BoundQuery, table: string, alias: tree.TableAlias | undefined): BoundFrom {
  const given = alias?.columns ?? []
  if (given.length > query.columns.length) {
    fail(
      'InvalidColumnReference',
      `table "${table}" has ${query.columns.length} columns available but ${given.length} columns specified`,
      alias?.span,
    )
  }
  const columns = query.columns.map(
    (c, i): ScopeColumn => ({
      name: given[i]?.name ?? c.name,
      table,
      expr: column(i),
      type: c.type,
      qualifiedOnly: false,
    }),
  )
  return { rel: query.rel, scope: { tables: [table], columns } }
}

function bindJoin(ref: tree.Join, env: Environment): BoundFrom {
  const left = bindTableRef(ref.left, env)
  const beside = besides(left, env)
  const right = bindTableRef(ref.right, beside.env)
  checkAliases(left.scope, right.scope, ref)
  const inner = { rel: right.rel, id: beside.id, column }
  if ((ref.join === 'right' || ref.join === 'full') && isCorrelated(right.rel, beside.id)) {
    fail(
      'InvalidColumnReference',
      'invalid reference to FROM-clause entry from the other side of the join',
      ref.right.span,
      {
        hint: 'The combining JOIN type must be INNER or LEFT for a LATERAL reference.',
      },
    )
  }
  const width = relTypes(left.rel, env).length
  const both = joinScopes(left.scope, right.scope, width)
  const kind = ref.join === 'cross' ? 'inner' : ref.join
  const using = ref.natural
    ? sharedNames(left.scope, right.scope)
    : ref.using?.map((ident) => ({ name: ident.name, span: ident.span }))
  if (using !== undefined) return bindUsing(kind, left, right, inner, using, both, width, ref, env)
  const harvest = newHarvest([])
  const stage: Stage = {
    env,
    scope: both,
    clause: 'JOIN/ON',
    harvest,
    aggregates: false,
    windows: false,
    subqueries: kind === 'inner' && !ref.asof ? 'below' : undefined,
  }
  const condition = ref.on === undefined ? TRUE_EXPR : bindCondition(ref.on, stage)
  if (ref.asof)
    return { rel: asofJoin(kind === 'left' ? 'left' : 'inner', left.rel, inner, condition, ref, env), scope: both }
  if (harvest.below.length === 0) return { rel: dependentJoin(kind, left.rel, inner, condition, env), scope: both }
  // Subqueries of an inner join's condition are joined to the pairs, and the condition filters what comes of it.
  const pairs = dependentJoin(kind, left.rel, inner, TRUE_EXPR, env)
  const { rel, values } = attachAll(pairs, harvest.below, resolveBelow)
  const all = relTypes(pairs, env).map((_, i) => column(i))
  return { rel: project(filter(rel, resolveBelow(condition, values)), all), scope: both }
}

function sharedNames(left: Scope, right: Scope): { name: string; span?: tree.Span }[] {
  const names = new Set(right.columns.filter((c) => !c.qualifiedOnly).map((c) => c.name))
  return [...new Set(left.columns.filter((c) => !c.qualifiedOnly && names.has(c.name)).map((c) => c.name))].map(
    (name) => ({ name }),
  )
}

/** Each named column appears once, first, and without a table. */
function bindUsing(
  kind: 'inner' | 'left' | 'right' | 'full',
  left: BoundFrom,
  right: BoundFrom,
  inner: Dependent,
  using: readonly { name: string; span?: tree.Span }[],
  both: Scope,
  width: number,
  ref: tree.Join,
  env: Environment,
): BoundFrom {
  const conditions: Expr[] = []
  const merged: ScopeColumn[] = []
  for (const { name, span = ref.span } of using) {
    const l = only(left.scope, name, 'left', span)
    const r = only(right.scope, name, 'right', span)
    const there = shift(r.expr, width)
    const [a, b] = [bound(l.expr, l.type, span), bound(there, r.type, span)]
    // The last column of an ASOF join is that of the nearest row.
    if (ref.asof && merged.length === using.length - 1)
      conditions.push(bindComparison('greater_equal', a, b, span, span, '>=').expr)
    else conditions.push(equality(a, b, span))
    merged.push(mergedColumn(kind, name, l, r, there, span))
  }
  const names = new Set(using.map((u) => u.name))
  const columns = both.columns.map((c) => (names.has(c.name) && !c.qualifiedOnly ? { ...c, qualifiedOnly: true } : c))
  const condition = and(conditions)
  return {
    rel: ref.asof
      ? asofJoin(kind === 'left' ? 'left' : 'inner', left.rel, inner, condition, ref, env)
      : dependentJoin(kind, left.rel, inner, condition, env),
    scope: { tables: both.tables, columns: [...merged, ...columns] },
  }
}

function mergedColumn(
  kind: string,
  name: string,
  l: ScopeColumn,
  r: ScopeColumn,
  there: Expr,
  span: tree.Span,
): ScopeColumn {
  const base = { name, table: null, qualifiedOnly: false }
  if (kind === 'right') return { ...base, expr: there, type: r.type }
  if (kind !== 'full') return { ...base, expr: l.expr, type: l.type }
  const type = commonType([l.type, r.type])
  if (type === undefined)
    fail('DatatypeMismatch', `JOIN/USING types ${typeName(l.type)} and ${typeName(r.type)} cannot be matched`, span)
  const [a, b] = [castTo(l.expr, l.type, type), castTo(there, r.type, type)]
  return {
    ...base,
    // biome-ignore lint/suspicious/noThenProperty: the contract's CASE branch has a THEN
    expr: { op: 'case', branches: [{ when: isNull(a, true), then: a }], otherwise: b, data_type: type },
    type,
  }
}

function only(scope: Scope, name: string, side: string, span: tree.Span): ScopeColumn {
  const found = unqualified(scope, name)
  if (found.length > 1)
    fail('AmbiguousColumn', `common column name "${name}" appears more than once in ${side} table`, span)
  return (
    found[0] ??
    fail('UndefinedColumn', `column "${name}" specified in USING clause does not exist in ${side} table`, span)
  )
}
