//! Reading a partition from an offset on: what consumers do. Like a scan it holds no lock, and what it has seen stays
//! readable though retention may drop it meanwhile.

use std::collections::VecDeque;
use std::ops::Range;

use arrow_array::RecordBatch;
use millrace_base::{Epoch, Result};

use crate::compact::RunReader;
use crate::scan::{StreamRead, rows_between};
use crate::segment::{CommitRun, FilePool, SegmentScan};
use crate::stream::{EntryRef, Partition, StreamSegment};

/// Consecutive rows of a partition.
pub struct OffsetBatch {
    pub first_offset: u64,
    pub rows: RecordBatch,
    /// Which commits the rows come from, in order.
    pub runs: Vec<CommitRun>,
}

pub struct OffsetRead {
    read: StreamRead,
    /// The next offset that is wanted.
    next: u64,
    segments: VecDeque<StreamSegment>,
    entries: VecDeque<EntryRef>,
    open: Option<Open>,
}

/// The segment that is being read.
struct Open {
    scan: SegmentScan,
    first_offset: u64,
    runs: RunReader,
}

impl OffsetRead {
    /// Rows from the first offset on; what begins at the second or later is left out, so that a short read of a long
    /// backlog costs what it reads.
    pub(crate) fn new(read: StreamRead, partition: Option<&Partition>, offsets: Range<u64>) -> Self {
        let mut out =
            Self { read, next: offsets.start, segments: VecDeque::new(), entries: VecDeque::new(), open: None };
        let Some(partition) = partition else { return out };
        out.next = offsets.start.max(partition.start);
        // Where rows have gone, as many of those that follow.
        let end = offsets.end.saturating_add(out.next - offsets.start);
        let wanted = |s: &&StreamSegment| {
            s.entry.end() > out.next && s.entry.epochs.0 <= out.read.upto && s.entry.first_offset < end
        };
        out.segments = partition.segments.iter().filter(wanted).cloned().collect();
        let from = partition.entries.partition_point(|entry| entry.end() <= out.next);
        let to =
            partition.entries.partition_point(|entry| entry.frame.epoch <= out.read.upto && entry.first_offset < end);
        out.entries = partition.entries.range(from..to.max(from)).cloned().collect();
        out
    }

    fn open(&mut self, segment: &StreamSegment) -> Result<Open> {
        let found = self.read.pool.segment(segment.entry.id)?;
        let rows = rows_between(&found, self.read.after, self.read.upto)?;
        let first_offset = segment.entry.first_offset;
        let start = rows.start.max(self.next.saturating_sub(first_offset)).min(rows.end);
        let mut runs = RunReader::new(&found)?;
        runs.skip(start);
        Ok(Open { scan: found.scan(&self.read.projection, &[], start..rows.end), first_offset, runs })
    }

    fn entry(&self, entry: &EntryRef) -> Result<OffsetBatch> {
        let rows = entry.read(&self.read.schema, &self.read.projection)?;
        // Frames that contradict each other may hold less than what is skipped.
        let gone = self.next.saturating_sub(entry.first_offset).min(rows.num_rows() as u64) as usize;
        let rows = rows.slice(gone, rows.num_rows() - gone);
        let run = CommitRun { epoch: entry.frame.epoch, time_us: entry.frame.time_us, rows: rows.num_rows() as u32 };
        Ok(OffsetBatch { first_offset: entry.first_offset + gone as u64, rows, runs: vec![run] })
    }
}

/// Where a partition's rows of later commits than `epoch` begin: an offset, or so many rows into a segment.
pub(crate) enum After {
    Offset(u64),
    Within(StreamSegment),
}

impl After {
    pub(crate) fn of(partition: &Partition, epoch: Epoch) -> Self {
        if let Some(segment) = partition.segments.iter().find(|s| s.entry.epochs.1 > epoch) {
            return Self::Within(segment.clone());
        }
        let at = partition.entries.partition_point(|entry| entry.frame.epoch <= epoch);
        let end = partition.segments.last().map_or(partition.start, |s| s.entry.end());
        let before = at.checked_sub(1).and_then(|last| partition.entries.get(last));
        let next = partition.entries.get(at).map(|entry| entry.first_offset);
        Self::Offset(next.or(before.map(EntryRef::end)).unwrap_or(end).max(partition.start))
    }

    /// Reads the segment's commits, if it takes that; needs no lock.
    pub(crate) fn offset(self, pool: &std::sync::Arc<FilePool>, epoch: Epoch) -> Result<u64> {
        match self {
            Self::Offset(offset) => Ok(offset),
            Self::Within(segment) if segment.entry.epochs.0 > epoch => Ok(segment.entry.first_offset),
            Self::Within(segment) => {
                let rows = rows_between(&pool.segment(segment.entry.id)?, Epoch::ZERO, epoch)?;
                Ok(segment.entry.first_offset + rows.end)
            }
        }
    }
}

impl Iterator for OffsetRead {
    type Item = Result<OffsetBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(open) = &mut self.open {
                match open.scan.next() {
                    Some(Ok((row, rows))) => {
                        let runs = open.runs.take(rows.num_rows() as u32);
                        let first_offset = open.first_offset + row;
                        self.next = first_offset + rows.num_rows() as u64;
                        return Some(Ok(OffsetBatch { first_offset, rows, runs }));
                    }
                    Some(Err(error)) => return Some(Err(error)),
                    None => self.open = None,
                }
            }
            if let Some(segment) = self.segments.pop_front() {
                match self.open(&segment) {
                    Ok(open) => self.open = Some(open),
                    Err(error) => return Some(Err(error)),
                }
                continue;
            }
            let entry = self.entries.pop_front()?;
            let found = self.entry(&entry);
            if let Ok(batch) = &found {
                self.next = batch.first_offset + batch.rows.num_rows() as u64;
            }
            return Some(found);
        }
    }
}
