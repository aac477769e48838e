/** The rows of information_schema that the catalog's objects make. Yes and no are words here, and what is unknown is NULL. */
import { FUNCTIONS } from '../contract/functions.generated.js'
import type { DataType } from '../contract/plan.generated.js'
import {
  checksOf,
  indexesOf,
  relationsOf,
  schemasOf,
  type UserCheck,
  type UserIndex,
  type UserRelation,
  viewDefinition,
} from './objects.js'
import { pgType } from './pg-types.js'
import { DATABASE, type Facts, ROLE, type Row } from './relation.js'
import { oidOfType, standardName } from './type-oids.js'

const PRIVILEGES = ['INSERT', 'SELECT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']
const INTEGER_BITS: Partial<Record<DataType['type'], number>> = {
  smallint: 16,
  integer: 32,
  bigint: 64,
  real: 24,
  double: 53,
}

const yes = (value: boolean) => (value ? 'YES' : 'NO')

function table(relation: UserRelation): Row {
  return { table_catalog: DATABASE.name, table_schema: relation.schema, table_name: relation.name }
}

/** Materialized views are not in the standard, and so not here, as in PostgreSQL. */
function listed(facts: Facts): UserRelation[] {
  return relationsOf(facts).filter((relation) => relation.kind !== 'm')
}

function typeColumns(type: DataType): Row {
  const bits = INTEGER_BITS[type.type]
  const exact = type.type === 'smallint' || type.type === 'integer' || type.type === 'bigint'
  const time = type.type.startsWith('time') || type.type === 'interval'
  return {
    data_type: standardName(type),
    character_octet_length: type.type === 'text' ? 1_073_741_824 : null,
    numeric_precision: type.type === 'numeric' ? type.precision : (bits ?? null),
    numeric_precision_radix: type.type === 'numeric' ? 10 : bits === undefined ? null : 2,
    numeric_scale: type.type === 'numeric' ? type.scale : exact ? 0 : null,
    datetime_precision: time ? 6 : type.type === 'date' ? 0 : null,
    udt_catalog: DATABASE.name,
    udt_schema: 'pg_catalog',
    udt_name: pgType(oidOfType(type))?.name ?? 'text',
  }
}

function constraint({ relation, name }: UserIndex | UserCheck): Row {
  return { constraint_catalog: DATABASE.name, constraint_schema: relation.schema, constraint_name: name }
}

function constraintIndexes(facts: Facts): UserIndex[] {
  return indexesOf(facts).filter((index) => index.constraint !== null)
}

function keyColumns(facts: Facts): Row[] {
  return constraintIndexes(facts).flatMap((index) =>
    index.columns.map((number, at) => ({
      ...constraint(index),
      ...table(index.relation),
      column_name: index.relation.columns[number - 1]?.name ?? '',
      ordinal_position: at + 1,
    })),
  )
}

function grants(facts: Facts): Row[] {
  return listed(facts).flatMap((relation) =>
    PRIVILEGES.map((privilege_type) => ({
      ...table(relation),
      grantor: ROLE.name,
      grantee: ROLE.name,
      privilege_type,
      is_grantable: 'YES',
      with_hierarchy: yes(privilege_type === 'SELECT'),
    })),
  )
}

export const STANDARD: Readonly<Record<string, (facts: Facts) => readonly Row[]>> = {
  information_schema_catalog_name: () => [{ catalog_name: DATABASE.name }],
  schemata: (facts) =>
    Array.from(schemasOf(facts).keys(), (schema_name) => ({
      catalog_name: DATABASE.name,
      schema_name,
      schema_owner: ROLE.name,
    })),
  tables: (facts) =>
    listed(facts).map((relation) => ({
      ...table(relation),
      table_type: relation.kind === 'v' ? 'VIEW' : 'BASE TABLE',
      is_insertable_into: yes(relation.kind === 'r' && relation.definition.object.kind !== 'source'),
      is_typed: 'NO',
    })),
  columns: (facts) =>
    listed(facts).flatMap((relation) =>
      relation.columns.map((column) => ({
        ...table(relation),
        ...typeColumns(column.type),
        column_name: column.name,
        ordinal_position: column.number,
        column_default: column.default,
        is_nullable: yes(column.nullable),
        dtd_identifier: String(column.number),
        is_self_referencing: 'NO',
        is_identity: 'NO',
        identity_cycle: 'NO',
        is_generated: 'NEVER',
        is_updatable: yes(relation.definition.object.kind === 'table'),
      })),
    ),
  views: (facts) =>
    listed(facts)
      .filter((relation) => relation.kind === 'v')
      .map((relation) => ({
        ...table(relation),
        view_definition: viewDefinition(relation),
        check_option: 'NONE',
        is_updatable: 'NO',
        is_insertable_into: 'NO',
        is_trigger_updatable: 'NO',
        is_trigger_deletable: 'NO',
        is_trigger_insertable_into: 'NO',
      })),
  table_constraints: (facts) => [
    ...constraintIndexes(facts).map((index) => ({
      ...constraint(index),
      ...table(index.relation),
      constraint_type: index.primary ? 'PRIMARY KEY' : 'UNIQUE',
      is_deferrable: 'NO',
      initially_deferred: 'NO',
      enforced: 'YES',
      nulls_distinct: index.primary ? null : 'YES',
    })),
    ...checksOf(facts).map((check) => ({
      ...constraint(check),
      ...table(check.relation),
      constraint_type: 'CHECK',
      is_deferrable: 'NO',
      initially_deferred: 'NO',
      enforced: 'YES',
    })),
  ],
  check_constraints: (facts) =>
    checksOf(facts).map((check) => ({ ...constraint(check), check_clause: check.condition })),
  key_column_usage: keyColumns,
  constraint_column_usage: keyColumns,
  constraint_table_usage: (facts) =>
    constraintIndexes(facts).map((index) => ({ ...constraint(index), ...table(index.relation) })),
  routines: () =>
    FUNCTIONS.filter((signature) => signature.kind === 'scalar').map((signature, at) => ({
      specific_catalog: DATABASE.name,
      specific_schema: 'pg_catalog',
      specific_name: `${signature.name}_${100_000_000 + at}`,
      routine_catalog: DATABASE.name,
      routine_schema: 'pg_catalog',
      routine_name: signature.name,
      routine_type: 'FUNCTION',
      data_type: signature.result.returns === 'fixed' ? standardName(signature.result.data_type) : 'anyelement',
      routine_body: 'EXTERNAL',
      external_language: 'INTERNAL',
      is_deterministic: yes(signature.volatility === 'immutable'),
    })),
  view_table_usage: (facts) =>
    listed(facts)
      .filter((relation) => relation.kind === 'v')
      .flatMap((view) =>
        view.definition.depends_on.flatMap((id) => {
          const read = relationsOf(facts).find((relation) => relation.definition.id === id)
          if (read === undefined) return []
          return [{ view_catalog: DATABASE.name, view_schema: view.schema, view_name: view.name, ...table(read) }]
        }),
      ),
  table_privileges: grants,
  role_table_grants: grants,
  enabled_roles: () => [{ role_name: ROLE.name }],
  character_sets: () => [
    {
      character_set_name: 'UTF8',
      character_repertoire: 'UCS',
      form_of_use: 'UTF8',
      default_collate_catalog: DATABASE.name,
      default_collate_schema: 'pg_catalog',
      default_collate_name: 'C',
    },
  ],
}
