/** The views of a table that is written anew: each is bound to see that it still has its columns, and told of the table's new id. */

import { type BoundQuery, newEnvironment } from '../../bind/environment.js'
import { fail, unsupported } from '../../bind/fail.js'
import { bindQuery } from '../../bind/query.js'
import { isPart, kindName } from '../../catalog/catalog.js'
import type { Definition } from '../../contract/plan.generated.js'
import { SqlError } from '../../diag/error.js'
import { parseScript } from '../../syntax/script.js'
import { sameType } from '../../types/data-type.js'
import { newSession } from '../context.js'
import type { TableDraft } from './table-draft.js'

interface Repointed {
  readonly replaced: Definition[]
  /** Dependents first. */
  readonly dropped: number[]
}

export function repointed(draft: TableDraft, table: Definition): Repointed {
  const { definition, context } = draft
  const all = readersOf(draft)
  const stored = all.filter(({ object }) => object.kind !== 'view')
  refuseReaders(draft, stored)
  const old = { ...definition, name: '', schema: '' }
  let catalog = context.catalog.with([
    { change: 'replace', definition: old },
    { change: 'create', definition: table },
  ])
  const replaced: Definition[] = []
  const dropped: Definition[] = []
  for (const view of all) {
    const fits = !view.depends_on.some((id) => dropped.some((one) => one.id === id)) && fitting(view, catalog)
    if (!fits) {
      if (!draft.cascade) refuse(draft, view)
      dropped.unshift(view)
      draft.notices.push(`drop cascades to ${kindName(view.object.kind)} ${view.name}`)
      continue
    }
    const moved = { ...view, depends_on: view.depends_on.map((id) => (id === definition.id ? table.id : id)) }
    replaced.push(moved)
    catalog = catalog.with([{ change: 'replace', definition: moved }])
  }
  return { replaced, dropped: dropped.map(({ id }) => id) }
}

/** What reads the stored rows, and would have to be told that they lie elsewhere now. */
function refuseReaders(draft: TableDraft, readers: readonly Definition[]): void {
  const [reader] = readers
  if (reader === undefined) return
  const what = `${kindName(reader.object.kind)} ${reader.name}`
  unsupported(
    `cannot change the columns of table "${draft.definition.name}": ${what} reads it`,
    draft.statement.name.span,
    `Drop the ${what} first, and make it again after.`,
  )
}

/** What reads the table, each after what it reads. */
function readersOf({ definition, context }: TableDraft): Definition[] {
  const order: Definition[] = []
  const visit = (id: number) => {
    for (const reader of context.catalog.dependents(id)) {
      if (isPart(reader.object) || order.includes(reader)) continue
      visit(reader.id)
      order.unshift(reader)
    }
  }
  visit(definition.id)
  return order
}

/** Whether a view has each of its columns still, and once. */
function fitting(view: Definition, catalog: TableDraft['context']['catalog']): boolean {
  const statement = parseScript(view.sql).statements[0]?.tree
  if (statement?.kind !== 'create_view' || view.object.kind !== 'view') return false
  let query: BoundQuery
  try {
    query = bindQuery(statement.query, newEnvironment(catalog, [], [], newSession({ settings: undefined })))
  } catch (error) {
    if (error instanceof SqlError) return false
    throw error
  }
  const names = query.columns.map((c, i) => statement.columns[i]?.name ?? c.name)
  return view.object.columns.every(({ name, data_type }) => {
    const at = names.indexOf(name)
    return at !== -1 && names.lastIndexOf(name) === at && sameType(query.columns[at]!.type, data_type)
  })
}

function refuse(draft: TableDraft, view: Definition): never {
  const { definition, statement } = draft
  const what = `${kindName(view.object.kind)} ${view.name}`
  const kept = new Set(draft.columns.map(({ from }) => from))
  const gone = draft.object.columns.find((_, i) => !kept.has(i))
  if (gone === undefined) {
    const message = draft.columns.some(({ retyped }) => retyped)
      ? 'cannot alter type of a column used by a view or rule'
      : `cannot add a column to table ${definition.name}: ${what} would see it`
    return fail('FeatureNotSupported', message, statement.name.span, { detail: `${what} reads it.` })
  }
  const message = `cannot drop column ${gone.name} of table ${definition.name} because other objects depend on it`
  return fail('DependentObjectsStillExist', message, statement.name.span, {
    detail: `${what} depends on column ${gone.name} of table ${definition.name}.`,
    hint: 'Use DROP … CASCADE to drop the dependent objects too.',
  })
}
