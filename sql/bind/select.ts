/** One SELECT: FROM, WHERE, GROUP BY, HAVING, windows, QUALIFY, the select list, DISTINCT and ORDER BY, in the order in which they
 *  take effect. Expressions are bound first and leave placeholders; `Layers` then says which column each placeholder is. */

import { primaryKeyOf } from '../catalog/catalog.js'
import type { Expr, Rel, SortKey } from '../contract/plan.generated.js'
import { suggest } from '../diag/suggest.js'
import { and, bigint, column, compare, exprKey, sameExpr, some } from '../logical/expr.js'
import { aggregate, filter, project, projectColumns, ROW_NUMBER, window } from '../logical/rel.js'
import type * as tree from '../syntax/tree.js'
import { type Bound, boolean, bound, known } from './coerce.js'
import { type BoundQuery, type Environment, type OutputColumn, relTypes } from './environment.js'
import { bindCondition, bindExpr, mark } from './expr.js'
import { fail } from './fail.js'
import { bindFrom } from './from.js'
import { bindGrouping, groupBySets } from './grouping.js'
import { Layers } from './layers.js'
import { outputName } from './output-name.js'
import { type Scope, unqualified } from './scope.js'
import { type Harvest, has, newHarvest, placeOf, resolveBelow, type Stage } from './stage.js'
import { attachAll, bindConditionJoin, type ConditionJoin, parts } from './subquery.js'
import { isRegistered, isVector, shownName, shownVector } from './system.js'
import { direction } from './windows.js'

/** The number of an object is shown as its name, and a list of numbers as PostgreSQL's vectors; what reads them in the statement wants
 *  the numbers. */
function asShown(expr: tree.Expr, { env, scope }: Stage): tree.Expr {
  if (env.outer !== undefined || env.inner === true) return expr
  if (expr.kind === 'cast' && isRegistered(expr.type)) return shownName(expr)
  return expr.kind === 'column' && isVector(expr, scope) ? shownVector(expr) : expr
}

export interface Item {
  readonly value: Bound
  readonly name: string
  /** As written, for GROUP BY and ORDER BY; absent for what `*` gave. */
  readonly expr?: tree.Expr
}

export function bindSelect(select: tree.Select, orderBy: readonly tree.SortItem[], env: Environment): BoundQuery {
  const from = bindFrom(select.from, env)
  const harvest = newHarvest(select.windows)
  const above: Stage = {
    env,
    scope: from.scope,
    clause: 'SELECT',
    harvest,
    aggregates: true,
    windows: true,
    subqueries: 'above',
  }
  const below: Stage = { ...above, clause: 'WHERE', aggregates: false, windows: false, subqueries: 'below' }

  const where = splitWhere(select.where, below)
  const items = bindItems(select.items, above)
  const grouping = bindGrouping(select.groupBy, (expr) => groupItem(expr, items, { ...below, clause: 'GROUP BY' }))
  const having =
    select.having === undefined
      ? undefined
      : bindCondition(select.having, { ...above, clause: 'HAVING', windows: false })
  const qualify =
    select.qualify === undefined ? undefined : bindQualify(select.qualify, items, { ...above, clause: 'QUALIFY' })
  const order = orderBy.map((item) => bindOrder(item, items, { ...above, clause: 'ORDER BY' }))
  const distinctOn = select.distinctOn.map((expr) => bindOutputRef(expr, items, { ...above, clause: 'DISTINCT ON' }))

  const grouped = select.groupBy !== undefined || harvest.aggregates.length > 0 || having !== undefined
  const group =
    select.groupBy?.all === true
      ? items
          .filter((i) => !has(i.value.expr, 'aggregate') && !has(i.value.expr, 'window'))
          .map((i) => known(i.value).expr)
      : grouping.keys
  const applied = applyWhere(from.rel, where, harvest)
  let { rel } = applied
  const layers = new Layers(
    harvest,
    applied.values,
    grouped ? [...group, ...(grouping.sets === undefined ? determined(group, from.scope, env) : [])] : undefined,
  )

  const setsOf = (exprs: readonly Expr[]) =>
    harvest.sets.flatMap((_, i) => (exprs.some((expr) => uses(expr, i, harvest)) ? [i] : []))
  if (grouped) {
    // What rows are grouped by is computed for each of them.
    rel = layers.sets(
      rel,
      setsOf(group),
      (r) => relTypes(r, env).length,
      (expr) => layers.below(expr),
    )
    const keys = layers.group.map((expr) => layers.below(expr))
    const calls = harvest.aggregates.map((call) => ({
      ...call,
      arg: call.arg && layers.below(call.arg),
      filter: call.filter && layers.below(call.filter),
    }))
    const sets = grouping.sets ?? (harvest.groupings.length > 0 ? [keys.map((_, i) => i)] : undefined)
    rel =
      sets === undefined ? aggregate(rel, keys, calls) : groupBySets(rel, keys, sets, calls, layers.groupings(), env)
  } else if (harvest.groupings.length > 0) layers.groupings()
  const attached = attachAll(rel, harvest.above, (expr, values) => {
    layers.aboveValues = values
    return layers.above(expr)
  })
  rel = attached.rel
  layers.aboveValues = attached.values
  if (having !== undefined) rel = filter(rel, layers.above(having))
  rel = layers.windows(rel, relTypes(rel, env).length)
  if (qualify !== undefined) rel = filter(rel, layers.above(qualify))
  rel = layers.sets(
    rel,
    harvest.sets.map((_, i) => i).filter((i) => !grouped || !setsOf(group).includes(i)),
    (r) => relTypes(r, env).length,
    (expr) => layers.above(expr),
  )
  return finish(rel, items, order, distinctOn.length > 0 ? distinctOn : select.distinct, layers)
}

/** Whether an expression needs that set, for itself or within another one. */
function uses(expr: Expr, set: number, harvest: Harvest): boolean {
  return some(expr, (e) => {
    const placed = e.op === 'column' ? placeOf(e.index) : undefined
    return placed?.kind === 'set' && (placed.index === set || uses(harvest.sets[placed.index]!.list, set, harvest))
  })
}

/** The select list, with DISTINCT, and ORDER BY over it or over hidden columns beside it. `distinct` may be the keys of DISTINCT ON. */
function finish(
  input: Rel,
  items: readonly Item[],
  order: readonly Order[],
  distinct: boolean | readonly OutputRef[],
  layers: Layers,
): BoundQuery {
  const outputs = items.map((item) => layers.above(item.value.expr))
  const hidden: Expr[] = []
  const placed = ({ at, span }: OutputRef): Expr => {
    if (typeof at === 'number') return column(at)
    const expr = layers.above(at)
    const known = [...outputs, ...hidden].findIndex((other) => sameExpr(other, expr))
    if (known !== -1) return column(known)
    if (distinct === true)
      fail('InvalidColumnReference', 'for SELECT DISTINCT, ORDER BY expressions must appear in select list', span)
    return column(outputs.length + hidden.push(expr) - 1)
  }
  const keys = order.map((key): SortKey => ({ expr: placed(key), ...key.how }))
  const on = typeof distinct === 'boolean' ? [] : distinct.map(placed)
  let rel = project(input, [...outputs, ...hidden])
  const all = outputs.map((_, i) => column(i))
  if (distinct === true) rel = aggregate(rel, all, [])
  if (on.length > 0) {
    checkDistinctOrder(on, keys, order)
    const width = outputs.length + hidden.length
    const first = compare('equal', column(width), bigint(1n))
    // Columns of the ORDER BY that follow stay at hand.
    rel = projectColumns(filter(window(rel, on, keys, [ROW_NUMBER]), first), range(width))
  }
  if (keys.length > 0) rel = { op: 'sort', input: rel, keys, limit: null, offset: 0n }
  if (hidden.length > 0) rel = project(rel, all)
  const columns = items.map(
    (item): OutputColumn => ({
      name: item.name,
      type: item.value.type,
      unknown: item.value.unknown && distinct === false,
    }),
  )
  return { rel, columns }
}

/** ORDER BY decides which row of each group is the first, so it begins with what makes the groups. */
function checkDistinctOrder(on: readonly Expr[], keys: readonly SortKey[], order: readonly Order[]): void {
  const rest = new Set(on.map(exprKey))
  for (const [i, key] of keys.entries()) {
    if (rest.size === 0) return
    if (!on.some((expr) => sameExpr(expr, key.expr))) {
      fail(
        'InvalidColumnReference',
        'SELECT DISTINCT ON expressions must match initial ORDER BY expressions',
        order[i]!.span,
      )
    }
    rest.delete(exprKey(key.expr))
  }
}

function range(length: number): number[] {
  return Array.from({ length }, (_, i) => i)
}

export function bindItems(items: readonly tree.SelectItem[], stage: Stage): Item[] {
  return items.flatMap((item): Item[] => {
    if (item.kind === 'star') return expandStar(item, stage)
    return [
      {
        value: bindExpr(asShown(item.expr, stage), stage),
        name: item.alias?.name ?? outputName(item.expr),
        expr: item.expr,
      },
    ]
  })
}

function expandStar(star: tree.Star, stage: Stage): Item[] {
  const { scope } = stage
  const table = star.qualifier?.parts.at(-1)
  if (table !== undefined && !scope.tables.includes(table.name)) {
    const near = suggest(table.name, scope.tables)
    fail('UndefinedTable', `missing FROM-clause entry for table "${table.name}"`, table.span, {
      hint: near === undefined ? undefined : `Perhaps you meant the table alias "${near}".`,
    })
  }
  if (scope.tables.length === 0) fail('SyntaxError', 'SELECT * with no tables specified is not valid', star.span)
  const columns = scope.columns.filter((c) => (table === undefined ? !c.qualifiedOnly : c.table === table.name))
  const excluded = new Set(star.exclude.map((ident) => ident.name))
  for (const ident of star.exclude) {
    if (columns.some((c) => c.name === ident.name)) continue
    const near = suggest(
      ident.name,
      columns.map((c) => c.name),
    )
    fail('UndefinedColumn', `column "${ident.name}" in EXCLUDE does not exist`, ident.span, {
      hint: near === undefined ? undefined : `Perhaps you meant the column "${near}".`,
    })
  }
  const kept = columns.filter((c) => !excluded.has(c.name))
  if (kept.length === 0) fail('SyntaxError', 'EXCLUDE leaves no column', star.span)
  for (const { name } of star.replace) {
    if (!kept.some((c) => c.name === name.name))
      fail('UndefinedColumn', `column "${name.name}" in REPLACE does not exist`, name.span)
  }
  return kept.map((c) => {
    const replaced = star.replace.find(({ name }) => name.name === c.name)
    if (replaced !== undefined) return { value: bindExpr(replaced.expr, stage), name: c.name }
    const ident = (name: string): tree.Ident => ({ kind: 'ident', name, span: star.span })
    const ref: tree.ColumnRef = {
      kind: 'column',
      parts: c.table === null ? [ident(c.name)] : [ident(c.table), ident(c.name)],
      span: star.span,
    }
    // Marked with its name, so that an error can say which column of * it was.
    return { value: bound(mark(c.expr, ref), c.type, star.span), name: c.name }
  })
}

export interface Where {
  readonly conditions: readonly Expr[]
  readonly joins: readonly ConditionJoin[]
}

export function splitWhere(where: tree.Expr | undefined, stage: Stage): Where {
  const [conditions, joins]: [Expr[], ConditionJoin[]] = [[], []]
  for (const part of where === undefined ? [] : parts(where)) {
    const nested = bindConditionJoin(part, stage)
    if (nested === undefined) conditions.push(bindCondition(part, stage))
    else joins.push(nested)
  }
  return { conditions, joins }
}

/** Subqueries below the aggregate come first, as any condition may use them. */
export function applyWhere(from: Rel, where: Where, harvest: Harvest): { rel: Rel; values: readonly Expr[] } {
  const attached = attachAll(from, harvest.below, resolveBelow)
  const resolved = (expr: Expr) => resolveBelow(expr, attached.values)
  const rel = filter(attached.rel, and(where.conditions.map(resolved)))
  return { rel: where.joins.reduce((left, join) => join(left, resolved), rel), values: attached.values }
}

/** GROUP BY: an ordinal, a column of FROM, the alias of an item, or an expression; in this order, as PostgreSQL has it. */
function groupItem(expr: tree.Expr, items: readonly Item[], stage: Stage): Expr {
  if (expr.kind === 'number') return known(items[ordinal(expr, items.length, 'GROUP BY')]!.value).expr
  if (expr.kind === 'column' && expr.parts.length === 1 && unqualified(stage.scope, expr.parts[0]!.name).length === 0) {
    const alias = items.find((item) => item.name === expr.parts[0]!.name && item.expr !== undefined)
    if (alias !== undefined) return known(alias.value).expr
  }
  return known(bindExpr(expr, stage)).expr
}

export function ordinal(expr: tree.NumberLiteral, width: number, clause: string): number {
  const at = Number(expr.text)
  if (!Number.isInteger(at)) fail('SyntaxError', `non-integer constant in ${clause}`, expr.span)
  if (at < 1 || at > width) fail('InvalidColumnReference', `${clause} position ${at} is not in select list`, expr.span)
  return at - 1
}

/** QUALIFY may use the aliases of the select list, as its purpose is to filter by what is computed there. */
function bindQualify(expr: tree.Expr, items: readonly Item[], stage: Stage): Expr {
  const width = stage.scope.columns.length
  const aliases = items.filter((item) => item.expr !== undefined && unqualified(stage.scope, item.name).length === 0)
  const columns = aliases.map((item) => ({
    name: item.name,
    table: null,
    expr: item.value.expr,
    type: item.value.type,
    qualifiedOnly: false,
  }))
  const scope: Scope =
    width + columns.length === 0
      ? stage.scope
      : { tables: stage.scope.tables, columns: [...stage.scope.columns, ...columns] }
  return boolean(bindExpr(expr, { ...stage, scope }), 'QUALIFY')
}

interface OutputRef {
  /** An output column, or an expression over FROM. */
  readonly at: number | Expr
  readonly span: tree.Span
}

interface Order extends OutputRef {
  readonly how: { readonly descending: boolean; readonly nulls_first: boolean }
}

function bindOrder(item: tree.SortItem, items: readonly Item[], stage: Stage): Order {
  return { ...bindOutputRef(item.expr, items, stage), how: direction(item) }
}

/** Of ORDER BY and DISTINCT ON: an ordinal, the name of an output column, or an expression. */
function bindOutputRef(expr: tree.Expr, items: readonly Item[], stage: Stage): OutputRef {
  const { clause } = stage
  if (expr.kind === 'number') return { at: ordinal(expr, items.length, clause), span: expr.span }
  if (expr.kind === 'column' && expr.parts.length === 1) {
    const name = expr.parts[0]!.name
    const named = items.flatMap((other, i) => (other.name === name ? [i] : []))
    const [first] = named
    if (first !== undefined) {
      if (named.some((i) => !sameExpr(items[i]!.value.expr, items[first]!.value.expr)))
        fail('AmbiguousColumn', `${clause} "${name}" is ambiguous`, expr.span)
      return { at: first, span: expr.span }
    }
  }
  if (expr.kind === 'string' || expr.kind === 'null')
    fail('SyntaxError', `non-integer constant in ${clause}`, expr.span)
  return { at: known(bindExpr(expr, stage)).expr, span: expr.span }
}

/** Columns that the primary key among the group keys determines: PostgreSQL lets them stand ungrouped. */
function determined(group: readonly Expr[], scope: Scope, env: Environment): Expr[] {
  const keys = new Set(group.map(exprKey))
  const added: Expr[] = []
  for (const table of scope.tables) {
    const columns = scope.columns.filter((c) => c.table === table && c.origin !== undefined)
    const definition = columns[0]?.origin === undefined ? undefined : env.catalog.byId(columns[0].origin.relation)
    const primaryKey = definition === undefined ? undefined : primaryKeyOf(definition)
    const whole = primaryKey?.every((at) => columns.some((c) => c.origin!.column === at && keys.has(exprKey(c.expr))))
    if (whole === true) added.push(...columns.map((c) => c.expr).filter((expr) => !keys.has(exprKey(expr))))
  }
  return added
}
