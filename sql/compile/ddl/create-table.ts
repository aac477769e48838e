/** CREATE TABLE and CREATE STREAM. */

import { fail, unsupported } from '../../bind/fail.js'
import { newName } from '../../bind/object-name.js'
import { PUBLIC } from '../../catalog/catalog.js'
import type { DefinitionKind } from '../../contract/plan.generated.js'
import type { Constraint, CreateStream, CreateTable, Name, Span } from '../../syntax/tree.js'
import { type CompileContext, type DdlCompiled, environmentOf, textOf } from '../context.js'
import { bindColumns, bindWatermark, columnAt } from './columns.js'
import { bindConstraints } from './constraints.js'
import { whenTaken } from './existing.js'
import { bindGenerated, withoutSerial } from './generated-columns.js'
import { definedOptions, readOptions } from './relation-options.js'
import { schemaFor } from './schema.js'

export function createTable(statement: CreateTable, context: CompileContext): DdlCompiled {
  const name = newName(statement.name)
  const taken = whenTaken(name, statement, 'CREATE TABLE', context)
  if (taken !== undefined) return taken
  const notices: string[] = []
  const written = statement.columns.map(withoutSerial)
  const columns = bindColumns(written, environmentOf(context, notices), statement.span)
  const read = readOptions(statement.options, 'table', columns)
  const primary_key = primaryKey(statement, columns)
  const object = {
    kind: 'table' as const,
    columns: columns.map((c, i) => (primary_key.includes(i) ? { ...c, nullable: false } : c)),
    primary_key,
    options: definedOptions(read),
  }
  const made = created(name, object, statement, 'CREATE TABLE', context, notices)
  const [change] = made.changes
  const id = change?.change === 'create' ? change.definition.id : context.nextId()
  const table = { id, name, schema: schemaFor(statement.name, context), columns: object.columns }
  const ids = idsAfter(id, context)
  const constraints = bindConstraints(statement, table, ids, context)
  return { ...made, changes: [...made.changes, ...constraints, ...bindGenerated(written, table, ids, context)] }
}

function primaryKey(statement: CreateTable, columns: readonly { name: string }[]): number[] {
  const inline = statement.columns.flatMap((c, i) => (c.primaryKey ? [{ key: [i], span: c.span }] : []))
  const listed = statement.constraints
    .filter((constraint) => constraint.type === 'primary_key')
    .map((constraint) => ({ key: keyOf(constraint, columns), span: constraint.span }))
  const [first, second] = [...inline, ...listed]
  if (second !== undefined) {
    const { name } = statement.name.parts.at(-1)!
    fail('InvalidTableDefinition', `multiple primary keys for table "${name}" are not allowed`, second.span)
  }
  return first?.key ?? []
}

function keyOf(constraint: Constraint, columns: readonly { name: string }[]): number[] {
  const key = constraint.columns.map((ident) => columnAt(columns, ident, 'named in key'))
  const twice = constraint.columns.find((_, i) => key.indexOf(key[i]!) !== i)
  if (twice !== undefined)
    fail('DuplicateColumn', `column "${twice.name}" appears twice in primary key constraint`, twice.span)
  return key
}

export function createStream(statement: CreateStream, context: CompileContext): DdlCompiled {
  const name = newName(statement.name)
  const taken = whenTaken(name, statement, 'CREATE STREAM', context)
  if (taken !== undefined) return taken
  const notices: string[] = []
  const env = environmentOf(context, notices)
  const inline = statement.columns.find((c) => c.primaryKey)
  if (inline !== undefined)
    fail('InvalidTableDefinition', 'a stream has no primary key', inline.span, {
      hint: 'Use CREATE TABLE for rows with a key.',
    })
  const generated = statement.columns.map(withoutSerial).find((c) => c.generated !== undefined)
  if (generated !== undefined) unsupported('generated columns of a stream', generated.span, 'A table may have some.')
  const columns = bindColumns(statement.columns, env, statement.span)
  const read = readOptions(statement.options, 'stream', columns)
  const object: DefinitionKind = {
    kind: 'stream',
    columns,
    watermark: bindWatermark(statement.watermark, columns, env),
    options: definedOptions(read),
  }
  return created(name, object, statement, 'CREATE STREAM', context, notices)
}

/** One new definition. */
export function created(
  name: string,
  object: DefinitionKind,
  statement: { readonly span: Span; readonly name?: Name },
  tag: string,
  context: CompileContext,
  notices: string[],
  dependsOn: readonly number[] = [],
  schema: string = statement.name === undefined ? PUBLIC : schemaFor(statement.name, context),
): DdlCompiled {
  const definition = {
    id: context.nextId(),
    name,
    schema,
    sql: textOf(context, statement.span),
    object,
    depends_on: [...dependsOn],
  }
  return { kind: 'ddl', changes: [{ change: 'create', definition }], tag, notices }
}

/** Further ids of one statement. Some id makers only look: each must differ from the one before. */
export function idsAfter(id: number, context: CompileContext): () => number {
  let last = id
  return () => {
    last = Math.max(context.nextId(), last + 1)
    return last
  }
}
