/** Window calls: function, partition, order and frame, with PostgreSQL's defaults written out. */
import type {
  Frame,
  FrameBound,
  Literal,
  Expr as PlanExpr,
  SortKey,
  WindowCall,
  WindowFunction,
} from '../contract/plan.generated.js'

import type * as tree from '../syntax/tree.js'
import { BIGINT, type DataType, INTEGER, isNumber, isTime, typeName } from '../types/data-type.js'
import { integerValue } from '../types/literal.js'
import { bindAggregate, isAggregate } from './aggregates.js'
import { type Bound, bound, coerce, known, unify } from './coerce.js'
import { evaluateConstant } from './constants.js'
import { bindDistribution, DISTRIBUTION_NAMES } from './distribution.js'
import { bindExpr } from './expr.js'
import { fail, unsupported } from './fail.js'
import { place, type Stage } from './stage.js'

const FUNCTIONS = ['row_number', 'rank', 'dense_rank', 'lag', 'lead', 'first_value', 'last_value', 'nth_value'] as const
/** What is computed from the others; see `distribution.ts`. */
const DERIVED: readonly string[] = DISTRIBUTION_NAMES
/** Those that IGNORE NULLS can be said of. */
const VALUES = ['lag', 'lead', 'first_value', 'last_value', 'nth_value']

export const WINDOW_FUNCTION_NAMES: readonly string[] = [...FUNCTIONS, ...DISTRIBUTION_NAMES]

export function isWindowFunction(name: string): boolean {
  return WINDOW_FUNCTION_NAMES.includes(name)
}

export function bindWindowCall(call: tree.Call, name: string, stage: Stage): Bound {
  if (stage.inside === 'window') fail('WindowingError', 'window function calls cannot be nested', call.span)
  if (stage.inside === 'aggregate')
    fail('GroupingError', 'aggregate function calls cannot contain window function calls', call.span)
  if (!stage.windows || stage.harvest === undefined) {
    fail('WindowingError', `window functions are not allowed in ${stage.clause}`, call.span, {
      hint: stage.clause === 'WHERE' ? 'Use QUALIFY, or a subquery.' : undefined,
    })
  }
  const inner: Stage = { ...stage, windows: false, inside: 'window', clause: 'a window call' }
  const spec = resolveSpec(call.over!, stage.harvest.named)
  const partition = spec.partitionBy.map((expr) => known(bindExpr(expr, inner)).expr)
  const keys = spec.orderBy.map((item) => bindSortKey(item, inner))
  const order = keys.map((key) => key.sort)
  const frame = bindFrame(spec, keys, inner)
  const { windows } = stage.harvest
  const use = (windowCall: WindowCall) => place('window', windows.push({ partition, order, call: windowCall }) - 1)
  if (DERIVED.includes(name)) return bindDistribution(call, name, inner, use)
  if (isAggregate(call, name)) return bindAggregateOver(call, name, inner, frame, use)
  const windowCall = bindCallOver(call, name, inner, frame)
  return bound(use(windowCall), windowCall.data_type, call.span)
}

function resolveSpec(
  over: tree.WindowSpec | tree.WindowName,
  named: readonly tree.WindowDefinition[],
): tree.WindowSpec {
  if (over.kind === 'window_name') return findNamed(over.name, named)
  if (over.base === undefined) return over
  const base = findNamed(over.base, named)
  if (over.partitionBy.length > 0)
    fail('WindowingError', `cannot override PARTITION BY clause of window "${over.base.name}"`, over.span)
  if (over.orderBy.length > 0 && base.orderBy.length > 0)
    fail('WindowingError', `cannot override ORDER BY clause of window "${over.base.name}"`, over.span)
  if (base.frame !== undefined)
    fail('WindowingError', `cannot copy window "${over.base.name}" because it has a frame clause`, over.span)
  const { frame } = over
  const merged = { ...base, orderBy: over.orderBy.length > 0 ? over.orderBy : base.orderBy }
  return frame === undefined ? merged : { ...merged, frame }
}

function findNamed(name: tree.Ident, named: readonly tree.WindowDefinition[]): tree.WindowSpec {
  const found = named.find((definition) => definition.name.name === name.name)
  if (found === undefined) fail('UndefinedObject', `window "${name.name}" does not exist`, name.span)
  return found.spec.base === undefined
    ? found.spec
    : resolveSpec(
        found.spec,
        named.filter((other) => other !== found),
      )
}

export interface BoundSortKey {
  readonly sort: SortKey
  readonly type: DataType
}

export function bindSortKey(item: tree.SortItem, stage: Stage): BoundSortKey {
  const value = known(bindExpr(item.expr, stage))
  return { sort: { expr: value.expr, ...direction(item) }, type: value.type }
}

/** NULLs count as larger than anything, unless the statement says otherwise. */
export function direction(item: tree.SortItem): { descending: boolean; nulls_first: boolean } {
  return {
    descending: item.descending,
    nulls_first: item.nulls === undefined ? item.descending : item.nulls === 'first',
  }
}

/** Aggregates of the query may be arguments here: SUM(COUNT(*)) OVER (). */
function bindAggregateOver(
  call: tree.Call,
  name: string,
  stage: Stage,
  frame: Frame,
  use: (call: WindowCall) => PlanExpr,
): Bound {
  if (call.withinGroup !== undefined) unsupported(`OVER is not supported for ordered-set aggregate ${name}`, call.span)
  if (call.distinct) unsupported('DISTINCT is not implemented for window functions', call.span)
  if (call.orderBy.length > 0) unsupported('aggregate ORDER BY is not implemented for window functions', call.span)
  return bindAggregate(call, name, { inside: stage, beside: stage }, (aggregate) => {
    if (aggregate.distinct || (aggregate.order ?? []).length > 0)
      unsupported(`${name} is not supported as a window function yet`, call.span)
    return use({
      function: { function: 'aggregate', aggregate: aggregate.function },
      args: aggregate.arg === null ? [] : [aggregate.arg],
      filter: aggregate.filter,
      frame,
      data_type: aggregate.data_type,
    })
  })
}

function bindCallOver(call: tree.Call, name: string, stage: Stage, frame: Frame): WindowCall {
  if (!isWindowFunction(name)) {
    fail('WrongObjectType', `OVER specified, but ${name} is not a window function nor an aggregate function`, call.span)
  }
  if (call.filter !== undefined)
    unsupported('FILTER is not implemented for non-aggregate window functions', call.filter.span)
  if (call.distinct || call.star) fail('WrongObjectType', `${name} takes neither DISTINCT nor *`, call.span)
  const ignoring = call.nulls === 'ignore'
  if (ignoring && !VALUES.includes(name)) fail('WrongObjectType', `${name} does not accept IGNORE NULLS`, call.span)
  const [least, most] = argumentsOf(name)
  if (call.args.length < least || call.args.length > most) {
    fail('UndefinedFunction', `window function ${name} with ${call.args.length} arguments does not exist`, call.span, {
      hint:
        most === 3
          ? `${name} takes a value, an offset and a default.`
          : most === 2
            ? `${name} takes a value and a number.`
            : most === 1
              ? `${name} takes one value.`
              : `${name} takes no argument.`,
    })
  }
  const args = call.args.map((arg) => bindExpr(arg, stage))
  const named = name as (typeof FUNCTIONS)[number]
  switch (named) {
    case 'row_number':
    case 'rank':
    case 'dense_rank':
      return { function: { function: named }, args: [], filter: null, frame, data_type: BIGINT }
    case 'first_value':
    case 'last_value': {
      const value = known(args[0]!)
      const how: WindowFunction = ignoring
        ? { function: 'nth_value', n: 1, from_last: named === 'last_value', ignore_nulls: true, default: null }
        : { function: named }
      return { function: how, args: [value.expr], filter: null, frame, data_type: value.type }
    }
    case 'nth_value':
      return bindNth(args, frame, ignoring)
    case 'lag':
    case 'lead':
      return bindShift(named, args, frame, ignoring)
    default:
      return named satisfies never
  }
}

/** How many a window function takes, at least and at most. */
function argumentsOf(name: string): readonly [number, number] {
  if (name === 'lag' || name === 'lead') return [1, 3]
  if (name === 'nth_value') return [2, 2]
  return name.endsWith('_value') ? [1, 1] : [0, 0]
}

function bindNth(args: readonly Bound[], frame: Frame, ignoring: boolean): WindowCall {
  const value = known(args[0]!)
  const place = args[1]!
  const n = integerValue(evaluateConstant(coerce(place, INTEGER), 'the place of nth_value', place.span))
  if (n === undefined) unsupported('the place of nth_value cannot be NULL', place.span)
  if (n <= 0n) fail('InvalidArgumentForNthValue', 'argument of nth_value must be greater than zero', place.span)
  const how: WindowFunction = {
    function: 'nth_value',
    n: Number(n),
    from_last: false,
    ignore_nulls: ignoring,
    default: null,
  }
  return { function: how, args: [value.expr], filter: null, frame, data_type: value.type }
}

const ONE: Literal = { type: 'bigint', value: 1n }
/** The rows before the current one, and those after it. */
const BEFORE: Frame = {
  unit: 'rows',
  start: { bound: 'unbounded_preceding' },
  end: { bound: 'preceding', offset: ONE },
}
const AFTER: Frame = {
  unit: 'rows',
  start: { bound: 'following', offset: ONE },
  end: { bound: 'unbounded_following' },
}

/** LAG and LEAD: the offset and the default are constants of the plan. */
function bindShift(name: 'lag' | 'lead', args: readonly Bound[], frame: Frame, ignoring: boolean): WindowCall {
  const [value, offsetArg, fallbackArg] = args
  const offset =
    offsetArg === undefined
      ? 1n
      : integerValue(evaluateConstant(coerce(offsetArg, INTEGER), `the offset of ${name}`, offsetArg.span))
  if (offset === undefined) unsupported(`the offset of ${name} cannot be NULL`, offsetArg?.span)
  if (offset < 0n)
    unsupported(
      `a negative offset of ${name} is not supported`,
      offsetArg?.span,
      `Use ${name === 'lag' ? 'lead' : 'lag'}.`,
    )
  const { type, exprs } = unify(fallbackArg === undefined ? [value!] : [value!, fallbackArg], name)
  const fallback =
    fallbackArg === undefined ? null : evaluateConstant(exprs[1]!, `the default of ${name}`, fallbackArg.span)
  const otherwise = fallback?.type === 'null' ? null : fallback
  const call = { args: [exprs[0]!], filter: null, data_type: type }
  if (ignoring && offset > 0n) {
    const n = Number(offset)
    const nth = { n, from_last: name === 'lag', ignore_nulls: true, default: otherwise }
    return { ...call, function: { function: 'nth_value', ...nth }, frame: name === 'lag' ? BEFORE : AFTER }
  }
  return { ...call, function: { function: name, offset: Number(offset), default: otherwise }, frame }
}

const UNBOUNDED_PRECEDING: FrameBound = { bound: 'unbounded_preceding' }
const UNBOUNDED_FOLLOWING: FrameBound = { bound: 'unbounded_following' }

function bindFrame(spec: tree.WindowSpec, keys: readonly BoundSortKey[], stage: Stage): Frame {
  const { frame } = spec
  if (frame === undefined) {
    // Without ORDER BY all rows are peers of the current one, so the default frame is the whole partition.
    return {
      unit: 'range',
      start: UNBOUNDED_PRECEDING,
      end: keys.length === 0 ? UNBOUNDED_FOLLOWING : { bound: 'current_row' },
    }
  }
  if (frame.unit === 'groups' && keys.length === 0)
    fail('WindowingError', 'GROUPS mode requires an ORDER BY clause', frame.span)
  if (frame.start.kind === 'unbounded_following')
    fail('WindowingError', 'frame start cannot be UNBOUNDED FOLLOWING', frame.start.span)
  if (frame.end.kind === 'unbounded_preceding')
    fail('WindowingError', 'frame end cannot be UNBOUNDED PRECEDING', frame.end.span)
  const rank = { unbounded_preceding: 0, preceding: 1, current_row: 2, following: 3, unbounded_following: 4 }
  if (rank[frame.start.kind] > rank[frame.end.kind]) {
    fail(
      'WindowingError',
      `frame starting from ${words(frame.start)} cannot have ${frame.end.kind === 'preceding' ? 'preceding rows' : 'an end before it'}`,
      frame.span,
    )
  }
  const offsets = [frame.start, frame.end].some((b) => b.kind === 'preceding' || b.kind === 'following')
  if (frame.unit === 'range' && offsets && keys.length !== 1) {
    fail('WindowingError', 'RANGE with offset PRECEDING/FOLLOWING requires exactly one ORDER BY column', frame.span)
  }
  return {
    unit: frame.unit,
    start: bindBound(frame.start, frame.unit, keys, stage),
    end: bindBound(frame.end, frame.unit, keys, stage),
    ...(frame.exclude && { exclude: frame.exclude }),
  }
}

function words(at: tree.FrameBound): string {
  return at.kind === 'current_row' ? 'current row' : 'following row'
}

function bindBound(
  at: tree.FrameBound,
  unit: tree.Frame['unit'],
  keys: readonly BoundSortKey[],
  stage: Stage,
): FrameBound {
  if (at.kind !== 'preceding' && at.kind !== 'following') return { bound: at.kind }
  const value = bindExpr(at.offset, { ...stage, aggregates: false, subqueries: undefined, clause: 'a frame offset' })
  const type = unit !== 'range' ? BIGINT : offsetType(keys[0]!.type, at)
  const literal = evaluateConstant(coerce(value, type, 'assignment'), 'a frame offset', at.offset.span)
  checkOffset(literal, at)
  return { bound: at.kind, offset: literal }
}

function offsetType(key: DataType, at: tree.FrameBound): DataType {
  if (isTime(key)) return { type: 'interval' }
  if (isNumber(key)) return key
  return unsupported(`RANGE with offset is not supported for an order by ${typeName(key)}`, at.span)
}

function checkOffset(literal: Literal, at: tree.FrameBound): void {
  if (literal.type === 'null') fail('InvalidParameterValue', 'frame offset must not be null', at.span)
  if (literal.type === 'interval' && literal.months !== 0) {
    unsupported(
      'a RANGE frame of months or years is not supported',
      at.span,
      "Months differ in length; use days, such as INTERVAL '30 days'.",
    )
  }
  const negative =
    literal.type === 'interval'
      ? literal.days < 0 || literal.microseconds < 0n
      : literal.type === 'numeric'
        ? literal.value.startsWith('-')
        : 'value' in literal &&
          (typeof literal.value === 'number' || typeof literal.value === 'bigint') &&
          literal.value < 0
  if (negative) fail('InvalidParameterValue', 'frame offset must not be negative', at.span)
}
