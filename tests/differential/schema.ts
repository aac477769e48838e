/** Random tables and rows: few values, many of them NULL, so that they meet in joins and groups. */
import type { Choices } from './choices.js'

export type Kind = 'integer' | 'bigint' | 'numeric' | 'double' | 'text' | 'boolean' | 'date' | 'timestamp'

export interface Column {
  readonly name: string
  readonly kind: Kind
}

export interface Table {
  readonly name: string
  readonly columns: readonly Column[]
}

const KINDS: readonly Kind[] = [
  'integer',
  'integer',
  'text',
  'numeric',
  'boolean',
  'date',
  'bigint',
  'double',
  'timestamp',
]
const TYPES: Readonly<Record<Kind, string>> = {
  integer: 'INTEGER',
  bigint: 'BIGINT',
  numeric: 'NUMERIC(8,2)',
  double: 'DOUBLE PRECISION',
  text: 'TEXT',
  boolean: 'BOOLEAN',
  date: 'DATE',
  timestamp: 'TIMESTAMP',
}

export interface Schema {
  readonly tables: readonly Table[]
  /** CREATE TABLE and INSERT. */
  readonly statements: readonly string[]
}

export function makeSchema(choices: Choices): Schema {
  const tables: Table[] = []
  const statements: string[] = []
  const count = choices.between(1, 3)
  for (let t = 1; t <= count; t++) {
    const columns: Column[] = [{ name: 'id', kind: 'integer' }]
    const more = choices.between(1, 4)
    for (let c = 0; c < more; c++) columns.push({ name: 'abcd'[c]!, kind: choices.one(KINDS) })
    const table = { name: `t${t}`, columns }
    tables.push(table)
    const definitions = columns.map(({ name, kind }) => `${name} ${TYPES[kind]}${name === 'id' ? ' PRIMARY KEY' : ''}`)
    statements.push(`CREATE TABLE ${table.name} (${definitions.join(', ')})`)
    const rows: string[] = []
    const size = choices.below(9)
    for (let id = 1; id <= size; id++) {
      rows.push(`(${columns.map(({ name, kind }) => (name === 'id' ? id : storedValue(kind, choices))).join(', ')})`)
    }
    if (rows.length > 0) statements.push(`INSERT INTO ${table.name} VALUES ${rows.join(', ')}`)
  }
  return { tables, statements }
}

function storedValue(kind: Kind, choices: Choices): string {
  return choices.once(4) ? 'NULL' : constant(kind, choices)
}

/** A constant that has its type wherever it stands. */
export function constant(kind: Kind, choices: Choices): string {
  switch (kind) {
    case 'integer':
      return choices.one(['0', '1', '2', '3', '-1', '7', '10', '-5', '42', '100'])
    case 'bigint':
      return `CAST(${choices.one(['0', '1', '2', '-3', '1000', '3000000000', '-3000000000'])} AS BIGINT)`
    case 'numeric':
      return `CAST(${choices.one(['0', '1', '0.5', '-1.25', '2', '10.10', '99.99', '-0.01'])} AS NUMERIC(8,2))`
    case 'double':
      return `CAST(${choices.one(['0', '1', '0.5', '-2.25', '1000', '3.75'])} AS DOUBLE PRECISION)`
    case 'text':
      return `'${choices.one(['', 'a', 'b', 'A', 'ab', 'abc', 'b%', 'é', 'x_y', '  a '])}'`
    case 'boolean':
      return choices.one(['TRUE', 'FALSE'])
    case 'date':
      return `DATE '${choices.one(['2024-01-01', '2024-02-29', '2023-12-31', '1999-07-04', '2024-01-31'])}'`
    case 'timestamp':
      return `TIMESTAMP '${choices.one(['2024-01-01 00:00:00', '2024-02-29 12:34:56', '2023-12-31 23:59:59.5', '2024-01-01 06:00:00'])}'`
    default:
      return kind satisfies never
  }
}

export function nullOf(kind: Kind): string {
  return `CAST(NULL AS ${TYPES[kind]})`
}
