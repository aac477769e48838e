/** The rank that a row would have: `rank(5) WITHIN GROUP (ORDER BY x)`. Each is arithmetic over counts of the rows before it. */
import type { AggregateCall, Expr, KeyOrder } from '../contract/plan.generated.js'
import { and, bigint, binary, cast, compare, constant, isNull } from '../logical/expr.js'
import { BIGINT, type DataType, DOUBLE } from '../types/data-type.js'
import type { AggregateContext } from './aggregates.js'
import { type Bound, bound, coerce, known } from './coerce.js'
import { bindExpr } from './expr.js'
import { fail } from './fail.js'
import { comparable, noOperator } from './operators.js'
import { direction } from './windows.js'

const NAMES: ReadonlySet<string> = new Set(['rank', 'dense_rank', 'percent_rank', 'cume_dist'])

export function isHypothetical(name: string): boolean {
  return NAMES.has(name)
}

/** A sort key of the rows, and the row's own value for it. */
interface Key {
  readonly theirs: Expr
  readonly ours: Expr
  /** Of `theirs`. */
  readonly type: DataType
  readonly how: KeyOrder
}

export function bindHypothetical({ call, name, filter, inside, beside, use }: AggregateContext): Bound {
  const items = call.withinGroup
  if (items === undefined)
    fail('UndefinedFunction', `WITHIN GROUP is required for ordered-set aggregate ${name}`, call.span)
  if (call.args.length !== items.length) {
    fail('UndefinedFunction', `function ${name} with ${call.args.length} arguments does not exist`, call.span, {
      hint: `To use the hypothetical-set aggregate ${name}, the number of hypothetical direct arguments (here ${call.args.length}) must match the number of ordering columns (here ${items.length}).`,
    })
  }
  const keys = items.map((item, at): Key => {
    const [theirs, given] = [known(bindExpr(item.expr, inside)), bindExpr(call.args[at]!, beside)]
    // The row's value has the type of the column.
    const ours = bound(coerce(given, theirs.type, 'assignment'), theirs.type, given.span)
    const sides = comparable(theirs, ours) ?? noOperator('=', theirs, ours, item.span)
    return { theirs: sides[0], ours: sides[1], type: theirs.type, how: direction(item) }
  })
  const count = (rows: Expr | undefined, distinct?: Expr): Expr => {
    const wanted = [filter, rows].filter((part) => part !== null && part !== undefined)
    const counted: AggregateCall = {
      function: distinct === undefined ? 'count_star' : 'count',
      arg: distinct ?? null,
      distinct: distinct !== undefined,
      filter: wanted.length === 0 ? null : and(wanted),
      data_type: BIGINT,
    }
    return use(counted)
  }
  const one = bigint(1n)
  const plus = (left: Expr) => binary('add', left, one, BIGINT)
  const double = (value: Expr) => cast(value, BIGINT, DOUBLE)
  const { span } = call
  switch (name) {
    case 'rank':
      return bound(plus(count(before(keys))), BIGINT, span)
    case 'dense_rank':
      return bound(plus(count(before(keys), whole(keys))), BIGINT, span)
    case 'cume_dist': {
      const upTo = plus(count(compare('or', before(keys), equalTo(keys))))
      return bound(binary('divide', double(upTo), double(plus(count(undefined))), DOUBLE), DOUBLE, span)
    }
    default: {
      const [rows, zero] = [count(undefined), constant({ type: 'double', value: 0 })]
      // biome-ignore lint/suspicious/noThenProperty: the contract's CASE branch has a THEN
      const branches = [{ when: compare('equal', rows, bigint(0n)), then: zero }]
      const share = binary('divide', double(count(before(keys))), double(rows), DOUBLE)
      return bound({ op: 'case', branches, otherwise: share, data_type: DOUBLE }, DOUBLE, span)
    }
  }
}

/** A row comes first by its first key, or by the next where that is equal. */
function before(keys: readonly Key[]): Expr {
  const [first, ...rest] = keys
  const own = sorts(first!)
  return rest.length === 0 ? own : compare('or', own, and([equalTo([first!]), before(rest)]))
}

function sorts({ theirs, ours, how }: Key): Expr {
  const by = compare(how.descending ? 'greater' : 'less', theirs, ours)
  const byNull = and([isNull(theirs, !how.nulls_first), isNull(ours, how.nulls_first)])
  return compare('or', byNull, and([isNull(theirs, true), isNull(ours, true), by]))
}

function equalTo(keys: readonly Key[]): Expr {
  return and(keys.map(({ theirs, ours }) => compare('is_not_distinct_from', theirs, ours)))
}

/** The keys as one value, which is never NULL. */
function whole(keys: readonly Key[]): Expr {
  const fields = keys.map(({ type }, at) => ({ name: `f${at + 1}`, data_type: type }))
  const args = keys.map(({ theirs }) => theirs)
  return { op: 'call', function: 'row_construct', args, data_type: { type: 'row', fields } }
}
