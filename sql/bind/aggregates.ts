/** Aggregate functions: their names and result types, and calls of them. */
import type { AggregateCall, AggregateFunction } from '../contract/plan.generated.js'
import type { Call } from '../syntax/tree.js'
import {
  BIGINT,
  BOOLEAN,
  type DataType,
  DOUBLE,
  familyName,
  isFloat,
  isInteger,
  isNumber,
  numeric,
} from '../types/data-type.js'
import { type Bound, boolean, coerce, known } from './coerce.js'
import { bindExpr } from './expr.js'
import { fail, unsupported } from './fail.js'
import type { Stage } from './stage.js'

const AGGREGATES = new Map<string, AggregateFunction>([
  ['count', 'count'],
  ['sum', 'sum'],
  ['min', 'min'],
  ['max', 'max'],
  ['avg', 'avg'],
  ['bool_and', 'bool_and'],
  ['every', 'bool_and'],
  ['bool_or', 'bool_or'],
])

/** PostgreSQL's others, so that using one says more than "does not exist". */
const LATER = new Set([
  'string_agg',
  'array_agg',
  'stddev',
  'stddev_samp',
  'stddev_pop',
  'variance',
  'var_samp',
  'var_pop',
  'percentile_cont',
  'percentile_disc',
  'mode',
  'corr',
  'json_agg',
  'jsonb_agg',
  'bit_and',
  'bit_or',
])

export const AGGREGATE_NAMES = [...AGGREGATES.keys()]

export function isAggregate(name: string): boolean {
  return AGGREGATES.has(name) || LATER.has(name)
}

/** The call over the stage's columns; `stage` is that of the arguments. */
export function bindAggregate(call: Call, name: string, stage: Stage): AggregateCall {
  if (LATER.has(name)) unsupported(`aggregate function ${name} is not supported yet`, call.span)
  if (call.orderBy.length > 0)
    unsupported(
      `ORDER BY within ${name} is not supported`,
      call.orderBy[0]!.span,
      'The aggregates that exist do not depend on the order of their input.',
    )
  const named = AGGREGATES.get(name)!
  const filter =
    call.filter === undefined ? null : boolean(bindExpr(call.filter, { ...stage, clause: 'FILTER' }), 'FILTER')
  if (call.star) {
    if (name !== 'count')
      fail('UndefinedFunction', `${name}(*) is not a function`, call.span, { hint: 'Only COUNT takes *.' })
    return { function: 'count_star', arg: null, distinct: false, filter, data_type: BIGINT }
  }
  if (call.args.length !== 1) {
    const hint = name === 'count' ? 'COUNT takes one argument or *.' : `The aggregate ${name} takes one argument.`
    fail('UndefinedFunction', `function ${name} with ${call.args.length} arguments does not exist`, call.span, { hint })
  }
  const arg = aggregateArgument(named, known(bindExpr(call.args[0]!, stage)), name)
  const distinct = call.distinct && named !== 'min' && named !== 'max' && named !== 'bool_and' && named !== 'bool_or'
  return { function: named, arg: arg.expr, distinct, filter, data_type: aggregateType(named, arg.type) }
}

/** Types of which PostgreSQL has no MIN and MAX. */
const WITHOUT_EXTREMES: ReadonlySet<DataType['type']> = new Set(['boolean', 'bytea', 'uuid', 'jsonb', 'row', 'map'])

function aggregateArgument(named: AggregateFunction, arg: Bound, name: string): Bound {
  if (named === 'bool_and' || named === 'bool_or')
    return {
      ...arg,
      expr: coerce(arg, BOOLEAN, 'implicit', (from) => `function ${name}(${from}) does not exist`),
      type: BOOLEAN,
    }
  const refused =
    ((named === 'sum' || named === 'avg') && !isNumber(arg.type)) ||
    ((named === 'min' || named === 'max') && WITHOUT_EXTREMES.has(arg.type.type))
  if (refused) {
    fail('UndefinedFunction', `function ${name}(${familyName(arg.type)}) does not exist`, arg.span, {
      hint: 'No function matches the given name and argument types. You might need to add explicit type casts.',
    })
  }
  return arg
}

export function aggregateType(named: AggregateFunction, arg: DataType): DataType {
  switch (named) {
    case 'count':
    case 'count_star':
      return BIGINT
    case 'sum':
      if (arg.type === 'bigint') return numeric(38, 0)
      if (isInteger(arg)) return BIGINT
      return arg.type === 'numeric' ? numeric(38, arg.scale) : arg
    case 'avg':
      if (isFloat(arg)) return DOUBLE
      return numeric(38, Math.max(16, arg.type === 'numeric' ? arg.scale : 0))
    case 'min':
    case 'max':
      return arg
    case 'bool_and':
    case 'bool_or':
      return BOOLEAN
    default:
      return named satisfies never
  }
}
