/** A catalog object as the public API and the REPL show it: names and types as text, no ids, no plans. */
import { type ColumnDef, type Definition, type Expr, type Field, printOption, typeName } from '../../sql/index.js'
import { printDefault } from './print-default.js'

export type CatalogKind = Definition['object']['kind']

export interface CatalogColumn {
  readonly name: string
  /** PostgreSQL's name of the type. */
  readonly type: string
  readonly nullable: boolean
  /** The default as SQL. */
  readonly default?: string
}

export interface CatalogEntry {
  readonly name: string
  readonly kind: CatalogKind
  readonly columns: readonly CatalogColumn[]
  /** Names of the key columns of a table. */
  readonly primaryKey: readonly string[]
  /** Names of the objects that it reads. */
  readonly dependsOn: readonly string[]
  /** What else there is to say, in a line each: a topic, a watermark, a model's file. */
  readonly properties: readonly (readonly [name: string, value: string])[]
  /** The statement that made it. */
  readonly sql: string
}

export function describe(definition: Definition, all: readonly Definition[]): CatalogEntry {
  const { object } = definition
  const columns = columnsOf(definition).map(describeColumn)
  const name = (index: number) => columns[index]?.name ?? `column ${index}`
  const relation = (id: number) => all.find((other) => other.id === id)?.name ?? `relation ${id}`
  return {
    name: definition.name,
    kind: object.kind,
    columns,
    primaryKey: object.kind === 'table' ? object.primary_key.map(name) : [],
    dependsOn: definition.depends_on.map(relation),
    properties: propertiesOf(definition, name, relation),
    sql: definition.sql,
  }
}

/** The columns of a relation; none for a sink or a model. */
export function columnsOf({ object }: Definition): readonly (ColumnDef | Field)[] {
  return 'columns' in object && object.kind !== 'index' ? object.columns : []
}

/** The default of a column, where the relation has defaults. */
export function defaultOf(column: ColumnDef | Field): Expr | null {
  return 'default' in column ? column.default : null
}

function describeColumn(column: ColumnDef | Field): CatalogColumn {
  const { name, nullable } = column
  const value = defaultOf(column)
  const shown = { name, type: typeName(column.data_type), nullable }
  return value ? { ...shown, default: printDefault(value) } : shown
}

function propertiesOf(
  { object }: Definition,
  column: (index: number) => string,
  relation: (id: number) => string,
): (readonly [string, string])[] {
  switch (object.kind) {
    case 'stream':
      return [...watermarkOf(object.watermark, column), ...optionsOf(object)]
    case 'table':
      return optionsOf(object)
    case 'source':
      return [
        ...watermarkOf(object.watermark, column),
        ['topic', object.kafka.topic],
        ['brokers', object.kafka.brokers],
        ['dead letters', relation(object.kafka.dead_letters)],
        ...optionsOf(object),
      ]
    case 'sink':
      return [
        ['from', relation(object.from)],
        ['topic', object.kafka.topic],
        ['brokers', object.kafka.brokers],
      ]
    case 'model':
      return [
        ['file', object.path],
        ['features', String(object.inputs)],
      ]
    case 'index':
      return [['table', relation(object.table)], ...(object.unique ? [['unique', 'yes'] as const] : [])]
    case 'check':
    case 'generated':
    case 'identity':
      return [['table', relation(object.table)]]
    case 'view':
    case 'materialized_view':
    case 'schema':
      return []
    default:
      return object satisfies never
  }
}

function optionsOf(object: {
  readonly options: Readonly<Record<string, string>>
  readonly columns: readonly ColumnDef[]
}): (readonly [string, string])[] {
  return Object.entries(object.options).map(([key, value]) => [key, printOption(key, value, object.columns)])
}

function watermarkOf(
  watermark: { readonly column: number; readonly delay_us: bigint } | null,
  column: (index: number) => string,
): (readonly [string, string])[] {
  if (watermark === null) return []
  return [['watermark', `${column(watermark.column)}, ${Number(watermark.delay_us) / 1e6} s behind`]]
}
