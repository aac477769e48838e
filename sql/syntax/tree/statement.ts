/** Statements, and the parts of definitions. */

import type { Expr } from './expression.js'
import type { Ident, Name, Span, TypeName } from './name.js'
import type { Query } from './query.js'

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
  | Truncate
  | SetOptions
  | SeekGroup
  | DropGroup
  | Backup
  | Checkpoint
  | CheckDatabase
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
