//! Reading a table as of an epoch: chunk by chunk, as the reader goes on. A scan holds the chunks and no lock; of
//! segments only the chosen columns are read.

use std::sync::Arc;

use arrow::buffer::BooleanBuffer;
use arrow_array::{BooleanArray, RecordBatch};
use arrow_schema::SchemaRef;
use millrace_base::{Code, Epoch, Error, Result};

use super::chunk::{Chunk, Source};
use super::cold::ColdBatches;
use super::layout::{filter, rows_of, rows_without_columns};
use crate::segment::Bound;

/// The chosen columns of the rows that lived at an epoch.
pub struct TableScan {
    schema: SchemaRef,
    projection: Vec<usize>,
    prune: Arc<[Bound]>,
    epoch: Epoch,
    chunks: std::vec::IntoIter<Chunk>,
    open: Option<Open>,
}

/// A chunk in a segment that is being read.
struct Open {
    batches: ColdBatches,
    base: u64,
    rows: usize,
    alive: Option<BooleanBuffer>,
}

impl TableScan {
    pub(super) fn new(
        schema: &SchemaRef,
        projection: &[usize],
        prune: &[Bound],
        epoch: Epoch,
        chunks: &[Chunk],
    ) -> Result<Self> {
        let schema = schema.project(projection).map_err(|e| Error::internal(format!("projection: {e}")))?;
        let seen = |chunk: &&Chunk| {
            let born = match &chunk.source {
                Source::Memory { born, .. } => born.upto(epoch) > 0,
                Source::Cold { segment, .. } => segment.rows.epochs().0 <= epoch,
            };
            born && chunk.deaths.count_upto(epoch) < chunk.rows
        };
        let chunks: Vec<Chunk> = chunks.iter().filter(seen).cloned().collect();
        Ok(Self {
            schema: Arc::new(schema),
            projection: projection.to_vec(),
            prune: prune.into(),
            epoch,
            chunks: chunks.into_iter(),
            open: None,
        })
    }

    /// The next batch, which may be empty; `None` at the end.
    fn step(&mut self) -> Result<Option<RecordBatch>> {
        if let Some(open) = &mut self.open {
            let Some(found) = open.batches.next() else {
                self.open = None;
                return Ok(Some(RecordBatch::new_empty(self.schema.clone())));
            };
            let (first, batch) = found?;
            let from = first.checked_sub(open.base).map(|from| from as usize);
            let Some(from) = from.filter(|from| from + batch.num_rows() <= open.rows) else {
                return Err(Error::new(Code::DataCorrupted, "a segment gives other rows than it has"));
            };
            let alive = open.alive.as_ref().map(|alive| alive.slice(from, batch.num_rows()));
            return kept(&rows_of(&self.schema, &batch)?, alive).map(Some);
        }
        let Some(chunk) = self.chunks.next() else { return Ok(None) };
        let (rows, alive) = chunk.seen(self.epoch)?;
        match chunk.source {
            _ if self.projection.is_empty() && self.prune.is_empty() => {
                let count = alive.map_or(rows, |alive| alive.count_set_bits());
                rows_without_columns(&self.schema, count).map(Some)
            }
            Source::Memory { batch, .. } => {
                let batch = batch.slice(0, rows).project(&self.projection);
                kept(&batch.map_err(|e| Error::internal(format!("projection: {e}")))?, alive).map(Some)
            }
            Source::Cold { segment, base } => {
                let batches = segment.rows.scan(&self.projection, &self.prune, base..base + rows as u64);
                self.open = Some(Open { batches, base, rows, alive });
                Ok(Some(RecordBatch::new_empty(self.schema.clone())))
            }
        }
    }
}

fn kept(batch: &RecordBatch, alive: Option<BooleanBuffer>) -> Result<RecordBatch> {
    match alive {
        Some(alive) if alive.count_set_bits() < alive.len() => filter(batch, &BooleanArray::new(alive, None)),
        _ => Ok(batch.clone()),
    }
}

impl Iterator for TableScan {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.step() {
                Ok(Some(batch)) if batch.num_rows() == 0 => {}
                Ok(found) => return found.map(Ok),
                Err(error) => {
                    // Nothing comes after an error.
                    self.open = None;
                    self.chunks = Vec::new().into_iter();
                    return Some(Err(error));
                }
            }
        }
    }
}
