/** Statements, and the parts of definitions. */

import type { Expr, SortItem } from './expression.js'
import type { Ident, Name, Span, TypeName } from './name.js'
import type { Query, SelectItem, TableRef, With } from './query.js'

export type Statement =
  | Query
  | CreateTable
  | CreateTableAs
  | CreateIndex
  | CreateSchema
  | AlterTable
  | RenameObject
  | DropSchema
  | Reindex
  | Maintain
  | CreateStream
  | CreateSource
  | CreateView
  | CreateSink
  | CreateModel
  | Drop
  | Insert
  | Update
  | Delete
  | Merge
  | Explain
  | Show
  | Describe
  | SetVariable
  | Subscribe
  | Verify
  | Transaction
  | Truncate
  | SetOptions
  | SeekGroup
  | DropGroup
  | Backup
  | Checkpoint
  | CheckDatabase
  | Copy
  | Prepare
  | Execute
  | Deallocate
  | Discard

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
  /** CHECK and UNIQUE. */
  readonly constraints: readonly Constraint[]
  readonly default?: Expr
  readonly generated?: GeneratedColumn
  readonly span: Span
}

/** `GENERATED … AS IDENTITY (…)` and `GENERATED ALWAYS AS (…) STORED`. */
export type GeneratedColumn =
  | {
      readonly kind: 'identity'
      readonly always: boolean
      readonly start?: bigint
      readonly increment: bigint
      readonly span: Span
    }
  | { readonly kind: 'stored'; readonly expr: Expr; readonly span: Span }

/** Of a table, or of a column, which it then says nothing of. */
export interface Constraint {
  readonly kind: 'constraint'
  readonly type: 'check' | 'unique' | 'primary_key' | 'not_null'
  readonly name?: Ident
  /** Of CHECK. */
  readonly expr?: Expr
  readonly columns: readonly Ident[]
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
  /** Those of the table; a column's are on it. */
  readonly constraints: readonly Constraint[]
  readonly options: readonly Option[]
  readonly span: Span
}

/** `CREATE TABLE t [(a, b)] AS query [WITH NO DATA]`, and SELECT … INTO. */
export interface CreateTableAs {
  readonly kind: 'create_table_as'
  readonly orReplace: boolean
  readonly ifNotExists: boolean
  readonly name: Name
  readonly columns: readonly Ident[]
  readonly options: readonly Option[]
  readonly query: Query
  readonly data: boolean
  readonly span: Span
}

/** `ALTER TABLE t …`; RENAME is alone. */
export interface AlterTable {
  readonly kind: 'alter_table'
  readonly ifExists: boolean
  readonly name: Name
  readonly actions: readonly AlterAction[]
  readonly span: Span
}

/** Of any relation but a table, and of sinks and models. */
export interface RenameObject {
  readonly kind: 'rename_object'
  readonly object: ObjectKind
  readonly ifExists: boolean
  readonly name: Name
  readonly to: Ident
  readonly span: Span
}

export type AlterAction =
  | { readonly do: 'rename'; readonly to: Ident }
  | { readonly do: 'rename_column'; readonly column: Ident; readonly to: Ident }
  | { readonly do: 'add_column'; readonly ifNotExists: boolean; readonly column: ColumnDefinition }
  | { readonly do: 'drop_column'; readonly ifExists: boolean; readonly column: Ident; readonly cascade: boolean }
  | { readonly do: 'set_type'; readonly column: Ident; readonly type: TypeName; readonly using?: Expr }
  | { readonly do: 'set_default'; readonly column: Ident; readonly value: Expr }
  | { readonly do: 'drop_default' | 'set_not_null' | 'drop_not_null'; readonly column: Ident }
  | { readonly do: 'add_constraint'; readonly constraint: Constraint }
  | { readonly do: 'drop_constraint'; readonly ifExists: boolean; readonly constraint: Ident }

export interface CreateSchema {
  readonly kind: 'create_schema'
  readonly ifNotExists: boolean
  readonly name: Ident
  readonly span: Span
}

export interface DropSchema {
  readonly kind: 'drop_schema'
  readonly ifExists: boolean
  readonly names: readonly Ident[]
  readonly cascade: boolean
  readonly span: Span
}

export interface CreateIndex {
  readonly kind: 'create_index'
  readonly unique: boolean
  readonly ifNotExists: boolean
  readonly name?: Name
  readonly table: Name
  readonly columns: readonly SortItem[]
  readonly span: Span
}

/** `REINDEX TABLE t`, `REINDEX INDEX i`, and sqlite's `REINDEX [name]`: indexes are never out of date. */
export interface Reindex {
  readonly kind: 'reindex'
  readonly name?: Name
  readonly span: Span
}

/** `ANALYZE [names]`, `VACUUM [names]` and `FLUSH`: what they do elsewhere happens by itself here. */
export interface Maintain {
  readonly kind: 'maintain'
  readonly work: 'analyze' | 'vacuum' | 'flush'
  readonly names: readonly Name[]
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

export type ObjectKind = 'index' | 'table' | 'stream' | 'source' | 'view' | 'materialized_view' | 'sink' | 'model'

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
  /** `(a, b) = (1, 2)` is an assignment for each; of `(a, b) = (SELECT …)` each has the subquery, and its place in the list. */
  readonly value: Expr
  readonly place?: { readonly index: number; readonly of: number }
  readonly span: Span
}

export interface Insert {
  readonly kind: 'insert'
  readonly with?: With
  readonly table: Name
  /** Empty without a list. */
  readonly columns: readonly Ident[]
  readonly alias?: Ident
  /** OVERRIDING SYSTEM VALUE, and OVERRIDING USER VALUE. */
  readonly overriding?: 'system' | 'user'
  /** Absent for `DEFAULT VALUES`. */
  readonly source?: Query
  readonly onConflict?: OnConflict
  /** RETURNING; empty without. */
  readonly returning: readonly SelectItem[]
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
  readonly with?: With
  readonly table: Name
  readonly alias?: Ident
  readonly assignments: readonly Assignment[]
  readonly from: readonly TableRef[]
  readonly where?: Expr
  readonly returning: readonly SelectItem[]
  readonly span: Span
}

export interface Delete {
  readonly kind: 'delete'
  readonly with?: With
  readonly table: Name
  readonly alias?: Ident
  readonly using: readonly TableRef[]
  readonly where?: Expr
  readonly returning: readonly SelectItem[]
  readonly span: Span
}

/** `MERGE INTO target USING source ON condition WHEN …`. */
export interface Merge {
  readonly kind: 'merge'
  readonly with?: With
  readonly table: Name
  readonly alias?: Ident
  readonly source: TableRef
  readonly condition: Expr
  readonly clauses: readonly MergeClause[]
  readonly span: Span
}

/** `WHEN [NOT] MATCHED [BY SOURCE] [AND where] THEN action`. */
export interface MergeClause {
  readonly kind: 'merge_clause'
  readonly when: 'matched' | 'not_matched' | 'not_matched_by_source'
  readonly where?: Expr
  readonly action:
    | { readonly do: 'nothing' }
    | { readonly do: 'delete' }
    | { readonly do: 'update'; readonly assignments: readonly Assignment[] }
    /** No values: all defaults. */
    | { readonly do: 'insert'; readonly columns: readonly Ident[]; readonly values: readonly Expr[] }
  readonly span: Span
}

/** `COPY t (a, b) FROM …` and `COPY t | (query) TO …`; without a path it is the client's standard input or output. */
export interface Copy {
  readonly kind: 'copy'
  readonly from: boolean
  readonly relation?: Name
  readonly columns: readonly Ident[]
  readonly query?: Query
  readonly path?: string
  readonly options: readonly CopyOption[]
  readonly span: Span
}

export interface CopyOption {
  readonly kind: 'copy_option'
  readonly name: string
  readonly value?: string | readonly Ident[]
  readonly span: Span
}

/** `PREPARE name (types) AS statement`. */
export interface Prepare {
  readonly kind: 'prepare'
  readonly name: Ident
  readonly types: readonly TypeName[]
  readonly statement: Statement
  readonly span: Span
}

/** `EXECUTE name (values)`. */
export interface Execute {
  readonly kind: 'execute'
  readonly name: Ident
  readonly args: readonly Expr[]
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
  readonly what:
    | 'tables'
    | 'streams'
    | 'sources'
    | 'views'
    | 'materialized_views'
    | 'sinks'
    | 'models'
    | 'consumer_groups'
    | 'segments'
    | 'all'
    | 'setting'
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

/** `DEALLOCATE name`, or `DEALLOCATE ALL` without a name. */
export interface Deallocate {
  readonly kind: 'deallocate'
  readonly name?: Ident
  readonly span: Span
}

export interface Discard {
  readonly kind: 'discard'
  readonly what: 'all' | 'plans' | 'sequences' | 'temp'
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
  readonly action: 'begin' | 'commit' | 'rollback' | 'savepoint' | 'rollback to' | 'release'
  /** Of the savepoint, for the last three. */
  readonly name?: Ident
  /** What BEGIN says, the last of each kind; absent where it says nothing. */
  readonly isolation?: IsolationLevel
  readonly access?: 'read only' | 'read write'
  readonly span: Span
}

export type IsolationLevel = 'serializable' | 'repeatable read' | 'read committed' | 'read uncommitted' | 'snapshot'

/** `TRUNCATE [TABLE] a, b`. */
export interface Truncate {
  readonly kind: 'truncate'
  readonly names: readonly Name[]
  /** RESTART IDENTITY. */
  readonly restart: boolean
  readonly span: Span
}

/** `ALTER STREAM s SET (retention = '7 days')`. */
export interface SetOptions {
  readonly kind: 'set_options'
  readonly object: 'stream' | 'source' | 'table'
  readonly name: Name
  readonly options: readonly Option[]
  readonly span: Span
}

/** `DROP CONSUMER GROUP [IF EXISTS] g ON s`. */
export interface DropGroup {
  readonly kind: 'drop_group'
  readonly ifExists: boolean
  readonly group: string
  readonly groupSpan: Span
  readonly stream: Name
  readonly span: Span
}

/** `ALTER CONSUMER GROUP g ON s [PARTITION n] SEEK TO …`. */
export interface SeekGroup {
  readonly kind: 'seek_group'
  readonly group: string
  readonly groupSpan: Span
  readonly stream: Name
  readonly partition?: Expr
  readonly to: 'beginning' | 'end' | 'offset' | 'timestamp'
  /** Of OFFSET and TIMESTAMP. */
  readonly value?: Expr
  readonly span: Span
}

/** `BACKUP TO 'path'`. */
export interface Backup {
  readonly kind: 'backup'
  readonly path: string
  readonly pathSpan: Span
  readonly span: Span
}

export interface Checkpoint {
  readonly kind: 'checkpoint'
  readonly span: Span
}

export interface CheckDatabase {
  readonly kind: 'check_database'
  readonly span: Span
}
