//! Where a stream's rows lie: sealed ones in segments, newer ones in frames of the journal, both in offset order.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Weak};

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use millrace_base::{Epoch, Error, Result};

use crate::journal::FrameRef;
use crate::journal::body::{RowsAt, decode_rows};
use crate::ledger::Extent;
use crate::manifest::SegmentEntry;
use crate::segment::{SegmentFile, SegmentId};

/// One commit's rows in a partition.
#[derive(Clone)]
pub struct EntryRef {
    pub frame: FrameRef,
    pub at: RowsAt,
    /// The offset of the first row.
    pub first_offset: u64,
    /// The rows, as long as they are among the newest.
    pub rows: Weak<RecordBatch>,
}

impl EntryRef {
    pub fn end(&self) -> u64 {
        self.first_offset + u64::from(self.at.rows)
    }

    /// The chosen columns of `schema`, the stream's.
    pub fn read(&self, schema: &SchemaRef, projection: &[usize]) -> Result<RecordBatch> {
        let Some(rows) = self.rows.upgrade() else {
            return decode_rows(&self.frame.read_body()?, &self.at, schema.clone(), Some(projection));
        };
        // As they were given: the log's own columns may be NULL.
        let columns = rows.columns().to_vec();
        RecordBatch::try_new(schema.clone(), columns)
            .and_then(|rows| rows.project(projection))
            .map_err(|e| Error::internal(format!("rows of a commit: {e}")))
    }
}

/// A segment, and its file, which stays on disk as long as this lives.
#[derive(Clone)]
pub struct StreamSegment {
    pub entry: SegmentEntry,
    pub _file: Arc<SegmentFile>,
}

#[derive(Default)]
pub struct Partition {
    pub segments: Vec<StreamSegment>,
    pub entries: VecDeque<EntryRef>,
    /// Rows with lower offsets are gone.
    pub start: u64,
}

impl Partition {
    pub fn bytes(&self) -> u64 {
        self.segments.iter().map(|s| s.entry.bytes).sum::<u64>()
            + self.entries.iter().map(|e| e.at.bytes()).sum::<u64>()
    }

    /// Rows that are durable and not yet dropped.
    pub fn rows(&self) -> u64 {
        let first =
            self.segments.first().map(|s| s.entry.first_offset).or(self.entries.front().map(|e| e.first_offset));
        let end = self.entries.back().map(EntryRef::end).or(self.segments.last().map(|s| s.entry.end()));
        match (first, end) {
            (Some(first), Some(end)) => end.saturating_sub(first.max(self.start)),
            _ => 0,
        }
    }

    /// What holds the rows that were committed in (`after`, `upto`]; a segment may hold others as well.
    pub fn between(&self, after: Epoch, upto: Epoch) -> Self {
        let holds = |segment: &&StreamSegment| segment.entry.epochs.1 > after && segment.entry.epochs.0 <= upto;
        let (front, back) = (
            self.entries.partition_point(|e| e.frame.epoch <= after),
            self.entries.partition_point(|e| e.frame.epoch <= upto),
        );
        Self {
            segments: self.segments.iter().filter(holds).cloned().collect(),
            entries: self.entries.range(front..back.max(front)).cloned().collect(),
            start: self.start,
        }
    }

    /// The offsets that are durable and not yet dropped.
    pub fn extent(&self) -> Extent {
        let end = self.entries.back().map(EntryRef::end).or(self.segments.last().map(|s| s.entry.end()));
        Extent { start: self.start, end: end.unwrap_or(self.start) }
    }

    /// A segment takes the place of the entries up to `sealed`.
    pub fn install(&mut self, segment: StreamSegment, sealed: Epoch) {
        while self.entries.front().is_some_and(|entry| entry.frame.epoch <= sealed) {
            self.entries.pop_front();
        }
        self.segments.push(segment);
    }

    /// One segment takes the place of several neighbours.
    pub fn replace(&mut self, old: &[SegmentId], new: StreamSegment) {
        let Some(at) = self.segments.iter().position(|s| old.contains(&s.entry.id)) else { return };
        self.segments.retain(|s| !old.contains(&s.entry.id));
        self.segments.insert(at, new);
    }

    pub fn set_start(&mut self, start: u64) {
        self.start = self.start.max(start);
        let start = self.start;
        self.segments.retain(|s| s.entry.end() > start);
        while self.entries.front().is_some_and(|entry| entry.end() <= start) {
            self.entries.pop_front();
        }
    }
}

#[derive(Default)]
pub struct StreamState {
    pub partitions: BTreeMap<u32, Partition>,
    /// Earlier epochs cannot be read: see `Ledger::gone`.
    pub gone: Epoch,
}

impl StreamState {
    /// A commit has taken the rows of a partition before `start`.
    pub fn truncate(&mut self, partition: u32, start: u64, epoch: Epoch) {
        self.partitions.entry(partition).or_default().set_start(start);
        self.gone = self.gone.max(epoch);
    }
}
