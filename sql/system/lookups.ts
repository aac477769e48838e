/** What functions such as pg_get_viewdef look up by number: relations of a key and a value, which only `functions.ts` names. */
import {
  columnNames,
  indexDefinition,
  indexesOf,
  isVisible,
  quoted,
  relationsOf,
  schemasOf,
  searched,
  shortest,
  viewDefinition,
} from './objects.js'
import { constraintDefinitions, functionArguments, functionDefinitions } from './pg-catalog.js'
import { PG_TYPES, pgType } from './pg-types.js'
import type { Facts, Row } from './relation.js'
import { INFORMATION_SCHEMA, PG_CATALOG } from './shapes.js'

interface Lookup {
  readonly shape: string
  readonly rows: (facts: Facts) => readonly Row[]
}

const BY_OID = '$key:o $value:t'

function lookup(entries: (facts: Facts) => Iterable<readonly [number, string]>): Lookup {
  return { shape: BY_OID, rows: (facts) => Array.from(entries(facts), ([$key, $value]) => ({ $key, $value })) }
}

/** Names of types as format_type prints them, without modifiers. */
const SPELLED: Readonly<Record<string, string>> = {
  bool: 'boolean',
  int2: 'smallint',
  int4: 'integer',
  int8: 'bigint',
  float4: 'real',
  float8: 'double precision',
  bpchar: 'character',
  varchar: 'character varying',
  time: 'time without time zone',
  timetz: 'time with time zone',
  timestamp: 'timestamp without time zone',
  timestamptz: 'timestamp with time zone',
  char: '"char"',
}

export function spelledType(name: string): string {
  if (name.startsWith('_')) return `${SPELLED[name.slice(1)] ?? name.slice(1)}[]`
  return SPELLED[name] ?? name
}

/** Every relation's name by its number, as regclass prints it. */
export function classNames(facts: Facts): [number, string][] {
  const system = (schema: string, shapes: Readonly<Record<string, readonly [number, string]>>) =>
    Object.entries(shapes).map(([name, [oid]]): [number, string] => [oid, schema === '' ? name : `${schema}.${name}`])
  return [
    ...relationsOf(facts).map((relation): [number, string] => [relation.oid, shortest(relation, facts)]),
    ...indexesOf(facts).map((index): [number, string] => [
      index.oid,
      shortest({ schema: index.relation.schema, name: index.name }, facts),
    ]),
    ...system('', PG_CATALOG),
    ...system('information_schema', INFORMATION_SCHEMA),
  ]
}

function spelledOid(oid: number): string {
  return spelledType(pgType(oid)?.name ?? 'anyelement')
}

export const LOOKUPS: Readonly<Record<string, Lookup>> = {
  $class_names: lookup(classNames),
  $type_names: lookup((facts) => [
    ...PG_TYPES.map((type): [number, string] => [type.oid, spelledType(type.name)]),
    ...relationsOf(facts).map((relation): [number, string] => [relation.oid + 3, shortest(relation, facts)]),
  ]),
  $namespace_names: lookup((facts) =>
    Array.from(schemasOf(facts), ([name, oid]): [number, string] => [oid, quoted(name)]),
  ),
  /** The schemas that are searched, by their places from 1. */
  $search_path: lookup((facts) => searched(facts).map((name, at): [number, string] => [at + 1, name])),
  /** What a bare name is not. */
  $hidden: lookup((facts) => [
    ...relationsOf(facts)
      .filter((relation) => !isVisible(relation, facts))
      .map(({ oid, name }): [number, string] => [oid, name]),
    ...indexesOf(facts)
      .filter(({ relation, name }) => !isVisible({ schema: relation.schema, name }, facts))
      .map(({ oid, name }): [number, string] => [oid, name]),
  ]),
  $function_arguments: lookup(() => functionArguments(spelledOid)),
  $function_definitions: lookup(() => functionDefinitions(spelledOid)),
  $view_definitions: lookup((facts) =>
    relationsOf(facts)
      .filter((relation) => relation.kind !== 'r')
      .map((view): [number, string] => [view.oid, viewDefinition(view)]),
  ),
  $index_definitions: lookup((facts) =>
    indexesOf(facts).map((index): [number, string] => [index.oid, indexDefinition(index)]),
  ),
  $index_columns: {
    shape: '$key:o $number:i $value:t',
    rows: (facts) =>
      indexesOf(facts).flatMap((index) =>
        index.columns.map((number, at) => ({
          $key: index.oid,
          $number: at + 1,
          $value: columnNames(index.relation, [number]),
        })),
      ),
  },
  $constraint_definitions: lookup(constraintDefinitions),
  $statements: lookup((facts) =>
    relationsOf(facts).map((relation): [number, string] => [relation.oid, relation.definition.sql]),
  ),
}
