//! Rows that are to be written to a new segment, in the place of chunks in memory (sealing) or of older segments
//! (compaction). It holds what it reads and no lock; rows are read one chunk at a time.

use std::sync::Arc;

use arrow::buffer::BooleanBuffer;
use arrow_array::{BooleanArray, RecordBatch};
use arrow_schema::SchemaRef;
use millrace_base::{Code, Epoch, Error, Result};

use super::chunk::{Chunk, Source};
use super::layout::{filter, rows_of};
use super::rank::Rank;
use crate::segment::{CommitRun, SegmentId};

/// A batch of a new segment, and which commits its rows are from.
pub type Written = (RecordBatch, Vec<CommitRun>);

pub struct Rewrite {
    /// Rows of the new segment; without any, none is written.
    pub rows: u64,
    /// About how many bytes these are.
    pub bytes: u64,
    /// Deaths among these rows that are to be written with them.
    pub deaths: Vec<(u32, Epoch)>,
    /// Segments that the new one replaces.
    pub removed: Vec<SegmentId>,
    /// Rows that died up to this epoch are left out: nobody may read an older one from now on.
    pub buried: Epoch,
    pub(super) upto: Epoch,
    pub(super) parts: Vec<Part>,
    /// The place of the first row; `None` when rows keep their places.
    pub(super) to: Option<u64>,
    /// All rows are told to be from this commit, which nobody can tell from the true ones.
    epoch: Option<Epoch>,
    schema: SchemaRef,
}

/// A chunk that is replaced.
pub struct Part {
    pub chunk: Chunk,
    /// `None`: all rows.
    pub keep: Option<Arc<Rank>>,
    /// The number that the first kept row has in the new segment.
    pub base: u64,
}

impl Part {
    /// The number of a row in the new segment.
    pub fn row(&self, row: usize) -> Option<u64> {
        let row = self.keep.as_ref().map_or(Some(row), |keep| keep.of(row))?;
        Some(self.base + row as u64)
    }
}

impl Rewrite {
    /// Plans the rows of `chunks` without those that died up to `buried`, and their deaths up to `upto`.
    pub(super) fn new(schema: SchemaRef, chunks: Vec<Chunk>, buried: Epoch, upto: Epoch) -> Self {
        let (mut rows, mut bytes) = (0, 0);
        let (mut deaths, mut parts) = (Vec::new(), Vec::with_capacity(chunks.len()));
        for chunk in chunks {
            let keep = chunk.deaths.alive(chunk.rows, buried).map(|alive| Arc::new(Rank::new(alive)));
            let kept = keep.as_ref().map_or(chunk.rows, |keep| keep.count()) as u64;
            let size = match &chunk.source {
                Source::Memory { batch, .. } => batch.get_array_memory_size() as u64,
                Source::Cold { segment, .. } => segment.rows.bytes() * chunk.rows as u64 / segment.rows.rows().max(1),
            };
            bytes += size * kept / chunk.rows.max(1) as u64;
            let part = Part { chunk, keep, base: rows };
            let dead = part.chunk.deaths.between(Epoch::ZERO, upto);
            deaths.extend(dead.into_iter().filter_map(|(row, epoch)| Some((part.row(row as usize)? as u32, epoch))));
            rows += kept;
            parts.push(part);
        }
        deaths.sort_unstable();
        Self { rows, bytes, deaths, removed: Vec::new(), buried, upto, parts, to: None, epoch: None, schema }
    }

    /// Rows of several segments: they get new places and one epoch.
    pub(super) fn merged(self, removed: Vec<SegmentId>, to: u64, epoch: Epoch) -> Self {
        Self { removed, to: Some(to), epoch: Some(epoch), ..self }
    }

    /// Rows do not keep their places.
    pub(super) fn moved(self, to: u64) -> Self {
        Self { to: Some(to), ..self }
    }

    /// The rows in order. A table's rows are found by epoch: `time_us` stands for the time of all.
    pub fn batches(&self, time_us: i64) -> impl Iterator<Item = Result<Written>> + '_ {
        self.parts.iter().flat_map(move |part| self.read(part, time_us))
    }

    fn read<'a>(&'a self, part: &'a Part, time_us: i64) -> Box<dyn Iterator<Item = Result<Written>> + 'a> {
        if part.keep.as_ref().is_some_and(|keep| keep.count() == 0) {
            return Box::new(std::iter::empty());
        }
        let rows = part.chunk.rows;
        match &part.chunk.source {
            Source::Memory { batch, born } => Box::new(std::iter::once_with(move || {
                let mut at = 0;
                let mut runs = Vec::new();
                for (epoch, count) in born.slice(0, rows as u64) {
                    let end = at + count as usize;
                    let kept = part.keep.as_ref().map_or(end - at, |keep| keep.before(end) - keep.before(at));
                    if kept > 0 {
                        let epoch = self.epoch.unwrap_or(epoch);
                        runs.push(CommitRun { epoch, time_us, rows: kept as u32 });
                    }
                    at = end;
                }
                let alive = part.keep.as_ref().map(|keep| keep.kept().clone());
                Ok((kept(&batch.slice(0, rows), alive)?, runs))
            })),
            Source::Cold { segment, base } => {
                let columns: Vec<usize> = (0..self.schema.fields().len()).collect();
                let batches = segment.rows.scan(&columns, &[], *base..*base + rows as u64);
                Box::new(batches.map(move |found| {
                    let (first, batch) = found?;
                    let from = first.checked_sub(*base).map(|from| from as usize);
                    let Some(from) = from.filter(|from| from + batch.num_rows() <= rows) else {
                        return Err(Error::new(Code::DataCorrupted, "a segment gives other rows than it has"));
                    };
                    let alive = part.keep.as_ref().map(|keep| keep.kept().slice(from, batch.num_rows()));
                    let batch = kept(&rows_of(&self.schema, &batch)?, alive)?;
                    let epoch = self.epoch.expect("rows of segments are merged");
                    let run = CommitRun { epoch, time_us, rows: batch.num_rows() as u32 };
                    Ok((batch, if run.rows > 0 { vec![run] } else { Vec::new() }))
                }))
            }
        }
    }
}

fn kept(batch: &RecordBatch, alive: Option<BooleanBuffer>) -> Result<RecordBatch> {
    match alive {
        Some(alive) => filter(batch, &BooleanArray::new(alive, None)),
        None => Ok(batch.clone()),
    }
}
