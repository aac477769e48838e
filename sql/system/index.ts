/** The system relations by name, and the rows of one as a part of a plan. */

import type { DataType, Expr, Rel } from '../contract/plan.generated.js'
import { Code } from '../diag/codes.js'
import { SqlError } from '../diag/error.js'
import { cast, constant, text } from '../logical/expr.js'
import { integerLiteral, nullOf } from '../types/literal.js'
import { parseValue } from '../types/parse-value.js'
import { CLUSTER } from './cluster.js'
import { STANDARD } from './information-schema.js'
import { LOOKUPS } from './lookups.js'
import { OBJECTS } from './pg-catalog.js'
import {
  type Cell,
  columns,
  type Facts,
  type Row,
  type SystemColumn,
  type SystemRelation,
  type SystemSchema,
} from './relation.js'
import { INFORMATION_SCHEMA, PG_CATALOG } from './shapes.js'

export type { Facts, SystemRelation } from './relation.js'

function relation(
  schema: SystemSchema,
  name: string,
  [oid, shape]: readonly [number, string],
  rows: (facts: Facts) => readonly Row[] = () => [],
): SystemRelation {
  let known: readonly SystemColumn[] | undefined
  return {
    schema,
    name,
    oid,
    get columns() {
      known ??= columns(shape)
      return known
    },
    rows,
  }
}

const PG = new Map([
  ...Object.entries(PG_CATALOG).map(([name, shape]): [string, SystemRelation] => [
    name,
    relation('pg_catalog', name, shape, OBJECTS[name] ?? CLUSTER[name]),
  ]),
  ...Object.entries(LOOKUPS).map(([name, { shape, rows }]): [string, SystemRelation] => [
    name,
    relation('pg_catalog', name, [0, shape], rows),
  ]),
])
const INFORMATION = new Map(
  Object.entries(INFORMATION_SCHEMA).map(([name, shape]): [string, SystemRelation] => [
    name,
    relation('information_schema', name, shape, STANDARD[name]),
  ]),
)

/** A name without a schema may be one of pg_catalog, as that is searched first. */
export function systemRelation(schema: string | undefined, name: string): SystemRelation | undefined {
  if (schema === undefined || schema === 'pg_catalog') return PG.get(name)
  return schema === 'information_schema' ? INFORMATION.get(name) : undefined
}

export function isSystemSchema(schema: string): boolean {
  return schema === 'pg_catalog' || schema === 'information_schema'
}

/** Its rows of now, as constants. */
export function systemRows(of: SystemRelation, facts: Facts): Rel {
  const types = of.columns.map((column) => column.type)
  const absent = of.schema === 'information_schema' ? nulls(of.columns) : of.columns.map(({ type }) => byDefault(type))
  const places = new Map(of.columns.map(({ name }, at) => [name, at]))
  const rows = of.rows(facts).map((row) => {
    const cells = [...absent]
    for (const [name, cell] of Object.entries(row)) {
      const at = places.get(name)
      // What a release of PostgreSQL has and another has not.
      if (at !== undefined && cell !== undefined) cells[at] = literal(cell, types[at]!)
    }
    return cells
  })
  return { op: 'values', types, rows }
}

function nulls(of: readonly SystemColumn[]): Expr[] {
  return of.map(({ type }) => constant(nullOf(type)))
}

/** Most columns of pg_catalog are never NULL. */
function byDefault(type: DataType): Expr {
  switch (type.type) {
    case 'boolean':
      return constant({ type: 'boolean', value: false })
    case 'bigint':
    case 'integer':
    case 'smallint':
    case 'real':
    case 'double':
      return literal(0, type)
    default:
      return constant(nullOf(type))
  }
}

function literal(cell: Cell, type: DataType): Expr {
  if (cell === null) return constant(nullOf(type))
  if (type.type === 'array') {
    const items = Array.isArray(cell) ? cell.map((item) => quoted(String(item))) : []
    return cast(text(`{${items.join(',')}}`), { type: 'text' }, type)
  }
  switch (type.type) {
    case 'text':
      return text(String(cell))
    case 'boolean':
      return constant({ type: 'boolean', value: cell === true })
    case 'bigint':
    case 'integer':
    case 'smallint': {
      const value = integerLiteral(type.type, BigInt(cell as number))
      if (value !== undefined) return constant(value)
      break
    }
    case 'real':
    case 'double':
      return constant({ type: type.type, value: Number(cell) })
    default: {
      const parsed = parseValue(String(cell), type)
      if ('literal' in parsed) return constant(parsed.literal)
    }
  }
  throw new SqlError(Code.InternalError, `a system relation has a value that is no ${type.type}: ${String(cell)}`)
}

function quoted(item: string): string {
  return `"${item.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`
}
