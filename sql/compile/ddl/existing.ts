/** A name that is taken: IF NOT EXISTS makes a notice of it, otherwise it is an error. */

import { fail, unsupported } from '../../bind/fail.js'
import { kindName, qualified } from '../../catalog/catalog.js'
import type { Name } from '../../syntax/tree.js'
import type { CompileContext, DdlCompiled } from '../context.js'
import { schemaFor } from './schema.js'

interface Creation {
  readonly orReplace: boolean
  readonly ifNotExists: boolean
  readonly name: Name
}

/** Undefined when the name is free; else what the statement does instead. */
export function whenTaken(
  name: string,
  statement: Creation,
  tag: string,
  context: CompileContext,
): DdlCompiled | undefined {
  const taken = context.catalog.find(qualified(schemaFor(statement.name, context), name))
  if (taken === undefined) return undefined
  if (statement.ifNotExists)
    return { kind: 'ddl', changes: [], tag, notices: [`relation "${name}" already exists, skipping`] }
  if (statement.orReplace) {
    unsupported(
      `OR REPLACE of an existing ${kindName(taken.object.kind)} is not supported yet`,
      statement.name.span,
      'Drop it first.',
    )
  }
  const relation = taken.object.kind !== 'model' && taken.object.kind !== 'sink'
  return fail(
    relation ? 'DuplicateTable' : 'DuplicateObject',
    `${relation ? 'relation' : kindName(taken.object.kind)} "${name}" already exists`,
    statement.name.span,
  )
}
