//! Sealing: the rows of a journal file that is full go into segments, the manifest says so, and the file is dropped.
//! Each step is durable before the next one relies on it. What is written is a function of the journal alone, so a
//! sealing that was cut short is simply done again.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use arrow::buffer::Buffer;
use arrow_array::{Int64Array, RecordBatch, UInt64Array};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use millrace_base::{Epoch, Error, RelationId, Result, Storage};
use millrace_plan::{CatalogChange, DefinitionKind};
use parking_lot::RwLock;

use crate::commit::{GroupOffset, SinkProgress, SourceOffset};
use crate::journal::body::{BodyHead, RowsAt, decode_head, decode_rows};
use crate::journal::{FrameRef, Journal};
use crate::ledger::{Delta, Extent, Ledger};
use crate::manifest::{Edit, Manifest, SegmentEntry};
use crate::segment::{
    CommitRun, FileMeta, FilePool, FileWriter, SegmentFile, SegmentId, SegmentKey, SegmentKind, segment_path,
};
use crate::state::{State, nullable_schema};
use crate::table::{Rewrite, TableState};

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
        let segments = writer.finish()?;
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
            file_max: self.next_file - 1,
            ..Edit::default()
        };
        if millrace_base::planted("journal-dropped-early") {
            journal.drop_sealed(upto)?;
        }
        self.manifest.append(&edit)?;
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

/// The segment files of one sealing: large partitions get one each, the others share one.
pub struct Output<'a> {
    sealer: &'a mut Sealer,
    shared: Option<FileWriter>,
    files: Vec<FileMeta>,
    /// Segments that were begun: all must be in the end.
    begun: usize,
    /// Rows that died up to this epoch have been left out.
    horizon: Epoch,
}

impl<'a> Output<'a> {
    pub fn new(sealer: &'a mut Sealer) -> Self {
        Self { sealer, shared: None, files: Vec::new(), begun: 0, horizon: Epoch::ZERO }
    }

    fn create(&mut self) -> Result<FileWriter> {
        let number = self.sealer.next_file;
        self.sealer.next_file += 1;
        FileWriter::create(self.sealer.storage.clone(), &segment_path(&self.sealer.folder, number), number)
    }

    /// Writes one segment; `fill` appends its rows.
    fn segment(
        &mut self,
        key: SegmentKey,
        schema: &SchemaRef,
        first_offset: u64,
        bytes: u64,
        fill: impl FnOnce(&mut FileWriter) -> Result<()>,
    ) -> Result<SegmentId> {
        let own = bytes >= self.sealer.own_file_bytes;
        self.begun += 1;
        // One with a file of its own leaves the shared file as it is.
        let shared = if own { None } else { self.shared.take() };
        let mut writer = match shared {
            Some(writer) => writer,
            None => self.create()?,
        };
        let id = (|| {
            writer.begin(key, schema, first_offset)?;
            fill(&mut writer)?;
            writer.end()
        })();
        let id = match id {
            Ok(id) => id,
            Err(error) => {
                writer.abandon();
                return Err(error);
            }
        };
        if own {
            self.files.push(writer.finish()?);
        } else {
            self.shared = Some(writer);
        }
        Ok(id)
    }

    fn streams(&mut self, frames: &Frames) -> Result<()> {
        for (&(relation, partition), rows) in &frames.streams {
            // Dropped by the end of the file: nobody can read these rows any more.
            let Some((schema, true)) = stored_schema(&frames.ledger, relation) else { continue };
            let Extent { start, end } = frames.ledger.extents.get(&(relation, partition)).copied().unwrap_or_default();
            if start == end {
                continue; // truncated behind the last of them
            }
            let count: u64 = rows.iter().map(|(_, at)| u64::from(at.rows)).sum();
            let key = SegmentKey { relation, partition, kind: SegmentKind::Rows };
            let bytes = rows.iter().map(|(_, at)| at.bytes()).sum();
            self.segment(key, &schema, end - count, bytes, |writer| {
                for (index, at) in rows {
                    let (frame, body) = &frames.list[*index];
                    let batch = decode_rows(body, at, schema.clone(), None)?;
                    writer
                        .append(&batch, &[CommitRun { epoch: frame.epoch, time_us: frame.time_us, rows: at.rows }])?;
                }
                Ok(())
            })?;
        }
        Ok(())
    }

    fn tables(&mut self, frames: &Frames, tables: &[LiveTable]) -> Result<()> {
        for (relation, schema, table) in tables {
            let relation = *relation;
            let unsealed = table.unsealed(frames.upto)?;
            let mut deaths = table.deaths(frames.upto)?;
            if unsealed.rows > 0 {
                let of = self.table_rows(relation, schema, &unsealed, frames.time_us)?;
                deaths.push((of, unsealed.deaths.clone()));
            }
            self.horizon = self.horizon.max(unsealed.buried);
            if !millrace_base::planted("deaths-not-sealed") {
                self.deaths(relation, &deaths, frames.upto, frames.time_us)?;
            }
        }
        Ok(())
    }

    /// A segment with rows of a table.
    pub fn table_rows(
        &mut self,
        relation: RelationId,
        schema: &SchemaRef,
        rows: &Rewrite,
        time_us: i64,
    ) -> Result<SegmentId> {
        let key = SegmentKey { relation, partition: 0, kind: SegmentKind::Rows };
        self.segment(key, schema, 0, rows.bytes, |writer| {
            rows.batches(time_us).try_for_each(|found| {
                let (batch, runs) = found?;
                writer.append(&batch, &runs)
            })
        })
    }

    /// Which rows of segments have died.
    pub fn deaths(
        &mut self,
        relation: RelationId,
        deaths: &[(SegmentId, Vec<(u32, Epoch)>)],
        epoch: Epoch,
        time_us: i64,
    ) -> Result<()> {
        for (of, rows) in deaths.iter().filter(|(_, rows)| !rows.is_empty()) {
            let key = SegmentKey { relation, partition: 0, kind: SegmentKind::Deletes { of: *of } };
            let batch = deaths_batch(rows)?;
            let run = CommitRun { epoch, time_us, rows: rows.len() as u32 };
            let bytes = rows.len() as u64 * 12;
            self.segment(key, &batch.schema(), 0, bytes, |writer| writer.append(&batch, &[run]))?;
        }
        Ok(())
    }

    /// Epoch and time of each commit, for reads as of a time.
    fn commits(&mut self, frames: &Frames) -> Result<()> {
        let epochs: UInt64Array = frames.list.iter().map(|(frame, _)| frame.epoch.0).collect();
        let times: Int64Array = frames.list.iter().map(|(frame, _)| frame.time_us).collect();
        let fields = [Field::new("epoch", DataType::UInt64, true), Field::new("time", DataType::Int64, true)];
        let schema = Arc::new(Schema::new(fields.to_vec()));
        let batch = RecordBatch::try_new(schema.clone(), vec![Arc::new(epochs), Arc::new(times)])
            .map_err(|e| Error::internal(format!("commit index: {e}")))?;
        let key = SegmentKey { relation: COMMITS, partition: 0, kind: SegmentKind::Commits };
        // The first and the last commit give the segment's ranges; its rows say all of them.
        let first = &frames.list[0].0;
        let mut runs = vec![CommitRun { epoch: first.epoch, time_us: first.time_us, rows: 1 }];
        if batch.num_rows() > 1 {
            let rows = batch.num_rows() as u32 - 1;
            runs.push(CommitRun { epoch: frames.upto, time_us: frames.time_us, rows });
        }
        let bytes = batch.num_rows() as u64 * 16;
        self.segment(key, &schema, 0, bytes, |writer| writer.append(&batch, &runs))?;
        Ok(())
    }

    /// Makes all files durable.
    pub fn finish(mut self) -> Result<Vec<SegmentEntry>> {
        if let Some(writer) = self.shared.take() {
            self.files.push(writer.finish()?);
        }
        self.sealer.sync_folder()?;
        let entries: Vec<SegmentEntry> = self.files.iter().flat_map(entries).collect();
        if entries.len() != self.begun {
            return Err(Error::internal(format!("{} of {} segments were written", entries.len(), self.begun)));
        }
        Ok(entries)
    }
}

/// What the manifest keeps of a file's segments.
pub fn entries(file: &FileMeta) -> Vec<SegmentEntry> {
    let entry = |(index, meta): (usize, &crate::segment::SegmentMeta)| SegmentEntry {
        id: SegmentId { file: file.number, index: index as u32 },
        key: meta.key.clone(),
        first_offset: meta.first_offset,
        rows: meta.rows,
        bytes: meta.bytes,
        epochs: meta.epochs,
        times_us: meta.times_us,
    };
    file.segments.iter().enumerate().map(entry).collect()
}

/// Deaths of a segment's rows as columns.
pub fn deaths_batch(deaths: &[(u32, Epoch)]) -> Result<RecordBatch> {
    let rows: UInt64Array = deaths.iter().map(|(row, _)| u64::from(*row)).collect();
    let epochs: UInt64Array = deaths.iter().map(|(_, epoch)| epoch.0).collect();
    let fields = [Field::new("row", DataType::UInt64, true), Field::new("epoch", DataType::UInt64, true)];
    RecordBatch::try_new(Arc::new(Schema::new(fields.to_vec())), vec![Arc::new(rows), Arc::new(epochs)])
        .map_err(|e| Error::internal(format!("deaths: {e}")))
}
