//! Up to 64 Ki rows of a table with consecutive places, in memory or in a segment. What a chunk points to never changes
//! under a reader: who has a clone of it can read it as of any epoch that had come by then.

use std::sync::Arc;

use arrow::buffer::BooleanBuffer;
use arrow_array::{Array, RecordBatch};
use millrace_base::{Epoch, Error, Result};

use super::cold::Cold;
use super::deaths::Deaths;
use super::runs::Runs;
use crate::piece::Piece;
use crate::segment::Bound;

#[derive(Clone)]
pub enum Source {
    Memory {
        batch: RecordBatch,
        born: Arc<Runs>,
    },
    /// Rows of a segment from row `base` on.
    Cold {
        segment: Arc<Cold>,
        base: u64,
    },
}

#[derive(Clone)]
pub struct Chunk {
    /// The first row's place.
    pub start: u64,
    pub rows: usize,
    pub source: Source,
    pub deaths: Arc<Deaths>,
}

impl Chunk {
    pub fn end(&self) -> u64 {
        self.start + self.rows as u64
    }

    pub fn is_memory(&self) -> bool {
        matches!(self.source, Source::Memory { .. })
    }

    /// How many rows were there at `epoch`, dead or alive: the first ones.
    pub fn born_upto(&self, epoch: Epoch) -> Result<usize> {
        match &self.source {
            Source::Memory { born, .. } => Ok(born.upto(epoch) as usize),
            Source::Cold { segment, base } => {
                let (first, last) = segment.rows.epochs();
                if epoch >= last {
                    return Ok(self.rows);
                }
                if epoch < first {
                    return Ok(0);
                }
                Ok(segment.runs()?.upto(epoch).saturating_sub(*base).min(self.rows as u64) as usize)
            }
        }
    }

    /// Whether a row is newer than `epoch`.
    pub fn born_after(&self, row: usize, epoch: Epoch) -> Result<bool> {
        Ok(row >= self.born_upto(epoch)?)
    }

    /// The rows that live at `epoch`: which of the first `.0`; `None` is all of them.
    pub fn seen(&self, epoch: Epoch) -> Result<(usize, Option<BooleanBuffer>)> {
        let rows = self.born_upto(epoch)?;
        Ok((rows, self.deaths.alive(rows, epoch)))
    }

    /// The pieces that have rows which live at `epoch`.
    pub fn pieces(&self, epoch: Epoch, columns: &[usize], prune: &[Bound], out: &mut Vec<Piece>) -> Result<()> {
        if self.born_upto(epoch)? == 0 || self.deaths.count_upto(epoch) >= self.rows {
            return Ok(());
        }
        let (rows, alive) = self.seen(epoch)?;
        match &self.source {
            Source::Memory { batch, .. } => {
                let batch = batch.slice(0, rows).project(columns);
                let batch = batch.map_err(|e| Error::internal(format!("projection: {e}")))?;
                out.push(Piece::of_batch(batch, alive));
            }
            Source::Cold { segment, base } => match segment.rows.segment() {
                Some(blocks) => Piece::of_segment(blocks, columns, prune, *base..*base + rows as u64, alive, out),
                None => {
                    for found in segment.rows.scan(columns, prune, *base..*base + rows as u64) {
                        let (first, batch) = found?;
                        let from = (first - base) as usize;
                        let alive = alive.as_ref().map(|alive| alive.slice(from, batch.num_rows()));
                        out.push(Piece::of_batch(batch, alive));
                    }
                }
            },
        }
        Ok(())
    }

    /// Bytes of memory that the chunk holds.
    pub fn bytes(&self) -> usize {
        let rows = match &self.source {
            Source::Memory { batch, born } => {
                // Chunks of one large commit share its buffers.
                let bytes = |c: &arrow_array::ArrayRef| {
                    c.to_data().get_slice_memory_size().unwrap_or_else(|_| c.get_buffer_memory_size())
                };
                batch.columns().iter().map(bytes).sum::<usize>() + born.bytes()
            }
            Source::Cold { .. } => 0,
        };
        size_of::<Self>() + rows + self.deaths.bytes()
    }
}
