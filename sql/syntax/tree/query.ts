/** Queries and what stands in their FROM. */

import type { Expr, SortItem, WindowDefinition } from './expression.js'
import type { Ident, Name, Span, TypeName } from './name.js'

export interface Query {
  readonly kind: 'query'
  readonly with?: With
  readonly body: QueryBody
  readonly orderBy: readonly SortItem[]
  /** Absent also for `LIMIT ALL`. `FETCH FIRST n ROWS ONLY` is a limit. */
  readonly limit?: Expr
  /** `FETCH FIRST n ROWS WITH TIES`: also the rows that the order does not tell from the last one. */
  readonly withTies?: boolean
  readonly offset?: Expr
  /** Of all that the query reads, apart from what says its own. */
  readonly asOf?: AsOf
  readonly span: Span
}

/** `AS OF EPOCH n` or `AS OF TIMESTAMP t`. At the end of a query it is the query's; a FROM item has its own where an alias
 *  or another clause follows. */
export interface AsOf {
  readonly kind: 'as_of'
  readonly unit: 'epoch' | 'timestamp'
  readonly value: Expr
  readonly span: Span
}

/** A `Query` as a body is one in parentheses: it may have its own ORDER BY and LIMIT. */
export type QueryBody = Select | SetOperation | Values | Query

export interface With {
  readonly kind: 'with'
  readonly recursive: boolean
  readonly tables: readonly CommonTable[]
  readonly span: Span
}

export interface CommonTable {
  readonly kind: 'common_table'
  readonly name: Ident
  readonly columns: readonly Ident[]
  /** Absent where the statement does not say. */
  readonly materialized?: boolean
  readonly query: Query
  readonly span: Span
}

export interface SetOperation {
  readonly kind: 'set_operation'
  readonly operator: 'union' | 'intersect' | 'except'
  readonly all: boolean
  readonly left: QueryBody
  readonly right: QueryBody
  readonly span: Span
}

export interface Values {
  readonly kind: 'values'
  readonly rows: readonly (readonly Expr[])[]
  readonly span: Span
}

/** `FROM t` alone is `SELECT * FROM t`; `FROM t SELECT x` is `SELECT x FROM t`. */
export interface Select {
  readonly kind: 'select'
  readonly distinct: boolean
  /** `DISTINCT ON (…)`; empty without. */
  readonly distinctOn: readonly Expr[]
  readonly items: readonly SelectItem[]
  /** Comma-separated; empty without FROM. */
  readonly from: readonly TableRef[]
  readonly where?: Expr
  readonly groupBy?: GroupBy
  readonly having?: Expr
  readonly windows: readonly WindowDefinition[]
  readonly qualify?: Expr
  readonly span: Span
}

export type SelectItem = SelectExpr | Star

export interface SelectExpr {
  readonly kind: 'select_expr'
  readonly expr: Expr
  readonly alias?: Ident
  readonly span: Span
}

/** `*`, `t.*`, `* EXCLUDE (a, b)`, `* REPLACE (a + 1 AS a)`. */
export interface Star {
  readonly kind: 'star'
  readonly qualifier?: Name
  readonly exclude: readonly Ident[]
  /** Empty without. */
  readonly replace: readonly Replacement[]
  readonly span: Span
}

export interface Replacement {
  readonly kind: 'replacement'
  readonly expr: Expr
  readonly name: Ident
  readonly span: Span
}

/** `GROUP BY ALL` has `all` and no items. An ordinal is a number literal among the items. */
export interface GroupBy {
  readonly kind: 'group_by'
  readonly all: boolean
  readonly items: readonly GroupItem[]
  readonly span: Span
}

/** A row is several keys; `()` is a row of none. */
export type GroupItem = Expr | GroupingSets

export interface GroupingSets {
  readonly kind: 'grouping_sets'
  readonly form: 'sets' | 'rollup' | 'cube'
  readonly items: readonly GroupItem[]
  readonly span: Span
}

export type TableRef = TableName | DerivedTable | TableFunction | TimeWindow | Join

/** `t AS a (x, y)`: the alias of a table and of its columns, in order. */
export interface TableAlias {
  readonly kind: 'table_alias'
  readonly name: Ident
  readonly columns: readonly Ident[]
  /** Of a function that returns records: `AS r (a integer, b text)`. One a column. */
  readonly types?: readonly TypeName[]
  readonly span: Span
}

export interface TableName {
  readonly kind: 'table_name'
  readonly name: Name
  readonly asOf?: AsOf
  readonly alias?: TableAlias
  readonly sample?: TableSample
  readonly span: Span
}

/** `TABLESAMPLE BERNOULLI (10) REPEATABLE (42)`. */
export interface TableSample {
  readonly kind: 'table_sample'
  readonly method: Ident
  readonly args: readonly Expr[]
  readonly seed?: Expr
  readonly span: Span
}

export interface DerivedTable {
  readonly kind: 'derived_table'
  readonly query: Query
  readonly lateral: boolean
  readonly alias?: TableAlias
  readonly span: Span
}

/** `generate_series(1, 10) AS g (n)`. */
export interface TableFunction {
  readonly kind: 'table_function'
  readonly name: Name
  readonly args: readonly Expr[]
  /** `ROWS FROM (f(), g())`: those after the first. */
  readonly beside?: readonly { readonly name: Name; readonly args: readonly Expr[] }[]
  /** WITH ORDINALITY: a last column that numbers the rows. */
  readonly ordinality?: true
  readonly lateral: boolean
  readonly alias?: TableAlias
  readonly span: Span
}

/** `TUMBLE(source, time, size [, offset])` or `HOP(source, time, slide, size [, offset])`. A tumble has no `slide`. */
export interface TimeWindow {
  readonly kind: 'time_window'
  readonly window: 'tumble' | 'hop' | 'cumulate' | 'session'
  readonly source: TableName | DerivedTable
  /** Of sessions: each has its own. */
  readonly partitionBy: readonly Expr[]
  readonly time: Expr
  readonly slide?: Expr
  readonly size: Expr
  readonly offset?: Expr
  readonly alias?: TableAlias
  readonly span: Span
}

/** Exactly one of `on`, `using`, `natural` unless the join is `cross`. */
export interface Join {
  readonly kind: 'join'
  readonly join: 'inner' | 'left' | 'right' | 'full' | 'cross'
  readonly natural: boolean
  /** Inner or left: with the nearest row of the right side. */
  readonly asof?: true
  readonly left: TableRef
  readonly right: TableRef
  readonly on?: Expr
  readonly using?: readonly Ident[]
  readonly span: Span
}
