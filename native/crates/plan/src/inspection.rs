//! What the engine tells of itself as rows, and the columns of each answer: the one place that both sides read.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::types::{DataType, Field};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Inspection {
    /// SHOW CONSUMER GROUPS: a row a group, stream and partition.
    ConsumerGroups,
    /// SHOW SEGMENTS: a row a live segment.
    Segments,
    /// CHECK DATABASE: a row for each thing that is not as it must be; none when all is well.
    CheckDatabase,
}

impl Inspection {
    pub const ALL: [Self; 3] = [Self::ConsumerGroups, Self::Segments, Self::CheckDatabase];

    /// The columns of the answer.
    pub fn fields(self) -> Vec<Field> {
        use DataType::{Bigint, Integer, Text};
        let columns: &[(&str, DataType)] = match self {
            Self::ConsumerGroups => &[
                ("group", Text),
                ("stream", Text),
                ("partition", Integer),
                ("committed_offset", Bigint),
                ("end_offset", Bigint),
                ("lag", Bigint),
            ],
            Self::Segments => &[
                ("relation", Text),
                ("partition", Integer),
                ("file", Text),
                ("rows", Bigint),
                ("bytes", Bigint),
                ("first_epoch", Bigint),
                ("last_epoch", Bigint),
            ],
            Self::CheckDatabase => &[("file", Text), ("offset", Bigint), ("severity", Text), ("what", Text)],
        };
        columns.iter().map(|&(name, data_type)| Field { name: name.to_string(), data_type, nullable: true }).collect()
    }
}
