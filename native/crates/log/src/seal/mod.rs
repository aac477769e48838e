//! Sealing: the rows of a journal file that is full go into segments, the manifest says so, and the file is dropped.
//! Each step is durable before the next one relies on it. What is written is a function of the journal alone, so a
//! sealing that was cut short is simply done again.

mod output;
mod unnamed;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use arrow::buffer::Buffer;
use arrow_schema::SchemaRef;
use millrace_base::{Epoch, Error, RelationId, Result, Storage};
use millrace_plan::{CatalogChange, DefinitionKind};
use parking_lot::RwLock;

use crate::commit::{GroupOffset, SinkProgress, SourceOffset};
use crate::journal::body::{BodyHead, RowsAt, decode_head};
use crate::journal::{FrameRef, Journal};
use crate::ledger::{Delta, Ledger};
use crate::manifest::{Edit, Manifest, SegmentEntry};
use crate::segment::{FilePool, SegmentFile, SegmentId, SegmentKey};
use crate::state::{State, nullable_schema};
use crate::table::TableState;

pub use output::{Output, entries};
pub use unnamed::Unnamed;

/// The commit index belongs to no relation.
pub const COMMITS: RelationId = RelationId(0);

/// What sealing and compaction own: the manifest, and the numbers of segment files.
pub struct Sealer {
    pub manifest: Manifest,
    pub storage: Arc<dyn Storage>,
    pub folder: PathBuf,
    pub next_file: u64,
    /// Partitions with fewer bytes than this share a file.
    pub own_file_bytes: u64,
    /// Files of an edit that failed: it may be in the manifest, until that goes on without it.
    pub doubtful: Vec<u64>,
}

/// The frames of the journal files that are to be sealed, read into memory.
struct Frames {
    upto: Epoch,
    time_us: i64,
    list: Vec<(FrameRef, Buffer)>,
    /// For each partition of a stream, its rows: which frame, where in it.
    streams: BTreeMap<(RelationId, u32), Vec<(usize, RowsAt)>>,
    delta: Delta,
    /// Where streams that were truncated begin now.
    starts: Vec<(RelationId, u32, u64)>,
    /// By which commits they were truncated.
    gone: Vec<(RelationId, Epoch)>,
    /// The ledger behind the last frame.
    ledger: Ledger,
}

/// Segments that replace rows of the journal.
pub struct Sealed {
    pub upto: Epoch,
    pub segments: Vec<SegmentEntry>,
    /// Relations whose drop is sealed now, and their segments.
    pub gone: Vec<RelationId>,
    pub removed: Vec<SegmentId>,
    /// The new files, opened: what follows the manifest's edit must not fail for a file that cannot be read.
    pub _files: Vec<Arc<SegmentFile>>,
}

impl Sealer {
    pub fn sealed_epoch(&self) -> Epoch {
        self.manifest.live().ledger.epoch
    }

    /// Makes the names of new segment files durable.
    pub fn sync_folder(&self) -> Result<()> {
        if millrace_base::planted("no-dir-fsync") {
            return Ok(());
        }
        self.storage.sync_dir(&self.folder).map_err(|e| Error::io(&self.folder, "sync", &e))
    }

    /// Appends an edit that names these new files.
    pub fn name(&mut self, edit: &Edit, files: Unnamed) -> Result<()> {
        let named = self.manifest.append(edit);
        let files = files.keep();
        if named.is_err() {
            self.doubtful.extend(files);
            return named;
        }
        let mut unnamed = Unnamed::new(self.storage.clone(), &self.folder);
        self.doubtful.drain(..).for_each(|file| unnamed.push(file));
        Ok(())
    }

    /// Bytes of all live segments.
    pub fn bytes(&self) -> u64 {
        self.manifest.live().segments.values().map(|s| s.bytes).sum()
    }

    /// Seals the oldest closed journal file, if it is all durable.
    pub fn seal(
        &mut self,
        journal: &Journal,
        pool: &FilePool,
        durable: Epoch,
        state: &RwLock<State>,
    ) -> Result<Option<Sealed>> {
        let Some(upto) = journal.oldest_closed().filter(|&upto| upto <= durable) else { return Ok(None) };
        if upto <= self.sealed_epoch() {
            journal.drop_sealed(upto)?;
            return Ok(None);
        }
        let frames = self.read(journal, upto)?;
        let tables = live_tables(&frames.ledger, &state.read())?;
        let mut writer = Output::new(self);
        writer.streams(&frames)?;
        writer.tables(&frames, &tables)?;
        writer.commits(&frames)?;
        let horizon = writer.horizon;
        let (segments, unnamed) = writer.finish()?;
        let files = open_all(pool, &segments)?;
        let live = self.manifest.live();
        let dropped = |relation: RelationId| relation != COMMITS && !frames.ledger.definitions.contains_key(&relation);
        let truncated = |entry: &SegmentEntry| {
            let SegmentKey { relation, partition, .. } = entry.key;
            entry.key.is_rows()
                && frames.starts.iter().any(|&(id, p, at)| (id, p) == (relation, partition) && entry.end() <= at)
        };
        let gone = live.segments.values().filter(|entry| dropped(entry.key.relation) || truncated(entry));
        let removed: Vec<SegmentId> = gone.map(|entry| entry.id).collect();
        let before = live.ledger.definitions.keys().copied();
        let within = frames.delta.catalog.iter().filter_map(|change| match change {
            CatalogChange::Create { definition } => Some(definition.id),
            _ => None,
        });
        let gone: Vec<RelationId> = before.chain(within).filter(|&id| dropped(id)).collect();
        let edit = Edit {
            horizon,
            removed: removed.clone(),
            sealed: Some((upto, frames.time_us, frames.delta)),
            added: segments.clone(),
            starts: if millrace_base::planted("truncation-not-sealed") { Vec::new() } else { frames.starts },
            gone: if millrace_base::planted("past-not-gone") { Vec::new() } else { frames.gone },
            file_max: self.next_file - 1,
            ..Edit::default()
        };
        if millrace_base::planted("journal-dropped-early") {
            journal.drop_sealed(upto)?;
        }
        self.name(&edit, unnamed)?;
        Ok(Some(Sealed { upto, segments, gone, removed, _files: files }))
    }

    fn read(&self, journal: &Journal, upto: Epoch) -> Result<Frames> {
        let mut frames = Frames {
            upto,
            time_us: 0,
            list: Vec::new(),
            streams: BTreeMap::new(),
            delta: Delta::default(),
            starts: Vec::new(),
            gone: Vec::new(),
            ledger: self.manifest.live().ledger.clone(),
        };
        let mut appended: BTreeMap<(RelationId, u32), u64> = BTreeMap::new();
        let mut moved = Moved::default();
        let mut truncated: BTreeSet<RelationId> = BTreeSet::new();
        journal.frames_between(self.sealed_epoch(), upto, |frame, body| {
            let head = decode_head(&body)?;
            let delta = Delta::of(&head);
            frames.ledger.apply(frame.epoch, frame.time_us, &delta);
            frames.time_us = frame.time_us;
            for (relation, partition, rows) in delta.appended {
                *appended.entry((relation, partition)).or_default() += rows;
            }
            truncated.extend(delta.truncated);
            frames.delta.catalog.extend(delta.catalog);
            moved.note(&head);
            let index = frames.list.len();
            for at in head.rows {
                frames.streams.entry((at.relation, at.partition)).or_default().push((index, at));
            }
            frames.list.push((frame, body));
            Ok(())
        })?;
        moved.settle(&frames.ledger, &mut frames.delta);
        // As offsets: the sum of many commits does not say what was appended before a truncation and what behind it.
        for id in truncated {
            let extents = frames.ledger.extents.range((id, 0)..=(id, u32::MAX));
            frames.starts.extend(extents.map(|(&(_, partition), extent)| (id, partition, extent.start)));
            frames.gone.extend(frames.ledger.gone.get(&id).map(|&epoch| (id, epoch)));
        }
        frames.delta.appended.extend(appended.into_iter().map(|((r, p), rows)| (r, p, rows)));
        if frames.list.last().is_none_or(|(frame, _)| frame.epoch != upto) {
            return Err(Error::internal(format!("the journal ends before epoch {}, which is durable", upto.0)));
        }
        Ok(frames)
    }
}

/// Who has moved on within some commits: only the last place of each matters.
#[derive(Default)]
struct Moved {
    offsets: BTreeSet<(RelationId, i32)>,
    progress: BTreeSet<RelationId>,
    groups: BTreeSet<(String, RelationId, u32)>,
}

impl Moved {
    fn note(&mut self, head: &BodyHead) {
        self.offsets.extend(head.offsets.iter().map(|o| (o.source, o.partition)));
        self.progress.extend(head.progress.iter().map(|p| p.sink));
        self.groups.extend(head.groups.iter().map(|g| (g.group.clone(), g.stream, g.partition)));
    }

    fn settle(self, ledger: &Ledger, delta: &mut Delta) {
        if !millrace_base::planted("source-offsets-not-sealed") {
            delta.offsets.extend(self.offsets.into_iter().filter_map(|(source, partition)| {
                let next_offset = *ledger.offsets.get(&(source, partition))?;
                Some(SourceOffset { source, partition, next_offset })
            }));
        }
        delta.progress.extend(self.progress.into_iter().filter_map(|sink| {
            let epoch = *ledger.progress.get(&sink)?;
            Some(SinkProgress { sink, epoch })
        }));
        if millrace_base::planted("groups-not-sealed") {
            return;
        }
        delta.groups.extend(self.groups.into_iter().map(|key| {
            let next_offset = ledger.groups.get(&key).copied();
            let (group, stream, partition) = key;
            GroupOffset { group, stream, partition, next_offset }
        }));
    }
}

/// Opens the files of new segments.
pub fn open_all(pool: &FilePool, segments: &[SegmentEntry]) -> Result<Vec<Arc<SegmentFile>>> {
    segments.iter().map(|entry| pool.file(entry.id.file)).collect()
}

/// The stored columns of a relation that has rows of its own.
pub fn stored_schema(ledger: &Ledger, relation: RelationId) -> Option<(SchemaRef, bool)> {
    match &ledger.definitions.get(&relation)?.object {
        DefinitionKind::Stream { columns, .. } | DefinitionKind::Source { columns, .. } => {
            Some((nullable_schema(columns), true))
        }
        DefinitionKind::Table { columns, .. } => Some((nullable_schema(columns), false)),
        DefinitionKind::Identity { .. } => Some((nullable_schema(&DefinitionKind::identity_columns()), false)),
        _ => None,
    }
}

type LiveTable = (RelationId, SchemaRef, Arc<TableState>);

/// The tables that the ledger names.
fn live_tables(ledger: &Ledger, state: &State) -> Result<Vec<LiveTable>> {
    let mut tables = Vec::new();
    for &relation in ledger.definitions.keys() {
        let Some((schema, false)) = stored_schema(ledger, relation) else { continue };
        let table = state.table(relation);
        let table = table.ok_or_else(|| Error::internal(format!("table {} is to be sealed but gone", relation.0)))?;
        tables.push((relation, schema, table));
    }
    Ok(tables)
}
