/** Which names an expression can use, and what they stand for: the columns of FROM, with their tables' aliases. */
import type { Expr } from '../contract/plan.generated.js'
import { suggest } from '../diag/suggest.js'
import { shift } from '../logical/expr.js'
import type { ColumnRef, Ident } from '../syntax/tree.js'
import type { DataType } from '../types/data-type.js'
import { fail } from './fail.js'

export interface ScopeColumn {
  readonly name: string
  /** The alias of its table; null for a column that USING merged. */
  readonly table: string | null
  /** Over the columns of FROM. */
  readonly expr: Expr
  readonly type: DataType
  /** Only by its table's name, as USING has merged it into another. */
  readonly qualifiedOnly: boolean
  /** Where it is stored, for what a primary key determines. */
  readonly origin?: { readonly relation: number; readonly column: number }
}

export interface Scope {
  readonly tables: readonly string[]
  readonly columns: readonly ScopeColumn[]
}

export const EMPTY_SCOPE: Scope = { tables: [], columns: [] }

/** Both sides' names; the right side's columns come after `leftWidth` columns. */
export function joinScopes(left: Scope, right: Scope, leftWidth: number): Scope {
  return {
    tables: [...left.tables, ...right.tables],
    columns: [...left.columns, ...right.columns.map((c) => ({ ...c, expr: shift(c.expr, leftWidth) }))],
  }
}

/** The columns that a name without a table can mean. */
export function unqualified(scope: Scope, name: string): readonly ScopeColumn[] {
  return scope.columns.filter((c) => c.name === name && !c.qualifiedOnly)
}

/** `undefined` when the scope has no such column; ambiguity is an error. */
export function lookUp(scope: Scope, ref: ColumnRef): ScopeColumn | undefined {
  const { table, name } = partsOf(ref)
  const found =
    table === undefined
      ? unqualified(scope, name.name)
      : scope.columns.filter((c) => c.table === table.name && c.name === name.name)
  if (found.length > 1) {
    const tables = found.flatMap((c) => (c.table === null ? [] : [`${c.table}.${c.name}`]))
    fail('AmbiguousColumn', `column reference "${name.name}" is ambiguous`, ref.span, {
      hint: tables.length > 1 ? `It could be ${tables.join(' or ')}.` : undefined,
    })
  }
  return found[0]
}

/** The error for a column that no scope has, nearest scope first. */
export function noSuchColumn(scopes: readonly Scope[], ref: ColumnRef): never {
  const { table, name } = partsOf(ref)
  if (table !== undefined && !scopes.some((scope) => scope.tables.includes(table.name))) {
    const near = suggest(
      table.name,
      scopes.flatMap((scope) => scope.tables),
    )
    fail('UndefinedTable', `missing FROM-clause entry for table "${table.name}"`, table.span, {
      hint: near === undefined ? undefined : `Perhaps you meant the table alias "${near}".`,
    })
  }
  const columns = scopes.flatMap((scope) => scope.columns).filter((c) => table === undefined || c.table === table.name)
  const near = suggest(
    name.name,
    columns.map((c) => c.name),
  )
  const owner = columns.find((c) => c.name === near)?.table ?? undefined
  const shown = table === undefined ? `"${name.name}"` : `${table.name}.${name.name}`
  fail('UndefinedColumn', `column ${shown} does not exist`, ref.span, {
    hint:
      near === undefined
        ? undefined
        : `Perhaps you meant the column "${owner === undefined ? near : `${owner}.${near}`}".`,
  })
}

/** `main.t.c` and `t.c` name the same, as there is one schema. */
export function partsOf(ref: ColumnRef): { table: Ident | undefined; name: Ident } {
  const name = ref.parts.at(-1)!
  if (ref.parts.length > 3)
    fail(
      'SyntaxError',
      `improper qualified name (too many dotted names): ${ref.parts.map((p) => p.name).join('.')}`,
      ref.span,
    )
  return { table: ref.parts.at(-2), name }
}
