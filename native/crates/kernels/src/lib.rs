//! Slices and arrays in, slices and arrays out: what queries (`exec`) and views (`flow`) compute with, so that a view
//! is its query by construction. No I/O, no threads, no clock.
//!
//! Start at `group_table.rs` (keys → dense ids), `batch_store.rs` (rows in slots), `accumulator.rs` (aggregates) and
//! `window/` (window functions).

mod accumulator;
mod batch_store;
mod bits;
mod chunks;
mod collect;
mod consolidate;
mod cpu;
mod distinct;
pub mod encodings;
mod exact;
mod extreme;
mod group_bytes;
mod group_state;
mod group_table;
mod hash;
mod interval;
mod interval_sum;
mod join_index;
mod join_table;
pub mod jsonb;
mod member;
mod moments;
mod nested;
#[cfg(test)]
mod nested_tests;
mod order;
mod polled;
mod raw;
mod row_finder;
mod row_groups;
mod row_store;
pub mod scan;
mod series;
mod square_sums;
mod sums;
#[cfg(test)]
mod table_tests;
mod time_window;
mod unnest;
mod uuid;
mod window;

pub use accumulator::{Accumulator, AggregateKind};
pub use batch_store::BatchStore;
pub use chunks::Chunks;
pub use consolidate::consolidate;
pub use distinct::DistinctSet;
pub use exact::{ExactSum, fixed_of_float, fixed_to_float};
pub use group_table::GroupTable;
pub use hash::{hash_columns, mix};
pub use interval::interval_span;
pub use join_index::{JoinIndex, Pairs, unmatchable};
pub use join_table::JoinTable;
pub use member::Member;
pub use nested::{canonical_map, comparable_bytes};
pub use order::{SortField, key_bytes, key_column, row_order, rows_upto, sort_order, tied_sort_order, top_n};
pub use polled::Check;
pub use raw::{RawColumn, Words, array_of_i128, array_of_sortable, is_sortable, normalized, sortable_i64};
pub use row_finder::RowFinder;
pub use row_groups::{RowGroups, group_rows};
pub use series::Series;
pub use time_window::{TimeWindows, assign_windows};
pub use unnest::{Unnested, unnest};
pub use uuid::{Uuid, parse_uuid, write_uuid};
pub use window::{
    BytesKey, Exclude, Frame, FrameBound, FrameUnit, IntKey, OrderKey, Partition, WindowCall, WindowKind, WindowOutput,
    WindowPlan, WindowValues, byte_keys, compute_window, int_keys,
};

use millrace_base::{Code, Error};

/// Stands for "no row" (or "no group") wherever a row id is expected: gathering it gives NULL.
pub const NO_ROW: u32 = u32::MAX;

/// An Arrow error here is a broken invariant of ours: types were checked when the plan was validated.
pub fn arrow_error(error: arrow_schema::ArrowError) -> Error {
    Error::internal(format!("arrow: {error}"))
}

pub(crate) fn out_of_range(what: &str) -> Error {
    Error::new(Code::NumericValueOutOfRange, format!("{what} out of range"))
}

pub(crate) fn too_many_rows() -> Error {
    Error::new(Code::InsufficientResources, "an operator holds more than 4294967294 rows")
}
