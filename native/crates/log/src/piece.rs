//! A relation's rows in pieces that threads read apart: a block of a segment, a chunk of a table in memory, some commits
//! that are not sealed. A piece tells what it knows without reading, hands out its columns one by one, so that who reads
//! needs to unpack only what is wanted, and as they are encoded where they are.

use std::ops::Range;
use std::sync::OnceLock;

use arrow::array::BooleanBufferBuilder;
use arrow::buffer::BooleanBuffer;
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::SchemaRef;
use arrow_select::concat::concat_batches;
use millrace_base::{Code, Error, Result};
use millrace_kernels::encodings::EncodedColumn;

use crate::scan::{StreamRead, rows_between};
use crate::segment::{BLOCK_ROWS, Bound, Segment, Stat};
use crate::stream::{EntryRef, Partition};

/// Columns are named by their places among those that were asked for.
pub struct Piece {
    source: Source,
    rows: usize,
    /// Which of the rows are there; `None` is all.
    alive: Option<BooleanBuffer>,
}

enum Source {
    Block { segment: Segment, block: usize, columns: Box<[usize]> },
    Batch(RecordBatch),
    Commits { entries: Vec<(EntryRef, u64)>, schema: SchemaRef, columns: Box<[usize]>, read: OnceLock<RecordBatch> },
}

/// What is known of a column of a piece, all of whose rows are there, without reading it.
pub struct ColumnFacts {
    pub nulls: usize,
    /// Least and greatest value that is not NULL; of texts they may be cut.
    pub bounds: Option<(Stat, Stat)>,
}

impl Piece {
    pub fn of_batch(batch: RecordBatch, alive: Option<BooleanBuffer>) -> Self {
        Self { rows: batch.num_rows(), source: Source::Batch(batch), alive }
    }

    /// The blocks of a segment that hold some of the rows `wanted`; `alive` is about these.
    pub(crate) fn of_segment(
        segment: &Segment,
        columns: &[usize],
        prune: &[Bound],
        wanted: Range<u64>,
        alive: Option<BooleanBuffer>,
        out: &mut Vec<Self>,
    ) {
        let mut start = 0;
        for (number, block) in segment.meta().blocks.iter().enumerate() {
            let (first, rows) = (start, block.rows as usize);
            let end = first + u64::from(block.rows);
            start = end;
            let (from, to) = (wanted.start.max(first), wanted.end.min(end));
            let may_hold = |bound: &Bound| {
                let Some(column) = block.columns.get(bound.column) else { return true };
                bound.may_hold(block.rows.into(), column.nulls.into(), column.bounds.as_ref())
            };
            if from >= to || !prune.iter().all(may_hold) {
                continue;
            }
            let (within, before) = ((to - from) as usize, (from - wanted.start) as usize);
            let alive = match &alive {
                None if within == rows => None,
                alive => {
                    let mut bits = BooleanBufferBuilder::new(rows);
                    bits.append_n((from - first) as usize, false);
                    match alive {
                        Some(alive) => bits.append_buffer(&alive.slice(before, within)),
                        None => bits.append_n(within, true),
                    }
                    bits.append_n((end - to) as usize, false);
                    Some(bits.finish())
                }
            };
            if alive.as_ref().is_some_and(|alive| alive.count_set_bits() == 0) {
                continue;
            }
            let source = Source::Block { segment: segment.clone(), block: number, columns: columns.into() };
            out.push(Self { source, rows, alive });
        }
    }

    /// Rows, those that are not there included.
    pub fn rows(&self) -> usize {
        self.rows
    }

    pub fn alive(&self) -> Option<&BooleanBuffer> {
        self.alive.as_ref()
    }

    pub fn facts(&self, column: usize) -> Option<ColumnFacts> {
        let Source::Block { segment, block, columns } = &self.source else { return None };
        let column = segment.meta().blocks[*block].columns.get(columns[column])?;
        Some(ColumnFacts { nulls: column.nulls as usize, bounds: column.bounds.clone() })
    }

    /// The column as it is encoded, if it is.
    pub fn encoded(&self, column: usize) -> Result<Option<EncodedColumn>> {
        match &self.source {
            Source::Block { segment, block, columns } => segment.encoded(*block, columns[column]).map(Some),
            _ => Ok(None),
        }
    }

    /// What the reader of an encoded column finds wrong with it.
    pub fn damaged(&self, why: &str) -> Error {
        match &self.source {
            Source::Block { segment, .. } => crate::segment::damaged_segment(segment.id(), why),
            _ => Error::new(Code::DataCorrupted, format!("a column {why}")),
        }
    }

    /// All rows of the column.
    pub fn column(&self, column: usize) -> Result<ArrayRef> {
        match &self.source {
            Source::Batch(batch) => Ok(batch.column(column).clone()),
            Source::Block { segment, block, columns } => {
                let encoded = segment.encoded(*block, columns[column])?;
                let decoded = encoded.view().and_then(|view| view.decode());
                decoded.map_err(|why| self.damaged(why.0))
            }
            Source::Commits { entries, schema, columns, read } => {
                if let Some(batch) = read.get() {
                    return Ok(batch.column(column).clone());
                }
                let batch = read_commits(entries, schema, columns)?;
                if batch.num_rows() != self.rows {
                    return Err(Error::new(Code::DataCorrupted, "commits give other rows than they have"));
                }
                Ok(read.get_or_init(|| batch).column(column).clone())
            }
        }
    }
}

/// Rows of an entry from offset `start` on.
fn rows_from((entry, start): &(EntryRef, u64)) -> usize {
    (entry.at.rows as usize).saturating_sub(start.saturating_sub(entry.first_offset) as usize)
}

fn read_commits(entries: &[(EntryRef, u64)], schema: &SchemaRef, columns: &[usize]) -> Result<RecordBatch> {
    let mut parts = Vec::with_capacity(entries.len());
    for entry in entries {
        let batch = entry.0.read(schema, columns)?;
        let rows = rows_from(entry).min(batch.num_rows());
        parts.push(batch.slice(batch.num_rows() - rows, rows));
    }
    let projected = schema.project(columns).map_err(|e| Error::internal(format!("projection: {e}")))?;
    concat_batches(&projected.into(), &parts).map_err(|e| Error::internal(format!("could not merge rows: {e}")))
}

/// The pieces of some partitions, of which only what was committed in (`after`, `upto`] of `read` is there.
pub(crate) fn stream_pieces(read: &StreamRead, partitions: &[Partition]) -> Result<Vec<Piece>> {
    let mut pieces = Vec::new();
    for partition in partitions {
        for stored in &partition.segments {
            let entry = &stored.entry;
            let segment = read.pool.segment(entry.id)?;
            let rows = rows_between(&segment, read.after, read.upto)?;
            // Rows that are gone may be all of those that were asked for.
            let start = rows.start.max(partition.start.saturating_sub(entry.first_offset)).min(rows.end);
            Piece::of_segment(&segment, &read.projection, &read.prune, start..rows.end, None, &mut pieces);
        }
        let mut waiting: Vec<(EntryRef, u64)> = Vec::new();
        let mut rows = 0;
        let mut end = |waiting: &mut Vec<(EntryRef, u64)>, rows: &mut usize| {
            if *rows > 0 {
                let source = Source::Commits {
                    entries: std::mem::take(waiting),
                    schema: read.schema.clone(),
                    columns: read.projection.as_slice().into(),
                    read: OnceLock::new(),
                };
                pieces.push(Piece { source, rows: *rows, alive: None });
            }
            waiting.clear();
            *rows = 0;
        };
        for entry in &partition.entries {
            let entry = (entry.clone(), partition.start);
            rows += rows_from(&entry);
            waiting.push(entry);
            if rows >= BLOCK_ROWS {
                end(&mut waiting, &mut rows);
            }
        }
        end(&mut waiting, &mut rows);
    }
    Ok(pieces)
}
