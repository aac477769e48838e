//! What one commit carries: rows of any number of relations, catalog changes, source offsets and sink progress.

use std::sync::Arc;

use arrow_array::RecordBatch;
use millrace_base::{Epoch, RelationId};
use millrace_plan::CatalogChange;
use serde::{Deserialize, Serialize};

use crate::options::Durability;

/// Rows of one relation, with all of its columns. `weights` holds one +1 or -1 a row; `None` means that all are +1.
#[derive(Debug, Clone)]
pub struct RelationRows {
    pub relation: RelationId,
    /// Of a stream: the partition that the rows go to. 0 for tables.
    pub partition: u32,
    pub batch: RecordBatch,
    pub weights: Option<Arc<[i64]>>,
}

/// The offset that a source reads next from a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceOffset {
    pub source: RelationId,
    pub partition: i32,
    pub next_offset: i64,
}

/// A sink has delivered the changes of all epochs up to this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SinkProgress {
    pub sink: RelationId,
    pub epoch: Epoch,
}

/// The offset that a consumer group reads next from a partition of a stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupOffset {
    pub group: String,
    pub stream: RelationId,
    pub partition: u32,
    /// `None` forgets the group's place.
    pub next_offset: Option<u64>,
}

/// One commit: in the journal whole, or not at all. Catalog changes apply before the rows.
#[derive(Debug, Clone, Default)]
pub struct Commit {
    pub rows: Vec<RelationRows>,
    pub catalog: Vec<CatalogChange>,
    pub offsets: Vec<SourceOffset>,
    pub progress: Vec<SinkProgress>,
    pub groups: Vec<GroupOffset>,
    /// Streams whose rows up to this commit go; a commit that truncates a stream adds no rows to it.
    pub truncated: Vec<RelationId>,
    /// When it is acknowledged; the log's own way if not said.
    pub durability: Option<Durability>,
}

/// A commit with its place in the order of all commits.
#[derive(Debug, Clone)]
pub struct Committed {
    pub epoch: Epoch,
    /// What `now()` means in this commit: microseconds since 1970-01-01 UTC, never less than in the commit before.
    pub time_us: i64,
    pub commit: Arc<Commit>,
}
