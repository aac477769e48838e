/** NTILE, PERCENT_RANK and CUME_DIST. They are arithmetic over ROW_NUMBER, RANK and COUNT of the same window, so views keep them up to
 *  date as they do those. */
import type { Expr, Frame, WindowCall } from '../contract/plan.generated.js'
import { bigint, binary, cast, compare, constant, integer } from '../logical/expr.js'
import { ROW_NUMBER } from '../logical/rel.js'
import type * as tree from '../syntax/tree.js'
import { BIGINT, type DataType, DOUBLE, INTEGER } from '../types/data-type.js'
import { integerValue, nullOf } from '../types/literal.js'
import { type Bound, bound, coerce } from './coerce.js'
import { evaluateConstant } from './constants.js'
import { bindExpr } from './expr.js'
import { fail, unsupported } from './fail.js'
import type { Stage } from './stage.js'

export const DISTRIBUTION_NAMES = ['ntile', 'percent_rank', 'cume_dist'] as const

/** Adds a call over the window at hand. */
type Use = (call: WindowCall) => Expr

export function bindDistribution(call: tree.Call, name: string, stage: Stage, use: Use): Bound {
  if (call.filter !== undefined)
    unsupported('FILTER is not implemented for non-aggregate window functions', call.filter.span)
  const wanted = name === 'ntile' ? 1 : 0
  if (call.distinct || call.star) fail('WrongObjectType', `${name} takes neither DISTINCT nor *`, call.span)
  if (call.args.length !== wanted) {
    fail('UndefinedFunction', `window function ${name} with ${call.args.length} arguments does not exist`, call.span, {
      hint: wanted === 1 ? 'ntile takes the number of buckets.' : `${name} takes no argument.`,
    })
  }
  if (name === 'ntile') return bound(ntile(call.args[0]!, stage, use), INTEGER, call.span)
  return bound(name === 'percent_rank' ? percentRank(use) : cumeDist(use), DOUBLE, call.span)
}

const TO_CURRENT: Frame = { unit: 'range', start: { bound: 'unbounded_preceding' }, end: { bound: 'current_row' } }
const WHOLE: Frame = { ...TO_CURRENT, end: { bound: 'unbounded_following' } }

function count(frame: Frame): WindowCall {
  return { ...ROW_NUMBER, function: { function: 'aggregate', aggregate: 'count_star' }, frame }
}

function arithmetic(operator: 'add' | 'subtract' | 'multiply' | 'divide' | 'modulo', left: Expr, right: Expr): Expr {
  return binary(operator, left, right, BIGINT)
}

function choose(when: Expr, result: Expr, otherwise: Expr, data_type: DataType): Expr {
  // biome-ignore lint/suspicious/noThenProperty: the contract's CASE branch has a THEN
  return { op: 'case', branches: [{ when, then: result }], otherwise, data_type }
}

/** (rank - 1) / (rows - 1); 0 for a single row. */
function percentRank(use: Use): Expr {
  const rank = use({ ...ROW_NUMBER, function: { function: 'rank' } })
  const rows = use(count(WHOLE))
  const zero = constant({ type: 'double', value: 0 })
  const before = (value: Expr) => cast(arithmetic('subtract', value, bigint(1n)), BIGINT, DOUBLE)
  return choose(
    compare('less_equal', rows, bigint(1n)),
    zero,
    binary('divide', before(rank), before(rows), DOUBLE),
    DOUBLE,
  )
}

/** The share of rows up to the current one and its peers. */
function cumeDist(use: Use): Expr {
  const double = (value: Expr) => cast(value, BIGINT, DOUBLE)
  return binary('divide', double(use(count(TO_CURRENT))), double(use(count(WHOLE))), DOUBLE)
}

/** The first `rows % buckets` buckets have one row more than the others. */
function ntile(argument: tree.Expr, stage: Stage, use: Use): Expr {
  const given = coerce(bindExpr(argument, stage), INTEGER)
  const buckets = integerValue(evaluateConstant(given, 'the argument of ntile', argument.span))
  if (buckets === undefined) return constant(nullOf(INTEGER))
  if (buckets <= 0n) fail('InvalidArgumentForNtile', 'argument of ntile must be greater than zero', argument.span)
  const row = arithmetic('subtract', use(ROW_NUMBER), bigint(1n))
  const rows = use(count(WHOLE))
  const least = arithmetic('divide', rows, bigint(buckets))
  const longer = arithmetic('modulo', rows, bigint(buckets))
  const inLonger = arithmetic('multiply', longer, arithmetic('add', least, bigint(1n)))
  const bucket = choose(
    compare('less', row, inLonger),
    arithmetic('divide', row, arithmetic('add', least, bigint(1n))),
    arithmetic('add', longer, arithmetic('divide', arithmetic('subtract', row, inLonger), least)),
    BIGINT,
  )
  return binary('add', cast(bucket, BIGINT, INTEGER), integer(1), INTEGER)
}
