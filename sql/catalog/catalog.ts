/** What the planner may ask of the catalog: objects by name and id, and who depends on whom. Immutable; a change gives a new one. */
import type {
  CatalogChange,
  DataType,
  Definition,
  DefinitionKind,
  Field,
  RelationId,
} from '../contract/plan.generated.js'
import { suggest } from '../diag/suggest.js'

export type ObjectKind = DefinitionKind['kind']

/** Kinds that have rows. */
export type RelationDefinition = Definition & {
  readonly object: Exclude<
    DefinitionKind,
    { kind: 'sink' | 'model' | 'index' | 'check' | 'schema' | 'generated' | 'identity' }
  >
}

/** The schema of what names none. */
export const PUBLIC = 'public'

export interface Catalog {
  /** A name as `qualified` makes it: with a schema, or to be looked for in those of the path. */
  find(name: string): Definition | undefined
  /** The schemas in which a bare name is looked for, in this order. */
  readonly path: readonly string[]
  withPath(path: readonly string[]): Catalog
  byId(id: RelationId): Definition | undefined
  /** In order of creation. */
  all(): readonly Definition[]
  /** The objects that read this one, directly. */
  dependents(id: RelationId): readonly Definition[]
  /** The indexes and constraints of a table. */
  partsOf(id: RelationId): readonly Definition[]
  /** The nearest name of an object that `accept` takes. */
  didYouMean(name: string, accept: (definition: Definition) => boolean): string | undefined
  /** The column types of what a plan can scan. */
  columnTypes(id: RelationId): readonly DataType[] | undefined
  with(changes: readonly CatalogChange[]): Catalog
}

/** One text for both, in which a dot within a name cannot be taken for the one between. */
export function qualified(schema: string | undefined, name: string): string {
  const part = (text: string) => (text.includes('.') ? `"${text}"` : text)
  return schema === undefined ? part(name) : `${part(schema)}.${part(name)}`
}

export function createCatalog(definitions: readonly Definition[], path: readonly string[] = [PUBLIC]): Catalog {
  const named = definitions.filter(
    ({ object }) => object.kind === 'index' || !(isPart(object) || object.kind === 'schema'),
  )
  const byName = new Map(named.map((definition) => [qualified(definition.schema, definition.name), definition]))
  const byId = new Map(definitions.map((definition) => [definition.id, definition]))
  return {
    find: (name) => {
      const said = byName.get(name)
      if (said !== undefined) return said
      for (const schema of path) {
        const found = byName.get(`${qualified(undefined, schema)}.${name}`)
        if (found !== undefined) return found
      }
      return undefined
    },
    path,
    withPath: (other) => createCatalog(definitions, other),
    byId: (id) => byId.get(id),
    all: () => definitions,
    dependents: (id) => definitions.filter((definition) => definition.depends_on.includes(id)),
    partsOf: (id) => definitions.filter((definition) => isPartOf(definition, id)),
    didYouMean: (name, accept) =>
      suggest(
        name,
        named.filter(accept).map((definition) => definition.name),
      ),
    columnTypes: (id) => {
      const definition = byId.get(id)
      return definition === undefined ? undefined : columnsOf(definition)?.map((column) => column.data_type)
    },
    with: (changes) => createCatalog(changes.reduce(applied, definitions), path),
  }
}

function applied(definitions: readonly Definition[], change: CatalogChange): readonly Definition[] {
  switch (change.change) {
    case 'create':
      return [...definitions, change.definition]
    case 'replace':
      return definitions.map((definition) => (definition.id === change.definition.id ? change.definition : definition))
    case 'fill':
      return definitions
    case 'drop':
      return definitions.filter((definition) => definition.id !== change.id)
    case 'set_options':
      return definitions.map((definition) => {
        const { object } = definition
        if (definition.id !== change.id || (object.kind !== 'stream' && object.kind !== 'table')) return definition
        return { ...definition, object: { ...object, options: change.options } }
      })
    default:
      return change satisfies never
  }
}

/** The columns of a relation; undefined for what has no rows. */
export function columnsOf(definition: Definition): readonly Field[] | undefined {
  switch (definition.object.kind) {
    case 'stream':
    case 'table':
    case 'source':
      return definition.object.columns.map(({ name, data_type, nullable }) => ({ name, data_type, nullable }))
    case 'view':
    case 'materialized_view':
      return definition.object.columns
    case 'sink':
    case 'model':
    case 'index':
    case 'check':
    case 'schema':
    case 'generated':
    case 'identity':
      return undefined
    default:
      return definition.object satisfies never
  }
}

export function hasRows(definition: Definition): definition is RelationDefinition {
  return columnsOf(definition) !== undefined
}

/** `materialized view`, as messages say it. */
export function kindName(kind: ObjectKind): string {
  return kind === 'materialized_view' ? 'materialized view' : kind
}

/** The primary key of a table; undefined for other relations and for a table without one. */
export function primaryKeyOf(definition: Definition): readonly number[] | undefined {
  if (definition.object.kind !== 'table' || definition.object.primary_key.length === 0) return undefined
  return definition.object.primary_key
}

/** An index or a constraint of a table: it goes with it. */
export function isPartOf(definition: Definition, table: RelationId): boolean {
  const { object } = definition
  return isPart(object) && object.table === table
}

type Part = Extract<DefinitionKind, { readonly table: RelationId }>

export function isPart(object: DefinitionKind): object is Part {
  return ['index', 'check', 'generated', 'identity'].includes(object.kind)
}
