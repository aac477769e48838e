//! Reading a stream's or table's rows as of an epoch. A scan holds no lock: segments and frames never change, and who
//! holds them can read them to the end.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use arrow_select::concat::concat_batches;
use millrace_base::{Epoch, Error, Result, limits::BATCH_ROWS};

use crate::segment::{Bound, FilePool, Segment, SegmentScan};
use crate::stream::{EntryRef, Partition, StreamSegment};

/// Rows in offset order within a partition, with the chosen columns.
pub struct LogScan {
    schema: SchemaRef,
    source: Box<dyn Iterator<Item = Result<RecordBatch>> + Send>,
}

impl LogScan {
    pub(crate) fn new(schema: SchemaRef, source: Box<dyn Iterator<Item = Result<RecordBatch>> + Send>) -> Self {
        Self { schema, source }
    }

    /// The chosen columns' schema.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The same rows in batches of at least `BATCH_ROWS` rows where there are so many: single-row commits would
    /// otherwise cost each operator a call a row.
    pub fn batches(self) -> impl Iterator<Item = Result<RecordBatch>> + Send {
        Coalesced { schema: self.schema, source: Some(self.source) }
    }
}

impl Iterator for LogScan {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        self.source.next()
    }
}

/// What of a stream is read.
#[derive(Clone)]
pub(crate) struct StreamRead {
    pub pool: Arc<FilePool>,
    /// All of the stream's stored columns.
    pub schema: SchemaRef,
    pub projection: Vec<usize>,
    pub prune: Vec<Bound>,
    pub after: Epoch,
    pub upto: Epoch,
}

/// The rows of some partitions that were committed in (`after`, `upto`].
pub(crate) struct StreamScan {
    read: StreamRead,
    segments: VecDeque<(StreamSegment, u64)>,
    entries: VecDeque<(EntryRef, u64)>,
    open: Option<SegmentScan>,
}

impl StreamScan {
    pub fn new<'a>(read: StreamRead, partitions: impl Iterator<Item = &'a Partition>) -> Self {
        let (mut segments, mut entries) = (VecDeque::new(), VecDeque::new());
        for partition in partitions {
            for segment in &partition.segments {
                if segment.entry.epochs.1 > read.after && segment.entry.epochs.0 <= read.upto {
                    segments.push_back((segment.clone(), partition.start));
                }
            }
            let (front, back) = (
                partition.entries.partition_point(|e| e.frame.epoch <= read.after),
                partition.entries.partition_point(|e| e.frame.epoch <= read.upto),
            );
            entries.extend(partition.entries.range(front..back.max(front)).map(|e| (e.clone(), partition.start)));
        }
        Self { read, segments, entries, open: None }
    }

    fn open(&self, StreamSegment { entry, .. }: &StreamSegment, start: u64) -> Result<SegmentScan> {
        let segment = self.read.pool.segment(entry.id)?;
        let rows = rows_between(&segment, self.read.after, self.read.upto)?;
        // Rows that are gone may be all of those that were asked for.
        let rows = rows.start.max(start.saturating_sub(entry.first_offset)).min(rows.end)..rows.end;
        Ok(segment.scan(&self.read.projection, &self.read.prune, rows))
    }

    fn read_entry(&self, entry: &EntryRef, start: u64) -> Result<RecordBatch> {
        let batch = entry.read(&self.read.schema, &self.read.projection)?;
        let gone = start.saturating_sub(entry.first_offset) as usize;
        Ok(batch.slice(gone.min(batch.num_rows()), batch.num_rows() - gone.min(batch.num_rows())))
    }
}

impl Iterator for StreamScan {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(scan) = &mut self.open {
                match scan.next() {
                    Some(found) => return Some(found.map(|(_, batch)| batch)),
                    None => self.open = None,
                }
            }
            if let Some((entry, start)) = self.segments.pop_front() {
                match self.open(&entry, start) {
                    Ok(scan) => self.open = Some(scan),
                    Err(error) => return Some(Err(error)),
                }
                continue;
            }
            let (entry, start) = self.entries.pop_front()?;
            return Some(self.read_entry(&entry, start));
        }
    }
}

/// The rows of a segment that were committed in (`after`, `upto`]: rows lie in commit order.
pub(crate) fn rows_between(segment: &Segment, after: Epoch, upto: Epoch) -> Result<Range<u64>> {
    let meta = segment.meta();
    if after < meta.epochs.0 && meta.epochs.1 <= upto {
        return Ok(0..meta.rows);
    }
    let (mut start, mut end) = (0, 0);
    for run in segment.runs()?.iter() {
        if run.epoch <= after {
            start += u64::from(run.rows);
        }
        if run.epoch <= upto {
            end += u64::from(run.rows);
        }
    }
    Ok(start..end.max(start))
}

struct Coalesced {
    schema: SchemaRef,
    source: Option<Box<dyn Iterator<Item = Result<RecordBatch>> + Send>>,
}

impl Iterator for Coalesced {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        let source = self.source.as_mut()?;
        let mut waiting: Vec<RecordBatch> = Vec::new();
        let mut rows = 0;
        while rows < BATCH_ROWS {
            match source.next() {
                Some(Ok(batch)) => {
                    rows += batch.num_rows();
                    waiting.push(batch);
                }
                Some(Err(error)) => {
                    self.source = None;
                    return Some(Err(error));
                }
                None => {
                    self.source = None;
                    break;
                }
            }
        }
        match waiting.len() {
            0 => None,
            1 => waiting.pop().map(Ok),
            _ => Some(
                concat_batches(&self.schema, &waiting)
                    .map_err(|e| Error::internal(format!("could not merge rows: {e}"))),
            ),
        }
    }
}
