//! Newtypes for what would otherwise be bare integers.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// The number of a commit. All commits of a database are in one order; the first is 1, and 0 is the empty database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Epoch(pub u64);

impl Epoch {
    pub const ZERO: Epoch = Epoch(0);

    pub fn next(self) -> Epoch {
        Epoch(self.0 + 1)
    }
}

/// Names a catalog object for its whole life; never used again after a drop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, TS)]
#[serde(transparent)]
pub struct RelationId(pub u32);
