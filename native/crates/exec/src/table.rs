//! The whole input of an operator that must see everything, and handing out a long result batch by batch.

use arrow_array::{ArrayRef, RecordBatch, UInt32Array};
use arrow_schema::SchemaRef;
use arrow_select::concat::concat_batches;
use millrace_base::limits::BATCH_ROWS;
use millrace_base::{Code, Error, Result};
use millrace_kernels::{NO_ROW, arrow_error};

use crate::operator::{Input, Query, batch_of};

/// Row numbers are u32, and `NO_ROW` is not one.
const ROWS_MAX: usize = NO_ROW as usize - 1;

/// Reads an input to its end.
pub(crate) fn collect(query: &Query<'_>, input: &mut Input<'_>, schema: &SchemaRef) -> Result<RecordBatch> {
    let mut batches = Vec::new();
    let mut rows = 0;
    while let Some(batch) = query.pull(input)? {
        query.hold(batch.get_array_memory_size())?;
        rows += batch.num_rows();
        check_rows(rows)?;
        batches.push(batch);
    }
    join(schema, &batches, rows)
}

pub(crate) fn check_rows(rows: usize) -> Result<()> {
    if rows > ROWS_MAX {
        return Err(Error::new(Code::InsufficientResources, format!("an operator can hold at most {ROWS_MAX} rows")));
    }
    Ok(())
}

/// One batch of several.
pub(crate) fn join(schema: &SchemaRef, batches: &[RecordBatch], rows: usize) -> Result<RecordBatch> {
    if schema.fields().is_empty() {
        return batch_of(schema, Vec::new(), rows);
    }
    match batches {
        [only] => Ok(only.clone()),
        _ => concat_batches(schema, batches).map_err(|e| match e {
            arrow_schema::ArrowError::OffsetOverflowError(_) => {
                Error::new(Code::OutOfMemory, "a column of an operator holds more than 2 GiB of text")
            }
            other => arrow_error(other),
        }),
    }
}

/// The listed rows of each column; `NO_ROW` gives NULL.
pub(crate) fn gather(columns: &[ArrayRef], rows: &[u32]) -> Result<Vec<ArrayRef>> {
    let indexes: UInt32Array = if rows.contains(&NO_ROW) {
        rows.iter().map(|&row| (row != NO_ROW).then_some(row)).collect()
    } else {
        UInt32Array::from(rows.to_vec())
    };
    columns.iter().map(|c| arrow_select::take::take(c, &indexes, None).map_err(arrow_error)).collect()
}

/// A finished result, in batches.
#[derive(Default)]
pub(crate) struct Slices {
    batch: Option<RecordBatch>,
    done: usize,
}

impl Slices {
    pub fn new(batch: RecordBatch) -> Self {
        Self { batch: Some(batch), done: 0 }
    }

    pub fn next(&mut self) -> Option<RecordBatch> {
        let batch = self.batch.as_ref()?;
        let rows = (batch.num_rows() - self.done).min(BATCH_ROWS);
        if rows == 0 {
            self.batch = None;
            return None;
        }
        let slice = batch.slice(self.done, rows);
        self.done += rows;
        Some(slice)
    }
}
