/** ALTER TABLE of what is not stored with the rows: names, defaults, NOT NULL, constraints. What depends on a name keeps it from changing. */

import { fail, unsupported } from '../../bind/fail.js'
import { checkLength, objectName } from '../../bind/object-name.js'
import { kindName, qualified } from '../../catalog/catalog.js'
import type { CatalogChange, ColumnDef, Definition, DefinitionKind } from '../../contract/plan.generated.js'
import type { AlterAction, AlterTable, Ident } from '../../syntax/tree.js'
import { type CompileContext, type DdlCompiled, environmentOf } from '../context.js'
import { columnAt, defaultOf } from './columns.js'
import { bindConstraint } from './constraints.js'

interface Altered {
  readonly definition: Definition
  readonly object: Extract<DefinitionKind, { kind: 'table' }>
  readonly statement: AlterTable
  readonly context: CompileContext
  readonly notices: string[]
}

export function alterTable(statement: AlterTable, context: CompileContext): DdlCompiled {
  const tag = 'ALTER TABLE'
  const wanted = objectName(statement.name)
  const definition = context.catalog.find(wanted)
  if (definition === undefined) {
    if (!statement.ifExists) fail('UndefinedTable', `relation "${wanted}" does not exist`, statement.name.span)
    return { kind: 'ddl', changes: [], tag, notices: [`relation "${wanted}" does not exist, skipping`] }
  }
  const { object } = definition
  if (object.kind !== 'table') {
    fail('WrongObjectType', `"${wanted}" is not a table`, statement.name.span, {
      hint: `It is a ${kindName(object.kind)}.`,
    })
  }
  const notices: string[] = []
  const changes = changesOf(statement.action, { definition, object, statement, context, notices })
  return { kind: 'ddl', changes, tag, notices }
}

function changesOf(action: AlterAction, to: Altered): CatalogChange[] {
  switch (action.do) {
    case 'rename':
      return rename(action.to, to)
    case 'rename_column':
      return renameColumn(action.column, action.to, to)
    case 'set_default':
      return changed(action.column, to, (column) => {
        const env = environmentOf(to.context, to.notices)
        return { ...column, default: defaultOf({ name: action.column, default: action.value }, column.data_type, env) }
      })
    case 'drop_default':
      return changed(action.column, to, (column) => ({ ...column, default: null }))
    case 'set_not_null':
      return changed(action.column, to, (column) => ({ ...column, nullable: false }))
    case 'drop_not_null':
      return dropNotNull(action.column, to)
    case 'add_constraint':
      return addConstraint(action, to)
    case 'drop_constraint':
      return dropConstraint(action, to)
    default:
      return action satisfies never
  }
}

function replaced(to: Altered, parts: Partial<Definition>): CatalogChange[] {
  return [{ change: 'replace', definition: { ...to.definition, ...parts } }]
}

function changed(ident: Ident, to: Altered, change: (column: ColumnDef) => ColumnDef): CatalogChange[] {
  const { object } = to
  const at = columnAt(object.columns, ident, `of relation "${to.definition.name}"`)
  const columns = object.columns.map((column, i) => (i === at ? change(column) : column))
  return replaced(to, { object: { ...object, columns } })
}

/** Views are kept as they were written, with the names of then. */
function refuseDependents({ definition, statement, context }: Altered): void {
  const [other] = context.catalog
    .dependents(definition.id)
    .filter(({ object }) => object.kind !== 'index' && object.kind !== 'check')
  if (other === undefined) return
  const what = `${kindName(other.object.kind)} ${other.name}`
  fail(
    'DependentObjectsStillExist',
    `cannot rename in table ${definition.name} because other objects depend on it`,
    statement.name.span,
    {
      detail: `${what} depends on table ${definition.name}.`,
      hint: `Drop the ${what} first, and make it again after.`,
    },
  )
}

function rename(name: Ident, to: Altered): CatalogChange[] {
  checkLength(name.name, name.span)
  if (to.context.catalog.find(qualified(to.definition.schema, name.name)) !== undefined)
    fail('DuplicateTable', `relation "${name.name}" already exists`, name.span)
  refuseDependents(to)
  return replaced(to, { name: name.name })
}

function renameColumn(column: Ident, name: Ident, to: Altered): CatalogChange[] {
  checkLength(name.name, name.span)
  if (to.object.columns.some((other) => other.name === name.name)) {
    const message = `column "${name.name}" of relation "${to.definition.name}" already exists`
    fail('DuplicateColumn', message, name.span)
  }
  refuseDependents(to)
  return changed(column, to, (before) => ({ ...before, name: name.name }))
}

function dropNotNull(column: Ident, to: Altered): CatalogChange[] {
  const at = columnAt(to.object.columns, column, `of relation "${to.definition.name}"`)
  if (to.object.primary_key.includes(at))
    fail('InvalidTableDefinition', `column "${column.name}" is in a primary key`, column.span)
  return changed(column, to, (before) => ({ ...before, nullable: true }))
}

function addConstraint(action: Extract<AlterAction, { do: 'add_constraint' }>, to: Altered): CatalogChange[] {
  const { constraint } = action
  const { definition, context } = to
  if (constraint.type !== 'unique' && constraint.type !== 'check') {
    unsupported(
      `ALTER TABLE cannot add ${constraint.type === 'primary_key' ? 'a primary key' : 'this constraint'}`,
      constraint.span,
      'Make the table with it.',
    )
  }
  const names = new Set(context.catalog.partsOf(definition.id).map((part) => part.name))
  const { id, name, schema } = definition
  const table = { id, name, schema, columns: to.object.columns }
  return [
    { change: 'create', definition: bindConstraint(constraint, undefined, table, context.nextId(), names, context) },
  ]
}

function dropConstraint(action: Extract<AlterAction, { do: 'drop_constraint' }>, to: Altered): CatalogChange[] {
  const { name, span } = action.constraint
  const part = to.context.catalog
    .partsOf(to.definition.id)
    .find(
      ({ name: other, object }) =>
        other === name && (object.kind === 'check' || (object.kind === 'index' && object.constraint)),
    )
  if (part !== undefined) return [{ change: 'drop', id: part.id }]
  const message = `constraint "${name}" of relation "${to.definition.name}" does not exist`
  if (!action.ifExists) fail('UndefinedObject', message, span)
  to.notices.push(`${message}, skipping`)
  return []
}
