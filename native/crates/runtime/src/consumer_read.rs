//! How a consumer reads a partition: bounded batches from blocks of segments and from commits that may have one row each.

use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, RecordBatch, TimestampMicrosecondArray};
use arrow_schema::SchemaRef;
use millrace_base::limits::BATCH_ROWS;
use millrace_base::{Epoch, Result};
use millrace_log::{Extent, OffsetBatch};
use millrace_plan::DataType;

use crate::consumer::{ConsumedRows, Consumer};
use crate::ipc;
use crate::mailbox::batch_bytes;
use crate::statement::failed;

/// Bytes of a block that are kept for the next pull; a larger one is read again.
const REST_BYTES_MAX: usize = 16 << 20;
/// `epoch` and `time`, a row.
const PLACE_BYTES: usize = 16;

/// Of one batch.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    pub rows: usize,
    pub bytes: usize,
}

/// Where a consumer is in a partition.
#[derive(Default)]
pub struct Place {
    /// The generation that gave the partition.
    pub since: u64,
    /// Counts seeks.
    pub version: u64,
    next: u64,
    /// Rows from `next` on that were read and not given yet.
    rest: Option<OffsetBatch>,
}

impl Place {
    pub fn at(since: u64, next: u64) -> Self {
        Self { since, next, ..Self::default() }
    }

    pub fn sought(since: u64, version: u64, next: u64) -> Self {
        Self { version, ..Self::at(since, next) }
    }

    /// The place for a read; it is put back when no seek came in between.
    pub fn lend(&mut self) -> Self {
        Self { since: self.since, version: self.version, next: self.next, rest: self.rest.take() }
    }
}

/// The schema of a consumer's batches.
pub fn schema_of(mut names: Vec<String>, mut types: Vec<DataType>) -> SchemaRef {
    names.extend(["epoch".into(), "time".into()]);
    types.extend([DataType::Bigint, DataType::Timestamptz]);
    ipc::result_schema(&names, &types)
}

impl Consumer {
    /// The next rows of a partition, as far as they are durable.
    pub(crate) fn read_partition(
        &self,
        partition: u32,
        place: &mut Place,
        extent: Extent,
        upto: Epoch,
        limits: Limits,
    ) -> Result<Option<ConsumedRows>> {
        if extent.start > place.next {
            // They are gone, and may not be shown though they are still at hand.
            place.rest = None;
        }
        if extent.end <= place.next.max(extent.start) {
            return Ok(None);
        }
        let mut gathered = Gathered { limits, ..Gathered::default() };
        if let Some(rest) = place.rest.take() {
            place.rest = gathered.add(rest)?;
        }
        if place.rest.is_none() && !gathered.is_full() {
            let from = gathered.next.unwrap_or(place.next);
            let end = from.saturating_add(gathered.room() as u64);
            for batch in self.shared.log.read_between(self.stream, partition, &self.columns, from..end, upto)? {
                let batch = batch?;
                // Rows between may have gone meanwhile: a batch has no gaps, so these are the next one's.
                if gathered.next.is_some_and(|next| next != batch.first_offset) {
                    break;
                }
                place.rest = gathered.add(batch)?;
                if place.rest.is_some() || gathered.is_full() {
                    break;
                }
            }
        }
        place.rest.take_if(|rest| rest.rows.get_array_memory_size() > REST_BYTES_MAX);
        let (Some(first_offset), Some(next_offset)) = (gathered.first, gathered.next) else { return Ok(None) };
        let skipped = first_offset.saturating_sub(place.next);
        place.next = next_offset;
        let ipc = self.encode(gathered)?;
        Ok(Some(ConsumedRows { partition, first_offset, next_offset, skipped, ipc }))
    }

    /// Small batches become larger ones on the way: a reader of single-row commits gets no batch a row.
    fn encode(&self, gathered: Gathered) -> Result<Vec<u8>> {
        let mut whole = Vec::new();
        let mut group: Vec<RecordBatch> = Vec::new();
        let mut rows = 0;
        for part in gathered.parts {
            let part = self.with_places(part)?;
            rows += part.num_rows();
            group.push(part);
            if rows >= BATCH_ROWS {
                whole.push(self.together(&std::mem::take(&mut group))?);
                rows = 0;
            }
        }
        if !group.is_empty() {
            whole.push(self.together(&group)?);
        }
        ipc::encode(&self.schema, whole.into_iter().map(Ok))
    }

    fn together(&self, batches: &[RecordBatch]) -> Result<RecordBatch> {
        match batches {
            [only] => Ok(only.clone()),
            several => arrow_select::concat::concat_batches(&self.schema, several).map_err(failed),
        }
    }

    /// The rows with the epoch and time of their commits.
    fn with_places(&self, part: OffsetBatch) -> Result<RecordBatch> {
        let rows = part.rows.num_rows();
        let (mut epochs, mut times) = (Vec::with_capacity(rows), Vec::with_capacity(rows));
        for run in &part.runs {
            epochs.extend(std::iter::repeat_n(run.epoch.0 as i64, run.rows as usize));
            times.extend(std::iter::repeat_n(run.time_us, run.rows as usize));
        }
        let mut columns: Vec<ArrayRef> = part.rows.columns().to_vec();
        columns.push(Arc::new(Int64Array::from(epochs)));
        columns.push(Arc::new(TimestampMicrosecondArray::from(times).with_timezone("UTC")));
        ipc::with_columns(&self.schema, columns, rows)
    }
}

/// A batch in the making.
struct Gathered {
    limits: Limits,
    rows: usize,
    bytes: usize,
    first: Option<u64>,
    next: Option<u64>,
    parts: Vec<OffsetBatch>,
    full: bool,
}

impl Default for Gathered {
    fn default() -> Self {
        let limits = Limits { rows: BATCH_ROWS, bytes: usize::MAX };
        Self { limits, rows: 0, bytes: 0, first: None, next: None, parts: Vec::new(), full: false }
    }
}

impl Gathered {
    fn room(&self) -> usize {
        self.limits.rows - self.rows
    }

    fn is_full(&self) -> bool {
        self.full || self.room() == 0
    }

    /// Takes what there is room for; the first row is taken whatever its size. Gives back the rest.
    fn add(&mut self, batch: OffsetBatch) -> Result<Option<OffsetBatch>> {
        let all = batch.rows.num_rows();
        if all == 0 {
            return Ok(None);
        }
        let bytes = |rows: usize| batch_bytes(&batch.rows.slice(0, rows)) + rows * PLACE_BYTES;
        let fits = |rows: usize| self.bytes.saturating_add(bytes(rows)) <= self.limits.bytes;
        let mut count = all.min(self.room());
        if !fits(count) {
            // The most rows that fit: bytes grow with rows.
            let (mut few, mut many) = (0, count);
            while many - few > 1 {
                let middle = few + (many - few) / 2;
                if fits(middle) { few = middle } else { many = middle }
            }
            count = few;
            self.full = true;
        }
        if count == 0 && self.rows == 0 {
            count = 1;
        }
        if count == 0 {
            return Ok(Some(batch));
        }
        self.bytes += bytes(count);
        let (taken, rest) = split(batch, count);
        self.rows += count;
        self.first.get_or_insert(taken.first_offset);
        self.next = Some(taken.first_offset + count as u64);
        self.parts.push(taken);
        Ok(rest)
    }
}

/// The first `count` rows, and those after them.
fn split(batch: OffsetBatch, count: usize) -> (OffsetBatch, Option<OffsetBatch>) {
    let all = batch.rows.num_rows();
    if count >= all {
        return (batch, None);
    }
    let (mut before, mut after) = (Vec::new(), Vec::new());
    let mut left = count as u32;
    for run in batch.runs {
        let here = run.rows.min(left);
        left -= here;
        if here > 0 {
            before.push(millrace_log::segment::CommitRun { rows: here, ..run });
        }
        if run.rows > here {
            after.push(millrace_log::segment::CommitRun { rows: run.rows - here, ..run });
        }
    }
    let rest = batch.rows.slice(count, all - count);
    let rest = OffsetBatch { first_offset: batch.first_offset + count as u64, rows: rest, runs: after };
    (OffsetBatch { first_offset: batch.first_offset, rows: batch.rows.slice(0, count), runs: before }, Some(rest))
}
