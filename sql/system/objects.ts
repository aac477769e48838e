/** The catalog's objects as PostgreSQL numbers and names them: relations, the indexes and constraints behind keys. All that the system
 *  relations say of user objects is worked out here. */
import { columnsOf, hasRows, primaryKeyOf } from '../catalog/catalog.js'
import type { DataType, Definition } from '../contract/plan.generated.js'
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
  readonly unique: boolean
  readonly primary: boolean
  readonly constraint: number | null
}

const KINDS: Readonly<Partial<Record<Definition['object']['kind'], UserRelation['kind']>>> = {
  table: 'r',
  stream: 'r',
  source: 'r',
  view: 'v',
  materialized_view: 'm',
}

export function relationsOf(facts: Facts): UserRelation[] {
  return facts.definitions.filter(hasRows).map((definition) => {
    const { object } = definition
    const defaults =
      'columns' in object && object.kind !== 'view' && object.kind !== 'materialized_view' ? object.columns : undefined
    return {
      definition,
      oid: oidOf(definition),
      schema: 'public',
      namespace: NAMESPACES.public,
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

export function indexesOf(facts: Facts): UserIndex[] {
  return relationsOf(facts).flatMap((relation) => {
    const key = primaryKeyOf(relation.definition)
    if (key === undefined) return []
    return [
      {
        oid: relation.oid + KEY_INDEX,
        name: `${relation.name}_pkey`,
        relation,
        columns: key.map((column) => column + 1),
        unique: true,
        primary: true,
        constraint: relation.oid + KEY_CONSTRAINT,
      },
    ]
  })
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
  const on = `${relation.schema}.${quoted(relation.name)}`
  return `CREATE ${unique}INDEX ${quoted(index.name)} ON ${on} USING btree (${columnNames(relation, index.columns)})`
}

/** The query of a view, as it was written. */
export function viewDefinition({ definition }: UserRelation): string {
  const statement = parseScript(definition.sql).statements[0]?.tree
  if (statement?.kind !== 'create_view') return ''
  return ` ${definition.sql.slice(statement.query.span.start, statement.query.span.end)};`
}
