/** ALTER TABLE: names, columns, defaults, NOT NULL and constraints. */

import { coerce, known } from '../../bind/coerce.js'
import { bindExpr } from '../../bind/expr.js'
import { fail, unsupported } from '../../bind/fail.js'
import { checkLength, objectName } from '../../bind/object-name.js'
import { bindType } from '../../bind/type-name.js'
import { isPart, kindName } from '../../catalog/catalog.js'
import type { ColumnDef, DataType, Expr } from '../../contract/plan.generated.js'
import { SqlError } from '../../diag/error.js'
import { constant } from '../../logical/expr.js'
import type { AlterAction, AlterTable, Constraint, Ident } from '../../syntax/tree.js'
import { sameType, typeName } from '../../types/data-type.js'
import { nullOf } from '../../types/literal.js'
import { type CompileContext, type DdlCompiled, environmentOf } from '../context.js'
import { rowScope, rowStage } from '../row-expressions.js'
import { bindColumns, columnAt, defaultOf } from './columns.js'
import { withoutSerial } from './generated-columns.js'
import { refuseDependents, renamed } from './rename.js'
import { draftOf, finished, type TableDraft } from './table-draft.js'

export function alterTable(statement: AlterTable, context: CompileContext): DdlCompiled {
  const tag = 'ALTER TABLE'
  const wanted = objectName(statement.name)
  const definition = context.catalog.find(wanted)
  if (definition === undefined) {
    if (!statement.ifExists) fail('UndefinedTable', `relation "${wanted}" does not exist`, statement.name.span)
    return { kind: 'ddl', changes: [], tag, notices: [`relation "${wanted}" does not exist, skipping`] }
  }
  const { object } = definition
  const [first] = statement.actions
  // PostgreSQL renames any relation so.
  if (first?.do === 'rename' && !isPart(object))
    return { kind: 'ddl', changes: renamed(first.to, definition, statement.name, context), tag, notices: [] }
  if (object.kind !== 'table') {
    fail('WrongObjectType', `"${wanted}" is not a table`, statement.name.span, {
      hint: `It is a ${kindName(object.kind)}.`,
    })
  }
  const notices: string[] = []
  const draft = draftOf(definition, object, statement, context, notices)
  for (const action of statement.actions) alter(draft, action)
  return { kind: 'ddl', changes: finished(draft), tag, notices }
}

function alter(draft: TableDraft, action: AlterAction): void {
  switch (action.do) {
    case 'rename':
      unsupported('RENAME TO beside other actions', action.to.span)
      break
    case 'rename_column':
      renameColumn(action.column, action.to, draft)
      break
    case 'add_column':
      addColumn(action, draft)
      break
    case 'drop_column':
      dropColumn(action, draft)
      break
    case 'set_type':
      setType(action, draft)
      break
    case 'set_default':
      changed(action.column, draft, (column) => {
        const env = environmentOf(draft.context, draft.notices)
        return { ...column, default: defaultOf({ name: action.column, default: action.value }, column.data_type, env) }
      })
      break
    case 'drop_default':
      changed(action.column, draft, (column) => ({ ...column, default: null }))
      break
    case 'set_not_null':
      changed(action.column, draft, (column) => ({ ...column, nullable: false }))
      break
    case 'drop_not_null':
      if (draft.primaryKey.includes(action.column.name))
        fail('InvalidTableDefinition', `column "${action.column.name}" is in a primary key`, action.column.span)
      changed(action.column, draft, (before) => ({ ...before, nullable: true }))
      break
    case 'add_constraint':
      addConstraint(action.constraint, undefined, draft)
      break
    case 'drop_constraint':
      dropConstraint(action, draft)
      break
    default:
      action satisfies never
  }
}

function place(ident: Ident, draft: TableDraft): number {
  const columns = draft.columns.map((one) => one.definition)
  return columnAt(columns, ident, `of relation "${draft.definition.name}"`)
}

function changed(ident: Ident, draft: TableDraft, change: (column: ColumnDef) => ColumnDef): void {
  const at = place(ident, draft)
  draft.columns = draft.columns.map((one, i) => (i === at ? { ...one, definition: change(one.definition) } : one))
}

function refuseTaken(name: Ident, draft: TableDraft): void {
  checkLength(name.name, name.span)
  if (!draft.columns.some((other) => other.definition.name === name.name)) return
  const message = `column "${name.name}" of relation "${draft.definition.name}" already exists`
  fail('DuplicateColumn', message, name.span)
}

function renameColumn(column: Ident, name: Ident, draft: TableDraft): void {
  place(column, draft)
  refuseTaken(name, draft)
  refuseDependents(draft.definition, draft.statement.name, draft.context)
  draft.primaryKey = draft.primaryKey.map((key) => (key === column.name ? name.name : key))
  changed(column, draft, (before) => ({ ...before, name: name.name }))
}

function addColumn(action: Extract<AlterAction, { do: 'add_column' }>, draft: TableDraft): void {
  const column = withoutSerial(action.column)
  const { name } = column.name
  if (action.ifNotExists && draft.columns.some((other) => other.definition.name === name)) {
    draft.notices.push(`column "${name}" of relation "${draft.definition.name}" already exists, skipping`)
    return
  }
  refuseTaken(column.name, draft)
  const [definition] = bindColumns([column], environmentOf(draft.context, draft.notices), column.span)
  if (definition === undefined) return
  const value = definition.default ?? constant(nullOf(definition.data_type))
  draft.columns = [...draft.columns, { definition, value, from: undefined, retyped: false }]
  if (column.generated?.kind === 'identity') {
    const hint = 'Make another table with it, and insert the rows into that one.'
    unsupported('adding an identity column to a table that is there', column.span, hint)
  }
  if (column.generated !== undefined) draft.generated.push(column)
  draft.rewritten = true
  for (const constraint of column.constraints) addConstraint(constraint, column.name, draft)
  if (column.primaryKey) setKey([column.name], draft)
}

function dropColumn(action: Extract<AlterAction, { do: 'drop_column' }>, draft: TableDraft): void {
  const { name } = action.column
  if (action.ifExists && !draft.columns.some((one) => one.definition.name === name)) {
    draft.notices.push(`column "${name}" of relation "${draft.definition.name}" does not exist, skipping`)
    return
  }
  const at = place(action.column, draft)
  draft.columns = draft.columns.filter((_, i) => i !== at)
  // A key goes with any of its columns, as in PostgreSQL.
  if (draft.primaryKey.includes(name)) draft.primaryKey = []
  draft.cascade ||= action.cascade
  draft.rewritten = true
}

function setType(action: Extract<AlterAction, { do: 'set_type' }>, draft: TableDraft): void {
  const at = place(action.column, draft)
  const before = draft.columns[at]!
  const { name } = action.column
  const data_type = bindType(action.type)
  if (sameType(before.definition.data_type, data_type) && action.using === undefined) return
  const value =
    action.using === undefined
      ? cast(before.value, before.definition, data_type, action.column)
      : using(action.using, data_type, draft, name)
  const given = before.definition.default
  const fallback = given === null ? null : castDefault(given, before.definition.data_type, data_type, action.column)
  const definition = { ...before.definition, data_type, default: fallback }
  draft.columns = draft.columns.map((one, i) => (i === at ? { ...one, definition, value, retyped: true } : one))
  draft.rewritten = true
}

function cast(value: Expr, { data_type, name }: ColumnDef, to: DataType, at: Ident): Expr {
  const { span } = at
  try {
    return coerce({ expr: value, type: data_type, unknown: false, span }, to, 'assignment')
  } catch (error) {
    if (!(error instanceof SqlError)) throw error
    return fail('DatatypeMismatch', `column "${name}" cannot be cast automatically to type ${typeName(to)}`, span, {
      hint: `You might need to specify "USING ${name}::${typeName(to)}".`,
    })
  }
}

function castDefault(value: Expr, from: DataType, to: DataType, at: Ident): Expr {
  const { span, name } = at
  try {
    return coerce({ expr: value, type: from, unknown: false, span }, to, 'assignment')
  } catch (error) {
    if (!(error instanceof SqlError)) throw error
    const message = `default for column "${name}" cannot be cast automatically to type ${typeName(to)}`
    return fail('DatatypeMismatch', message, span)
  }
}

/** USING, over the row as it was. */
function using(expr: Parameters<typeof bindExpr>[0], to: DataType, draft: TableDraft, name: string): Expr {
  const { definition, object, context } = draft
  const stage = rowStage(environmentOf(context), rowScope(object.columns, definition.name, 0), 'transform expression')
  const value = known(bindExpr(expr, stage))
  if (sameType(value.type, to)) return value.expr
  return coerce(value, to, 'assignment', (from) => {
    return `result of USING clause for column "${name}" cannot be cast automatically to type ${typeName(to)} from ${from}`
  })
}

function addConstraint(constraint: Constraint, column: Ident | undefined, draft: TableDraft): void {
  if (constraint.type === 'primary_key') setKey(constraint.columns, draft)
  else if (constraint.type === 'unique' || constraint.type === 'check') draft.added.push({ constraint, column })
  else unsupported('ALTER TABLE cannot add this constraint', constraint.span)
}

/** Rows are stored by their key: another one is another table. */
function setKey(columns: readonly Ident[], draft: TableDraft): void {
  const { name } = draft.definition
  if (draft.primaryKey.length > 0)
    fail('InvalidTableDefinition', `multiple primary keys for table "${name}" are not allowed`, draft.statement.span)
  const places = columns.map((column) => place(column, draft))
  const twice = columns.find((_, i) => places.indexOf(places[i]!) !== i)
  if (twice !== undefined)
    fail('DuplicateColumn', `column "${twice.name}" appears twice in primary key constraint`, twice.span)
  draft.primaryKey = columns.map((column) => column.name)
  draft.rewritten = true
}

function dropConstraint(action: Extract<AlterAction, { do: 'drop_constraint' }>, draft: TableDraft): void {
  const { name, span } = action.constraint
  if (draft.primaryKey.length > 0 && name === `${draft.definition.name}_pkey`) {
    draft.primaryKey = []
    draft.rewritten = true
    return
  }
  const part = draft.context.catalog
    .partsOf(draft.definition.id)
    .find(
      ({ name: other, object }) =>
        other === name && (object.kind === 'check' || (object.kind === 'index' && object.constraint)),
    )
  if (part !== undefined) {
    draft.dropped.add(part.id)
    return
  }
  const message = `constraint "${name}" of relation "${draft.definition.name}" does not exist`
  if (!action.ifExists) fail('UndefinedObject', message, span)
  draft.notices.push(`${message}, skipping`)
}
