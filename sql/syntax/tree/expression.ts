/** Values: everything that the grammar takes as an expression, with the windows of function calls. */
import type { Ident, Name, Span, TypeName } from './name.js'
import type { Query } from './query.js'

export type Expr =
  | NumberLiteral
  | StringLiteral
  | BooleanLiteral
  | NullLiteral
  | TypedLiteral
  | Parameter
  | ColumnRef
  | Unary
  | Binary
  | IsTest
  | IsDistinct
  | Between
  | InList
  | InQuery
  | Quantified
  | Like
  | Exists
  | Subquery
  | Case
  | Cast
  | Collate
  | Call
  | Extract
  | AtTimeZone
  | Row
  | ArrayLiteral
  | ArrayQuery
  | Subscript
  | Slice
  | FieldAccess
  | QuantifiedArray
  | DefaultValue

/** `text` as written: `1`, `1.5`, `1e3`. Its type (integer, bigint, numeric) is the binder's decision. Never negative. */
export interface NumberLiteral {
  readonly kind: 'number'
  readonly text: string
  readonly span: Span
}

export interface StringLiteral {
  readonly kind: 'string'
  readonly value: string
  readonly span: Span
}

export interface BooleanLiteral {
  readonly kind: 'boolean'
  readonly value: boolean
  readonly span: Span
}

export interface NullLiteral {
  readonly kind: 'null'
  readonly span: Span
}

/** `INTERVAL '1 minute'`, `INTERVAL '5' MINUTE` (then `unit` is 'minute'), `DATE '2024-01-01'`, `TIMESTAMPTZ '…'`. */
export interface TypedLiteral {
  readonly kind: 'typed_literal'
  readonly type: TypeName
  readonly value: string
  readonly unit?: IntervalUnit
  readonly span: Span
}

export type IntervalUnit = 'year' | 'month' | 'day' | 'hour' | 'minute' | 'second'

/** `$1` has index 1. */
export interface Parameter {
  readonly kind: 'parameter'
  readonly index: number
  readonly span: Span
}

/** `amount`, `s.amount`, `main.swipes.amount`. Never empty. */
export interface ColumnRef {
  readonly kind: 'column'
  readonly parts: readonly Ident[]
  readonly span: Span
}

export interface Unary {
  readonly kind: 'unary'
  readonly operator: 'not' | '-' | '+' | '~' | '@' | '|/' | '||/'
  readonly operand: Expr
  readonly span: Span
}

export type BinaryOperator =
  | 'or'
  | 'and'
  | '='
  | '<>'
  | '<'
  | '<='
  | '>'
  | '>='
  | '~'
  | '~*'
  | '!~'
  | '!~*'
  | '||'
  | '->'
  | '->>'
  | '#>'
  | '#>>'
  | '#-'
  | '@>'
  | '<@'
  | '?'
  | '?|'
  | '?&'
  | '&&'
  | '&'
  | '|'
  | '#'
  | '<<'
  | '>>'
  | '^@'
  | '+'
  | '-'
  | '*'
  | '/'
  | '%'
  | '^'

/** `operatorSpan` is where an operator's own error (no such operator for these types) points. */
export interface Binary {
  readonly kind: 'binary'
  readonly operator: BinaryOperator
  readonly left: Expr
  readonly right: Expr
  readonly operatorSpan: Span
  readonly span: Span
}

export interface IsTest {
  readonly kind: 'is_test'
  readonly operand: Expr
  readonly test: 'null' | 'true' | 'false' | 'unknown'
  readonly negated: boolean
  readonly span: Span
}

export interface IsDistinct {
  readonly kind: 'is_distinct'
  readonly left: Expr
  readonly right: Expr
  readonly negated: boolean
  readonly span: Span
}

export interface Between {
  readonly kind: 'between'
  readonly operand: Expr
  readonly low: Expr
  readonly high: Expr
  readonly symmetric: boolean
  readonly negated: boolean
  readonly span: Span
}

export interface InList {
  readonly kind: 'in_list'
  readonly operand: Expr
  readonly items: readonly Expr[]
  readonly negated: boolean
  readonly span: Span
}

export interface InQuery {
  readonly kind: 'in_query'
  readonly operand: Expr
  readonly query: Query
  readonly negated: boolean
  readonly span: Span
}

/** `x < ANY (SELECT …)`, `x <> ALL (SELECT …)`; SOME is ANY. The operator is a comparison. */
export interface Quantified {
  readonly kind: 'quantified'
  readonly operand: Expr
  readonly operator: BinaryOperator
  readonly quantifier: 'any' | 'all'
  readonly query: Query
  readonly span: Span
}

export interface Like {
  readonly kind: 'like'
  readonly operand: Expr
  readonly pattern: Expr
  readonly escape?: Expr
  readonly caseInsensitive: boolean
  readonly negated: boolean
  readonly span: Span
}

export interface Exists {
  readonly kind: 'exists'
  readonly query: Query
  readonly span: Span
}

/** A query in parentheses where a value is wanted. */
export interface Subquery {
  readonly kind: 'subquery'
  readonly query: Query
  readonly span: Span
}

/** With `operand`: `CASE x WHEN 1 THEN …`; without: `CASE WHEN x = 1 THEN …`. */
export interface Case {
  readonly kind: 'case'
  readonly operand?: Expr
  readonly branches: readonly CaseBranch[]
  readonly otherwise?: Expr
  readonly span: Span
}

export interface CaseBranch {
  readonly kind: 'case_branch'
  readonly when: Expr
  readonly then: Expr
  readonly span: Span
}

/** `x COLLATE "C"`. */
export interface Collate {
  readonly kind: 'collate'
  readonly operand: Expr
  readonly collation: Name
  readonly span: Span
}

/** `CAST(x AS t)`, `x::t`; `TRY_CAST` has `try`. */
export interface Cast {
  readonly kind: 'cast'
  readonly operand: Expr
  readonly type: TypeName
  readonly try: boolean
  readonly span: Span
}

/**
 * Any function call, aggregates and window functions included. SQL's special forms are calls already:
 * `SUBSTRING(x FROM a FOR b)` → substring(x, a, b); `POSITION(a IN b)` → strpos(b, a); `TRIM(LEADING a FROM b)` →
 * ltrim(b, a), `TRAILING` → rtrim, `BOTH` or nothing → btrim; `CURRENT_TIMESTAMP` → current_timestamp() with no arguments.
 */
export interface Call {
  readonly kind: 'call'
  readonly name: Name
  readonly args: readonly Expr[]
  /** `count(*)`. */
  readonly star: boolean
  readonly distinct: boolean
  readonly orderBy: readonly SortItem[]
  /** `WITHIN GROUP (ORDER BY …)`. */
  readonly withinGroup?: readonly SortItem[]
  readonly filter?: Expr
  readonly nulls?: 'ignore' | 'respect'
  readonly over?: WindowSpec | WindowName
  readonly span: Span
}

/** `EXTRACT(epoch FROM x)`; `field` is lower case. */
export interface Extract {
  readonly kind: 'extract'
  readonly field: string
  readonly operand: Expr
  readonly span: Span
}

export interface AtTimeZone {
  readonly kind: 'at_time_zone'
  readonly operand: Expr
  readonly zone: Expr
  readonly span: Span
}

/** `(a, b)` or `ROW(a, b)`. */
export interface Row {
  readonly kind: 'row'
  readonly items: readonly Expr[]
  readonly span: Span
}

export interface ArrayLiteral {
  readonly kind: 'array'
  readonly items: readonly Expr[]
  readonly span: Span
}

/** `ARRAY(SELECT …)`: the rows of one column, in their order. */
export interface ArrayQuery {
  readonly kind: 'array_query'
  readonly query: Query
  readonly span: Span
}

/** `a[1]`, `m['k']`. */
export interface Subscript {
  readonly kind: 'subscript'
  readonly operand: Expr
  readonly index: Expr
  readonly span: Span
}

/** `a[1:2]`, `a[:2]`, `a[1:]`. */
export interface Slice {
  readonly kind: 'slice'
  readonly operand: Expr
  readonly lower?: Expr
  readonly upper?: Expr
  readonly span: Span
}

/** `(r).f` */
export interface FieldAccess {
  readonly kind: 'field'
  readonly operand: Expr
  readonly name: Ident
  readonly span: Span
}

/** `x = ANY (array)`, `x < ALL (array)`; SOME is ANY. */
export interface QuantifiedArray {
  readonly kind: 'quantified_array'
  readonly operator: BinaryOperator
  readonly operand: Expr
  readonly quantifier: 'any' | 'all'
  readonly array: Expr
  readonly operatorSpan: Span
  readonly span: Span
}

/** `DEFAULT` in VALUES of an INSERT or in SET of an UPDATE; anywhere else the binder refuses it. */
export interface DefaultValue {
  readonly kind: 'default'
  readonly span: Span
}

/** `nulls` is absent where the statement does not say (PostgreSQL: last for ascending, first for descending). */
export interface SortItem {
  readonly kind: 'sort_item'
  readonly expr: Expr
  readonly descending: boolean
  readonly nulls?: 'first' | 'last'
  readonly span: Span
}

/** `OVER name`. */
export interface WindowName {
  readonly kind: 'window_name'
  readonly name: Ident
  readonly span: Span
}

/** `OVER ([base] PARTITION BY … ORDER BY … frame)`. */
export interface WindowSpec {
  readonly kind: 'window_spec'
  readonly base?: Ident
  readonly partitionBy: readonly Expr[]
  readonly orderBy: readonly SortItem[]
  readonly frame?: Frame
  readonly span: Span
}

/** `ROWS 5 PRECEDING` is written out: its end is the current row. */
export interface Frame {
  readonly kind: 'frame'
  readonly unit: 'rows' | 'range' | 'groups'
  readonly start: FrameBound
  readonly end: FrameBound
  readonly exclude?: 'current_row' | 'group' | 'ties'
  readonly span: Span
}

export type FrameBound =
  | { readonly kind: 'unbounded_preceding'; readonly span: Span }
  | { readonly kind: 'preceding'; readonly offset: Expr; readonly span: Span }
  | { readonly kind: 'current_row'; readonly span: Span }
  | { readonly kind: 'following'; readonly offset: Expr; readonly span: Span }
  | { readonly kind: 'unbounded_following'; readonly span: Span }

/** `WINDOW w AS (…)`. */
export interface WindowDefinition {
  readonly kind: 'window_definition'
  readonly name: Ident
  readonly spec: WindowSpec
  readonly span: Span
}
