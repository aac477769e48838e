/** Aggregate functions: their names and result types, and calls of them. A call is one of the plan's aggregates, or computed from
 *  some: from all values of the group as an array (`collected.ts`), or from sums (`statistics.ts`). */
import type { AggregateCall, AggregateFunction, Expr } from '../contract/plan.generated.js'
import { binary, cast } from '../logical/expr.js'
import type { Call } from '../syntax/tree.js'
import {
  BIGINT,
  BOOLEAN,
  type DataType,
  DOUBLE,
  familyName,
  INTERVAL,
  isFloat,
  isInteger,
  isNumber,
  numeric,
} from '../types/data-type.js'
import { type Bound, boolean, bound, coerce, known } from './coerce.js'
import { bindCollected, COLLECTED_NAMES, ORDERED_SET_NAMES } from './collected.js'
import { bindExpr } from './expr.js'
import { fail } from './fail.js'
import { bindHypothetical, isHypothetical } from './hypothetical.js'
import type { Stage } from './stage.js'
import { bindStatistic, STATISTIC_NAMES } from './statistics.js'

/** Computed as they are, over one argument. */
const PLAIN = new Map<string, AggregateFunction>([
  ['count', 'count'],
  ['sum', 'sum'],
  ['min', 'min'],
  ['max', 'max'],
  ['avg', 'avg'],
  ['bool_and', 'bool_and'],
  ['every', 'bool_and'],
  ['bool_or', 'bool_or'],
  ['bit_and', 'bit_and'],
  ['bit_or', 'bit_or'],
  ['bit_xor', 'bit_xor'],
  ['any_value', 'min'],
  ['approx_count_distinct', 'count'],
])

export const AGGREGATE_NAMES: readonly string[] = [...PLAIN.keys(), ...COLLECTED_NAMES, ...STATISTIC_NAMES]
const NAMES: ReadonlySet<string> = new Set(AGGREGATE_NAMES)

export function isAggregate(call: Call, name: string): boolean {
  return NAMES.has(name) || (call.withinGroup !== undefined && isHypothetical(name))
}

/** Adds a call over the rows at hand, and gives the column that its result will be. */
export type Use = (call: AggregateCall) => Expr

/** The stage of the call's arguments, and that of what stands beside the aggregate (the fraction of a percentile). */
export interface AggregateStages {
  readonly inside: Stage
  readonly beside: Stage
}

/** What an aggregate of one argument is bound with. */
export interface AggregateContext extends AggregateStages {
  readonly call: Call
  readonly name: string
  readonly filter: Expr | null
  readonly use: Use
}

export function bindAggregate(call: Call, name: string, stages: AggregateStages, use: Use): Bound {
  const { inside } = stages
  const ordered = ORDERED_SET_NAMES.has(name) || isHypothetical(name)
  if (call.withinGroup !== undefined && !ordered)
    fail('UndefinedFunction', `${name} is not an ordered-set aggregate, so it cannot have WITHIN GROUP`, call.span)
  if (call.withinGroup !== undefined && call.orderBy.length > 0)
    fail('SyntaxError', 'cannot use multiple ORDER BY clauses with WITHIN GROUP', call.span)
  if (call.withinGroup !== undefined && call.distinct)
    fail('SyntaxError', 'cannot use DISTINCT with WITHIN GROUP', call.span)
  const filter =
    call.filter === undefined ? null : boolean(bindExpr(call.filter, { ...inside, clause: 'FILTER' }), 'FILTER')
  if (call.star && name !== 'count')
    fail('UndefinedFunction', `${name}(*) is not a function`, call.span, { hint: 'Only COUNT takes *.' })
  if (call.star) {
    const expr = use({ function: 'count_star', arg: null, distinct: false, filter, data_type: BIGINT })
    return bound(expr, BIGINT, call.span)
  }
  const context: AggregateContext = { ...stages, call, name, filter, use }
  if (isHypothetical(name)) return bindHypothetical(context)
  if (COLLECTED_NAMES.includes(name)) return bindCollected(context)
  if (STATISTIC_NAMES.includes(name)) return bindStatistic(context)
  return bindPlain(context)
}

function bindPlain({ call, name, filter, inside, use }: AggregateContext): Bound {
  // The order of what is added up does not matter, but has to make sense.
  for (const item of call.orderBy) bindExpr(item.expr, inside)
  if (call.args.length !== 1) {
    const hint = name === 'count' ? 'COUNT takes one argument or *.' : `The aggregate ${name} takes one argument.`
    fail('UndefinedFunction', `function ${name} with ${call.args.length} arguments does not exist`, call.span, { hint })
  }
  const value = known(bindExpr(call.args[0]!, inside))
  const named = name === 'any_value' && value.type.type === 'boolean' ? 'bool_and' : PLAIN.get(name)!
  const arg = name === 'any_value' ? value : plainArgument(named, value, name)
  const insensitive = ['min', 'max', 'bool_and', 'bool_or', 'bit_and', 'bit_or'].includes(named)
  const distinct = (call.distinct && !insensitive) || name === 'approx_count_distinct'
  const of = (aggregate: AggregateFunction) => {
    const data_type = aggregateType(aggregate, arg.type)
    return use({ function: aggregate, arg: arg.expr, distinct, filter, data_type })
  }
  if (named === 'avg' && arg.type.type === 'interval') {
    // NULL where there is none: the sum is, before anything is divided.
    const mean = binary('divide', of('sum'), cast(of('count'), BIGINT, DOUBLE), INTERVAL)
    const none: Expr = { op: 'is_null', input: of('sum'), negated: false }
    const empty: Expr = { op: 'literal', literal: { type: 'null', data_type: INTERVAL } }
    // biome-ignore lint/suspicious/noThenProperty: the contract's CASE branch has a THEN
    const branches = [{ when: none, then: empty }]
    return bound({ op: 'case', branches, otherwise: mean, data_type: INTERVAL }, INTERVAL, call.span)
  }
  return bound(of(named), aggregateType(named, arg.type), call.span)
}

/** Types of which PostgreSQL has no MIN and MAX. */
const WITHOUT_EXTREMES: ReadonlySet<DataType['type']> = new Set(['boolean', 'bytea', 'uuid', 'jsonb', 'row', 'map'])

function plainArgument(named: AggregateFunction, arg: Bound, name: string): Bound {
  if (named === 'bool_and' || named === 'bool_or')
    return {
      ...arg,
      expr: coerce(arg, BOOLEAN, 'implicit', (from) => `function ${name}(${from}) does not exist`),
      type: BOOLEAN,
    }
  const refused =
    ((named === 'sum' || named === 'avg') && !isNumber(arg.type) && arg.type.type !== 'interval') ||
    ((named === 'min' || named === 'max') && WITHOUT_EXTREMES.has(arg.type.type)) ||
    (named.startsWith('bit_') && !isInteger(arg.type))
  if (refused) noSuchAggregate(name, [arg])
  return arg
}

export function noSuchAggregate(name: string, args: readonly Bound[]): never {
  const types = args.map((arg) => (arg.unknown ? 'unknown' : familyName(arg.type))).join(', ')
  return fail('UndefinedFunction', `function ${name}(${types}) does not exist`, args[0]!.span, {
    hint: 'No function matches the given name and argument types. You might need to add explicit type casts.',
  })
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
      return isFloat(arg) ? DOUBLE : meanType(arg)
    case 'var_pop':
    case 'var_samp':
    case 'stddev_pop':
    case 'stddev_samp':
      return meanType(arg)
    case 'min':
    case 'max':
    case 'bit_and':
    case 'bit_or':
    case 'bit_xor':
      return arg
    case 'bool_and':
    case 'bool_or':
      return BOOLEAN
    case 'moments':
    case 'collect':
      throw new Error(`the type of ${named} is its maker's decision`)
    default:
      return named satisfies never
  }
}

/** NUMERIC of as many digits after the point as PostgreSQL shows. */
function meanType(arg: DataType): DataType {
  return numeric(38, Math.max(16, arg.type === 'numeric' ? arg.scale : 0))
}
