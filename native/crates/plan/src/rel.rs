//! Operators. One tree serves a query (run once over a snapshot) and a flow (kept up to date, change by change).
//! An operator's output columns are positional; names live at the top, in the command or the definition.

use millrace_base::RelationId;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::expr::{Expr, Literal};
use crate::types::DataType;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum JoinKind {
    Inner,
    Left,
    Right,
    Full,
    /// Left rows with at least one match; output is the left columns only.
    Semi,
    /// Left rows without a match (NOT EXISTS); output is the left columns only.
    Anti,
}

/// `left = right`, never true on NULL. `left` is over the left input's columns, `right` over the right input's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct JoinKey {
    pub left: Expr,
    pub right: Expr,
    /// IS NOT DISTINCT FROM: a NULL matches a NULL. A subquery's result meets the rows it was computed for by such keys.
    /// False in views of an earlier release.
    #[serde(default)]
    pub nulls_equal: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct SortKey {
    pub expr: Expr,
    pub descending: bool,
    pub nulls_first: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum AggregateFunction {
    /// COUNT(*): no argument.
    CountStar,
    Count,
    /// Of smallint and integer: bigint. Of bigint and numeric(p,s): numeric(38,s). Of real: real; of double: double.
    Sum,
    Min,
    Max,
    /// Of integers and numeric: numeric(38,s) with s of at least 16 (PostgreSQL shows 16 digits); of floats: double.
    Avg,
    BoolAnd,
    BoolOr,
    /// Of smallint, integer and bigint: their type.
    BitAnd,
    BitOr,
    BitXor,
    /// Of integers and numeric: numeric(38,s) as AVG has it.
    VarPop,
    VarSamp,
    StddevPop,
    StddevSamp,
    /// Of rows (y, x) or (x) of doubles without NULLs: the array of how many they are, the sums of x and of y, and the sums of
    /// xx, xy and yy around the means, from which all statistics of doubles are computed.
    Moments,
    /// Of rows of a value and its sort keys (`AggregateCall::order`), NULL rows left out: the array of the values in this
    /// order, NULL when there is none. Without keys, in the order of the rows.
    Collect,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct AggregateCall {
    pub function: AggregateFunction,
    pub arg: Option<Expr>,
    pub distinct: bool,
    /// FILTER (WHERE …): only rows for which this is true.
    pub filter: Option<Expr>,
    pub data_type: DataType,
    /// How a collection sorts by each of its keys.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[ts(as = "Option<Vec<KeyOrder>>", optional)]
    pub order: Vec<KeyOrder>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct KeyOrder {
    pub descending: bool,
    pub nulls_first: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(tag = "function", rename_all = "snake_case", deny_unknown_fields)]
pub enum WindowFunction {
    RowNumber,
    Rank,
    DenseRank,
    /// args[0] of the row `offset` rows before, else `default` (NULL when absent).
    Lag {
        offset: u32,
        default: Option<Literal>,
    },
    Lead {
        offset: u32,
        default: Option<Literal>,
    },
    FirstValue,
    LastValue,
    Aggregate {
        aggregate: AggregateFunction,
    },
    /// args[0] of the n-th row of the frame, counted from 1, or from its end; else `default`. Rows whose args[0] is
    /// NULL may count for nothing.
    NthValue {
        n: u32,
        from_last: bool,
        ignore_nulls: bool,
        default: Option<Literal>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum FrameUnit {
    Rows,
    /// Offsets are added to the one order key: an interval without months on times, a number on numbers.
    Range,
    /// Offsets count groups of rows with equal order keys.
    Groups,
}

/// Rows of the frame that are left out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum FrameExclude {
    #[default]
    NoOthers,
    CurrentRow,
    /// The current row and those with equal order keys.
    Group,
    /// The rows with equal order keys, but not the current one.
    Ties,
}

/// Rows and groups: `offset` is a non-negative bigint. Range: a literal of the key's difference type.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(tag = "bound", rename_all = "snake_case", deny_unknown_fields)]
pub enum FrameBound {
    UnboundedPreceding,
    Preceding { offset: Literal },
    CurrentRow,
    Following { offset: Literal },
    UnboundedFollowing,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct Frame {
    pub unit: FrameUnit,
    pub start: FrameBound,
    pub end: FrameBound,
    #[serde(default, skip_serializing_if = "FrameExclude::is_none")]
    #[ts(as = "Option<FrameExclude>", optional)]
    pub exclude: FrameExclude,
}

impl FrameExclude {
    fn is_none(&self) -> bool {
        *self == Self::NoOthers
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct WindowCall {
    pub function: WindowFunction,
    pub args: Vec<Expr>,
    pub filter: Option<Expr>,
    /// For aggregates and first/last value; the binder writes PostgreSQL's default out.
    pub frame: Frame,
    pub data_type: DataType,
}

/// A state of the past that a scan reads.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(tag = "as_of", rename_all = "snake_case", deny_unknown_fields)]
pub enum AsOf {
    /// As that commit left it. One that is not yet durable is SQLSTATE 22023, one before what is retained is 55000.
    Epoch { epoch: u64 },
    /// As the last commit at that time or before it left it. A timestamptz without columns.
    Timestamp { time: Expr },
}

/// A relational operator. Multiset semantics throughout.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
pub enum Rel {
    /// The listed columns, in this order, of a stream, table, source or materialized view. `as_of` is of
    /// queries only; without it the query's own epoch is read.
    Scan {
        relation: RelationId,
        columns: Vec<u32>,
        as_of: Option<AsOf>,
    },
    /// Constant rows; each row has one expression without columns per type.
    Values {
        types: Vec<DataType>,
        rows: Vec<Vec<Expr>>,
    },
    Filter {
        input: Box<Rel>,
        predicate: Expr,
    },
    Project {
        input: Box<Rel>,
        exprs: Vec<Expr>,
    },
    /// Output: left columns, then right columns (left only for semi and anti). No keys and no residual: cross join.
    /// `residual` is part of the join condition, over left columns followed by right columns.
    Join {
        kind: JoinKind,
        left: Box<Rel>,
        right: Box<Rel>,
        keys: Vec<JoinKey>,
        residual: Option<Expr>,
    },
    /// Output: group columns, then aggregates. Without group columns exactly one row. NULLs form one group.
    /// DISTINCT is an Aggregate without calls.
    Aggregate {
        input: Box<Rel>,
        group: Vec<Expr>,
        aggregates: Vec<AggregateCall>,
    },
    /// Output: input columns, then one column a call. All calls share partition and order.
    Window {
        input: Box<Rel>,
        partition: Vec<Expr>,
        order: Vec<SortKey>,
        calls: Vec<WindowCall>,
    },
    Sort {
        input: Box<Rel>,
        keys: Vec<SortKey>,
        limit: Option<u64>,
        offset: u64,
    },
    Limit {
        input: Box<Rel>,
        limit: Option<u64>,
        offset: u64,
    },
    UnionAll {
        inputs: Vec<Rel>,
    },
    /// TUMBLE (slide = size) and HOP: each row once per window that holds its time; appends window_start and window_end
    /// of the time's type. Windows are aligned to 1970-01-01 00:00 UTC plus `offset_us`. Rows whose time is NULL are in no window.
    TimeWindow {
        input: Box<Rel>,
        time: Expr,
        size_us: i64,
        slide_us: i64,
        offset_us: i64,
    },
    /// One bigint column from `start` to `stop` inclusive.
    GenerateSeries {
        start: i64,
        stop: i64,
        step: i64,
    },
    /// The rows whose time is now: all of `from` are the epoch's time or before it, all of `until` after it. NULL is never.
    /// What a view's filters on `now()` become; timestamptz. Of views only: a query filters by `now()` itself.
    TemporalFilter {
        input: Box<Rel>,
        from: Vec<Expr>,
        until: Vec<Expr>,
    },
    /// Each row once for each place of the longest of its lists. Output: input columns, each list's element (NULL past its
    /// end), then with `ordinality` the place from 1 as bigint. A row whose lists are empty or NULL is gone, or with
    /// `outer` there once with NULLs.
    Unnest {
        input: Box<Rel>,
        lists: Vec<Expr>,
        ordinality: bool,
        outer: bool,
    },
}
