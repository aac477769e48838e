/** The leaves of the tree: places, names and types as written. */

/** Half-open range of UTF-16 offsets in the script's text, from 0. */
export interface Span {
  readonly start: number
  readonly end: number
}

/** One identifier, folded already: unquoted names are lower case, "quoted" ones are as written. */
export interface Ident {
  readonly kind: 'ident'
  readonly name: string
  readonly span: Span
}

/** A possibly qualified name of an object: `orders`, `main.orders`. Never empty. */
export interface Name {
  readonly kind: 'name'
  readonly parts: readonly Ident[]
  readonly span: Span
}

/**
 * A type as written. `name` is canonical where SQL has synonyms (`int4`, `int` → `integer`; `float8` → `double precision`;
 * `decimal` → `numeric`; `varchar` stays, for its length); unknown names are kept for the binder to refuse.
 */
export interface TypeName {
  readonly kind: 'type'
  readonly name: string
  /** `numeric(10, 2)` → [10, 2], `varchar(20)` → [20], `timestamp(3)` → [3]. */
  readonly arguments: readonly number[]
  /** How many `[]` follow. */
  readonly dimensions: number
  /** Of `ROW(a integer, b text)` and STRUCT. */
  readonly fields?: readonly { readonly name: Ident; readonly type: TypeName }[]
  /** Of `MAP(text, integer)`: the types of key and value. */
  readonly entries?: readonly TypeName[]
  readonly span: Span
}
