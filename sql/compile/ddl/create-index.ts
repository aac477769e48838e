/** CREATE INDEX and REINDEX. A unique index is enforced; the columns of another are kept in the catalog, and no query reads it. */

import { fail, unsupported } from '../../bind/fail.js'
import { newName, objectName } from '../../bind/object-name.js'
import { hasRows, kindName, qualified } from '../../catalog/catalog.js'
import type { Definition, IndexColumn } from '../../contract/plan.generated.js'
import type { CreateIndex, Maintain, Reindex, SortItem } from '../../syntax/tree.js'
import type { CompileContext, DdlCompiled } from '../context.js'
import { columnAt } from './columns.js'
import { freeName } from './constraints.js'
import { created } from './create-table.js'
import { whenTaken } from './existing.js'

export function createIndex(statement: CreateIndex, context: CompileContext): DdlCompiled {
  const table = tableOf(statement, context)
  if (table.object.kind !== 'table') {
    fail(
      'WrongObjectType',
      `cannot create index on ${kindName(table.object.kind)} "${table.name}"`,
      statement.table.span,
      {
        hint: 'Tables can have indexes.',
      },
    )
  }
  const { columns: there } = table.object
  const columns = statement.columns.map((item) => indexColumn(item, there))
  const stem = [table.name, ...columns.map((c) => there[c.column]!.name)].join('_')
  const name =
    statement.name === undefined
      ? freeName(stem, 'idx', (other) => context.catalog.find(qualified(table.schema, other)) !== undefined)
      : newName(statement.name)
  const named = statement.name ?? statement.table
  const taken = whenTaken(name, { orReplace: false, ifNotExists: statement.ifNotExists, name: named }, TAG, context)
  if (taken !== undefined) return taken
  const object = { kind: 'index' as const, table: table.id, columns, unique: statement.unique, constraint: false }
  return created(name, object, statement, TAG, context, [], [table.id], table.schema)
}

const TAG = 'CREATE INDEX'

function tableOf(statement: CreateIndex, context: CompileContext): Definition {
  const wanted = objectName(statement.table)
  const found = context.catalog.find(wanted)
  if (found !== undefined) return found
  const near = context.catalog.didYouMean(wanted, hasRows)
  return fail('UndefinedTable', `relation "${wanted}" does not exist`, statement.table.span, {
    hint: near === undefined ? undefined : `Perhaps you meant "${near}".`,
  })
}

function indexColumn(item: SortItem, there: readonly { readonly name: string }[]): IndexColumn {
  const { expr, descending, nulls } = item
  if (expr.kind !== 'column' || expr.parts.length !== 1)
    unsupported('an index on an expression is not supported', expr.span, 'Name the columns.')
  const column = columnAt(there, expr.parts[0]!, 'named in the index')
  return { column, descending, nulls_first: nulls === undefined ? descending : nulls === 'first' }
}

/** Statistics follow each commit, what is dead is removed in the background, and a read finds every view at the newest epoch (which is
 *  what FLUSH waits for elsewhere): as above. */
export function maintain(statement: Maintain, context: CompileContext): DdlCompiled {
  for (const name of statement.names) {
    const wanted = objectName(name)
    const found = context.catalog.find(wanted)
    if (found === undefined || !hasRows(found)) fail('UndefinedTable', `relation "${wanted}" does not exist`, name.span)
  }
  return { kind: 'ddl', changes: [], tag: statement.work.toUpperCase(), notices: [] }
}

/** Indexes follow each commit: there is nothing to do but to find what is named. */
export function reindex(statement: Reindex, context: CompileContext): DdlCompiled {
  if (statement.name !== undefined) {
    const wanted = objectName(statement.name)
    if (context.catalog.find(wanted) === undefined)
      fail('UndefinedTable', `relation "${wanted}" does not exist`, statement.name.span)
  }
  return { kind: 'ddl', changes: [], tag: 'REINDEX', notices: [] }
}
