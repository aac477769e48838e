//! What a database amounts to at an epoch apart from its rows: the catalog, and how far everybody has come. Each
//! commit changes it by a `Delta`; live commits, replay on open and sealing all apply the same ones, so they cannot
//! come to differ.

use std::collections::BTreeMap;

use millrace_base::{Epoch, RelationId};
use millrace_plan::{CatalogChange, Definition};
use serde::{Deserialize, Serialize};

use crate::commit::{GroupOffset, SinkProgress, SourceOffset};
use crate::journal::body::BodyHead;

/// The offsets that a partition of a stream holds: from `start`, before `end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Extent {
    pub start: u64,
    pub end: u64,
}

/// What one commit, or a run of commits, changes.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Delta {
    pub catalog: Vec<CatalogChange>,
    pub offsets: Vec<SourceOffset>,
    pub progress: Vec<SinkProgress>,
    pub groups: Vec<GroupOffset>,
    pub truncated: Vec<RelationId>,
    /// Rows added at the end of a partition.
    pub appended: Vec<(RelationId, u32, u64)>,
}

impl Delta {
    pub fn of(head: &BodyHead) -> Self {
        Self {
            catalog: head.catalog.clone(),
            offsets: head.offsets.clone(),
            progress: head.progress.clone(),
            groups: head.groups.clone(),
            truncated: head.truncated.clone(),
            appended: head.rows.iter().map(|at| (at.relation, at.partition, u64::from(at.rows))).collect(),
        }
    }
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Ledger {
    pub epoch: Epoch,
    pub time_us: i64,
    pub id_max: u32,
    pub definitions: BTreeMap<RelationId, Definition>,
    pub offsets: BTreeMap<(RelationId, i32), i64>,
    pub progress: BTreeMap<RelationId, Epoch>,
    pub groups: BTreeMap<(String, RelationId, u32), u64>,
    pub extents: BTreeMap<(RelationId, u32), Extent>,
    /// Streams whose past has gone: before this epoch a partition had rows of which none is kept, since the stream was
    /// truncated then, or since retention has dropped rows up to that commit.
    #[serde(default)]
    pub gone: BTreeMap<RelationId, Epoch>,
}

impl Ledger {
    pub fn apply(&mut self, epoch: Epoch, time_us: i64, delta: &Delta) {
        for change in &delta.catalog {
            match change {
                CatalogChange::Create { definition } => {
                    self.id_max = self.id_max.max(definition.id.0);
                    self.definitions.insert(definition.id, definition.clone());
                }
                CatalogChange::Drop { id } => {
                    self.definitions.remove(id);
                    self.offsets.retain(|(source, _), _| source != id);
                    self.groups.retain(|(_, stream, _), _| stream != id);
                    self.extents.retain(|(relation, _), _| relation != id);
                    self.progress.remove(id);
                    self.gone.remove(id);
                }
                CatalogChange::Replace { definition } => {
                    self.definitions.insert(definition.id, definition.clone());
                }
                CatalogChange::Fill { .. } => {}
                CatalogChange::SetOptions { id, options } => {
                    if let Some(definition) = self.definitions.get_mut(id) {
                        definition.object.set_options(options.clone());
                    }
                }
            }
        }
        for &(relation, partition, rows) in &delta.appended {
            if self.definitions.contains_key(&relation) {
                self.extents.entry((relation, partition)).or_default().end += rows;
            }
        }
        for relation in &delta.truncated {
            for (_, extent) in self.extents.range_mut((*relation, 0)..=(*relation, u32::MAX)) {
                extent.start = extent.end;
                self.gone.insert(*relation, epoch);
            }
        }
        for offset in &delta.offsets {
            self.offsets.insert((offset.source, offset.partition), offset.next_offset);
        }
        for sink in &delta.progress {
            self.progress.insert(sink.sink, sink.epoch);
        }
        for place in &delta.groups {
            let key = (place.group.clone(), place.stream, place.partition);
            match place.next_offset {
                Some(next) => self.groups.insert(key, next),
                None => self.groups.remove(&key),
            };
        }
        self.epoch = epoch;
        self.time_us = self.time_us.max(time_us);
    }

    /// Epochs of a stream before this one cannot be read any more.
    pub fn set_gone(&mut self, relation: RelationId, epoch: Epoch) {
        if self.definitions.contains_key(&relation) {
            let gone = self.gone.entry(relation).or_default();
            *gone = epoch.max(*gone);
        }
    }

    /// Retention has dropped the rows of a partition before this offset.
    pub fn set_start(&mut self, relation: RelationId, partition: u32, start: u64) {
        if let Some(extent) = self.extents.get_mut(&(relation, partition)) {
            extent.start = extent.start.max(start).min(extent.end);
        }
    }
}
