//! Reading a partition from an offset on: what consumers do. Like a scan it holds no lock, and what it has seen stays
//! readable though retention may drop it meanwhile.

use std::collections::VecDeque;

use arrow_array::RecordBatch;
use millrace_base::Result;

use crate::compact::RunReader;
use crate::journal::body::decode_rows;
use crate::scan::{StreamRead, rows_between};
use crate::segment::{CommitRun, SegmentScan};
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
    pub(crate) fn new(read: StreamRead, partition: Option<&Partition>, offset: u64) -> Self {
        let mut out = Self { read, next: offset, segments: VecDeque::new(), entries: VecDeque::new(), open: None };
        let Some(partition) = partition else { return out };
        out.next = offset.max(partition.start);
        let wanted = |s: &&StreamSegment| s.entry.end() > out.next && s.entry.epochs.0 <= out.read.upto;
        out.segments = partition.segments.iter().filter(wanted).cloned().collect();
        let from = partition.entries.partition_point(|entry| entry.end() <= out.next);
        let to = partition.entries.partition_point(|entry| entry.frame.epoch <= out.read.upto);
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
        let body = entry.frame.read_body()?;
        let rows = decode_rows(&body, &entry.at, self.read.schema.clone(), Some(&self.read.projection))?;
        let gone = self.next.saturating_sub(entry.first_offset) as usize;
        let rows = rows.slice(gone, rows.num_rows() - gone);
        let run = CommitRun { epoch: entry.frame.epoch, time_us: entry.frame.time_us, rows: rows.num_rows() as u32 };
        Ok(OffsetBatch { first_offset: entry.first_offset + gone as u64, rows, runs: vec![run] })
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
