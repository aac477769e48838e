//! Walking over a segment's blocks.

use std::ops::Range;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use millrace_base::Result;

use super::{Bound, Segment};

/// See `Segment::scan`. Yields the number of the first row with each batch.
pub struct SegmentScan {
    segment: Segment,
    schema: SchemaRef,
    projection: Vec<usize>,
    prune: Vec<Bound>,
    rows: Range<u64>,
    block: usize,
    block_start: u64,
    /// Room for the bytes of a block.
    buffer: Vec<u8>,
}

impl SegmentScan {
    pub(super) fn new(segment: Segment, projection: &[usize], prune: &[Bound], rows: Range<u64>) -> Self {
        Self {
            schema: segment.projected(projection),
            projection: projection.to_vec(),
            prune: prune.to_vec(),
            rows: rows.start..rows.end.min(segment.meta().rows),
            block: 0,
            block_start: 0,
            buffer: Vec::new(),
            segment,
        }
    }

    /// The next block that may hold wanted rows, and the wanted ones among its rows.
    fn next_block(&mut self) -> Option<(usize, Range<u64>)> {
        loop {
            let block = self.segment.meta().blocks.get(self.block)?;
            let (index, start) = (self.block, self.block_start);
            let end = start + u64::from(block.rows);
            if start >= self.rows.end {
                return None;
            }
            self.block += 1;
            self.block_start = end;
            let wanted = self.prune.iter().all(|bound| {
                let Some(column) = block.columns.get(bound.column) else { return true };
                bound.may_hold(block.rows.into(), column.nulls.into(), column.bounds.as_ref())
            });
            if end > self.rows.start && wanted {
                return Some((index, self.rows.start.max(start) - start..self.rows.end.min(end) - start));
            }
        }
    }
}

impl Iterator for SegmentScan {
    type Item = Result<(u64, RecordBatch)>;

    fn next(&mut self) -> Option<Self::Item> {
        let (index, within) = self.next_block()?;
        let start = self.block_start - u64::from(self.segment.meta().blocks[index].rows);
        let batch = self.segment.block(index, &self.projection, &self.schema, &mut self.buffer);
        let (from, len) = (within.start as usize, (within.end - within.start) as usize);
        Some(batch.map(|batch| (start + within.start, batch.slice(from, len))))
    }
}
