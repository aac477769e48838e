/** AS OF: the state of the past that a query or one of its tables reads. */
import type { AsOf } from '../contract/plan.generated.js'
import { rewrite } from '../logical/expr.js'
import { foldExpr } from '../logical/fold.js'
import type * as tree from '../syntax/tree.js'
import { BIGINT, TIMESTAMPTZ } from '../types/data-type.js'
import { integerValue } from '../types/literal.js'
import { coerce } from './coerce.js'
import { evaluateConstant } from './constants.js'
import type { Environment } from './environment.js'
import { bindExpr } from './expr.js'
import { fail } from './fail.js'
import { EMPTY_SCOPE } from './scope.js'
import type { Stage } from './stage.js'

export function bindAsOf(clause: tree.AsOf, env: Environment): AsOf {
  if (clause.unit === 'timestamp')
    return { as_of: 'timestamp', time: bindInstant(clause.value, 'AS OF TIMESTAMP', env) }
  return { as_of: 'epoch', epoch: bindCount(clause.value, 'AS OF EPOCH', env) }
}

/** A time without columns. It may be `now() - INTERVAL '1 hour'`: the engine evaluates it when the statement begins. */
export function bindInstant(value: tree.Expr, clause: string, env: Environment): ReturnType<typeof foldExpr> {
  const bound = coerce(
    bindExpr(value, constantStage(env, clause)),
    TIMESTAMPTZ,
    'implicit',
    (from, to) => `argument of ${clause} must be type ${to}, not type ${from}`,
  )
  return rewrite(bound, foldExpr)
}

/** A number that is not negative and known now. */
export function bindCount(value: tree.Expr, clause: string, env: Environment): bigint {
  const bound = coerce(
    bindExpr(value, constantStage(env, clause)),
    BIGINT,
    'implicit',
    (from, to) => `argument of ${clause} must be type ${to}, not type ${from}`,
  )
  const literal = evaluateConstant(bound, `argument of ${clause}`, value.span)
  const count = literal.type === 'null' ? undefined : integerValue(literal)
  if (count === undefined) fail('InvalidParameterValue', `argument of ${clause} must not be null`, value.span)
  if (count < 0n) fail('InvalidParameterValue', `argument of ${clause} must not be negative`, value.span)
  return count
}

function constantStage(env: Environment, clause: string): Stage {
  return {
    env: { ...env, outer: undefined },
    scope: EMPTY_SCOPE,
    clause,
    harvest: undefined,
    aggregates: false,
    windows: false,
    subqueries: undefined,
  }
}
