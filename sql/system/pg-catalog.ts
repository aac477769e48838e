/** The rows of pg_catalog that the catalog's objects make. */
import { FUNCTIONS } from '../contract/functions.generated.js'
import type { ParameterType } from '../contract/plan.generated.js'
import {
  checksOf,
  columnNames,
  defaultOid,
  indexDefinition,
  indexesOf,
  quoted,
  relationsOf,
  schemasOf,
  type UserCheck,
  type UserIndex,
  type UserRelation,
  viewDefinition,
} from './objects.js'
import { pgType, typeRows } from './pg-types.js'
import { BTREE, DEFAULT_COLLATION, type Facts, HEAP, INTERNAL, NAMESPACES, ROLE, type Row } from './relation.js'
import { modifierOfType, oidOfType } from './type-oids.js'

function relationRow(relation: UserRelation, indexed: boolean, checks: number): Row {
  return {
    oid: relation.oid,
    relname: relation.name,
    relnamespace: relation.namespace,
    reltype: rowTypeOid(relation.oid),
    relowner: ROLE.oid,
    relam: relation.kind === 'v' ? 0 : HEAP,
    relfilenode: relation.kind === 'v' ? 0 : relation.oid,
    reltuples: -1,
    relhasindex: indexed,
    relpersistence: 'p',
    relkind: relation.kind,
    relnatts: relation.columns.length,
    relchecks: checks,
    relhasrules: relation.kind !== 'r',
    relispopulated: true,
    relreplident: 'd',
  }
}

function indexRow(index: UserIndex): Row {
  return {
    oid: index.oid,
    relname: index.name,
    relnamespace: index.relation.namespace,
    relowner: ROLE.oid,
    relam: BTREE,
    relfilenode: index.oid,
    reltuples: -1,
    relpersistence: 'p',
    relkind: 'i',
    relnatts: index.columns.length,
    relispopulated: true,
    relreplident: 'n',
  }
}

/** Each relation has a type of its rows. */
const ROW_TYPE = 3

function rowTypeOid(relation: number): number {
  return relation + ROW_TYPE
}

function attributeRow(owner: number, number: number, name: string, type: UserRelation['columns'][number]['type']): Row {
  const oid = oidOfType(type)
  const known = pgType(oid)
  return {
    attrelid: owner,
    attname: name,
    atttypid: oid,
    attstattarget: -1,
    attlen: known?.length ?? -1,
    attnum: number,
    attndims: type.type === 'array' ? 1 : 0,
    attcacheoff: -1,
    atttypmod: modifierOfType(type),
    attbyval: known?.byValue ?? false,
    attalign: known?.alignment ?? 'i',
    attstorage: known?.storage ?? 'x',
    attcompression: '',
    attidentity: '',
    attgenerated: '',
    attislocal: true,
    attcollation: known?.collation ?? 0,
  }
}

function attributes(facts: Facts): Row[] {
  const ofRelations = relationsOf(facts).flatMap((relation) =>
    relation.columns.map((column) => ({
      ...attributeRow(relation.oid, column.number, column.name, column.type),
      attnotnull: !column.nullable,
      atthasdef: column.default !== null,
    })),
  )
  const ofIndexes = indexesOf(facts).flatMap((index) =>
    index.columns.map((number, at) => {
      const column = index.relation.columns[number - 1]
      return attributeRow(index.oid, at + 1, column?.name ?? '', column?.type ?? { type: 'text' })
    }),
  )
  return [...ofRelations, ...ofIndexes]
}

function constraints(facts: Facts): Row[] {
  const keys = indexesOf(facts).flatMap((index) => {
    if (index.constraint === null) return []
    const { constraint: oid, primary, oid: conindid, columns: conkey } = index
    return [constraintRow(index, { oid, contype: primary ? 'p' : 'u', conindid, connoinherit: true, conkey })]
  })
  const checks = checksOf(facts).map((check) => {
    const { oid, condition: conbin } = check
    return constraintRow(check, { oid, contype: 'c', conindid: 0, connoinherit: false, conkey: [], conbin })
  })
  return [...keys, ...checks]
}

function constraintRow({ name, relation }: UserIndex | UserCheck, more: Row): Row {
  return {
    conname: name,
    connamespace: relation.namespace,
    convalidated: true,
    conrelid: relation.oid,
    conislocal: true,
    confupdtype: ' ',
    confdeltype: ' ',
    confmatchtype: ' ',
    ...more,
  }
}

/** As pg_get_constraintdef would print them, by the constraint's number. */
export function constraintDefinitions(facts: Facts): Map<number, string> {
  const keys = indexesOf(facts).flatMap((index): [number, string][] => {
    if (index.constraint === null) return []
    const word = index.primary ? 'PRIMARY KEY' : 'UNIQUE'
    return [[index.constraint, `${word} (${columnNames(index.relation, index.columns)})`]]
  })
  const checks = checksOf(facts).map(({ oid, condition }): [number, string] => [oid, `CHECK (${condition})`])
  return new Map([...keys, ...checks])
}

/** The first of the numbers of functions. */
const FIRST_FUNCTION = 100_000_000

/** Each function's arguments as they are written, by its number. */
export function functionArguments(spelled: (oid: number) => string): [number, string][] {
  return FUNCTIONS.map(({ parameters, variadic }, at) => {
    const names = parameters.map((parameter) => spelled(parameterOid(parameter)))
    if (variadic !== null) names.push(`VARIADIC ${spelled(parameterOid(variadic))}[]`)
    return [FIRST_FUNCTION + at, names.join(', ')]
  })
}

/** As pg_get_functiondef would print them. */
export function functionDefinitions(spelled: (oid: number) => string): [number, string][] {
  const listed = new Map(functionArguments(spelled))
  return procedures().map((row): [number, string] => {
    const [oid, name] = [Number(row.oid), quoted(String(row.proname))]
    const kind = VOLATILITY[String(row.provolatile)] ?? 'VOLATILE'
    return [
      oid,
      `CREATE OR REPLACE FUNCTION pg_catalog.${name}(${listed.get(oid) ?? ''})\n RETURNS ${spelled(Number(row.prorettype))}\n LANGUAGE internal\n ${kind} PARALLEL SAFE STRICT\nAS $function$${String(row.proname)}$function$\n`,
    ]
  })
}

const VOLATILITY: Readonly<Record<string, string>> = { i: 'IMMUTABLE', s: 'STABLE', v: 'VOLATILE' }

function parameterOid(parameter: ParameterType): number {
  return parameter.parameter === 'exact' ? oidOfType(parameter.data_type) : ANYELEMENT
}

function procedures(): Row[] {
  return FUNCTIONS.map((signature, at) => ({
    oid: FIRST_FUNCTION + at,
    proname: signature.name,
    pronamespace: NAMESPACES.pg_catalog,
    proowner: ROLE.oid,
    prolang: INTERNAL,
    procost: 1,
    prosupport: '-',
    prokind: signature.kind === 'aggregate' ? 'a' : signature.kind === 'window' ? 'w' : 'f',
    proisstrict: true,
    provolatile: signature.volatility[0] ?? 'i',
    proparallel: 's',
    pronargs: signature.parameters.length,
    prorettype: signature.result.returns === 'fixed' ? oidOfType(signature.result.data_type) : ANYELEMENT,
    proargtypes: signature.parameters.map(parameterOid),
    prosrc: signature.name,
  }))
}

const ANYELEMENT = 2283

function rowTypes(facts: Facts): Row[] {
  return relationsOf(facts).map((relation) => ({
    oid: rowTypeOid(relation.oid),
    typname: relation.name,
    typnamespace: relation.namespace,
    typowner: ROLE.oid,
    typlen: -1,
    typtype: 'c',
    typcategory: 'C',
    typisdefined: true,
    typdelim: ',',
    typrelid: relation.oid,
    typsubscript: '-',
    typinput: 'record_in',
    typoutput: 'record_out',
    typreceive: 'record_recv',
    typsend: 'record_send',
    typmodin: '-',
    typmodout: '-',
    typanalyze: '-',
    typalign: 'd',
    typstorage: 'x',
    typtypmod: -1,
  }))
}

function views(facts: Facts, kind: 'v' | 'm'): UserRelation[] {
  return relationsOf(facts).filter((relation) => relation.kind === kind)
}

export const OBJECTS: Readonly<Record<string, (facts: Facts) => readonly Row[]>> = {
  pg_namespace: (facts) => Array.from(schemasOf(facts), ([nspname, oid]) => ({ oid, nspname, nspowner: ROLE.oid })),
  pg_class: (facts) => {
    const indexes = indexesOf(facts)
    const indexed = new Set(indexes.map((index) => index.relation.oid))
    const checks = checksOf(facts).map((check) => check.relation.oid)
    const checked = (oid: number) => checks.filter((of) => of === oid).length
    return [
      ...relationsOf(facts).map((relation) => relationRow(relation, indexed.has(relation.oid), checked(relation.oid))),
      ...indexes.map(indexRow),
    ]
  },
  pg_attribute: attributes,
  pg_attrdef: (facts) =>
    relationsOf(facts).flatMap((relation) =>
      relation.columns
        .filter((column) => column.default !== null)
        .map((column) => ({
          oid: defaultOid(relation, column.number),
          adrelid: relation.oid,
          adnum: column.number,
          adbin: column.default,
        })),
    ),
  pg_type: (facts) => [...typeRows(), ...rowTypes(facts)],
  pg_index: (facts) =>
    indexesOf(facts).map((index) => ({
      indexrelid: index.oid,
      indrelid: index.relation.oid,
      indnatts: index.columns.length,
      indnkeyatts: index.columns.length,
      indisunique: index.unique,
      indisprimary: index.primary,
      indimmediate: true,
      indisvalid: true,
      indisready: true,
      indislive: true,
      indkey: index.columns,
      indcollation: index.columns.map(() => 0),
      indclass: index.columns.map(() => 0),
      indoption: index.order.map((o) => Number(o.descending) + 2 * Number(o.nulls_first)),
    })),
  pg_constraint: constraints,
  pg_proc: procedures,
  pg_am: () => [
    { oid: HEAP, amname: 'heap', amhandler: 'heap_tableam_handler', amtype: 't' },
    { oid: BTREE, amname: 'btree', amhandler: 'bthandler', amtype: 'i' },
  ],
  pg_language: () => [
    { oid: INTERNAL, lanname: 'internal', lanowner: ROLE.oid },
    { oid: 14, lanname: 'sql', lanowner: ROLE.oid, lanpltrusted: true },
  ],
  pg_collation: () =>
    [
      [DEFAULT_COLLATION, 'default', 'd'],
      [950, 'C', 'c'],
      [951, 'POSIX', 'c'],
    ].map(([oid = 0, collname = '', collprovider = '']) => ({
      oid,
      collname,
      collnamespace: NAMESPACES.pg_catalog,
      collowner: ROLE.oid,
      collprovider,
      collisdeterministic: true,
      collencoding: -1,
    })),
  pg_tables: (facts) => {
    const indexed = new Set(indexesOf(facts).map((index) => index.relation.oid))
    return relationsOf(facts)
      .filter((relation) => relation.kind === 'r')
      .map((relation) => ({
        schemaname: relation.schema,
        tablename: relation.name,
        tableowner: ROLE.name,
        hasindexes: indexed.has(relation.oid),
      }))
  },
  pg_views: (facts) =>
    views(facts, 'v').map((view) => ({
      schemaname: view.schema,
      viewname: view.name,
      viewowner: ROLE.name,
      definition: viewDefinition(view),
    })),
  pg_matviews: (facts) =>
    views(facts, 'm').map((view) => ({
      schemaname: view.schema,
      matviewname: view.name,
      matviewowner: ROLE.name,
      ispopulated: true,
      definition: viewDefinition(view),
    })),
  pg_indexes: (facts) =>
    indexesOf(facts).map((index) => ({
      schemaname: index.relation.schema,
      tablename: index.relation.name,
      indexname: index.name,
      indexdef: indexDefinition(index),
    })),
  pg_rewrite: (facts) =>
    relationsOf(facts)
      .filter((relation) => relation.kind !== 'r')
      .map((view) => ({
        oid: view.oid + REWRITE_RULE,
        rulename: '_RETURN',
        ev_class: view.oid,
        ev_type: '1',
        ev_enabled: 'O',
        is_instead: true,
      })),
  pg_stat_user_tables: statistics,
  pg_stat_all_tables: statistics,
  pg_stat_user_indexes: (facts) =>
    indexesOf(facts).map((index) => ({
      relid: index.relation.oid,
      indexrelid: index.oid,
      schemaname: index.relation.schema,
      relname: index.relation.name,
      indexrelname: index.name,
    })),
}

const REWRITE_RULE = 5

function statistics(facts: Facts): Row[] {
  return relationsOf(facts)
    .filter((relation) => relation.kind !== 'v')
    .map((relation) => ({ relid: relation.oid, schemaname: relation.schema, relname: relation.name }))
}
