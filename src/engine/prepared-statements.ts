/** Statements that were planned before their values were known, and where a user keeps them by name. */
import { type DataType, type Expr, type Field, fillIn, type Literal, sameType, valueAs } from '../../sql/index.js'
import type { CatalogSnapshot } from './planning/catalog-snapshot.js'
import type { Planned, StatementHead } from './planning/script.js'

/** A statement of a text and what is known of it; another catalog makes another one of it. */
export interface PreparedPlan {
  readonly text: string
  /** None of an empty text. */
  readonly head: StatementHead | undefined
  /** The types of its parameters. */
  readonly types: readonly DataType[]
  /** The columns of its rows, if it gives any. */
  readonly fields: readonly Field[] | undefined
  readonly catalog: CatalogSnapshot
  /** Missing where the plan depends on the values, or is none. */
  readonly generic: Extract<Planned, { kind: 'query' | 'dml' }> | undefined
}

/** What a connection has prepared. PREPARE, the protocol's Parse and DEALLOCATE share the names. */
export interface PreparedStatements {
  get(name: string): { readonly plan: PreparedPlan } | undefined
  set(name: string, statement: { readonly plan: PreparedPlan }): unknown
  has(name: string): boolean
  /** Whether there was one. */
  delete(name: string): boolean
  clear(): void
}

/** The plan with these values. */
export function withValues(generic: NonNullable<PreparedPlan['generic']>, values: readonly Expr[]): Planned {
  if (values.length === 0) return generic
  return { ...generic, command: fillIn(generic.command, values) }
}

/** The values as constants of the parameters' types, for a plan of their own. */
export function asLiterals(values: readonly Expr[], types: readonly DataType[]): Literal[] {
  return values.map((value, at) => {
    const typed = valueAs(value, types[at] ?? { type: 'text' }, at + 1)
    if (typed.op === 'literal') return typed.literal
    // A text that only the engine can read, such as an array's: the place that it has in the plan gives it its type.
    return value.op === 'literal' ? value.literal : { type: 'null', data_type: { type: 'text' } }
  })
}

export function sameFields(a: readonly Field[] | undefined, b: readonly Field[] | undefined): boolean {
  if (a === undefined || b === undefined) return a === b
  return (
    a.length === b.length &&
    a.every(({ name, data_type }, at) => name === b[at]!.name && sameType(data_type, b[at]!.data_type))
  )
}
