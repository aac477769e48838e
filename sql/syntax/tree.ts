/**
 * The syntax tree: what a statement says, before any name or type is known. Closed unions of readonly objects with a
 * literal `kind` and a `span`; built once by the parser, never mutated. Walk one with `switch` and `satisfies never`.
 */

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
  readonly span: Span
}

// ---- expressions

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
  | Like
  | Exists
  | Subquery
  | Case
  | Cast
  | Call
  | Extract
  | AtTimeZone
  | Row
  | ArrayLiteral
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
  readonly operator: 'not' | '-' | '+'
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

// ---- windows

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

// ---- queries

export interface Query {
  readonly kind: 'query'
  readonly with?: With
  readonly body: QueryBody
  readonly orderBy: readonly SortItem[]
  /** Absent also for `LIMIT ALL`. `FETCH FIRST n ROWS ONLY` is a limit. */
  readonly limit?: Expr
  readonly offset?: Expr
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

/** `*`, `t.*`, `* EXCLUDE (a, b)`. */
export interface Star {
  readonly kind: 'star'
  readonly qualifier?: Name
  readonly exclude: readonly Ident[]
  readonly span: Span
}

/** `GROUP BY ALL` has `all` and no items. An ordinal is a number literal among the items. */
export interface GroupBy {
  readonly kind: 'group_by'
  readonly all: boolean
  readonly items: readonly Expr[]
  readonly span: Span
}

// ---- table references

export type TableRef = TableName | DerivedTable | TableFunction | TimeWindow | Join

/** `t AS a (x, y)`: the alias of a table and of its columns, in order. */
export interface TableAlias {
  readonly kind: 'table_alias'
  readonly name: Ident
  readonly columns: readonly Ident[]
  readonly span: Span
}

export interface TableName {
  readonly kind: 'table_name'
  readonly name: Name
  readonly alias?: TableAlias
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
  readonly lateral: boolean
  readonly alias?: TableAlias
  readonly span: Span
}

/** `TUMBLE(source, time, size [, offset])` or `HOP(source, time, slide, size [, offset])`. A tumble has no `slide`. */
export interface TimeWindow {
  readonly kind: 'time_window'
  readonly window: 'tumble' | 'hop'
  readonly source: TableName | DerivedTable
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
  readonly left: TableRef
  readonly right: TableRef
  readonly on?: Expr
  readonly using?: readonly Ident[]
  readonly span: Span
}

// ---- statements

export type Statement =
  | Query
  | CreateTable
  | CreateStream
  | CreateSource
  | CreateView
  | CreateSink
  | CreateModel
  | Drop
  | Insert
  | Update
  | Delete
  | Explain
  | Show
  | Describe
  | SetVariable
  | Subscribe
  | Verify
  | Transaction

/** `key = value` of a WITH list. Dotted keys are one string (`properties.acks`); every value is its text, without quotes. */
export interface Option {
  readonly kind: 'option'
  readonly key: string
  readonly value: string
  readonly valueSpan: Span
  readonly span: Span
}

export interface ColumnDefinition {
  readonly kind: 'column_definition'
  readonly name: Ident
  readonly type: TypeName
  readonly notNull: boolean
  readonly primaryKey: boolean
  readonly default?: Expr
  readonly span: Span
}

/** `WATERMARK FOR ts AS ts - INTERVAL '5 seconds'`. */
export interface Watermark {
  readonly kind: 'watermark'
  readonly column: Ident
  readonly expr: Expr
  readonly span: Span
}

export interface CreateTable {
  readonly kind: 'create_table'
  readonly orReplace: boolean
  readonly ifNotExists: boolean
  readonly name: Name
  readonly columns: readonly ColumnDefinition[]
  /** The table-level `PRIMARY KEY (…)`; an inline one is on its column. */
  readonly primaryKey?: readonly Ident[]
  readonly options: readonly Option[]
  readonly span: Span
}

export interface CreateStream {
  readonly kind: 'create_stream'
  readonly orReplace: boolean
  readonly ifNotExists: boolean
  readonly name: Name
  readonly columns: readonly ColumnDefinition[]
  readonly watermark?: Watermark
  readonly options: readonly Option[]
  readonly span: Span
}

/** `FORMAT PLAIN ENCODE JSON`; words are lower case, for the binder to check. */
export interface Format {
  readonly kind: 'format'
  readonly format: string
  readonly encode: string
  /** `KEY (a, b)`; empty without. */
  readonly key: readonly Ident[]
  readonly options: readonly Option[]
  readonly span: Span
}

export interface CreateSource {
  readonly kind: 'create_source'
  readonly orReplace: boolean
  readonly ifNotExists: boolean
  readonly name: Name
  readonly columns: readonly ColumnDefinition[]
  readonly watermark?: Watermark
  readonly options: readonly Option[]
  readonly format?: Format
  readonly span: Span
}

export interface CreateView {
  readonly kind: 'create_view'
  readonly materialized: boolean
  readonly orReplace: boolean
  readonly ifNotExists: boolean
  readonly name: Name
  /** `CREATE VIEW v (a, b) AS …`; empty without. */
  readonly columns: readonly Ident[]
  readonly options: readonly Option[]
  readonly query: Query
  readonly span: Span
}

/** `CREATE SINK s FROM relation` or `CREATE SINK s AS query`: exactly one of `from` and `query`. */
export interface CreateSink {
  readonly kind: 'create_sink'
  readonly orReplace: boolean
  readonly ifNotExists: boolean
  readonly name: Name
  readonly from?: Name
  readonly query?: Query
  readonly options: readonly Option[]
  readonly format?: Format
  readonly span: Span
}

export interface CreateModel {
  readonly kind: 'create_model'
  readonly orReplace: boolean
  readonly ifNotExists: boolean
  readonly name: Name
  readonly path: string
  readonly pathSpan: Span
  readonly options: readonly Option[]
  readonly span: Span
}

export type ObjectKind = 'table' | 'stream' | 'source' | 'view' | 'materialized_view' | 'sink' | 'model'

export interface Drop {
  readonly kind: 'drop'
  readonly object: ObjectKind
  readonly ifExists: boolean
  readonly names: readonly Name[]
  readonly cascade: boolean
  readonly span: Span
}

export interface Assignment {
  readonly kind: 'assignment'
  readonly column: Ident
  readonly value: Expr
  readonly span: Span
}

export interface Insert {
  readonly kind: 'insert'
  readonly table: Name
  /** Empty without a list. */
  readonly columns: readonly Ident[]
  /** Absent for `DEFAULT VALUES`. */
  readonly source?: Query
  readonly onConflict?: OnConflict
  readonly span: Span
}

/** In DO UPDATE, `excluded.x` is a column reference with the qualifier `excluded`. */
export interface OnConflict {
  readonly kind: 'on_conflict'
  /** The conflict target; empty without. */
  readonly columns: readonly Ident[]
  readonly action: 'do_nothing' | 'do_update'
  /** Of DO UPDATE; else empty. */
  readonly assignments: readonly Assignment[]
  readonly where?: Expr
  readonly span: Span
}

export interface Update {
  readonly kind: 'update'
  readonly table: Name
  readonly alias?: Ident
  readonly assignments: readonly Assignment[]
  readonly where?: Expr
  readonly span: Span
}

export interface Delete {
  readonly kind: 'delete'
  readonly table: Name
  readonly alias?: Ident
  readonly where?: Expr
  readonly span: Span
}

/** `EXPLAIN ANALYZE …` and `EXPLAIN (ANALYZE, …) …` both set `analyze`; `options` are the others. */
export interface Explain {
  readonly kind: 'explain'
  readonly analyze: boolean
  readonly options: readonly Option[]
  readonly statement: Exclude<Statement, Explain>
  readonly span: Span
}

/** `SHOW TABLES`, …, `SHOW ALL`, or `SHOW setting` (then `name`). `objects` is plural as in the statement. */
export interface Show {
  readonly kind: 'show'
  readonly what: 'tables' | 'streams' | 'sources' | 'views' | 'materialized_views' | 'sinks' | 'models' | 'all' | 'setting'
  readonly name?: Ident
  readonly span: Span
}

export interface Describe {
  readonly kind: 'describe'
  readonly name: Name
  readonly span: Span
}

/** `SET name = value` or `SET name TO value`; `DEFAULT` and `RESET name` have no value. */
export interface SetVariable {
  readonly kind: 'set'
  readonly name: Ident
  readonly value?: string
  readonly span: Span
}

/** `SUBSCRIBE name` is the query `SELECT * FROM name`. */
export interface Subscribe {
  readonly kind: 'subscribe'
  readonly query: Query
  readonly snapshot: boolean
  readonly span: Span
}

/** `VERIFY MATERIALIZED VIEW name`. */
export interface Verify {
  readonly kind: 'verify'
  readonly name: Name
  readonly span: Span
}

export interface Transaction {
  readonly kind: 'transaction'
  readonly action: 'begin' | 'commit' | 'rollback'
  readonly span: Span
}

/** Any node of the tree, for walks that treat all alike. */
export type Node =
  | Ident
  | Name
  | TypeName
  | Expr
  | CaseBranch
  | SortItem
  | WindowName
  | WindowSpec
  | Frame
  | FrameBound
  | WindowDefinition
  | QueryBody
  | With
  | CommonTable
  | SelectItem
  | GroupBy
  | TableRef
  | TableAlias
  | Option
  | ColumnDefinition
  | Watermark
  | Format
  | Assignment
  | OnConflict
  | Statement
