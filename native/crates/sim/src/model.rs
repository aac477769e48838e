//! What the database must hold, in plain maps and vectors: every commit that was handed in, in order, and the state that
//! they amount to.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_schema::SchemaRef;
use millrace_base::{Epoch, RelationId};
use millrace_log::{Commit, Durability, GroupOffset, RelationRows, SinkProgress, SourceOffset};
use millrace_plan::{CatalogChange, ColumnDef, Definition, DefinitionKind, Field, arrow_schema};

use crate::value::{Row, to_batch};

const ALIVE: u64 = u64::MAX;

/// Rows of one relation in one commit, each with +1 or -1.
#[derive(Debug, Clone)]
pub struct PlainRows {
    pub relation: RelationId,
    pub partition: u32,
    pub rows: Vec<(Row, i64)>,
}

#[derive(Debug, Clone, Default)]
pub struct PlainCommit {
    pub catalog: Vec<CatalogChange>,
    pub rows: Vec<PlainRows>,
    pub offsets: Vec<SourceOffset>,
    pub progress: Vec<SinkProgress>,
    pub groups: Vec<GroupOffset>,
    /// Streams that lose their rows.
    pub truncated: Vec<RelationId>,
    pub durability: Option<Durability>,
    pub time_us: i64,
}

/// A row and the epochs from which, and until which, it is there.
#[derive(Debug, Clone)]
struct Version {
    row: Row,
    partition: u32,
    /// Within the partition of a stream.
    offset: u64,
    time_us: i64,
    born: u64,
    died: u64,
}

/// The offsets of a partition: those from `start` on are there, `end` is the next row's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Span {
    pub start: u64,
    pub end: u64,
}

#[derive(Debug, Clone)]
pub struct PlainRelation {
    pub schema: SchemaRef,
    pub columns: Vec<ColumnDef>,
    /// `None` for a stream; the key's columns for a table, none of them for a table without a key.
    pub key: Option<Vec<usize>>,
    /// Of a stream, without its truncations.
    spans: BTreeMap<u32, Span>,
    /// Where partitions begin from a commit on that truncated them: epoch, partition, start.
    truncations: Vec<(u64, u32, u64)>,
    versions: Vec<Version>,
    /// Of a stream: the newest commit whose rows retention has dropped.
    expired: u64,
}

impl PlainRelation {
    fn of(definition: &Definition) -> Option<Self> {
        let (columns, key) = match &definition.object {
            DefinitionKind::Stream { columns, .. } | DefinitionKind::Source { columns, .. } => (columns, None),
            DefinitionKind::Table { columns, primary_key, .. } => {
                (columns, Some(primary_key.iter().map(|&c| c as usize).collect()))
            }
            _ => return None,
        };
        let fields: Vec<Field> = columns.iter().map(|c| Field { nullable: true, ..c.field() }).collect();
        let schema = Arc::new(arrow_schema(&fields));
        Some(Self {
            schema,
            columns: columns.clone(),
            key,
            spans: BTreeMap::new(),
            truncations: Vec::new(),
            versions: Vec::new(),
            expired: 0,
        })
    }

    pub fn is_table(&self) -> bool {
        self.key.is_some()
    }

    /// The rows at `as_of` that were born after `after`, in the order of their making, while the log shows `newest`: of a
    /// stream nothing is kept for readers of the past, but a truncation counts only once it is shown.
    pub fn rows(&self, after: u64, as_of: u64, newest: u64) -> impl Iterator<Item = &Row> {
        let alive_at = if self.is_table() { as_of } else { newest };
        let seen = move |v: &&Version| after < v.born && v.born <= as_of && alive_at < v.died;
        self.versions.iter().filter(seen).map(|v| &v.row)
    }

    /// The newest rows.
    pub fn live(&self) -> Vec<&Row> {
        self.versions.iter().filter(|v| v.died == ALIVE).map(|v| &v.row).collect()
    }

    pub fn key_of(&self, row: &Row) -> Row {
        self.key.as_ref().map_or_else(Vec::new, |key| key.iter().map(|&c| row[c].clone()).collect())
    }

    /// Rows of several partitions stand side by side in no order that anyone promised.
    pub fn partitions(&self) -> u32 {
        self.versions.iter().map(|v| v.partition + 1).max().unwrap_or(1)
    }

    /// One partition's rows from an offset on that were born up to `as_of`, which the log shows, with their offsets and epochs.
    pub fn rows_from(&self, partition: u32, offset: u64, as_of: u64) -> impl Iterator<Item = (u64, u64, &Row)> {
        let seen =
            move |v: &&Version| v.partition == partition && v.offset >= offset && v.born <= as_of && as_of < v.died;
        self.versions.iter().filter(seen).map(|v| (v.offset, v.born, &v.row))
    }

    /// Whether a row with this key came or went after `since`.
    pub fn changed_after(&self, key: &Row, since: u64) -> bool {
        let changed = |v: &Version| v.born > since || (v.died > since && v.died != ALIVE);
        self.versions.iter().any(|v| changed(v) && self.key_of(&v.row) == *key)
    }

    /// The time of the newest commit of a partition with rows in `from..to`.
    pub fn newest_time_us(&self, partition: u32, from: u64, to: u64) -> Option<i64> {
        let within = |v: &&Version| v.partition == partition && (from..to).contains(&v.offset);
        self.versions.iter().filter(within).map(|v| v.time_us).max()
    }

    /// A partition begins at `start` now.
    fn drop_before(&mut self, partition: u32, start: u64) {
        let Some(span) = self.spans.get_mut(&partition) else { return };
        span.start = span.start.max(start).min(span.end);
        let start = span.start;
        let gone = self.versions.iter().filter(|v| v.partition == partition && v.offset < start);
        self.expired = gone.map(|v| v.born).max().unwrap_or(0).max(self.expired);
        self.versions.retain(|v| v.partition != partition || v.offset >= start);
    }

    /// Epochs of a stream before this one cannot be read while the log shows `newest`.
    pub fn gone(&self, newest: u64) -> u64 {
        let truncated = self.truncations.iter().map(|(epoch, ..)| *epoch).filter(|&epoch| epoch <= newest);
        truncated.max().unwrap_or(0).max(self.expired)
    }

    fn truncate(&mut self, epoch: u64) {
        self.truncations.extend(self.spans.iter().map(|(&partition, span)| (epoch, partition, span.end)));
        self.versions.iter_mut().filter(|v| v.died == ALIVE).for_each(|v| v.died = epoch);
    }

    /// A stream's partitions while the log shows `newest`: a truncation counts only once it is shown.
    pub fn spans(&self, newest: u64) -> BTreeMap<u32, Span> {
        let mut spans = self.spans.clone();
        for (_, partition, start) in self.truncations.iter().filter(|(epoch, ..)| *epoch <= newest) {
            let span = spans.get_mut(partition).expect("a partition stays");
            span.start = span.start.max(*start);
        }
        spans
    }

    fn apply(&mut self, epoch: u64, time_us: i64, part: &PlainRows) {
        let rows = &part.rows;
        for (row, _) in rows.iter().filter(|(_, weight)| *weight < 0) {
            let dead = self.versions.iter_mut().rev().find(|v| v.died == ALIVE && v.row == *row);
            dead.expect("only rows that are there are deleted").died = epoch;
        }
        let partition = part.partition;
        let mut offset = self.spans.get(&partition).map_or(0, |span| span.end);
        for (row, _) in rows.iter().filter(|(_, weight)| *weight > 0) {
            self.versions.push(Version { row: row.clone(), partition, offset, time_us, born: epoch, died: ALIVE });
            offset += 1;
        }
        if !self.is_table() {
            self.spans.entry(partition).or_default().end = offset;
        }
    }
}

/// The state after a commit.
#[derive(Debug, Clone, Default)]
pub struct Plain {
    pub epoch: u64,
    pub time_us: i64,
    pub definitions: BTreeMap<RelationId, Definition>,
    pub relations: BTreeMap<RelationId, PlainRelation>,
    pub offsets: BTreeMap<(RelationId, i32), i64>,
    pub progress: BTreeMap<RelationId, Epoch>,
    pub groups: BTreeMap<(String, RelationId, u32), u64>,
    pub id_max: u32,
}

impl Plain {
    fn apply(&mut self, commit: &PlainCommit) {
        self.epoch += 1;
        self.time_us = commit.time_us;
        for change in &commit.catalog {
            match change {
                CatalogChange::Create { definition } => {
                    self.id_max = self.id_max.max(definition.id.0);
                    self.definitions.insert(definition.id, definition.clone());
                    if let Some(relation) = PlainRelation::of(definition) {
                        self.relations.insert(definition.id, relation);
                    }
                }
                CatalogChange::Drop { id } => {
                    self.definitions.remove(id);
                    self.relations.remove(id);
                    self.offsets.retain(|(source, _), _| source != id);
                    self.progress.remove(id);
                    self.groups.retain(|(_, stream, _), _| stream != id);
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
        for part in &commit.rows {
            let relation = self.relations.get_mut(&part.relation).expect("rows go to relations that exist");
            relation.apply(self.epoch, self.time_us, part);
        }
        for id in &commit.truncated {
            self.relations.get_mut(id).expect("a stream that exists").truncate(self.epoch);
        }
        for offset in &commit.offsets {
            self.offsets.insert((offset.source, offset.partition), offset.next_offset);
        }
        for sink in &commit.progress {
            self.progress.insert(sink.sink, sink.epoch);
        }
        for group in &commit.groups {
            let place = (group.group.clone(), group.stream, group.partition);
            match group.next_offset {
                Some(next) => self.groups.insert(place, next),
                None => self.groups.remove(&place),
            };
        }
    }
}

impl Plain {
    fn drop_before(&mut self, id: RelationId, partition: u32, start: u64) {
        if let Some(relation) = self.relations.get_mut(&id) {
            relation.drop_before(partition, start);
        }
    }
}

impl PlainCommit {
    /// As the log takes it. `made` has the relations that this commit makes as well.
    pub fn to_commit(&self, before: &Plain) -> Commit {
        let made: BTreeMap<RelationId, PlainRelation> = self
            .catalog
            .iter()
            .filter_map(|change| match change {
                CatalogChange::Create { definition } => Some((definition.id, PlainRelation::of(definition)?)),
                _ => None,
            })
            .collect();
        let part = |part: &PlainRows| {
            let relation = made.get(&part.relation).or_else(|| before.relations.get(&part.relation))?;
            let rows: Vec<&Row> = part.rows.iter().map(|(row, _)| row).collect();
            let weighted = part.rows.iter().any(|(_, weight)| *weight < 0);
            let weights = weighted.then(|| part.rows.iter().map(|(_, weight)| *weight).collect());
            Some(RelationRows {
                relation: part.relation,
                partition: part.partition,
                batch: to_batch(&relation.schema, &rows),
                weights,
            })
        };
        Commit {
            rows: self.rows.iter().filter_map(part).collect(),
            catalog: self.catalog.clone(),
            offsets: self.offsets.clone(),
            progress: self.progress.clone(),
            groups: self.groups.clone(),
            truncated: self.truncated.clone(),
            durability: self.durability,
        }
    }
}

struct Kept {
    commit: PlainCommit,
    /// The newest epoch that was durable when this commit was written.
    testimony: u64,
}

/// All commits that got an epoch, and what was promised of them.
#[derive(Default)]
pub struct Model {
    commits: Vec<Kept>,
    /// The state with all of them.
    pub now: Plain,
    /// Epochs up to this one survive everything but damage.
    pub promised: u64,
    /// Epochs up to this one survive the end of the process.
    pub written: u64,
    /// What retention has dropped: the partitions' rows before these offsets, for good.
    pub starts: Starts,
    /// The same, with what it may have dropped when it failed.
    pub starts_perhaps: Starts,
}

pub type Starts = BTreeMap<(RelationId, u32), u64>;

impl Model {
    pub fn push(&mut self, commit: PlainCommit) {
        self.now.apply(&commit);
        self.commits.push(Kept { commit, testimony: 0 });
    }

    /// Epochs from `first` on are written now, behind `durable` ones.
    pub fn testify(&mut self, first: u64, durable: u64) {
        for kept in self.commits.iter_mut().skip(first as usize - 1) {
            kept.testimony = durable;
        }
    }

    /// Up to which epoch one flipped bit is noticed in any case: the journal says so itself.
    pub fn testified(&self) -> u64 {
        self.commits.iter().map(|kept| kept.testimony).max().unwrap_or(0)
    }

    /// The commits after `epoch` are gone.
    pub fn truncate(&mut self, epoch: u64) {
        if epoch < self.now.epoch {
            self.commits.truncate(epoch as usize);
            self.now = self.at(epoch);
        }
    }

    /// The state after `epoch`.
    pub fn at(&self, epoch: u64) -> Plain {
        self.at_with(epoch, &self.starts)
    }

    /// The state after `epoch`, when retention has dropped what comes before `starts`.
    pub fn at_with(&self, epoch: u64, starts: &Starts) -> Plain {
        let mut state = Plain::default();
        self.commits[..epoch as usize].iter().for_each(|kept| state.apply(&kept.commit));
        starts.iter().for_each(|(&(id, partition), &start)| state.drop_before(id, partition, start));
        state
    }

    /// Retention has dropped the rows of a partition before `start`.
    pub fn drop_before(&mut self, id: RelationId, partition: u32, start: u64) {
        self.starts.insert((id, partition), start);
        self.starts_perhaps.insert((id, partition), start);
        self.now.drop_before(id, partition, start);
    }
}
