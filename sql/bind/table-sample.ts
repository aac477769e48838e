/** TABLESAMPLE: each row by the toss of a coin. SYSTEM, which PostgreSQL takes by pages, is the same, as rows lie in no pages. */
import { compare, constant } from '../logical/expr.js'
import { filter } from '../logical/rel.js'
import type * as tree from '../syntax/tree.js'
import { DOUBLE } from '../types/data-type.js'
import { coerce } from './coerce.js'
import { evaluateConstant } from './constants.js'
import type { Environment } from './environment.js'
import { bindExpr } from './expr.js'
import { fail, unsupported } from './fail.js'
import type { BoundFrom } from './from.js'
import { EMPTY_SCOPE } from './scope.js'

export function bindSample(from: BoundFrom, sample: tree.TableSample, env: Environment): BoundFrom {
  const { method, args, seed } = sample
  if (method.name !== 'bernoulli' && method.name !== 'system') {
    fail('UndefinedObject', `tablesample method ${method.name} does not exist`, method.span, {
      hint: 'The methods are BERNOULLI and SYSTEM.',
    })
  }
  if (args.length !== 1)
    fail(
      'InvalidTablesampleArgument',
      `tablesample method ${method.name} requires 1 argument, not ${args.length}`,
      sample.span,
    )
  if (seed !== undefined) unsupported('REPEATABLE is not supported: rows have no places that stay', seed.span)
  const written = bindExpr(args[0]!, {
    env,
    scope: EMPTY_SCOPE,
    clause: 'TABLESAMPLE',
    harvest: undefined,
    aggregates: false,
    windows: false,
    subqueries: undefined,
  })
  const share = evaluateConstant(coerce(written, DOUBLE, 'assignment'), 'a sample percentage', written.span)
  if (share.type === 'null') fail('InvalidTablesampleArgument', 'TABLESAMPLE parameter cannot be null', written.span)
  if (share.type !== 'double' || !(share.value >= 0 && share.value <= 100))
    fail('InvalidTablesampleArgument', 'sample percentage must be between 0 and 100', written.span)
  const toss = { op: 'call' as const, function: 'random', args: [], data_type: DOUBLE }
  const below = constant({ type: 'double', value: share.value / 100 })
  return { ...from, rel: filter(from.rel, compare('less', toss, below)) }
}
