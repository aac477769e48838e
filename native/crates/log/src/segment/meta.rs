//! What a file's footer says of its segments.

use arrow_schema::SchemaRef;
use millrace_base::Epoch;
use serde::{Deserialize, Serialize};

use super::schema::StoredField;
use super::stats::merge;
use super::{SegmentKey, Stat};

/// One column of one block.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ColumnBlock {
    pub offset: u64,
    pub bytes: u32,
    pub crc: u32,
    pub nulls: u32,
    /// About how many distinct values there are.
    pub distinct: u32,
    /// Least and greatest value that is not NULL.
    pub bounds: Option<(Stat, Stat)>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct BlockMeta {
    pub rows: u32,
    pub columns: Vec<ColumnBlock>,
}

/// One segment.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SegmentMeta {
    pub key: SegmentKey,
    /// The offset of the first row in its partition.
    pub first_offset: u64,
    pub rows: u64,
    pub epochs: (Epoch, Epoch),
    pub times_us: (i64, i64),
    /// Bytes of the column blocks.
    pub bytes: u64,
    pub schema: Vec<StoredField>,
    pub blocks: Vec<BlockMeta>,
    /// Epochs, times and row counts of the commits, as columns.
    pub runs: BlockMeta,
}

impl SegmentMeta {
    /// Least and greatest value of a column in the whole segment; `None` where some block does not tell. Of a column
    /// of times this is the segment's range of event time.
    pub fn bounds(&self, column: usize) -> Option<(Stat, Stat)> {
        let mut found = None;
        for block in &self.blocks {
            let stats = block.columns.get(column)?;
            if stats.nulls < block.rows {
                found = Some(match found {
                    None => stats.bounds.clone()?,
                    Some(found) => merge(found, stats.bounds.as_ref()?)?,
                });
            }
        }
        found
    }

    /// Column blocks, those of the runs included, which come last.
    pub(super) fn column_blocks(&self) -> usize {
        self.blocks.iter().chain([&self.runs]).map(|block| block.columns.len()).sum()
    }

    pub fn nulls(&self, column: usize) -> u64 {
        self.blocks.iter().filter_map(|block| block.columns.get(column)).map(|column| u64::from(column.nulls)).sum()
    }
}

/// One file.
#[derive(Debug, Clone)]
pub struct FileMeta {
    pub number: u64,
    pub segments: Vec<SegmentMeta>,
    /// The segments' columns.
    pub schemas: Vec<SchemaRef>,
}
