/** Variance, correlation and regression. Of integers and NUMERICs a variance is an exact aggregate of its own; of doubles, all of them
 *  are computed from one set of sums, which calls over the same arguments share. */
import type { AggregateFunction, Expr } from '../contract/plan.generated.js'
import { cast, text } from '../logical/expr.js'
import { arrayOf, BIGINT, type DataType, DOUBLE, isFloat, isNumber } from '../types/data-type.js'
import { type AggregateContext, aggregateType, noSuchAggregate } from './aggregates.js'
import { type Bound, bound, castTo, coerce, known } from './coerce.js'
import { bindExpr } from './expr.js'
import { fail } from './fail.js'

/** With PostgreSQL's second names of two. */
const SPREADS = new Map<string, AggregateFunction>([
  ['var_pop', 'var_pop'],
  ['var_samp', 'var_samp'],
  ['variance', 'var_samp'],
  ['stddev_pop', 'stddev_pop'],
  ['stddev_samp', 'stddev_samp'],
  ['stddev', 'stddev_samp'],
])

/** Of (y, x). */
const PAIRS = [
  'corr',
  'covar_pop',
  'covar_samp',
  'regr_avgx',
  'regr_avgy',
  'regr_count',
  'regr_intercept',
  'regr_r2',
  'regr_slope',
  'regr_sxx',
  'regr_sxy',
  'regr_syy',
]

export const STATISTIC_NAMES: readonly string[] = [...SPREADS.keys(), ...PAIRS]

export function bindStatistic(context: AggregateContext): Bound {
  const { call, name, filter, inside, use } = context
  for (const item of call.orderBy) bindExpr(item.expr, inside)
  const args = call.args.map((arg) => bindExpr(arg, inside))
  const spread = SPREADS.get(name)
  const wanted = spread === undefined ? 2 : 1
  if (args.length !== wanted) {
    fail('UndefinedFunction', `function ${name} with ${args.length} arguments does not exist`, call.span, {
      hint: wanted === 1 ? `The aggregate ${name} takes one argument.` : `${name} takes two arguments: y, then x.`,
    })
  }
  if (args.some((arg) => !arg.unknown && !isNumber(arg.type))) noSuchAggregate(name, args)
  const [only] = args
  if (spread !== undefined && !only!.unknown && !isFloat(only!.type)) {
    const data_type = aggregateType(spread, only!.type)
    const expr = use({ function: spread, arg: known(only!).expr, distinct: call.distinct, filter, data_type })
    return bound(expr, data_type, call.span)
  }
  const doubles = args.map((arg) => (arg.unknown ? coerce(arg, DOUBLE) : castTo(arg.expr, arg.type, DOUBLE)))
  const row: DataType = {
    type: 'row',
    fields: doubles.map((_, at) => ({ name: `f${at + 1}`, data_type: DOUBLE })),
  }
  const arg: Expr = { op: 'call', function: 'row_construct', args: doubles, data_type: row }
  const sums = use({ function: 'moments', arg, distinct: call.distinct, filter, data_type: arrayOf(DOUBLE) })
  const statistic = (which: string): Expr => ({
    op: 'call',
    function: 'statistic_of',
    args: [sums, text(which)],
    data_type: DOUBLE,
  })
  if (name === 'regr_count') return bound(cast(statistic('count'), DOUBLE, BIGINT), BIGINT, call.span)
  return bound(statistic(spread ?? name), DOUBLE, call.span)
}
