//! Queries: runs a plan once over a snapshot, on several threads. A plan becomes pipelines: a source gives rows in
//! pieces, stages pass them on (filter, projection, the probe of a join), and a sink at the end holds what must be seen
//! whole (groups, a hash table, a sort). What they compute with comes from `kernels` and `expr`, which views use too, so
//! that a view equals its query.
//!
//! Start at `lower.rs`, then `pipeline.rs`. Never here: storage, SQL.

mod aggregate;
mod apart;
mod batch;
mod collect;
mod control;
mod gather;
mod inputs;
mod join;
mod limit;
mod lower;
mod memory;
mod need;
mod pipeline;
mod scan;
mod sort;
mod sources;
mod spill;
mod stages;
#[cfg(test)]
mod tests;
mod unnest;
mod wanted;
mod window;
mod workers;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use arrow_array::{ArrayRef, RecordBatch};
use arrow_buffer::BooleanBuffer;
use millrace_base::{Code, Error, RelationId, Result};
use millrace_expr::Models;
use millrace_kernels::encodings::EncodedColumn;
use millrace_plan::{AsOf, Expr, Literal, Rel, Relations, validate_rel};

pub use memory::Memory;
pub use spill::SpillFolder;
pub use workers::Workers;

/// Rows as they come, in batches of any length.
pub type RowIterator<'a> = Box<dyn Iterator<Item = Result<RecordBatch>> + Send + 'a>;

/// What a scan reads of a relation.
pub struct ScanRequest<'a> {
    pub relation: RelationId,
    pub columns: &'a [u32],
    pub as_of: Option<&'a AsOf>,
    /// Conditions on the columns (named by their places in `columns`) that every wanted row satisfies; they are checked
    /// again, so rows may be given for which they are not true.
    pub conditions: &'a [&'a Expr],
    /// The same as bounds of single columns.
    pub bounds: &'a [ScanBound],
}

/// A comparison of a column with a constant of its type.
#[derive(Debug, Clone, PartialEq)]
pub struct ScanBound {
    /// A place among the scan's columns.
    pub column: usize,
    pub op: BoundOp,
    /// Not used for NULL tests.
    pub value: Option<Literal>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BoundOp {
    Less,
    LessOrEqual,
    Equal,
    GreaterOrEqual,
    Greater,
    IsNull,
    IsNotNull,
}

/// A relation's rows.
pub enum Rows<'a> {
    /// In order, one batch after the other.
    Batches(RowIterator<'a>),
    /// In pieces that threads read apart; their order is that of the rows.
    Morsels(Vec<Box<dyn Morsel + 'a>>),
}

/// A piece of a relation. Columns are named by their places among those of the request.
pub trait Morsel: Send + Sync {
    /// Rows, those that are not there included.
    fn rows(&self) -> usize;
    /// Which of the rows are there; `None` is all.
    fn alive(&self) -> Option<&BooleanBuffer>;
    /// NULLs among all rows of the column, if that is known.
    fn nulls(&self, column: usize) -> Option<usize>;
    /// Least and greatest value among all rows, if they are known exactly; one-element arrays of the column's type.
    fn extremes(&self, column: usize) -> Option<(ArrayRef, ArrayRef)>;
    /// The column as it is encoded, if it is.
    fn encoded(&self, column: usize) -> Result<Option<EncodedColumn>>;
    /// The error of an encoded column that cannot be read.
    fn damaged(&self, why: &str) -> Error;
    /// All rows of the column.
    fn column(&self, column: usize) -> Result<ArrayRef>;
}

/// The relations as they are at one epoch.
pub trait Snapshot {
    /// The rows of a relation, with just these columns in this order, in batches of any length.
    fn scan(&self, relation: RelationId, columns: &[u32]) -> Result<RowIterator<'_>>;

    /// The same as `as_of` says, whatever the epoch of the others.
    fn scan_as_of(&self, _relation: RelationId, _columns: &[u32], _as_of: &AsOf) -> Result<RowIterator<'_>> {
        Err(Error::new(Code::FeatureNotSupported, "AS OF is not supported yet"))
    }

    /// As `scan`, for who wants only some rows and can read them in any order.
    fn read(&self, request: &ScanRequest<'_>) -> Result<Rows<'_>> {
        Ok(Rows::Batches(match request.as_of {
            None => self.scan(request.relation, request.columns)?,
            Some(as_of) => self.scan_as_of(request.relation, request.columns, as_of)?,
        }))
    }

    /// About how many rows a relation has, if that is known.
    fn rows(&self, _relation: RelationId) -> Option<u64> {
        None
    }
}

/// What a query needs beside the rows.
pub struct ExecContext<'a> {
    /// What `now()` means: the time of the epoch that the query reads.
    pub now_us: i64,
    pub models: &'a dyn Models,
    pub relations: &'a dyn Relations,
    /// Looked at once a batch; when true the query ends with SQLSTATE 57014.
    pub cancel: &'a AtomicBool,
    /// The threads that help.
    pub workers: &'a Workers,
    /// What operators may hold.
    pub memory: &'a Arc<Memory>,
}

/// Bytes of a query's result; more is SQLSTATE 53200.
pub const RESULT_BYTES_MAX: usize = 4 << 30;

/// All rows of a query, in batches with columns c0, c1, …; no rows may be no batch.
pub fn execute(rel: &Rel, snapshot: &dyn Snapshot, context: &ExecContext<'_>) -> Result<Vec<RecordBatch>> {
    let types = validate_rel(rel, context.relations)?;
    let query = lower::Query::new(snapshot, context);
    let schema = batch::anonymous_schema(&types);
    let branches = query.lower(rel, &need::Need::all(types.len()), &[])?;
    let batches = collect::collect(&query.control, &branches)?;
    batches.into_iter().map(|batch| batch.into_record_batch(&schema)).collect()
}
