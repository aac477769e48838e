/** Plans as indented text, for EXPLAIN and for the golden tests: an operator a line, with its columns' names and types. */

import { type Catalog, columnsOf } from '../catalog/catalog.js'
import type {
  AggregateCall,
  AsOf,
  BinaryOp,
  DataType,
  Expr,
  Frame,
  FrameBound,
  Literal,
  Rel,
  SortKey,
  WindowCall,
} from '../contract/plan.generated.js'
import { shortTypeName } from '../types/data-type.js'
import { printLiteral } from '../types/literal.js'
import { inputs } from './rel.js'
import { typesOf } from './schema.js'

/** `names` are those of the top operator's columns. `note` may add a text after an operator. */
export function printRel(
  rel: Rel,
  catalog: Catalog,
  names?: readonly string[],
  note?: (rel: Rel) => string | undefined,
): string[] {
  const lines: string[] = []
  const walk = (node: Rel, depth: number, own?: readonly string[]) => {
    const remark = note?.(node)
    lines.push(`${'  '.repeat(depth)}${describe(node, catalog, own)}${remark === undefined ? '' : `  -- ${remark}`}`)
    for (const input of inputs(node)) walk(input, depth + 1, passesNames(node) ? own : undefined)
  }
  walk(rel, 0, names)
  return lines
}

function passesNames(rel: Rel): boolean {
  return rel.op === 'filter' || rel.op === 'sort' || rel.op === 'limit'
}

function describe(rel: Rel, catalog: Catalog, own: readonly string[] | undefined): string {
  const types = typesOf(rel, (id) => catalog.columnTypes(id))
  const below = inputs(rel).map((input) => namesOf(input, catalog))
  const over = unique(own !== undefined && passesNames(rel) ? own : (below[0] ?? []))
  const show = (expr: Expr) => printExpr(expr, over)
  const names = own ?? namesOf(rel, catalog)
  const typed = (name: string, i: number) => `${name}:${shortTypeName(types[i]!)}`
  switch (rel.op) {
    case 'scan':
      return `scan ${catalog.byId(rel.relation)?.name ?? `#${rel.relation}`} [${names.map(typed).join(', ')}]${printAsOf(rel.as_of)}`
    case 'values':
      return `values [${names.map(typed).join(', ')}] ${rel.rows.map((row) => `(${row.map((e) => printExpr(e, [])).join(', ')})`).join(', ')}`
    case 'filter':
      return `filter ${show(rel.predicate)}`
    case 'project': {
      const items = rel.exprs.map((expr, i) => {
        const shown = show(expr)
        return shown === names[i] ? typed(shown, i) : `${typed(names[i]!, i)} = ${shown}`
      })
      return `project [${items.join(', ')}]`
    }
    case 'join': {
      const [left, right] = [unique(below[0]!), unique(below[1]!)]
      const both = unique([...below[0]!, ...below[1]!])
      const parts = rel.keys.map(
        (key) =>
          `${printExpr(key.left, left)} ${key.nulls_equal ? 'is not distinct from' : '='} ${printExpr(key.right, right)}`,
      )
      const on = parts.length === 0 ? '' : ` on ${parts.join(' and ')}`
      const rest = rel.residual === null ? '' : ` where ${printExpr(rel.residual, both)}`
      return `${on === '' && rest === '' && rel.kind === 'inner' ? 'cross' : rel.kind} join${on}${rest}`
    }
    case 'aggregate': {
      const width = rel.group.length
      const keys = rel.group.map((expr, i) => {
        const shown = show(expr)
        return shown === names[i] ? typed(shown, i) : `${typed(names[i]!, i)} = ${shown}`
      })
      if (rel.aggregates.length === 0) return `distinct [${keys.join(', ')}]`
      const calls = rel.aggregates.map(
        (call, i) => `${typed(names[width + i]!, width + i)} = ${printAggregate(call, over)}`,
      )
      return `aggregate${width === 0 ? '' : ` by [${keys.join(', ')}]`} [${calls.join(', ')}]`
    }
    case 'window': {
      const partition = rel.partition.length === 0 ? '' : ` partition by ${rel.partition.map(show).join(', ')}`
      const order = rel.order.length === 0 ? '' : ` order by ${printKeys(rel.order, over)}`
      const width = types.length - rel.calls.length
      const calls = rel.calls.map(
        (call, i) => `${typed(names[width + i]!, width + i)} = ${printWindowCall(call, over, rel.order.length > 0)}`,
      )
      return `window${partition}${order} [${calls.join(', ')}]`
    }
    case 'sort':
      return `${rel.limit === null ? 'sort' : 'top-n'} ${printKeys(rel.keys, over)}${printLimit(rel)}`
    case 'limit':
      return `limit${printLimit(rel)}`
    case 'union_all':
      return `union all [${names.map(typed).join(', ')}]`
    case 'temporal_filter':
      return `temporal filter${validity('from', rel.from.map(show))}${validity('until', rel.until.map(show))}`
    case 'time_window': {
      const kind = rel.size_us === rel.slide_us ? 'tumble' : 'hop'
      const us = (microseconds: bigint) => printLiteral({ type: 'interval', months: 0, days: 0, microseconds })
      const slide = kind === 'hop' ? ` slide ${us(rel.slide_us)}` : ''
      return `${kind} ${show(rel.time)} size ${us(rel.size_us)}${slide}${rel.offset_us === 0n ? '' : ` offset ${us(rel.offset_us)}`}`
    }
    case 'unnest':
      return `unnest${rel.outer ? ' outer' : ''} [${rel.lists.map(show).join(', ')}]${rel.ordinality ? ' with ordinality' : ''}`
    case 'generate_series':
      return `generate_series ${rel.start} to ${rel.stop} step ${rel.step}`
    default:
      return rel satisfies never
  }
}

function printAsOf(asOf: AsOf | null): string {
  if (asOf === null) return ''
  return asOf.as_of === 'epoch' ? ` as of epoch ${asOf.epoch}` : ` as of timestamp ${printExpr(asOf.time, [])}`
}

function validity(kind: string, bounds: readonly string[]): string {
  return bounds.length === 0 ? '' : ` ${kind} ${bounds.join(' and ')}`
}

function printLimit(rel: { limit: bigint | null; offset: bigint }): string {
  return `${rel.limit === null ? '' : ` limit ${rel.limit}`}${rel.offset === 0n ? '' : ` offset ${rel.offset}`}`
}

function printKeys(keys: readonly SortKey[], names: readonly string[]): string {
  return keys
    .map((key) => {
      const nulls = key.nulls_first === key.descending ? '' : key.nulls_first ? ' nulls first' : ' nulls last'
      return `${printExpr(key.expr, names)}${key.descending ? ' desc' : ''}${nulls}`
    })
    .join(', ')
}

/** Best names of an operator's output columns; only for people. */
export function namesOf(rel: Rel, catalog: Catalog): string[] {
  switch (rel.op) {
    case 'scan': {
      const definition = catalog.byId(rel.relation)
      const columns = definition === undefined ? undefined : columnsOf(definition)
      return rel.columns.map((index) => columns?.[index]?.name ?? `column${index + 1}`)
    }
    case 'values':
      return rel.types.map((_, i) => `column${i + 1}`)
    case 'project': {
      const below = namesOf(rel.input, catalog)
      return rel.exprs.map((expr, i) => plainName(expr, below) ?? `expr${i + 1}`)
    }
    case 'join': {
      const left = namesOf(rel.left, catalog)
      return rel.kind === 'semi' || rel.kind === 'anti' ? left : [...left, ...namesOf(rel.right, catalog)]
    }
    case 'aggregate': {
      const below = namesOf(rel.input, catalog)
      const keys = rel.group.map((expr, i) => plainName(expr, below) ?? `key${i + 1}`)
      return [...keys, ...rel.aggregates.map((call) => call.function.replace('count_star', 'count'))]
    }
    case 'window':
      return [
        ...namesOf(rel.input, catalog),
        ...rel.calls.map((call) =>
          call.function.function === 'aggregate'
            ? call.function.aggregate.replace('count_star', 'count')
            : call.function.function,
        ),
      ]
    case 'union_all':
      return namesOf(rel.inputs[0]!, catalog)
    case 'temporal_filter':
      return namesOf(rel.input, catalog)
    case 'time_window':
      return [...namesOf(rel.input, catalog), 'window_start', 'window_end']
    case 'unnest':
      return [
        ...namesOf(rel.input, catalog),
        ...rel.lists.map(() => 'unnest'),
        ...(rel.ordinality ? ['ordinality'] : []),
      ]
    case 'generate_series':
      return ['generate_series']
    default:
      return namesOf(rel.input, catalog)
  }
}

function plainName(expr: Expr, below: readonly string[]): string | undefined {
  return expr.op === 'column' ? below[expr.index] : undefined
}

/** Repeated names get their position, so that an expression never reads as two columns. */
function unique(names: readonly string[]): string[] {
  return names.map((name, i) => (names.indexOf(name) === names.lastIndexOf(name) ? name : `${name}#${i + 1}`))
}

const SYMBOLS: Record<BinaryOp, string> = {
  add: '+',
  subtract: '-',
  multiply: '*',
  divide: '/',
  modulo: '%',
  equal: '=',
  not_equal: '<>',
  less: '<',
  less_equal: '<=',
  greater: '>',
  greater_equal: '>=',
  is_distinct_from: 'is distinct from',
  is_not_distinct_from: 'is not distinct from',
  and: 'and',
  or: 'or',
  concat: '||',
  regex_match: '~',
  regex_i_match: '~*',
  regex_not_match: '!~',
  regex_not_i_match: '!~*',
}

export function printExpr(expr: Expr, names: readonly string[]): string {
  const show = (inner: Expr) => printExpr(inner, names)
  const operand = (inner: Expr) =>
    inner.op === 'binary' ||
    inner.op === 'not' ||
    inner.op === 'is_null' ||
    inner.op === 'in_list' ||
    inner.op === 'like'
      ? `(${show(inner)})`
      : show(inner)
  switch (expr.op) {
    case 'column':
      return names[expr.index] ?? `#${expr.index + 1}`
    case 'literal':
      return printLiteral(expr.literal)
    case 'binary': {
      const chain = expr.operator === 'and' || expr.operator === 'or'
      const side = (inner: Expr) =>
        inner.op === 'binary' &&
        chain &&
        (inner.operator === expr.operator || (inner.operator !== 'and' && inner.operator !== 'or'))
          ? show(inner)
          : operand(inner)
      return `${side(expr.left)} ${SYMBOLS[expr.operator]} ${side(expr.right)}`
    }
    case 'not':
      return `not ${operand(expr.input)}`
    case 'negate':
      return `-${operand(expr.input)}`
    case 'is_null':
      return `${operand(expr.input)} is ${expr.negated ? 'not ' : ''}null`
    case 'case': {
      const branches = expr.branches.map((branch) => `when ${show(branch.when)} then ${show(branch.then)}`).join(' ')
      return `case ${branches}${expr.otherwise === null ? '' : ` else ${show(expr.otherwise)}`} end`
    }
    case 'cast':
      return `${operand(expr.input)}::${shortTypeName(expr.to)}`
    case 'in_list':
      return `${operand(expr.input)} ${expr.negated ? 'not ' : ''}in (${expr.list.map(show).join(', ')})`
    case 'like':
      return `${operand(expr.input)} ${expr.negated ? 'not ' : ''}${expr.case_insensitive ? 'ilike' : 'like'} ${operand(expr.pattern)}`
    case 'call':
      return `${expr.function}(${expr.args.map(show).join(', ')})`
    case 'parameter':
      return `$${expr.index}`
    case 'predict':
      return `predict(#${expr.model}${expr.args.map((arg) => `, ${show(arg)}`).join('')})`
    default:
      return expr satisfies never
  }
}

function printAggregate(call: AggregateCall, names: readonly string[]): string {
  const arg = call.arg === null ? '*' : printExpr(call.arg, names)
  const name = call.function === 'count_star' ? 'count' : call.function
  const keys = (call.order ?? []).map(
    (key) =>
      `${key.descending ? ' desc' : ''}${key.nulls_first === key.descending ? '' : ` nulls ${key.nulls_first ? 'first' : 'last'}`}`,
  )
  const order = keys.some((key) => key !== '') ? ` by${keys.map((key) => key || ' asc').join(',')}` : ''
  return `${name}(${call.distinct ? 'distinct ' : ''}${arg}${order})${call.filter === null ? '' : ` filter (${printExpr(call.filter, names)})`}`
}

function printWindowCall(call: WindowCall, names: readonly string[], ordered: boolean): string {
  const args = call.args.map((arg) => printExpr(arg, names))
  const how = call.function
  const filter = call.filter === null ? '' : ` filter (${printExpr(call.filter, names)})`
  switch (how.function) {
    case 'lag':
    case 'lead': {
      const fallback = how.default === null ? '' : `, ${printLiteral(how.default)}`
      const offset = how.offset === 1 && fallback === '' ? '' : `, ${how.offset}`
      return `${how.function}(${args.join(', ')}${offset}${fallback})`
    }
    case 'nth_value': {
      const fallback = how.default === null ? '' : `, ${printLiteral(how.default)}`
      const words = `${how.from_last ? ' from last' : ''}${how.ignore_nulls ? ' ignore nulls' : ''}`
      return `nth_value(${args.join(', ')}, ${how.n}${fallback}${words}) ${printFrame(call.frame, ordered)}`.trimEnd()
    }
    case 'row_number':
    case 'rank':
    case 'dense_rank':
      return `${how.function}()`
    case 'aggregate': {
      const name = how.aggregate === 'count_star' ? 'count(*)' : `${how.aggregate}(${args.join(', ')})`
      return `${name}${filter} ${printFrame(call.frame, ordered)}`.trimEnd()
    }
    default:
      return `${how.function}(${args.join(', ')})${filter} ${printFrame(call.frame, ordered)}`.trimEnd()
  }
}

function printFrame(frame: Frame, ordered: boolean): string {
  const whole = frame.start.bound === 'unbounded_preceding' && frame.end.bound === 'unbounded_following'
  const without = frame.exclude === undefined ? '' : ` exclude ${frame.exclude.replaceAll('_', ' ')}`
  if (whole && !ordered && without === '') return ''
  return `${frame.unit} ${printBound(frame.start)} to ${printBound(frame.end)}${without}`
}

function printBound(bound: FrameBound): string {
  const amount = (offset: Literal) => printLiteral(offset)
  switch (bound.bound) {
    case 'preceding':
      return `${amount(bound.offset)} preceding`
    case 'following':
      return `${amount(bound.offset)} following`
    default:
      return bound.bound.replaceAll('_', ' ')
  }
}

/** `name:type` of each column, as at the top of an explained plan. */
export function printFields(names: readonly string[], types: readonly DataType[]): string {
  return names.map((name, i) => `${name}:${shortTypeName(types[i]!)}`).join(', ')
}
