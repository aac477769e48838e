//! What a consumer group says of places in a stream. Rows come to a member in batches of one partition, in offset order:
//! Arrow with the columns that it opened with, then `epoch` (int64) and `time` (timestamptz) of each row's commit.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::expr::Expr;

/// A place in each partition that is meant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(tag = "at", rename_all = "snake_case", deny_unknown_fields)]
pub enum Position {
    /// The oldest row that retention has left.
    Earliest,
    /// After the newest durable row.
    Latest,
    /// An offset before the oldest row is that row's; one after the end is SQLSTATE 22023.
    Offset { offset: u64 },
    /// The first row of a commit at that time or later. A timestamptz, without columns.
    Timestamp { time: Expr },
}

/// Where to go, in one partition or in all.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct Seek {
    pub partition: Option<u32>,
    pub to: Position,
}

/// The offset that is read next from a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct PartitionOffset {
    pub partition: u32,
    pub next_offset: u64,
}
