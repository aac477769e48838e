//! What a log knows without reading rows: its definitions, positions, sizes, and which epoch was when.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use arrow_array::cast::AsArray;
use arrow_array::types::{Int64Type, UInt64Type};
use arrow_schema::SchemaRef;
use millrace_base::{Code, Epoch, Error, RelationId, Result};
use millrace_plan::Definition;

use super::{Inner, Log, LogStats, RelationStats};
use crate::ledger::Extent;
use crate::manifest::SegmentEntry;
use crate::segment::{SegmentKind, damaged_segment};
use crate::state::{Relation, RelationData};
use crate::stream::Partition;

impl Log {
    /// The time of the newest commit, microseconds since 1970-01-01 UTC.
    pub fn last_time_us(&self) -> i64 {
        self.inner.state.read().ledger.time_us
    }

    /// All catalog objects, in the order of their making.
    pub fn definitions(&self) -> Vec<Definition> {
        self.inner.state.read().ledger.definitions.values().cloned().collect()
    }

    /// An id that no object has had.
    pub fn next_relation_id(&self) -> RelationId {
        RelationId(self.inner.state.read().ledger.id_max + 1)
    }

    /// The partitions' next offsets of a source.
    pub fn offsets(&self, source: RelationId) -> Vec<(i32, i64)> {
        let state = self.inner.state.read();
        let range = state.ledger.offsets.range((source, i32::MIN)..=(source, i32::MAX));
        range.map(|(&(_, p), &next)| (p, next)).collect()
    }

    /// The epoch up to which a sink has delivered; 0 when it has not.
    pub fn progress(&self, sink: RelationId) -> Epoch {
        self.inner.state.read().ledger.progress.get(&sink).copied().unwrap_or_default()
    }

    /// The offset that a consumer group reads next.
    pub fn group_offset(&self, group: &str, stream: RelationId, partition: u32) -> Option<u64> {
        self.inner.state.read().ledger.groups.get(&(group.to_string(), stream, partition)).copied()
    }

    /// Where a consumer group has come to in a stream's partitions. No commit that has passed its check before this is
    /// called is still on its way when this returns.
    pub fn group_offsets_settled(&self, group: &str, stream: RelationId) -> BTreeMap<u32, u64> {
        let _sequencer = self.inner.sequencer.lock();
        let state = self.inner.state.read();
        let from = (group.to_string(), stream, 0);
        let to = (group.to_string(), stream, u32::MAX);
        state.ledger.groups.range(from..=to).map(|((_, _, partition), &next)| (*partition, next)).collect()
    }

    /// All consumer groups: name, stream, partition, and the offset that is read next.
    pub fn groups(&self) -> Vec<(String, RelationId, u32, u64)> {
        let state = self.inner.state.read();
        let groups = state.ledger.groups.iter();
        groups.map(|((group, stream, partition), &next)| (group.clone(), *stream, *partition, next)).collect()
    }

    /// Each partition's offsets: where the rows that are shown begin, and where the newest commits end.
    pub fn extents(&self, stream: RelationId) -> Vec<(u32, Extent)> {
        let state = self.inner.state.read();
        let Some(RelationData::Stream(rows)) = state.readable(stream, self.durable_epoch()).map(|r| &r.data) else {
            return Vec::new();
        };
        let rows = rows.read();
        if !state.relations.contains_key(&stream) {
            // Its drop is not durable yet, and the ledger has forgotten it.
            return rows.partitions.iter().map(|(&p, rows)| (p, rows.extent())).collect();
        }
        // A truncation that is on its way to the journal counts only once it is durable.
        let start = |partition: u32| rows.partitions.get(&partition).map_or(0, |p| p.start);
        let extents = state.ledger.extents.range((stream, 0)..=(stream, u32::MAX));
        extents.map(|(&(_, p), e)| (p, Extent { start: start(p).min(e.end), end: e.end })).collect()
    }

    /// The stored columns of a stream, source or table; all are nullable here.
    pub fn schema(&self, relation: RelationId) -> Result<SchemaRef> {
        self.relation(relation).map(|r| r.schema)
    }

    pub(super) fn relation(&self, id: RelationId) -> Result<Relation> {
        let found = self.inner.state.read().readable(id, self.durable_epoch()).cloned();
        found.ok_or_else(|| Error::new(Code::UndefinedTable, format!("relation {} does not exist", id.0)))
    }

    /// About how many rows a relation has.
    pub fn rows(&self, relation: RelationId) -> Result<u64> {
        Ok(match &self.relation(relation)?.data {
            RelationData::Table(table) => table.len() as u64,
            RelationData::Stream(stream) => stream.read().partitions.values().map(Partition::rows).sum(),
        })
    }

    /// The live segments that hold rows, as the manifest names them.
    pub fn segments(&self) -> Vec<SegmentEntry> {
        let sealer = self.inner.sealer.lock();
        sealer.manifest.live().segments.values().filter(|s| s.key.is_rows()).cloned().collect()
    }

    /// The newest epoch whose commit is not later than `time_us`; 0 when all are.
    pub fn epoch_at(&self, time_us: i64) -> Result<Epoch> {
        let state = self.inner.state.read();
        let at = state.commits.partition_point(|&(_, time)| time <= time_us);
        if at > 0 {
            return Ok(state.commits[at - 1].0);
        }
        drop(state);
        self.inner.sealed_epoch_at(time_us)
    }

    pub fn stats(&self) -> LogStats {
        let state = self.inner.state.read();
        let mut relations: Vec<RelationStats> = state
            .relations
            .iter()
            .map(|(&relation, stored)| {
                let (rows, bytes) = match &stored.data {
                    RelationData::Table(table) => (table.len() as u64, table.bytes() as u64),
                    RelationData::Stream(stream) => stream
                        .read()
                        .partitions
                        .values()
                        .fold((0, 0), |(rows, bytes), p| (rows + p.rows(), bytes + p.bytes())),
                };
                RelationStats { relation, rows, bytes }
            })
            .collect();
        relations.sort_by_key(|r| r.relation);
        LogStats {
            durable_epoch: self.durable_epoch(),
            sealed_epoch: Epoch(self.inner.sealed.load(Ordering::Acquire)),
            journal_bytes: self.inner.journal.bytes(),
            segment_bytes: self.inner.segment_bytes.load(Ordering::Relaxed),
            relations,
            maintenance_error: self.inner.maintenance_error.lock().clone(),
        }
    }
}

impl Inner {
    /// As `Log::epoch_at`, among the commits that are sealed.
    fn sealed_epoch_at(&self, time_us: i64) -> Result<Epoch> {
        // The last index that begins at that time or earlier holds the answer.
        let index = {
            let sealer = self.sealer.lock();
            let commits = sealer.manifest.live().segments.values().filter(|s| s.key.kind == SegmentKind::Commits);
            let begun = commits.filter(|s| s.times_us.0 <= time_us);
            begun.max_by_key(|s| s.epochs).map(|s| (s.id, s.rows))
        };
        let mut newest = Epoch::ZERO;
        if let Some((id, rows)) = index {
            for found in self.pool.segment(id)?.scan(&[0, 1], &[], 0..rows) {
                let (_, batch) = found?;
                let epochs = batch.column(0).as_primitive_opt::<UInt64Type>();
                let times = batch.column(1).as_primitive_opt::<Int64Type>();
                let (Some(epochs), Some(times)) = (epochs, times) else {
                    return Err(damaged_segment(id, "holds other columns than a commit index has"));
                };
                let at = times.values().partition_point(|&time| time <= time_us);
                if at > 0 {
                    newest = newest.max(Epoch(epochs.value(at - 1)));
                }
            }
        }
        Ok(newest)
    }
}
