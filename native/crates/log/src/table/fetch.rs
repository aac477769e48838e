//! Reading single rows by their places. The places are looked up under the lock, the rows are read without it.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use arrow_select::concat::concat_batches;
use arrow_select::interleave::interleave_record_batch;
use millrace_base::{Code, Error, Result};

use super::chunk::Source;
use super::cold::Cold;
use super::layout::{Layout, rows_of};
use super::versions::Versions;

/// Rows to be read.
#[derive(Default)]
pub struct Fetch {
    batches: Vec<RecordBatch>,
    /// Batch and row.
    warm: Vec<(usize, usize)>,
    cold: Vec<(Arc<Cold>, Vec<u64>)>,
}

impl Fetch {
    /// The rows of some places, each once.
    pub fn new(versions: &Versions, mut places: Vec<u64>) -> Self {
        places.sort_unstable();
        places.dedup();
        let mut fetch = Self::default();
        let mut last = None;
        for place in places {
            let (number, row) = versions.locate(place);
            match &versions.chunks[number].source {
                Source::Memory { batch, .. } => {
                    if last != Some(number) {
                        fetch.batches.push(batch.clone());
                    }
                    fetch.warm.push((fetch.batches.len() - 1, row));
                }
                Source::Cold { segment, base } => match fetch.cold.last_mut() {
                    Some((same, rows)) if Arc::ptr_eq(same, segment) => rows.push(base + row as u64),
                    _ => fetch.cold.push((segment.clone(), vec![base + row as u64])),
                },
            }
            last = Some(number);
        }
        fetch
    }

    /// The chosen columns.
    pub fn read(self, layout: &Layout, columns: &[usize]) -> Result<RecordBatch> {
        let failed = |e: arrow_schema::ArrowError| Error::internal(format!("could not take rows: {e}"));
        let mut parts = Vec::new();
        let schema: SchemaRef = Arc::new(layout.schema.project(columns).map_err(failed)?);
        if !self.warm.is_empty() {
            let chosen = |batch: &RecordBatch| batch.project(columns).map_err(failed);
            let batches: Vec<RecordBatch> = self.batches.iter().map(chosen).collect::<Result<_>>()?;
            let batches: Vec<&RecordBatch> = batches.iter().collect();
            parts.push(interleave_record_batch(&batches, &self.warm).map_err(failed)?);
        }
        for (segment, mut rows) in self.cold {
            rows.sort_unstable();
            let found = segment.rows.take(&rows, columns)?;
            if found.num_rows() != rows.len() {
                return Err(Error::new(Code::DataCorrupted, "a segment gives other rows than it has"));
            }
            parts.push(rows_of(&schema, &found)?);
        }
        match parts.as_slice() {
            [only] => Ok(only.clone()),
            _ => concat_batches(&schema, &parts).map_err(failed),
        }
    }
}
