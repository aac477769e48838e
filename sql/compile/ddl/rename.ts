/** ALTER … RENAME TO: another name for what nobody has written the old one down of. */

import { fail, perhaps } from '../../bind/fail.js'
import { checkLength, objectName } from '../../bind/object-name.js'
import { isPart, kindName, qualified } from '../../catalog/catalog.js'
import type { CatalogChange, Definition } from '../../contract/plan.generated.js'
import type { Ident, Name, RenameObject } from '../../syntax/tree.js'
import type { CompileContext, DdlCompiled } from '../context.js'

export function renameObject(statement: RenameObject, context: CompileContext): DdlCompiled {
  const kind = kindName(statement.object)
  const tag = `ALTER ${kind.toUpperCase()}`
  const wanted = objectName(statement.name)
  const found = context.catalog.find(wanted)
  if (found === undefined) {
    if (statement.ifExists)
      return { kind: 'ddl', changes: [], tag, notices: [`${kind} "${wanted}" does not exist, skipping`] }
    const near = context.catalog.didYouMean(wanted, (d) => d.object.kind === statement.object)
    fail('UndefinedTable', `${kind} "${wanted}" does not exist`, statement.name.span, { hint: perhaps(near, kind) })
  }
  if (found.object.kind !== statement.object) {
    fail('WrongObjectType', `"${wanted}" is not a ${kind}`, statement.name.span, {
      hint: `It is a ${kindName(found.object.kind)}.`,
    })
  }
  return { kind: 'ddl', changes: renamed(statement.to, found, statement.name, context), tag, notices: [] }
}

export function renamed(to: Ident, definition: Definition, at: Name, context: CompileContext): CatalogChange[] {
  checkLength(to.name, to.span)
  if (context.catalog.find(qualified(definition.schema, to.name)) !== undefined)
    fail('DuplicateTable', `relation "${to.name}" already exists`, to.span)
  refuseDependents(definition, at, context)
  return [{ change: 'replace', definition: { ...definition, name: to.name } }]
}

/** Views are kept as they were written, with the names of then. */
export function refuseDependents(definition: Definition, at: Name, context: CompileContext): void {
  const [other] = context.catalog.dependents(definition.id).filter(({ object }) => !isPart(object))
  if (other === undefined) return
  const what = `${kindName(other.object.kind)} ${other.name}`
  const kind = kindName(definition.object.kind)
  fail(
    'DependentObjectsStillExist',
    `cannot rename in ${kind} ${definition.name} because other objects depend on it`,
    at.span,
    {
      detail: `${what} depends on ${kind} ${definition.name}.`,
      hint: `Drop the ${what} first, and make it again after.`,
    },
  )
}
