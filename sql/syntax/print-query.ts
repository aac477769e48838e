/** Queries and what stands in FROM, as SQL text. */
import { printExpr, printExprs, printOrderBy, printWindow } from './print-expression.js'
import { printIdent, printIdents, printName, printType } from './print-name.js'
import type {
  AsOf,
  GroupBy,
  GroupItem,
  Query,
  QueryBody,
  Replacement,
  Select,
  SelectItem,
  SetOperation,
  TableAlias,
  TableRef,
  TableSample,
  With,
} from './tree.js'

export function printQuery(query: Query): string {
  const ctes = query.with === undefined ? '' : `${printCommonTables(query.with)} `
  const count = query.limit === undefined ? '' : printValue(query.limit)
  const ties = query.withTies === true
  // FETCH takes a value without operators.
  const limit = query.limit === undefined ? '' : ties ? ` FETCH FIRST (${count}) ROWS WITH TIES` : ` LIMIT ${count}`
  const offset = query.offset === undefined ? '' : ` OFFSET ${printValue(query.offset)}`
  return `${ctes}${printBody(query.body)}${printOrderBy(query.orderBy)}${limit}${offset}${printAsOf(query.asOf)}`
}

function printAsOf(asOf: AsOf | undefined): string {
  return asOf === undefined ? '' : ` AS OF ${asOf.unit.toUpperCase()} ${printValue(asOf.value)}`
}

/** Limits take arithmetic; anything looser was in parentheses. */
export function printValue(expr: Parameters<typeof printExpr>[0]): string {
  const text = printExpr(expr)
  return expr.kind === 'number' || expr.kind === 'parameter' ? text : `(${text})`
}

export function printCommonTables(list: With): string {
  const tables = list.tables.map(({ name, columns, materialized, query }) => {
    const how = materialized === undefined ? '' : materialized ? 'MATERIALIZED ' : 'NOT MATERIALIZED '
    return `${printIdent(name)}${columns.length > 0 ? ` ${printIdents(columns)}` : ''} AS ${how}(${printQuery(query)})`
  })
  return `WITH ${list.recursive ? 'RECURSIVE ' : ''}${tables.join(', ')}`
}

function printBody(body: QueryBody): string {
  switch (body.kind) {
    case 'query':
      return `(${printQuery(body)})`
    case 'values':
      return `VALUES ${body.rows.map((row) => `(${printExprs(row)})`).join(', ')}`
    case 'set_operation': {
      const all = body.all ? ' ALL' : ''
      const tightness = tightnessOf(body)
      return `${side(body.left, tightness)} ${body.operator.toUpperCase()}${all} ${side(body.right, tightness + 1)}`
    }
    case 'select':
      return printSelect(body)
    default:
      return body satisfies never
  }
}

function side(body: QueryBody, tightness: number): string {
  const text = printBody(body)
  return body.kind === 'set_operation' && tightnessOf(body) < tightness ? `(${text})` : text
}

function tightnessOf(body: SetOperation): number {
  return body.operator === 'intersect' ? 2 : 1
}

function printSelect(select: Select): string {
  const parts = ['SELECT']
  if (select.distinctOn.length > 0) parts.push(`DISTINCT ON (${printExprs(select.distinctOn)})`)
  else if (select.distinct) parts.push('DISTINCT')
  parts.push(select.items.map(printSelectItem).join(', '))
  if (select.from.length > 0) parts.push(`FROM ${select.from.map(printTableRef).join(', ')}`)
  if (select.where !== undefined) parts.push(`WHERE ${printExpr(select.where)}`)
  if (select.groupBy !== undefined) parts.push(printGroupBy(select.groupBy))
  if (select.having !== undefined) parts.push(`HAVING ${printExpr(select.having)}`)
  if (select.windows.length > 0) {
    parts.push(
      `WINDOW ${select.windows.map(({ name, spec }) => `${printIdent(name)} AS ${printWindow(spec)}`).join(', ')}`,
    )
  }
  if (select.qualify !== undefined) parts.push(`QUALIFY ${printExpr(select.qualify)}`)
  return parts.join(' ')
}

export function printSelectItem(item: SelectItem): string {
  if (item.kind === 'select_expr') {
    return `${printExpr(item.expr)}${item.alias === undefined ? '' : ` AS ${printIdent(item.alias)}`}`
  }
  const qualifier = item.qualifier === undefined ? '' : `${printName(item.qualifier)}.`
  return `${qualifier}*${item.exclude.length > 0 ? ` EXCLUDE ${printIdents(item.exclude)}` : ''}${printReplacements(item.replace)}`
}

function printGroupBy(groupBy: GroupBy): string {
  return `GROUP BY ${groupBy.all ? 'ALL' : groupBy.items.map(printGroupItem).join(', ')}`
}

function printReplacements(list: readonly Replacement[]): string {
  if (list.length === 0) return ''
  return ` REPLACE (${list.map(({ expr, name }) => `${printExpr(expr)} AS ${printIdent(name)}`).join(', ')})`
}

function printGroupItem(item: GroupItem): string {
  if (item.kind === 'row' && item.items.length === 0) return '()'
  if (item.kind !== 'grouping_sets') return printExpr(item)
  const form = item.form === 'sets' ? 'GROUPING SETS' : item.form.toUpperCase()
  return `${form} (${item.items.map(printGroupItem).join(', ')})`
}

export function printTableRef(ref: TableRef): string {
  switch (ref.kind) {
    case 'table_name':
      if (ref.asOf === undefined) return `${printName(ref.name)}${printAlias(ref.alias)}${printSample(ref.sample)}`
      // Where it could end a query it would be the query's.
      return ref.alias === undefined
        ? `(${printName(ref.name)}${printAsOf(ref.asOf)}${printSample(ref.sample)})`
        : `${printName(ref.name)}${printAsOf(ref.asOf)}${printAlias(ref.alias)}${printSample(ref.sample)}`
    case 'derived_table':
      return `${ref.lateral ? 'LATERAL ' : ''}(${printQuery(ref.query)})${printAlias(ref.alias)}`
    case 'table_function': {
      const all = [ref, ...(ref.beside ?? [])].map(({ name, args }) => `${printName(name)}(${printExprs(args)})`)
      const rows = ref.beside === undefined ? all[0]! : `ROWS FROM (${all.join(', ')})`
      const numbered = ref.ordinality === true ? ' WITH ORDINALITY' : ''
      return `${ref.lateral ? 'LATERAL ' : ''}${rows}${numbered}${printAlias(ref.alias)}`
    }
    case 'time_window': {
      const durations = [ref.time, ref.slide, ref.size, ref.offset].filter((expr) => expr !== undefined)
      // A list in parentheses: without them the time would be one of the columns.
      const by = ref.partitionBy.length === 0 ? '' : ` PARTITION BY (${printExprs(ref.partitionBy)})`
      return `${ref.window}(${printTableRef(ref.source)}${by}, ${printExprs(durations)})${printAlias(ref.alias)}`
    }
    case 'join': {
      const words = `${ref.natural ? 'NATURAL ' : ''}${ref.asof ? 'ASOF ' : ''}${ref.join === 'inner' ? '' : `${ref.join.toUpperCase()} `}JOIN`
      const right = ref.right.kind === 'join' ? `(${printTableRef(ref.right)})` : printTableRef(ref.right)
      const on = ref.on === undefined ? '' : ` ON ${printExpr(ref.on)}`
      const using = ref.using === undefined ? '' : ` USING ${printIdents(ref.using)}`
      return `${printTableRef(ref.left)} ${words} ${right}${on}${using}`
    }
    default:
      return ref satisfies never
  }
}

function printSample(sample: TableSample | undefined): string {
  if (sample === undefined) return ''
  const seed = sample.seed === undefined ? '' : ` REPEATABLE (${printExpr(sample.seed)})`
  return ` TABLESAMPLE ${printIdent(sample.method)} (${printExprs(sample.args)})${seed}`
}

function printAlias(alias: TableAlias | undefined): string {
  if (alias === undefined) return ''
  if (alias.types !== undefined) {
    const columns = alias.columns.map((column, i) => `${printIdent(column)} ${printType(alias.types![i]!)}`)
    return ` AS ${printIdent(alias.name)} (${columns.join(', ')})`
  }
  return ` AS ${printIdent(alias.name)}${alias.columns.length > 0 ? ` ${printIdents(alias.columns)}` : ''}`
}
