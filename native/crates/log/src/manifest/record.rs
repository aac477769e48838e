//! The records of a manifest.

use std::collections::BTreeMap;

use millrace_base::{Epoch, RelationId};
use serde::{Deserialize, Serialize};

use crate::ledger::{Delta, Ledger};
use crate::segment::{SegmentId, SegmentKey};

/// A live segment: what must be known of it without reading its file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentEntry {
    pub id: SegmentId,
    pub key: SegmentKey,
    pub first_offset: u64,
    pub rows: u64,
    pub bytes: u64,
    pub epochs: (Epoch, Epoch),
    pub times_us: (i64, i64),
}

impl SegmentEntry {
    /// The offset behind the last row.
    pub fn end(&self) -> u64 {
        self.first_offset + self.rows
    }
}

/// One change of the manifest; it takes effect whole or not at all.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Edit {
    /// The whole ledger: in the first record of each file.
    pub ledger: Option<Ledger>,
    /// Commits up to this epoch (with its time) lie in segments from now on, and changed the ledger thus.
    pub sealed: Option<(Epoch, i64, Delta)>,
    pub added: Vec<SegmentEntry>,
    pub removed: Vec<SegmentId>,
    /// Retention has dropped what comes before these offsets.
    pub starts: Vec<(RelationId, u32, u64)>,
    /// Streams of which earlier epochs cannot be read any more.
    #[serde(default)]
    pub gone: Vec<(RelationId, Epoch)>,
    /// No reader may ask for an older epoch of a table: versions before it are gone.
    pub horizon: Epoch,
    /// Numbers of segment files up to this one have been given away.
    pub file_max: u64,
}

/// What the records of a file amount to.
#[derive(Debug, Clone, Default)]
pub struct Contents {
    pub ledger: Ledger,
    pub segments: BTreeMap<SegmentId, SegmentEntry>,
    pub horizon: Epoch,
    pub file_max: u64,
}

impl Contents {
    pub fn apply(&mut self, edit: &Edit) {
        if let Some(ledger) = &edit.ledger {
            self.ledger = ledger.clone();
        }
        if let Some((epoch, time_us, delta)) = &edit.sealed {
            self.ledger.apply(*epoch, *time_us, delta);
        }
        for &(relation, partition, start) in &edit.starts {
            self.ledger.set_start(relation, partition, start);
        }
        for &(relation, epoch) in &edit.gone {
            self.ledger.set_gone(relation, epoch);
        }
        self.segments.extend(edit.added.iter().map(|entry| (entry.id, entry.clone())));
        edit.removed.iter().for_each(|id| {
            self.segments.remove(id);
        });
        self.horizon = self.horizon.max(edit.horizon);
        self.file_max = self.file_max.max(edit.file_max);
    }

    /// The same contents as one edit.
    pub fn snapshot(&self) -> Edit {
        Edit {
            ledger: Some(self.ledger.clone()),
            added: self.segments.values().cloned().collect(),
            horizon: self.horizon,
            file_max: self.file_max,
            ..Edit::default()
        }
    }
}
