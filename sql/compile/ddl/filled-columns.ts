/** Columns that the engine fills, and what statements may not give for them. */

import { fail } from '../../bind/fail.js'
import type { Catalog } from '../../catalog/catalog.js'
import type { Expr } from '../../contract/plan.generated.js'
import type * as tree from '../../syntax/tree.js'

export type Filled =
  | { readonly kind: 'identity'; readonly always: boolean }
  | { readonly kind: 'generated'; readonly expr: Expr }

/** How the engine fills a column, if it does. */
export function filledBy(catalog: Catalog, table: number, column: number): Filled | undefined {
  for (const { object } of catalog.partsOf(table)) {
    if ((object.kind === 'identity' || object.kind === 'generated') && object.column === column) return object
  }
  return undefined
}

/** Refuses a value of a statement for a column that has its own. */
export function refuseGiven(filled: Filled | undefined, name: string, overriding: boolean, at: tree.Span): void {
  if (filled === undefined || (filled.kind === 'identity' && (!filled.always || overriding))) return
  const detail =
    filled.kind === 'generated'
      ? `Column "${name}" is a generated column.`
      : `Column "${name}" is an identity column defined as GENERATED ALWAYS.`
  fail('GeneratedAlways', `cannot insert a non-DEFAULT value into column "${name}"`, at, {
    detail,
    hint: filled.kind === 'generated' ? undefined : 'Use OVERRIDING SYSTEM VALUE to override.',
  })
}

export function refuseAssigned(filled: Filled | undefined, { column, value, span }: tree.Assignment): void {
  if (filled === undefined || (filled.kind === 'identity' && !filled.always) || value.kind === 'default') return
  fail('GeneratedAlways', `column "${column.name}" can only be updated to DEFAULT`, span)
}
