//! Segments: immutable columnar files. A file holds one or more segments; a segment holds rows of one partition in
//! commit order, in blocks, column by column, each column block with its statistics and checksum. SEGMENT_FORMAT.md
//! tells the bytes. `meta` is what the footer says, `stats` what is known of a block, `block` one column block as
//! bytes, `footer` the ends of a file, `writer`, `reader` and `scan` what writes and reads, `pool` the open files, `cache` the blocks that were read.

mod block;
mod cache;
mod footer;
mod meta;
mod pool;
#[cfg(test)]
mod pool_tests;
mod reader;
mod scan;
mod schema;
mod stats;
#[cfg(test)]
mod tests;
mod writer;

use std::path::{Path, PathBuf};

use millrace_base::{Code, Epoch, Error, RelationId};
use serde::{Deserialize, Serialize};

pub use meta::{BlockMeta, ColumnBlock, FileMeta, SegmentMeta};
pub use millrace_kernels::encodings::EncodedColumn;
pub use pool::{FilePool, SegmentFile};
pub use reader::Segment;
pub use scan::SegmentScan;
pub use stats::{Bound, BoundOp, Stat};
pub use writer::FileWriter;

/// Rows of a block.
pub const BLOCK_ROWS: usize = 64 * 1024;

/// Names a segment: its file's number and its place in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SegmentId {
    pub file: u64,
    pub index: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum SegmentKind {
    /// Rows of a relation.
    Rows,
    /// Which rows of a table's segment have died, and at which epoch.
    Deletes { of: SegmentId },
    /// Epoch and time of commits.
    Commits,
}

/// Whose rows a segment holds.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SegmentKey {
    pub relation: RelationId,
    pub partition: u32,
    pub kind: SegmentKind,
}

impl SegmentKey {
    pub fn is_rows(&self) -> bool {
        self.kind == SegmentKind::Rows
    }
}

/// Consecutive rows of one commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommitRun {
    pub epoch: Epoch,
    /// Microseconds since 1970-01-01 UTC.
    pub time_us: i64,
    pub rows: u32,
}

/// Where the file with this number lies.
pub fn segment_path(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{number:016}.seg"))
}

/// A read that finds the file shorter than its footer says has found damage.
fn read_error(path: &Path, offset: u64, cause: &std::io::Error) -> Error {
    match cause.kind() {
        std::io::ErrorKind::UnexpectedEof => damaged(path, offset, "the file is cut off"),
        _ => Error::io(path, "read", cause),
    }
}

fn damaged(path: &Path, offset: u64, why: impl std::fmt::Display) -> Error {
    Error::new(Code::DataCorrupted, format!("segment file \"{}\" is damaged at offset {offset}: {why}", path.display()))
        .with_hint("Restore the file from a backup.")
}

/// A segment whose checksums are right but whose rows cannot be what its kind has.
pub fn damaged_segment(id: SegmentId, why: &str) -> Error {
    Error::new(Code::DataCorrupted, format!("segment {} of file {:016}.seg {why}", id.index, id.file))
}
