/** CREATE SCHEMA and DROP SCHEMA, and which schema a new object goes into. */

import { fail } from '../../bind/fail.js'
import { checkLength, schemaOf } from '../../bind/object-name.js'
import { type Catalog, isPart, kindName, PUBLIC } from '../../catalog/catalog.js'
import type { Definition } from '../../contract/plan.generated.js'
import type { CreateSchema, DropSchema, Ident, Name } from '../../syntax/tree.js'
import { type CompileContext, type DdlCompiled, textOf } from '../context.js'

/** The schema that the name says, or the first of the search path that is there. */
export function schemaFor(name: Name, context: CompileContext): string {
  const { catalog } = context
  const said = schemaOf(name)
  if (said === undefined) return catalog.path.find((schema) => schemaExists(schema, catalog)) ?? PUBLIC
  if (!schemaExists(said, catalog)) fail('InvalidSchemaName', `schema "${said}" does not exist`, name.parts[0]!.span)
  return said
}

function schemaExists(name: string, catalog: Catalog): boolean {
  return name === PUBLIC || findSchema(name, catalog) !== undefined
}

function findSchema(name: string, catalog: Catalog): Definition | undefined {
  return catalog.all().find((definition) => definition.object.kind === 'schema' && definition.name === name)
}

export function createSchema(statement: CreateSchema, context: CompileContext): DdlCompiled {
  const { name } = statement.name
  const tag = 'CREATE SCHEMA'
  checkLength(name, statement.name.span)
  if (name.startsWith('pg_') || name === 'information_schema') {
    fail('InvalidSchemaName', `unacceptable schema name "${name}"`, statement.name.span, {
      detail: 'The names of system schemas begin with "pg_".',
    })
  }
  if (schemaExists(name, context.catalog)) {
    if (!statement.ifNotExists) fail('DuplicateSchema', `schema "${name}" already exists`, statement.name.span)
    return { kind: 'ddl', changes: [], tag, notices: [`schema "${name}" already exists, skipping`] }
  }
  const definition: Definition = {
    id: context.nextId(),
    name,
    schema: name,
    sql: textOf(context, statement.span),
    object: { kind: 'schema' },
    depends_on: [],
  }
  return { kind: 'ddl', changes: [{ change: 'create', definition }], tag, notices: [] }
}

export function dropSchema(statement: DropSchema, context: CompileContext): DdlCompiled {
  const { catalog } = context
  const notices: string[] = []
  const dropped = new Set<Definition>()
  const add = (definition: Definition) => {
    if (dropped.has(definition)) return
    // What depends on it goes before it.
    for (const other of catalog.dependents(definition.id)) add(other)
    dropped.add(definition)
  }
  for (const ident of statement.names) {
    const schema = named(ident, statement, catalog, notices)
    if (schema === undefined) continue
    const inside = catalog.all().filter((definition) => definition.schema === schema.name && definition !== schema)
    const shown = inside.filter((definition) => !isPart(definition.object))
    if (shown.length > 0 && !statement.cascade) {
      fail(
        'DependentObjectsStillExist',
        `cannot drop schema ${schema.name} because other objects depend on it`,
        ident.span,
        {
          detail: shown
            .map((d) => `${kindName(d.object.kind)} ${schema.name}.${d.name} depends on schema ${schema.name}.`)
            .join('\n'),
          hint: 'Use DROP … CASCADE to drop the dependent objects too.',
        },
      )
    }
    for (const definition of inside) add(definition)
    add(schema)
  }
  const told = [...dropped].filter(({ object }) => object.kind !== 'schema' && !isPart(object))
  for (const { object, name } of told) notices.push(`drop cascades to ${kindName(object.kind)} ${name}`)
  return { kind: 'ddl', changes: [...dropped].map(({ id }) => ({ change: 'drop', id })), tag: 'DROP SCHEMA', notices }
}

function named(ident: Ident, statement: DropSchema, catalog: Catalog, notices: string[]): Definition | undefined {
  const found = findSchema(ident.name, catalog)
  if (found !== undefined) return found
  if (ident.name === PUBLIC) {
    fail('FeatureNotSupported', 'schema "public" cannot be dropped', ident.span, {
      hint: 'It is where objects go whose names say no schema.',
    })
  }
  if (!statement.ifExists) fail('InvalidSchemaName', `schema "${ident.name}" does not exist`, ident.span)
  notices.push(`schema "${ident.name}" does not exist, skipping`)
  return undefined
}
