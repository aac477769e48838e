// Generated from native/crates/plan. Do not edit: run `npm run generate`.
/* biome-ignore-all lint: generated */

export type RelationId = number;

export type RowField = { name: string, data_type: DataType, };

export type DataType = { "type": "boolean" } | { "type": "smallint" } | { "type": "integer" } | { "type": "bigint" } | { "type": "real" } | { "type": "double" } | { "type": "numeric", precision: number, scale: number, } | { "type": "text" } | { "type": "bytea" } | { "type": "date" } | { "type": "time" } | { "type": "timestamp" } | { "type": "timestamptz" } | { "type": "interval" } | { "type": "uuid" } | { "type": "jsonb" } | { "type": "array", element: DataType, } | { "type": "row", fields: Array<RowField>, } | { "type": "map", key: DataType, value: DataType, };

export type Field = { name: string, data_type: DataType, nullable: boolean, };

export type Literal = { "type": "null", data_type: DataType, } | { "type": "boolean", value: boolean, } | { "type": "smallint", value: number, } | { "type": "integer", value: number, } | { "type": "bigint", value: bigint, } | { "type": "real", value: number, } | { "type": "double", value: number, } | { "type": "numeric", value: string, precision: number, scale: number, } | { "type": "text", value: string, } | { "type": "bytea", value: Uint8Array, } | { "type": "date", value: number, } | { "type": "time", value: bigint, } | { "type": "timestamp", value: bigint, } | { "type": "timestamptz", value: bigint, } | { "type": "interval", months: number, days: number, microseconds: bigint, } | { "type": "uuid", value: Uint8Array, } | { "type": "jsonb", value: string, };

export type BinaryOp = "add" | "subtract" | "multiply" | "divide" | "modulo" | "equal" | "not_equal" | "less" | "less_equal" | "greater" | "greater_equal" | "is_distinct_from" | "is_not_distinct_from" | "and" | "or" | "concat" | "regex_match" | "regex_i_match" | "regex_not_match" | "regex_not_i_match";

export type CaseBranch = { when: Expr, then: Expr, };

export type Expr = { "op": "column", index: number, } | { "op": "literal", literal: Literal, } | { "op": "binary", operator: BinaryOp, left: Expr, right: Expr, data_type: DataType, } | { "op": "not", input: Expr, } | { "op": "negate", input: Expr, } | { "op": "is_null", input: Expr, negated: boolean, } | { "op": "case", branches: Array<CaseBranch>, otherwise: Expr | null, data_type: DataType, } | { "op": "cast", input: Expr, to: DataType, } | { "op": "in_list", input: Expr, list: Array<Expr>, negated: boolean, } | { "op": "like", input: Expr, pattern: Expr, negated: boolean, case_insensitive: boolean, } | { "op": "call", function: string, args: Array<Expr>, data_type: DataType, } | { "op": "predict", model: RelationId, args: Array<Expr>, } | { "op": "parameter", index: number, data_type: DataType, };

export type JoinKind = "inner" | "left" | "right" | "full" | "semi" | "anti";

export type JoinKey = { left: Expr, right: Expr, 
/**
 * IS NOT DISTINCT FROM: a NULL matches a NULL. A subquery's result meets the rows it was computed for by such keys.
 * False in views of an earlier release.
 */
nulls_equal: boolean, };

export type KeyOrder = { descending: boolean, nulls_first: boolean, };

export type SortKey = { expr: Expr, descending: boolean, nulls_first: boolean, };

export type AggregateFunction = "count_star" | "count" | "sum" | "min" | "max" | "avg" | "bool_and" | "bool_or" | "bit_and" | "bit_or" | "bit_xor" | "var_pop" | "var_samp" | "stddev_pop" | "stddev_samp" | "moments" | "collect";

export type AggregateCall = { function: AggregateFunction, arg: Expr | null, distinct: boolean, 
/**
 * FILTER (WHERE …): only rows for which this is true.
 */
filter: Expr | null, data_type: DataType, 
/**
 * How a collection sorts by each of its keys.
 */
order?: Array<KeyOrder>, };

export type WindowFunction = { "function": "row_number" } | { "function": "rank" } | { "function": "dense_rank" } | { "function": "lag", offset: number, default: Literal | null, } | { "function": "lead", offset: number, default: Literal | null, } | { "function": "first_value" } | { "function": "last_value" } | { "function": "aggregate", aggregate: AggregateFunction, } | { "function": "nth_value", n: number, from_last: boolean, ignore_nulls: boolean, default: Literal | null, };

export type FrameUnit = "rows" | "range" | "groups";

export type FrameExclude = "no_others" | "current_row" | "group" | "ties";

export type FrameBound = { "bound": "unbounded_preceding" } | { "bound": "preceding", offset: Literal, } | { "bound": "current_row" } | { "bound": "following", offset: Literal, } | { "bound": "unbounded_following" };

export type Frame = { unit: FrameUnit, start: FrameBound, end: FrameBound, exclude?: FrameExclude, };

export type WindowCall = { function: WindowFunction, args: Array<Expr>, filter: Expr | null, 
/**
 * For aggregates and first/last value; the binder writes PostgreSQL's default out.
 */
frame: Frame, data_type: DataType, };

export type AsOf = { "as_of": "epoch", epoch: bigint, } | { "as_of": "timestamp", time: Expr, };

export type Rel = { "op": "scan", relation: RelationId, columns: Array<number>, as_of: AsOf | null, } | { "op": "values", types: Array<DataType>, rows: Array<Array<Expr>>, } | { "op": "filter", input: Rel, predicate: Expr, } | { "op": "project", input: Rel, exprs: Array<Expr>, } | { "op": "join", kind: JoinKind, left: Rel, right: Rel, keys: Array<JoinKey>, residual: Expr | null, } | { "op": "aggregate", input: Rel, group: Array<Expr>, aggregates: Array<AggregateCall>, } | { "op": "window", input: Rel, partition: Array<Expr>, order: Array<SortKey>, calls: Array<WindowCall>, } | { "op": "sort", input: Rel, keys: Array<SortKey>, limit: bigint | null, offset: bigint, } | { "op": "limit", input: Rel, limit: bigint | null, offset: bigint, } | { "op": "union_all", inputs: Array<Rel>, } | { "op": "time_window", input: Rel, time: Expr, size_us: bigint, slide_us: bigint, offset_us: bigint, } | { "op": "generate_series", start: bigint, stop: bigint, step: bigint, } | { "op": "temporal_filter", input: Rel, from: Array<Expr>, until: Array<Expr>, } | { "op": "unnest", input: Rel, lists: Array<Expr>, ordinality: boolean, outer: boolean, };

export type ConflictAction = { "action": "error" } | { "action": "do_nothing" } | { "action": "replace" } | { "action": "update", assignments: Array<Assignment>, predicate: Expr | null, };

export type Assignment = { column: number, value: Expr, };

export type Append = { relation: RelationId, on_conflict: ConflictAction, 
/**
 * As in `Command`.
 */
transaction: bigint | null, };

export type Position = { "at": "earliest" } | { "at": "latest" } | { "at": "offset", offset: bigint, } | { "at": "timestamp", time: Expr, };

export type Seek = { partition: number | null, to: Position, };

export type PartitionOffset = { partition: number, next_offset: bigint, };

export type Inspection = "consumer_groups" | "segments" | "check_database";

export type Command = { "command": "query", version: number, root: Rel, names: Array<string>, transaction: bigint | null, } | { "command": "subscribe", version: number, root: Rel, names: Array<string>, snapshot: boolean, } | { "command": "insert", version: number, relation: RelationId, source: Rel, on_conflict: ConflictAction, transaction: bigint | null, } | { "command": "update", version: number, relation: RelationId, assignments: Array<Assignment>, predicate: Expr | null, transaction: bigint | null, } | { "command": "delete", version: number, relation: RelationId, predicate: Expr | null, transaction: bigint | null, } | { "command": "truncate", version: number, relations: Array<RelationId>, transaction: bigint | null, } | { "command": "begin", version: number, read_only: boolean, } | { "command": "commit", version: number, transaction: bigint, } | { "command": "rollback", version: number, transaction: bigint, } | { "command": "savepoint", version: number, transaction: bigint, } | { "command": "rollback_to", version: number, transaction: bigint, savepoint: number, } | { "command": "release", version: number, transaction: bigint, savepoint: number, } | { "command": "ddl", version: number, changes: Array<CatalogChange>, } | { "command": "checkpoint", version: number, } | { "command": "advance_clock", version: number, by_us: bigint, } | { "command": "backup", version: number, path: string, } | { "command": "inspect", version: number, what: Inspection, } | { "command": "consumer_open", version: number, group: string, stream: RelationId, columns: Array<number>, 
/**
 * Where partitions are read from for which the group has committed nothing.
 */
from: Position, } | { "command": "consumer_commit", version: number, group: string, stream: RelationId, member: bigint, offsets: Array<PartitionOffset>, transaction: bigint | null, } | { "command": "consumer_seek", version: number, group: string, stream: RelationId, seek: Seek, } | { "command": "consumer_drop", version: number, group: string, stream: RelationId, if_exists: boolean, } | { "command": "modify", version: number, relation: RelationId, source: Rel, 
/**
 * What a second row for the same target row is: SQLSTATE 21000, or nothing.
 */
refuse_repeats: boolean, transaction: bigint | null, } | { "command": "returning", version: number, write: Command, exprs: Array<Expr>, names: Array<string>, };

export type ColumnDef = { name: string, data_type: DataType, nullable: boolean, 
/**
 * Bound without columns; absent means NULL.
 */
default: Expr | null, };

export type Watermark = { column: number, delay_us: bigint, };

export type StartupMode = "earliest" | "latest";

export type KafkaSource = { brokers: string, topic: string, startup: StartupMode, 
/**
 * The stream that takes messages that cannot be decoded.
 */
dead_letters: RelationId, 
/**
 * Further client settings, `properties.…` without that prefix.
 */
properties: { [key in string]: string }, };

export type KafkaSink = { brokers: string, topic: string, properties: { [key in string]: string }, };

export type IndexColumn = { column: number, descending: boolean, nulls_first: boolean, };

export type DefinitionKind = { "kind": "stream", columns: Array<ColumnDef>, watermark: Watermark | null, options: { [key in string]: string }, } | { "kind": "table", columns: Array<ColumnDef>, primary_key: Array<number>, options: { [key in string]: string }, } | { "kind": "source", columns: Array<ColumnDef>, watermark: Watermark | null, kafka: KafkaSource, 
/**
 * Sources of an earlier release have none.
 */
options: { [key in string]: string }, } | { "kind": "view", columns: Array<Field>, } | { "kind": "materialized_view", columns: Array<Field>, query: Rel, } | { "kind": "sink", from: RelationId, key: Array<number>, kafka: KafkaSink, } | { "kind": "model", 
/**
 * The ONNX file's bytes; empty where the catalog is listed.
 */
onnx: Uint8Array, path: string, 
/**
 * The number of features; filled by the engine when the model is made.
 */
inputs: number, } | { "kind": "index", table: RelationId, columns: Array<IndexColumn>, unique: boolean, 
/**
 * Made by a constraint of the table, and dropped with that only.
 */
constraint: boolean, } | { "kind": "check", table: RelationId, predicate: Expr, } | { "kind": "schema", } | { "kind": "generated", table: RelationId, column: number, expr: Expr, } | { "kind": "identity", table: RelationId, column: number, 
/**
 * Whether a statement may give other values only with OVERRIDING SYSTEM VALUE.
 */
always: boolean, start: bigint, 
/**
 * Not 0.
 */
increment: bigint, };

export type Definition = { id: RelationId, name: string, 
/**
 * The name of its schema. Those of an earlier release are in `public`.
 */
schema: string, 
/**
 * The statement that made it.
 */
sql: string, object: DefinitionKind, 
/**
 * The objects that this one reads: they cannot be dropped before it.
 */
depends_on: Array<RelationId>, };

export type CatalogChange = { "change": "create", definition: Definition, } | { "change": "drop", id: RelationId, } | { "change": "set_options", id: RelationId, options: { [key in string]: string }, } | { "change": "replace", definition: Definition, } | { "change": "fill", relation: RelationId, source: Rel, };

export type FunctionKind = "scalar" | "aggregate" | "window";

export type Volatility = "immutable" | "stable" | "volatile";

export type ParameterType = { "parameter": "exact", data_type: DataType, } | { "parameter": "numeric" } | { "parameter": "any" } | { "parameter": "array" } | { "parameter": "element" } | { "parameter": "common" };

export type ReturnRule = { "returns": "fixed", data_type: DataType, } | { "returns": "argument", index: number, } | { "returns": "numeric_of_scale", index: number, } | { "returns": "common_array" } | { "returns": "common_element" } | { "returns": "bound" } | { "returns": "numeric", scale: number, };

export type FunctionSignature = { name: string, kind: FunctionKind, parameters: Array<ParameterType>, variadic: ParameterType | null, result: ReturnRule, volatility: Volatility, };

/** The columns of each answer. */
export const INSPECTION_FIELDS: Readonly<Record<Inspection, readonly Field[]>> = {
  "consumer_groups": [{"name":"group","data_type":{"type":"text"},"nullable":true},{"name":"stream","data_type":{"type":"text"},"nullable":true},{"name":"partition","data_type":{"type":"integer"},"nullable":true},{"name":"committed_offset","data_type":{"type":"bigint"},"nullable":true},{"name":"end_offset","data_type":{"type":"bigint"},"nullable":true},{"name":"lag","data_type":{"type":"bigint"},"nullable":true}],
  "segments": [{"name":"relation","data_type":{"type":"text"},"nullable":true},{"name":"partition","data_type":{"type":"integer"},"nullable":true},{"name":"file","data_type":{"type":"text"},"nullable":true},{"name":"rows","data_type":{"type":"bigint"},"nullable":true},{"name":"bytes","data_type":{"type":"bigint"},"nullable":true},{"name":"first_epoch","data_type":{"type":"bigint"},"nullable":true},{"name":"last_epoch","data_type":{"type":"bigint"},"nullable":true}],
  "check_database": [{"name":"file","data_type":{"type":"text"},"nullable":true},{"name":"offset","data_type":{"type":"bigint"},"nullable":true},{"name":"severity","data_type":{"type":"text"},"nullable":true},{"name":"what","data_type":{"type":"text"},"nullable":true}],
}

export const PLAN_VERSION = 1
