/** A table that ALTER TABLE changes, action by action, and what the catalog and the rows need for it. Where stored rows have other columns than
 *  before, the table is written anew under another id, in the commit that drops the old one. */

import { fail, unsupported } from '../../bind/fail.js'
import type { CatalogChange, ColumnDef, Definition, DefinitionKind, Expr } from '../../contract/plan.generated.js'
import { column, remap, rewrite, usedColumns } from '../../logical/expr.js'
import { foldExpr } from '../../logical/fold.js'
import { project, scan } from '../../logical/rel.js'
import { parseScript } from '../../syntax/script.js'
import type * as tree from '../../syntax/tree.js'
import type { CompileContext } from '../context.js'
import { planQuery } from '../query-plan.js'
import { bindConstraint } from './constraints.js'
import { idsAfter } from './create-table.js'
import { bindGenerated } from './generated-columns.js'
import { repointed } from './repointed-views.js'

/** A column as it will be: its value over the old row, and the place it had there. */
export interface DraftColumn {
  readonly definition: ColumnDef
  readonly value: Expr
  readonly from: number | undefined
  /** Whether its type is another one, so that conditions over it are bound again. */
  readonly retyped: boolean
}

export interface TableDraft {
  readonly definition: Definition
  readonly object: Extract<DefinitionKind, { kind: 'table' }>
  readonly statement: tree.AlterTable
  readonly context: CompileContext
  readonly notices: string[]
  columns: DraftColumn[]
  /** By their places in the old table; of new columns by their definition. */
  primaryKey: readonly string[]
  /** Whether stored rows change. */
  rewritten: boolean
  /** Whether what reads a column that goes, goes too. */
  cascade: boolean
  readonly added: { readonly constraint: tree.Constraint; readonly column: tree.Ident | undefined }[]
  readonly dropped: Set<number>
  /** New columns with values of their own. */
  readonly generated: tree.ColumnDefinition[]
}

/** The changes that make the draft so. */
export function finished(draft: TableDraft): CatalogChange[] {
  const { definition, object } = draft
  const columns = draft.columns.map((one) => one.definition)
  if (columns.length === 0) unsupported('a table without columns', draft.statement.span)
  if (!draft.rewritten) {
    const same = columns.every((c, i) => c === object.columns[i])
    const replaced = { ...definition, object: { ...object, columns } }
    const drops = [...draft.dropped].map((id): CatalogChange => ({ change: 'drop', id }))
    return [
      ...drops,
      ...(same ? [] : [{ change: 'replace' as const, definition: replaced }]),
      ...constraintsOf(draft, definition.id, idsAfter(definition.id, draft.context)),
    ]
  }
  return written(draft, columns)
}

function written(draft: TableDraft, columns: ColumnDef[]): CatalogChange[] {
  const { definition, object, context } = draft
  const id = context.nextId()
  const ids = idsAfter(id, context)
  const primary_key = draft.primaryKey.map((name) => columns.findIndex((c) => c.name === name))
  const table: Definition = {
    ...definition,
    id,
    object: { ...object, primary_key, columns: columns.map((c, i) => keyed(c, primary_key.includes(i))) },
  }
  const parts = context.catalog.partsOf(definition.id)
  const views = repointed(draft, table)
  const identities = parts.filter(({ object: part }) => part.kind === 'identity')
  const source = project(
    scan(
      definition.id,
      object.columns.map((_, i) => i),
    ),
    draft.columns.map(({ value }) => rewrite(value, foldExpr)),
  )
  return [
    ...views.dropped.map((view): CatalogChange => ({ change: 'drop', id: view })),
    ...views.replaced.map((view): CatalogChange => ({ change: 'replace', definition: view })),
    ...parts
      .filter((part) => !identities.includes(part))
      .map((part): CatalogChange => ({ change: 'drop', id: part.id })),
    // The numbers of an identity column stay where they are, and it belongs to the new table before the old one goes.
    { change: 'replace', definition: { ...definition, name: `${definition.name} before` } },
    { change: 'create', definition: table },
    ...identities.map((part) => movedIdentity(part, table, draft)),
    { change: 'drop', id: definition.id },
    ...parts.flatMap((part): CatalogChange[] => {
      const moved = draft.dropped.has(part.id) ? undefined : movedPart(part, table, ids, draft)
      return moved === undefined ? [] : [{ change: 'create', definition: moved }]
    }),
    ...constraintsOf(draft, id, ids),
    ...generatedOf(draft, table, ids),
    { change: 'fill', relation: id, source: planQuery(source, context.catalog).rel },
  ]
}

/** What fills the columns that are new. */
function generatedOf(draft: TableDraft, table: Definition, ids: () => number): CatalogChange[] {
  const { id, name, schema } = table
  const columns = draft.columns.map((one) => one.definition)
  return bindGenerated(draft.generated, { id, name, schema, columns }, ids, draft.context)
}

function keyed(definition: ColumnDef, isKey: boolean): ColumnDef {
  return isKey ? { ...definition, nullable: false } : definition
}

function constraintsOf(draft: TableDraft, id: number, nextId: () => number): CatalogChange[] {
  const { context, definition } = draft
  const kept = context.catalog.partsOf(definition.id).filter((part) => !draft.dropped.has(part.id))
  const names = new Set(kept.map((part) => part.name))
  const columns = draft.columns.map((one) => one.definition)
  const table = { id, name: definition.name, schema: definition.schema, columns }
  return draft.added.map(({ constraint, column: named }) => ({
    change: 'create',
    definition: bindConstraint(constraint, named, table, nextId(), names, context),
  }))
}

function movedIdentity(part: Definition, table: Definition, draft: TableDraft): CatalogChange {
  const { object } = part
  if (object.kind !== 'identity') return fail('InternalError', 'not an identity column', draft.statement.span)
  const at = draft.columns.findIndex(({ from }) => from === object.column)
  if (at === -1) return { change: 'drop', id: part.id }
  const moved = { ...object, table: table.id, column: at }
  return { change: 'replace', definition: { ...part, depends_on: [table.id], object: moved } }
}

/** A generated column over the new columns; it keeps those that it is computed from. */
function movedExpression(part: Definition, table: Definition, id: number, draft: TableDraft): Definition | undefined {
  const { object } = part
  if (object.kind !== 'generated') return undefined
  const place = (old: number) => draft.columns.findIndex(({ from }) => from === old)
  const at = place(object.column)
  if (at === -1) return undefined
  const used = [...usedColumns(object.expr)]
  const gone = used.find((old) => place(old) === -1)
  if (gone !== undefined) {
    const { name } = draft.columns[at]!.definition
    const dropped = draft.object.columns[gone]!.name
    const message = `cannot drop column ${dropped} of table ${table.name} because other objects depend on it`
    fail('DependentObjectsStillExist', message, draft.statement.span, {
      detail: `column ${name} of table ${table.name} depends on column ${dropped} of table ${table.name}.`,
      hint: 'Drop that column too.',
    })
  }
  if ([object.column, ...used].some((old) => draft.columns[place(old)]!.retyped))
    unsupported('cannot alter type of a column used by a generated column', draft.statement.span)
  const moved = { ...object, table: table.id, column: at, expr: remap(object.expr, place) }
  return { ...part, id, depends_on: [table.id], object: moved }
}

/** An index or condition over the new columns; none where one of them has gone. */
function movedPart(part: Definition, table: Definition, ids: () => number, draft: TableDraft): Definition | undefined {
  const place = (old: number) => draft.columns.findIndex(({ from }) => from === old)
  const { object } = part
  const base = { ...part, depends_on: [table.id] }
  if (object.kind === 'index') {
    const columns = object.columns.map((c) => ({ ...c, column: place(c.column) }))
    if (columns.some((c) => c.column === -1)) return undefined
    return { ...base, id: ids(), object: { ...object, table: table.id, columns } }
  }
  if (object.kind === 'generated') return movedExpression(part, table, ids(), draft)
  if (object.kind !== 'check') return undefined
  const used = [...usedColumns(object.predicate)]
  if (used.some((old) => place(old) === -1)) return undefined
  const id = ids()
  if (used.some((old) => draft.columns[place(old)]!.retyped)) return { ...boundAgain(part, table, id, draft), id }
  return { ...base, id, object: { ...object, table: table.id, predicate: remap(object.predicate, place) } }
}

/** A condition over a column of another type is bound from its text. */
function boundAgain(part: Definition, table: Definition, id: number, draft: TableDraft): Definition {
  const [statement] = parseScript(`ALTER TABLE t ADD ${part.sql}`).statements
  const action = statement?.tree.kind === 'alter_table' ? statement.tree.actions[0] : undefined
  if (action?.do !== 'add_constraint' || table.object.kind !== 'table')
    return fail('InternalError', `constraint "${part.name}" cannot be read`, draft.statement.span)
  const { columns } = table.object
  const { name, schema } = table
  const bound = bindConstraint(action.constraint, undefined, { id: table.id, name, schema, columns }, id, new Set(), {
    ...draft.context,
    searchText: '',
  })
  return { ...bound, name: part.name, sql: part.sql }
}

/** The draft of a table as it is. */
export function draftOf(
  definition: Definition,
  object: Extract<DefinitionKind, { kind: 'table' }>,
  statement: tree.AlterTable,
  context: CompileContext,
  notices: string[],
): TableDraft {
  return {
    definition,
    object,
    statement,
    context,
    notices,
    columns: object.columns.map((one, i) => ({ definition: one, value: column(i), from: i, retyped: false })),
    primaryKey: object.primary_key.map((i) => object.columns[i]!.name),
    rewritten: false,
    cascade: false,
    added: [],
    dropped: new Set(),
    generated: [],
  }
}
