/** Aggregates over all values of a group at once. The plan's aggregate collects them into an array, in the order that the call says;
 *  a function makes the result of the array. Its argument is a row of the value and the sort keys, so that whatever rewrites an
 *  argument rewrites the keys too. */
import type { Expr, KeyOrder } from '../contract/plan.generated.js'
import { integer, isNull, sameExpr } from '../logical/expr.js'
import type * as tree from '../syntax/tree.js'
import {
  arrayOf,
  BYTEA,
  type DataType,
  DOUBLE,
  INTEGER,
  INTERVAL,
  isNumber,
  JSONB,
  sameType,
  TEXT,
} from '../types/data-type.js'
import { type AggregateContext, noSuchAggregate } from './aggregates.js'
import { type Bound, bound, castTo, coerce, known } from './coerce.js'
import { bindExpr } from './expr.js'
import { fail } from './fail.js'
import { direction } from './windows.js'

/** Those that are written with WITHIN GROUP; `mode(x)` is DuckDB's form too. */
export const ORDERED_SET_NAMES: ReadonlySet<string> = new Set(['percentile_cont', 'percentile_disc', 'mode'])

const MAKERS: Record<string, (context: AggregateContext) => Bound> = {
  array_agg: arrayAgg,
  list: arrayAgg,
  string_agg: stringAgg,
  jsonb_agg: jsonbAgg,
  json_agg: jsonbAgg,
  jsonb_object_agg: jsonbObjectAgg,
  json_object_agg: jsonbObjectAgg,
  percentile_cont: (context) => percentile(context, withinGroup(context), context.call.args[0]),
  percentile_disc: (context) => percentile(context, withinGroup(context), context.call.args[0]),
  mode,
  median: (context) => percentile(context, ascending(context, 1), undefined),
  quantile_cont: (context) => percentile(context, ascending(context, 2), context.call.args[1]),
  quantile_disc: (context) => percentile(context, ascending(context, 2), context.call.args[1]),
  approx_quantile: (context) => percentile(context, ascending(context, 2), context.call.args[1]),
  first: (context) => atEnd(context, 'first'),
  last: (context) => atEnd(context, 'last'),
  arg_min: (context) => extremeRow(context, false),
  min_by: (context) => extremeRow(context, false),
  arg_max: (context) => extremeRow(context, true),
  max_by: (context) => extremeRow(context, true),
}

export const COLLECTED_NAMES: readonly string[] = Object.keys(MAKERS)

export function bindCollected(context: AggregateContext): Bound {
  return MAKERS[context.name]!(context)
}

function call(name: string, args: Expr[], data_type: DataType): Expr {
  return { op: 'call', function: name, args, data_type }
}

/** A value to collect, with what it is sorted by. */
interface Collection {
  readonly value: Bound
  readonly keys: readonly Bound[]
  readonly order: readonly KeyOrder[]
}

/** The array of the values; rows where `there` is not true are left out. */
function collect({ call: written, filter, use }: AggregateContext, { value, keys, order }: Collection, there?: Expr) {
  const parts = [value, ...keys]
  const row: DataType = { type: 'row', fields: parts.map((p, at) => ({ name: `f${at + 1}`, data_type: p.type })) }
  const whole = call(
    'row_construct',
    parts.map((part) => part.expr),
    row,
  )
  // biome-ignore lint/suspicious/noThenProperty: the contract's CASE branch has a THEN
  const branches = there === undefined ? [] : [{ when: there, then: whole }]
  const arg: Expr = there === undefined ? whole : { op: 'case', branches, otherwise: null, data_type: row }
  const data_type = arrayOf(value.type)
  return use({ function: 'collect', arg, distinct: written.distinct, filter, data_type, order: [...order] })
}

/** The keys of ORDER BY. DISTINCT sorts by the arguments, as PostgreSQL finds equal ones by sorting. */
function sorted({ call: written, inside }: AggregateContext, args: readonly Bound[]): Omit<Collection, 'value'> {
  if (written.orderBy.length === 0 && written.distinct)
    return { keys: args, order: args.map(() => ({ descending: false, nulls_first: false })) }
  const keys = written.orderBy.map((item) => known(bindExpr(item.expr, inside)))
  const strange = written.distinct ? keys.findIndex((key) => !args.some((arg) => sameExpr(arg.expr, key.expr))) : -1
  if (strange !== -1) {
    fail(
      'InvalidColumnReference',
      'in an aggregate with DISTINCT, ORDER BY expressions must appear in argument list',
      written.orderBy[strange]!.span,
    )
  }
  return { keys, order: written.orderBy.map(direction) }
}

function bindArgs({ call: written, name, inside }: AggregateContext, count: number): Bound[] {
  const args = written.args.map((arg) => bindExpr(arg, inside))
  if (args.length !== count) {
    fail('UndefinedFunction', `function ${name} with ${args.length} arguments does not exist`, written.span, {
      hint: `The aggregate ${name} takes ${count === 1 ? 'one argument' : `${count} arguments`}.`,
    })
  }
  return args
}

function arrayAgg(context: AggregateContext): Bound {
  const args = bindArgs(context, 1).map(known)
  const expr = collect(context, { value: args[0]!, ...sorted(context, args) })
  return bound(expr, arrayOf(args[0]!.type), context.call.span)
}

function stringAgg(context: AggregateContext): Bound {
  const args = bindArgs(context, 2)
  const bytes = args.every((arg) => arg.unknown || arg.type.type === 'bytea') && args.some((arg) => !arg.unknown)
  const type = bytes ? BYTEA : TEXT
  if (args.some((arg) => !arg.unknown && arg.type.type !== type.type)) noSuchAggregate(context.name, args)
  const [value, delimiter] = args.map((arg) => bound(coerce(arg, type), type, arg.span))
  const order = sorted(context, [value!, delimiter!])
  const there = isNull(value!.expr, true)
  const { span } = context.call
  // One delimiter for all needs no copy of it beside each value.
  const plain = delimiter!.expr.op === 'literal' && delimiter!.expr.literal.type === 'text' && !bytes
  if (plain) {
    const texts = collect(context, { value: value!, ...order }, there)
    return bound(call('array_to_string', [texts, delimiter!.expr], TEXT), TEXT, span)
  }
  const pair = pairOf(value!, delimiter!)
  const pairs = collect(context, { value: pair, ...order }, there)
  return bound(call(bytes ? 'joined_bytes' : 'joined_texts', [pairs], type), type, span)
}

function pairOf(first: Bound, second: Bound): Bound {
  const type: DataType = {
    type: 'row',
    fields: [first, second].map((part, at) => ({ name: `f${at + 1}`, data_type: part.type })),
  }
  return bound(call('row_construct', [first.expr, second.expr], type), type, first.span)
}

function jsonbAgg(context: AggregateContext): Bound {
  const args = bindArgs(context, 1).map(known)
  const values = collect(context, { value: args[0]!, ...sorted(context, args) })
  return bound(call('to_jsonb', [values], JSONB), JSONB, context.call.span)
}

function jsonbObjectAgg(context: AggregateContext): Bound {
  const [key, value] = bindArgs(context, 2).map(known)
  const name = bound(castTo(key!.expr, key!.type, TEXT), TEXT, key!.span)
  const json = bound(call('to_jsonb', [value!.expr], JSONB), JSONB, value!.span)
  const pairs = collect(context, { value: pairOf(name, json), ...sorted(context, [key!, value!]) })
  return bound(call('object_of_pairs', [pairs], JSONB), JSONB, context.call.span)
}

/** What an ordered-set aggregate of one column sorts. */
function withinGroup({ call: written, name, inside }: AggregateContext): Collection {
  const items = written.withinGroup
  if (items === undefined)
    fail('UndefinedFunction', `WITHIN GROUP is required for ordered-set aggregate ${name}`, written.span)
  if (items.length !== 1) {
    fail('UndefinedFunction', `function ${name} with ${items.length} sorted columns does not exist`, written.span)
  }
  return sortedBy(bindExpr(items[0]!.expr, inside), items[0]!)
}

function sortedBy(value: Bound, item: tree.SortItem): Collection {
  return { value: known(value), keys: [known(value)], order: [direction(item)] }
}

/** DuckDB's forms: the values are the first argument. */
function ascending(context: AggregateContext, count: number): Collection {
  const { call: written, inside, name } = context
  if (written.args.length !== count)
    fail('UndefinedFunction', `function ${name} with ${written.args.length} arguments does not exist`, written.span)
  const value = known(bindExpr(written.args[0]!, inside))
  return { value, keys: [value], order: [{ descending: false, nulls_first: false }] }
}

/** Without a fraction, the median. */
function percentile(context: AggregateContext, collection: Collection, written: tree.Expr | undefined): Bound {
  const { name, beside } = context
  const { span } = context.call
  if (context.call.withinGroup !== undefined && context.call.args.length !== 1)
    fail('UndefinedFunction', `function ${name} with ${context.call.args.length} arguments does not exist`, span)
  const continuous = name === 'percentile_cont' || name === 'quantile_cont' || name === 'median'
  let { value } = collection
  if (continuous && !sameType(value.type, INTERVAL)) {
    if (!isNumber(value.type)) noSuchAggregate(name, [value])
    value = bound(castTo(value.expr, value.type, DOUBLE), DOUBLE, value.span)
  }
  const fraction = written && bindExpr(written, beside)
  const several = fraction !== undefined && !fraction.unknown && fraction.type.type === 'array'
  const wanted = several ? arrayOf(DOUBLE) : DOUBLE
  const half: Expr = { op: 'literal', literal: { type: 'double', value: 0.5 } }
  const at = fraction === undefined ? half : coerce(fraction, wanted)
  const values = collect(context, { ...collection, value, keys: [value] }, isNull(value.expr, true))
  const type = several ? arrayOf(value.type) : value.type
  return bound(call(continuous ? 'percentile_cont_of' : 'percentile_disc_of', [values, at], type), type, span)
}

function mode(context: AggregateContext): Bound {
  const { call: written, inside } = context
  const [argument] = written.args
  if (written.withinGroup !== undefined && written.args.length > 0)
    fail('UndefinedFunction', 'mode takes no argument beside WITHIN GROUP', written.span)
  const collection =
    written.withinGroup === undefined && argument !== undefined
      ? sortedBy(bindExpr(argument, inside), {
          kind: 'sort_item',
          expr: argument,
          descending: false,
          span: argument.span,
        })
      : withinGroup(context)
  const { value } = collection
  const values = collect(context, collection, isNull(value.expr, true))
  return bound(call('most_frequent', [values], value.type), value.type, written.span)
}

function element(array: Expr, at: Expr, type: DataType, span: tree.Span): Bound {
  return bound(call('array_subscript', [array, at], type), type, span)
}

/** DuckDB's FIRST and LAST: of the rows in the call's order. */
function atEnd(context: AggregateContext, end: 'first' | 'last'): Bound {
  const args = bindArgs(context, 1).map(known)
  const values = collect(context, { value: args[0]!, ...sorted(context, args) })
  const at = end === 'first' ? integer(1) : call('cardinality', [values], INTEGER)
  return element(values, at, args[0]!.type, context.call.span)
}

/** DuckDB's ARG_MIN and ARG_MAX: the first argument where the second is least or greatest. */
function extremeRow(context: AggregateContext, greatest: boolean): Bound {
  const [value, key] = bindArgs(context, 2).map(known)
  const there: Expr = {
    op: 'binary',
    operator: 'and',
    left: isNull(value!.expr, true),
    right: isNull(key!.expr, true),
    data_type: { type: 'boolean' },
  }
  const order = [{ descending: greatest, nulls_first: false }]
  const values = collect(context, { value: value!, keys: [key!], order }, there)
  return element(values, integer(1), value!.type, context.call.span)
}
