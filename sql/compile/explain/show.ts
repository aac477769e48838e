/** SHOW and DESCRIBE: the catalog as rows of text. */

import { fail } from '../../bind/fail.js'
import { objectName } from '../../bind/object-name.js'
import { columnsOf, hasRows, kindName, type ObjectKind, primaryKeyOf } from '../../catalog/catalog.js'
import type { Definition, Inspection } from '../../contract/plan.generated.js'
import { printExpr } from '../../logical/print.js'
import type { Describe, Show } from '../../syntax/tree.js'
import { typeName } from '../../types/data-type.js'
import { inspect } from '../admin.js'
import { type CompileContext, type Compiled, textFields } from '../context.js'
import { SETTINGS } from '../settings.js'

const KINDS: Record<Exclude<Show['what'], 'all' | 'setting' | Inspection>, readonly ObjectKind[]> = {
  tables: ['table'],
  streams: ['stream'],
  sources: ['source'],
  views: ['view', 'materialized_view'],
  materialized_views: ['materialized_view'],
  sinks: ['sink'],
  models: ['model'],
}

export function show(statement: Show, context: CompileContext): Compiled {
  const tag = 'SHOW'
  if (statement.what === 'setting') return setting(statement, context, tag)
  if (statement.what === 'consumer_groups' || statement.what === 'segments') return inspect(statement.what, tag)
  const kinds = statement.what === 'all' ? undefined : KINDS[statement.what]
  const shown = context.catalog.all().filter((d) => kinds?.includes(d.object.kind) ?? true)
  const sorted = [...shown].sort((a, b) => (a.name < b.name ? -1 : 1))
  return {
    kind: 'rows',
    fields: textFields('name', 'kind', 'details'),
    rows: sorted.map((d) => [d.name, kindName(d.object.kind), details(d, context)]),
    tag,
  }
}

function setting(statement: Show, { settings }: CompileContext, tag: string): Compiled {
  const name = statement.name?.name.toLowerCase() ?? ''
  const value = settings?.get(name) ?? SETTINGS.get(name)?.value
  if (value === undefined)
    fail('UndefinedObject', `unrecognized configuration parameter "${name}"`, statement.name?.span ?? statement.span)
  return { kind: 'rows', fields: textFields(name), rows: [[value]], tag }
}

function details(definition: Definition, { catalog }: CompileContext): string {
  const { object } = definition
  switch (object.kind) {
    case 'source':
      return `kafka topic ${object.kafka.topic} at ${object.kafka.brokers}`
    case 'sink':
      return `${catalog.byId(object.from)?.name ?? '?'} to kafka topic ${object.kafka.topic} at ${object.kafka.brokers}`
    case 'model':
      return `${object.inputs} features, from ${object.path}`
    case 'index':
      return `${object.unique ? 'unique ' : ''}on ${catalog.byId(object.table)?.name ?? '?'}`
    case 'check':
    case 'generated':
    case 'identity':
      return `on ${catalog.byId(object.table)?.name ?? '?'}`
    case 'schema':
      return ''
    default:
      return `${object.columns.length} column${object.columns.length === 1 ? '' : 's'}`
  }
}

export function describe(statement: Describe, context: CompileContext): Compiled {
  const name = objectName(statement.name)
  const found = context.catalog.find(name)
  if (found === undefined) {
    const near = context.catalog.didYouMean(name, () => true)
    fail('UndefinedTable', `relation "${name}" does not exist`, statement.name.span, {
      hint: near === undefined ? undefined : `Perhaps you meant "${near}".`,
    })
  }
  if (!hasRows(found)) {
    return {
      kind: 'rows',
      fields: textFields('name', 'kind', 'details'),
      rows: [[found.name, kindName(found.object.kind), details(found, context)]],
      tag: 'DESCRIBE',
    }
  }
  const key = primaryKeyOf(found) ?? []
  const { object } = found
  const rows = columnsOf(found)!.map((column, i) => {
    const written =
      object.kind === 'table' || object.kind === 'stream' || object.kind === 'source'
        ? object.columns[i]!.default
        : null
    return [
      column.name,
      typeName(column.data_type),
      column.nullable ? 'yes' : 'no',
      key.includes(i) ? 'primary' : null,
      written === null ? null : printExpr(written, []),
    ]
  })
  return { kind: 'rows', fields: textFields('column', 'type', 'nullable', 'key', 'default'), rows, tag: 'DESCRIBE' }
}
