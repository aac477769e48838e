/** How a system relation is written down: its columns in a line, and what makes its rows of the catalog. Nothing of them is stored;
 *  a statement that reads one gets the rows of the moment in which it is planned. */
import type { Catalog } from '../catalog/catalog.js'
import type { DataType, Definition } from '../contract/plan.generated.js'

export type Cell = string | number | bigint | boolean | null | readonly (string | number)[]
/** The cells that are not what a column holds by default. */
export type Row = Readonly<Record<string, Cell>>

export interface SystemColumn {
  readonly name: string
  readonly type: DataType
}

/** What a relation's rows may be made of. */
export interface Facts {
  readonly catalog: Catalog
  readonly definitions: readonly Definition[]
  /** What the user has set, and who it is. */
  setting(name: string): string
  /** All settings by name, with their values. */
  readonly settings: readonly (readonly [string, string])[]
}

export interface SystemRelation {
  readonly schema: SystemSchema
  readonly name: string
  readonly oid: number
  readonly columns: readonly SystemColumn[]
  rows(facts: Facts): readonly Row[]
}

export type SystemSchema = 'pg_catalog' | 'information_schema'

const TYPES: Readonly<Record<string, DataType>> = {
  // PostgreSQL's oid is an unsigned integer.
  o: { type: 'bigint' },
  l: { type: 'bigint' },
  i: { type: 'integer' },
  s: { type: 'smallint' },
  f: { type: 'real' },
  d: { type: 'double' },
  t: { type: 'text' },
  b: { type: 'boolean' },
  T: { type: 'timestamptz' },
  I: { type: 'interval' },
}

/** `relname:t relkind:t conkey:s[]` */
export function columns(text: string): SystemColumn[] {
  return text.split(' ').map((part) => {
    const [name = '', code = ''] = part.split(':')
    const type = TYPES[code.replace('[]', '')]
    if (type === undefined) throw new Error(`no type ${code} of column ${name}`)
    return { name, type: code.endsWith('[]') ? { type: 'array', element: type } : type }
  })
}

/** The one role, one database and one tablespace that there are. */
export const ROLE = { oid: 10, name: 'millrace' } as const
export const DATABASE = { oid: 5, name: 'millrace' } as const
export const TABLESPACE = { oid: 1663, name: 'pg_default' } as const
export const NAMESPACES = { pg_catalog: 11, pg_toast: 99, public: 2200, information_schema: 13_000 } as const
export const DEFAULT_COLLATION = 100
/** Access methods. */
export const HEAP = 2
export const BTREE = 403
/** The languages of functions. */
export const INTERNAL = 12
