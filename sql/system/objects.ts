/** The catalog's objects as PostgreSQL numbers and names them: relations, the indexes and constraints behind keys. All that the system
 *  relations say of user objects is worked out here. */
import { columnsOf, hasRows, primaryKeyOf } from '../catalog/catalog.js'
import type { DataType, Definition, IndexColumn } from '../contract/plan.generated.js'
import { printExpr } from '../logical/print.js'
import { parseScript } from '../syntax/script.js'
import { type Facts, NAMESPACES } from './relation.js'

/** As in PostgreSQL, numbers below are the system's own. */
const FIRST_OID = 16_384
/** An object has up to this many things that are numbered with it. */
const STRIDE = 1 << 16
const KEY_INDEX = 1
const KEY_CONSTRAINT = 2
const FIRST_DEFAULT = 4096

export function oidOf(definition: Definition): number {
  return FIRST_OID + definition.id * STRIDE
}

export interface UserColumn {
  readonly number: number
  readonly name: string
  readonly type: DataType
  readonly nullable: boolean
  /** As SQL. */
  readonly default: string | null
}

export interface UserRelation {
  readonly definition: Definition
  readonly oid: number
  readonly schema: string
  readonly namespace: number
  readonly name: string
  readonly kind: 'r' | 'v' | 'm'
  readonly columns: readonly UserColumn[]
}

export interface UserIndex {
  readonly oid: number
  readonly name: string
  readonly relation: UserRelation
  /** Numbers of columns, from 1. */
  readonly columns: readonly number[]
  /** How each is sorted. */
  readonly order: readonly Omit<IndexColumn, 'column'>[]
  readonly unique: boolean
  readonly primary: boolean
  readonly constraint: number | null
}

export interface UserCheck {
  readonly oid: number
  readonly name: string
  readonly relation: UserRelation
  /** As SQL. */
  readonly condition: string
}

/** The schemas with their numbers: those of the system, and the user's. */
export function schemasOf(facts: Facts): Map<string, number> {
  const own = facts.definitions.filter(({ object }) => object.kind === 'schema')
  return new Map([
    ...Object.entries(NAMESPACES),
    ...own.map((definition): [string, number] => [definition.name, oidOf(definition)]),
  ])
}

const KINDS: Readonly<Partial<Record<Definition['object']['kind'], UserRelation['kind']>>> = {
  table: 'r',
  stream: 'r',
  source: 'r',
  view: 'v',
  materialized_view: 'm',
}

export function relationsOf(facts: Facts): UserRelation[] {
  const schemas = schemasOf(facts)
  return facts.definitions.filter(hasRows).map((definition) => {
    const { object } = definition
    const defaults =
      'columns' in object && object.kind !== 'view' && object.kind !== 'materialized_view' ? object.columns : undefined
    return {
      definition,
      oid: oidOf(definition),
      schema: definition.schema,
      namespace: schemas.get(definition.schema) ?? NAMESPACES.public,
      name: definition.name,
      kind: KINDS[object.kind] ?? 'r',
      columns: (columnsOf(definition) ?? []).map((column, at) => ({
        number: at + 1,
        name: column.name,
        type: column.data_type,
        nullable: column.nullable,
        default: defaults?.[at]?.default ? printExpr(defaults[at].default, []) : null,
      })),
    }
  })
}

export function defaultOid(relation: UserRelation, column: number): number {
  return relation.oid + FIRST_DEFAULT + column
}

/** Ascending, NULLs last. */
const PLAIN = { descending: false, nulls_first: false } as const

export function indexesOf(facts: Facts): UserIndex[] {
  const parts = partsOf(facts)
  return relationsOf(facts).flatMap((relation) => {
    const indexes: UserIndex[] = []
    const key = primaryKeyOf(relation.definition)
    if (key !== undefined) {
      indexes.push({
        oid: relation.oid + KEY_INDEX,
        name: `${relation.name}_pkey`,
        relation,
        columns: key.map((column) => column + 1),
        order: key.map(() => PLAIN),
        unique: true,
        primary: true,
        constraint: relation.oid + KEY_CONSTRAINT,
      })
    }
    for (const definition of parts.get(relation.definition.id) ?? []) {
      const { object } = definition
      if (object.kind !== 'index') continue
      indexes.push({
        oid: oidOf(definition),
        name: definition.name,
        relation,
        columns: object.columns.map(({ column }) => column + 1),
        order: object.columns,
        unique: object.unique,
        primary: false,
        constraint: object.constraint ? oidOf(definition) + KEY_CONSTRAINT : null,
      })
    }
    return indexes
  })
}

export function checksOf(facts: Facts): UserCheck[] {
  const parts = partsOf(facts)
  return relationsOf(facts).flatMap((relation) =>
    (parts.get(relation.definition.id) ?? []).flatMap((definition): UserCheck[] => {
      const { object, name } = definition
      if (object.kind !== 'check') return []
      const condition = printExpr(
        object.predicate,
        relation.columns.map((column) => quoted(column.name)),
      )
      return [{ oid: oidOf(definition), name, relation, condition }]
    }),
  )
}

/** The indexes and constraints of each table, by its id. */
function partsOf({ definitions }: Facts): Map<number, Definition[]> {
  const parts = new Map<number, Definition[]>()
  for (const definition of definitions) {
    const { object } = definition
    if (object.kind !== 'index' && object.kind !== 'check') continue
    const known = parts.get(object.table)
    if (known === undefined) parts.set(object.table, [definition])
    else known.push(definition)
  }
  return parts
}

/** The schemas that are searched for names, those that are there. */
export function searched(facts: Facts): string[] {
  const schemas = schemasOf(facts)
  return facts.catalog.path.filter((schema) => schemas.has(schema))
}

/** Whether the bare name is this one. */
export function isVisible({ schema, name }: { readonly schema: string; readonly name: string }, facts: Facts): boolean {
  const path = ['pg_catalog', ...searched(facts)]
  const place = path.indexOf(schema)
  if (place < 0) return false
  const before = new Set(path.slice(0, place))
  return !facts.definitions.some((other) => other.name === name && before.has(other.schema) && hasRows(other))
}

/** As it has to be written. */
export function shortest(relation: { readonly schema: string; readonly name: string }, facts: Facts): string {
  const { schema, name } = relation
  return isVisible(relation, facts) ? quoted(name) : `${quoted(schema)}.${quoted(name)}`
}

export function quoted(name: string): string {
  return /^[a-z_][a-z0-9_$]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`
}

export function columnNames(relation: UserRelation, numbers: readonly number[]): string {
  return numbers.map((number) => quoted(relation.columns[number - 1]?.name ?? '?')).join(', ')
}

export function indexDefinition(index: UserIndex): string {
  const { relation } = index
  const unique = index.unique ? 'UNIQUE ' : ''
  const on = `${quoted(relation.schema)}.${quoted(relation.name)}`
  const columns = index.columns.map((number, at) => {
    const { descending, nulls_first: first } = index.order[at] ?? PLAIN
    const nulls = descending === first ? '' : first ? ' NULLS FIRST' : ' NULLS LAST'
    return `${columnNames(relation, [number])}${descending ? ' DESC' : ''}${nulls}`
  })
  return `CREATE ${unique}INDEX ${quoted(index.name)} ON ${on} USING btree (${columns.join(', ')})`
}

/** The query of a view, as it was written. */
export function viewDefinition({ definition }: UserRelation): string {
  const statement = parseScript(definition.sql).statements[0]?.tree
  if (statement?.kind !== 'create_view') return ''
  return ` ${definition.sql.slice(statement.query.span.start, statement.query.span.end)};`
}
