/** The relation whose rows a statement changes. */

import { fail } from '../bind/fail.js'
import { objectName } from '../bind/object-name.js'
import { hasRows, kindName } from '../catalog/catalog.js'
import type { ColumnDef, Definition } from '../contract/plan.generated.js'
import type * as tree from '../syntax/tree.js'
import type { CompileContext } from './context.js'

export interface Target {
  readonly definition: Definition
  readonly columns: readonly ColumnDef[]
  readonly primaryKey: readonly number[]
}

export function target(
  name: tree.Name,
  verb: 'insert into' | 'update' | 'delete from' | 'merge into',
  context: CompileContext,
): Target {
  const wanted = objectName(name)
  const definition = context.catalog.find(wanted)
  if (definition === undefined) {
    const near = context.catalog.didYouMean(wanted, hasRows)
    fail('UndefinedTable', `relation "${wanted}" does not exist`, name.span, {
      hint: near === undefined ? undefined : `Perhaps you meant "${near}".`,
    })
  }
  const { object } = definition
  if (object.kind === 'table') return { definition, columns: object.columns, primaryKey: object.primary_key }
  if (object.kind === 'stream' && verb === 'insert into') return { definition, columns: object.columns, primaryKey: [] }
  return fail('WrongObjectType', `cannot ${verb} ${kindName(object.kind)} "${wanted}"`, name.span, {
    hint:
      object.kind === 'stream'
        ? 'A stream is append-only; use a table for rows that change.'
        : 'Only tables and streams take rows from statements.',
  })
}
