/** The rows of pg_catalog that the catalog's objects make. */
import { FUNCTIONS } from '../contract/functions.generated.js'
import {
  columnNames,
  defaultOid,
  indexDefinition,
  indexesOf,
  relationsOf,
  type UserIndex,
  type UserRelation,
  viewDefinition,
} from './objects.js'
import { pgType, typeRows } from './pg-types.js'
import { BTREE, DEFAULT_COLLATION, type Facts, HEAP, INTERNAL, NAMESPACES, ROLE, type Row } from './relation.js'
import { modifierOfType, oidOfType } from './type-oids.js'

function relationRow(relation: UserRelation, indexed: boolean): Row {
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
  return indexesOf(facts).flatMap((index) => {
    if (index.constraint === null) return []
    return [
      {
        oid: index.constraint,
        conname: index.name,
        connamespace: index.relation.namespace,
        contype: index.primary ? 'p' : 'u',
        convalidated: true,
        conrelid: index.relation.oid,
        conindid: index.oid,
        conislocal: true,
        connoinherit: true,
        confupdtype: ' ',
        confdeltype: ' ',
        confmatchtype: ' ',
        conkey: index.columns,
      },
    ]
  })
}

/** As pg_get_constraintdef would print them, by the constraint's number. */
export function constraintDefinitions(facts: Facts): Map<number, string> {
  const keys = indexesOf(facts).flatMap((index): [number, string][] => {
    if (index.constraint === null) return []
    const word = index.primary ? 'PRIMARY KEY' : 'UNIQUE'
    return [[index.constraint, `${word} (${columnNames(index.relation, index.columns)})`]]
  })
  return new Map(keys)
}

function procedures(): Row[] {
  return FUNCTIONS.map((signature, at) => ({
    oid: 100_000_000 + at,
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
    proargtypes: signature.parameters.map((p) => (p.parameter === 'exact' ? oidOfType(p.data_type) : ANYELEMENT)),
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
  pg_namespace: () => Object.entries(NAMESPACES).map(([nspname, oid]) => ({ oid, nspname, nspowner: ROLE.oid })),
  pg_class: (facts) => {
    const indexes = indexesOf(facts)
    const indexed = new Set(indexes.map((index) => index.relation.oid))
    return [
      ...relationsOf(facts).map((relation) => relationRow(relation, indexed.has(relation.oid))),
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
      indoption: index.columns.map(() => 0),
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
