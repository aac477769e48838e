/** `predict(model, feature, …)`: the model by its name, the features as DOUBLE, their number checked. */
import type { Call } from '../syntax/tree.js'
import { DOUBLE, familyName } from '../types/data-type.js'
import { type Bound, bound, coerce } from './coerce.js'
import { bindExpr } from './expr.js'
import { fail, perhaps } from './fail.js'
import type { Stage } from './stage.js'

export function bindPredict(call: Call, stage: Stage): Bound {
  const [first, ...features] = call.args
  if (first === undefined || first.kind !== 'column' || first.parts.length !== 1) {
    fail('SyntaxError', 'the first argument of predict must be the name of a model', first?.span ?? call.span)
  }
  const name = first.parts[0]!.name
  const { catalog } = stage.env
  const model = catalog.find(name)
  if (model === undefined) {
    const near = catalog.didYouMean(name, (d) => d.object.kind === 'model')
    fail('UndefinedObject', `model "${name}" does not exist`, first.span, { hint: perhaps(near, 'model') })
  }
  if (model.object.kind !== 'model') fail('WrongObjectType', `"${name}" is not a model`, first.span)
  const wanted = model.object.inputs
  if (features.length !== wanted) {
    fail(
      'UndefinedFunction',
      `model "${name}" takes ${wanted} feature${wanted === 1 ? '' : 's'}, not ${features.length}`,
      call.span,
    )
  }
  stage.env.reads.add(model.id)
  const args = features.map((feature) => {
    const value = bindExpr(feature, stage)
    // A flag is a feature as 0 and 1.
    if (value.type.type === 'boolean' && !value.unknown) {
      return {
        op: 'cast' as const,
        input: { op: 'cast' as const, input: value.expr, to: { type: 'integer' as const } },
        to: DOUBLE,
      }
    }
    return coerce(
      value,
      DOUBLE,
      'implicit',
      () => `a feature of model "${name}" must be a number, not ${familyName(value.type)}`,
    )
  })
  return bound({ op: 'predict', model: model.id, args }, DOUBLE, call.span)
}
