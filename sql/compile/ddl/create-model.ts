/** CREATE MODEL: the engine reads the file, checks it and fills in its bytes and number of features. */

import { fail } from '../../bind/fail.js'
import { newName } from '../../bind/object-name.js'
import type { CreateModel } from '../../syntax/tree.js'
import type { CompileContext, DdlCompiled } from '../context.js'
import { created } from './create-table.js'
import { whenTaken } from './existing.js'
import { Options } from './options.js'

export function createModel(statement: CreateModel, context: CompileContext): DdlCompiled {
  const name = newName(statement.name)
  const taken = whenTaken(name, statement, 'CREATE MODEL', context)
  if (taken !== undefined) return taken
  new Options(statement.options, [], 'model')
  if (statement.path === '') fail('InvalidParameterValue', 'the path of a model must not be empty', statement.pathSpan)
  const object = { kind: 'model' as const, onnx: new Uint8Array(), path: statement.path, inputs: 0 }
  return { ...created(name, object, statement, 'CREATE MODEL', context, []), modelFile: statement.path }
}
