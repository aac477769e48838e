/** Random relations and random changes to them, as SQL that Millrace and DuckDB both take. */
import type { Choices } from './choices.js'

export type Type = 'int' | 'num' | 'text' | 'bool' | 'time'

export interface Column {
  readonly name: string
  readonly type: Type
}

export interface Relation {
  readonly name: string
  /** Keyed tables have the primary key `id`; streams take insertions only; of the others any row may come twice. */
  readonly kind: 'plain' | 'keyed' | 'stream' | 'view'
  readonly columns: readonly Column[]
  /** How many relations it reads: 1 for what is stored. */
  readonly weight: number
}

const SQL_TYPES: Record<Type, readonly string[]> = {
  int: ['BIGINT', 'INTEGER'],
  num: ['NUMERIC(10,2)'],
  text: ['TEXT'],
  bool: ['BOOLEAN'],
  time: ['TIMESTAMP'],
}

export interface World {
  readonly relations: readonly Relation[]
  readonly definitions: readonly string[]
}

export function makeWorld(choices: Choices): World {
  const relations: Relation[] = []
  const definitions: string[] = []
  for (const name of ['r', 's', 't']) {
    const kind = choices.of(['plain', 'keyed', 'stream'] as const)
    const columns: Column[] = [{ name: kind === 'keyed' ? 'id' : 'a', type: 'int' }]
    const types = [kind === 'keyed' ? 'BIGINT PRIMARY KEY' : choices.of(SQL_TYPES.int)]
    for (const column of ['b', 'c', 'd', 'e'].slice(0, 1 + choices.below(4))) {
      const type = choices.of(['int', 'text', 'num', 'time', 'bool'] as const)
      columns.push({ name: column, type })
      types.push(choices.of(SQL_TYPES[type]))
    }
    const list = columns.map((column, at) => `${column.name} ${types[at]}`).join(', ')
    definitions.push(`CREATE ${kind === 'stream' ? 'STREAM' : 'TABLE'} ${name} (${list})`)
    relations.push({ name, kind, columns, weight: 1 })
  }
  return { relations, definitions }
}

export function literal(choices: Choices, type: Type): string {
  switch (type) {
    case 'int':
      return String(choices.below(8) - 2)
    case 'num':
      return `${choices.below(12) - 3}.${choices.of(['00', '25', '50', '99'])}`
    case 'text':
      return `'${choices.of(['a', 'b', 'ab', '', 'a text longer than twelve'])}'`
    case 'bool':
      return choices.of(['true', 'false'])
    case 'time':
      // Few and in no order, so that many are late and many are equal.
      return `TIMESTAMP '2024-01-01 00:00:0${choices.below(10)}'`
  }
}

const value = (choices: Choices, type: Type) => (choices.once(6) ? 'NULL' : literal(choices, type))

/** The statements of one commit. */
export function makeBatch(choices: Choices, world: World): string[] {
  const statements: string[] = []
  const count = 1 + choices.below(3)
  for (let n = 0; n < count; n++) statements.push(makeStatement(choices, choices.of(world.relations)))
  return statements
}

function makeStatement(choices: Choices, relation: Relation): string {
  const what = relation.kind === 'stream' ? 'insert' : choices.of(['insert', 'insert', 'delete', 'update'] as const)
  const last = relation.columns.at(-1)!
  const first = relation.columns[0]!
  // A bound on the first column reaches some rows; equality on the last one also those of other keys.
  const where = () =>
    choices.once(3)
      ? `${last.name} = ${literal(choices, last.type)}`
      : `${first.name} ${choices.of(['=', '>', '<='])} ${literal(choices, 'int')}`
  switch (what) {
    case 'delete':
      return `DELETE FROM ${relation.name} WHERE ${where()}`
    case 'update':
      return `UPDATE ${relation.name} SET ${last.name} = ${value(choices, last.type)} WHERE ${where()}`
    case 'insert': {
      const rows: string[] = []
      const keys = new Set<string>()
      const count = 1 + choices.below(5)
      for (let n = 0; n < count; n++) {
        const key = relation.kind === 'keyed' ? literal(choices, 'int') : value(choices, 'int')
        const row = `(${[key, ...relation.columns.slice(1).map((column) => value(choices, column.type))].join(', ')})`
        if (relation.kind !== 'keyed' || !keys.has(key)) rows.push(row)
        keys.add(key)
        if (relation.kind !== 'keyed' && choices.once(6)) rows.push(row)
      }
      const conflict = `ON CONFLICT (id) DO UPDATE SET ${relation.columns
        .slice(1)
        .map((column) => `${column.name} = excluded.${column.name}`)
        .join(', ')}`
      return `INSERT INTO ${relation.name} VALUES ${rows.join(', ')}${relation.kind === 'keyed' ? ` ${conflict}` : ''}`
    }
  }
}
