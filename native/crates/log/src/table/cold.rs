//! What a table needs of a segment that holds rows of it. A trait, so that the table's tests need no files.

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use arrow_array::RecordBatch;
use millrace_base::{Epoch, Result};

use super::runs::Runs;
use crate::segment::{Bound, CommitRun, Segment, SegmentId};

/// A batch, and the number of its first row in the segment.
pub type ColdBatches = Box<dyn Iterator<Item = Result<(u64, RecordBatch)>> + Send>;

/// Rows in a segment, in the order of their commits.
pub trait ColdRows: Send + Sync {
    fn id(&self) -> SegmentId;
    fn rows(&self) -> u64;
    /// Bytes on disk.
    fn bytes(&self) -> u64;
    /// The first and the last row's epoch.
    fn epochs(&self) -> (Epoch, Epoch);
    fn runs(&self) -> Result<Arc<[CommitRun]>>;
    /// The chosen columns of some rows; blocks that `prune` excludes may be left out.
    fn scan(&self, projection: &[usize], prune: &[Bound], rows: Range<u64>) -> ColdBatches;
    /// The chosen columns of single rows.
    fn take(&self, rows: &[u64], projection: &[usize]) -> Result<RecordBatch>;
    /// The segment itself, whose blocks can be read one by one.
    fn segment(&self) -> Option<&Segment> {
        None
    }
}

impl ColdRows for Segment {
    fn id(&self) -> SegmentId {
        Segment::id(self)
    }

    fn rows(&self) -> u64 {
        self.meta().rows
    }

    fn bytes(&self) -> u64 {
        self.meta().bytes
    }

    fn epochs(&self) -> (Epoch, Epoch) {
        self.meta().epochs
    }

    fn runs(&self) -> Result<Arc<[CommitRun]>> {
        Segment::runs(self)
    }

    fn scan(&self, projection: &[usize], prune: &[Bound], rows: Range<u64>) -> ColdBatches {
        Box::new(Segment::scan(self, projection, prune, rows))
    }

    fn take(&self, rows: &[u64], projection: &[usize]) -> Result<RecordBatch> {
        Segment::take(self, rows, projection)
    }

    fn segment(&self) -> Option<&Segment> {
        Some(self)
    }
}

/// A segment that a table's chunks share.
pub struct Cold {
    pub rows: Arc<dyn ColdRows>,
    runs: OnceLock<Arc<Runs>>,
}

impl Cold {
    pub fn new(rows: Arc<dyn ColdRows>) -> Self {
        Self { rows, runs: OnceLock::new() }
    }

    /// Which rows came when; read when someone looks that far back.
    pub fn runs(&self) -> Result<Arc<Runs>> {
        if let Some(runs) = self.runs.get() {
            return Ok(runs.clone());
        }
        let runs = Arc::new(Runs::of_segment(&self.rows.runs()?));
        Ok(self.runs.get_or_init(|| runs).clone())
    }
}
