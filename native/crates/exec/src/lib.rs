//! Queries: runs a plan once over a snapshot. Operators pull batches from their inputs; a scan, a filter and a
//! projection pass them on as they come, and only what must see everything (a hash table, a sort, a window) holds rows.
//! What they compute with comes from `kernels` and `expr`, which views use too, so that a view equals its query.
//!
//! Start at `operator.rs`. Never here: storage, threads, SQL.

mod aggregate;
mod filter;
mod generate_series;
mod join;
mod limit;
mod operator;
mod project;
mod scan;
mod sort;
mod table;
#[cfg(test)]
mod tests;
mod time_window;
mod union_all;
mod unnest;
mod values;
mod window;

use std::sync::atomic::AtomicBool;

use arrow_array::RecordBatch;
use millrace_base::{Code, Error, RelationId, Result};
use millrace_expr::Models;
use millrace_plan::{AsOf, Rel, Relations, validate_rel};

/// The relations as they are at one epoch.
pub trait Snapshot {
    /// The rows of a relation, with just these columns in this order, in batches of any length.
    fn scan(
        &self,
        relation: RelationId,
        columns: &[u32],
    ) -> Result<Box<dyn Iterator<Item = Result<RecordBatch>> + Send + '_>>;

    /// The same as `as_of` says, whatever the epoch of the others.
    fn scan_as_of(
        &self,
        _relation: RelationId,
        _columns: &[u32],
        _as_of: &AsOf,
    ) -> Result<Box<dyn Iterator<Item = Result<RecordBatch>> + Send + '_>> {
        Err(Error::new(Code::FeatureNotSupported, "AS OF is not supported yet"))
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
}

/// Bytes of rows that the operators of one query may hold together; more is SQLSTATE 53200.
pub const QUERY_BYTES_MAX: usize = 4 << 30;

/// All rows of a query, in batches with columns c0, c1, …; no rows may be no batch.
pub fn execute(rel: &Rel, snapshot: &dyn Snapshot, context: &ExecContext<'_>) -> Result<Vec<RecordBatch>> {
    let mut batches = Vec::new();
    execute_each(rel, snapshot, context, &mut |batch| {
        batches.push(batch);
        Ok(())
    })?;
    Ok(batches)
}

/// Hands each batch on as soon as it is made. An error of the consumer ends the query.
pub fn execute_each(
    rel: &Rel,
    snapshot: &dyn Snapshot,
    context: &ExecContext<'_>,
    consumer: &mut dyn FnMut(RecordBatch) -> Result<()>,
) -> Result<()> {
    validate_rel(rel, context.relations)?;
    let query = operator::Query::new(snapshot, context);
    let mut root = operator::build(rel, &query)?;
    while let Some(batch) = query.pull(&mut root)? {
        if batch.num_rows() > 0 {
            consumer(batch)?;
        }
    }
    Ok(())
}
