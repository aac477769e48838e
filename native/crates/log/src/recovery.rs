//! Opening: the manifest says what is sealed, the journal's frames behind that are applied as they were committed.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use arrow::buffer::Buffer;
use arrow_schema::SchemaRef;
use millrace_base::{Code, Epoch, Error, Result, Rng, Storage};

use crate::journal::file::damaged;
use crate::journal::{FrameRef, Journal};
use crate::manifest::{Live, Manifest, SegmentEntry};
use crate::seal::{Sealer, stored_schema};
use crate::segment::{FilePool, SegmentFile, SegmentId, SegmentKind, damaged_segment};
use crate::state::{Relation, RelationData, State, relation_of};
use crate::stream::StreamSegment;
use crate::table::TableState;

pub struct Recovered {
    pub state: State,
    pub journal: Journal,
    pub sealer: Sealer,
    pub pool: Arc<FilePool>,
}

/// Reads the database in `root`, or makes an empty one; with `read_only` every file stays as it is.
pub fn recover(
    storage: &Arc<dyn Storage>,
    rng: Arc<dyn Rng>,
    root: &Path,
    journal_file_bytes: u64,
    own_file_bytes: u64,
    cache_bytes: usize,
    read_only: bool,
) -> Result<Recovered> {
    let (segments, manifests, journals) = (root.join("segments"), root.join("manifest"), root.join("journal"));
    let mut manifest = if read_only {
        Manifest::open_read_only(storage.clone(), &manifests)?
    } else {
        storage.create_dir_all(&segments).map_err(|e| Error::io(&segments, "create", &e))?;
        Manifest::open(storage.clone(), &manifests)?
    };
    let pool = Arc::new(FilePool::new(storage.clone(), &segments, cache_bytes));
    let mut state = restore(manifest.live(), &pool)?;
    let sealed = state.ledger.epoch;
    let replay = |frame: FrameRef, body: &Buffer| {
        let place = frame.clone();
        state.replay(frame, body).map_err(|error| unreadable(&place, error))
    };
    if read_only {
        let journal = Journal::open_read_only(storage.clone(), rng, &journals, sealed, replay)?;
        let next_file = manifest.live().file_max + 1;
        let sealer = Sealer {
            manifest,
            storage: storage.clone(),
            folder: segments,
            next_file,
            own_file_bytes,
            doubtful: Vec::new(),
        };
        return Ok(Recovered { state, journal, sealer, pool });
    }
    let journal = Journal::open(storage.clone(), rng, &journals, sealed, journal_file_bytes, replay)?;
    // From here on files are changed: all of them have been found whole.
    if millrace_base::planted("journal-settled-first") {
        journal.settle()?;
    }
    manifest.settle()?;
    journal.settle()?;
    let next_file = remove_orphans(storage.as_ref(), &segments, manifest.live())?;
    sync_folders(storage.as_ref(), root)?;
    if millrace_base::planted("epoch-off-by-one-after-recovery") {
        state.ledger.epoch = state.ledger.epoch.next();
    }
    let sealer = Sealer {
        manifest,
        storage: storage.clone(),
        folder: segments,
        next_file,
        own_file_bytes,
        doubtful: Vec::new(),
    };
    Ok(Recovered { state, journal, sealer, pool })
}

/// The state at `durable` once more, from what a running database has on disk.
pub fn rebuild(live: &Live, pool: &Arc<FilePool>, journal: &Journal, durable: Epoch) -> Result<State> {
    let mut state = restore(live, pool)?;
    journal.frames_between(state.ledger.epoch, durable, |frame, body| {
        let place = frame.clone();
        state.replay(frame, &body).map_err(|error| unreadable(&place, error))
    })?;
    if state.ledger.epoch != durable {
        let why = format!("the journal cannot be read at epoch {}", state.ledger.epoch.next().0);
        return Err(Error::new(Code::DataCorrupted, why));
    }
    Ok(state)
}

/// A frame whose checksum is right but which does not fit what comes before it. Errors of files stay what they are.
fn unreadable(frame: &FrameRef, error: Error) -> Error {
    if matches!(error.code, Code::IoError | Code::InsufficientResources | Code::DiskFull | Code::OutOfMemory) {
        return error;
    }
    let place = format!("is damaged at offset {} (epoch {})", frame.offset, frame.epoch.0);
    damaged(&frame.file.path, place).with_detail(format!("{}.", error.message))
}

/// Makes a folder and those above it that are missing, from the top, each durable before the next: what an open that was cut
/// short has left is made durable by the next one, since that begins with the parent of what it finds.
pub fn create_folders(storage: &dyn Storage, path: &Path) -> Result<()> {
    let named = |folder: &&Path| !folder.as_os_str().is_empty();
    let missing: Vec<&Path> = path.ancestors().filter(named).take_while(|folder| !storage.exists(folder)).collect();
    if missing.is_empty() {
        return Ok(()); // `sync_folders` sees to its name
    }
    if let Some(found) = path.ancestors().filter(named).nth(missing.len()) {
        sync_parent(storage, found)?;
    }
    for folder in missing.into_iter().rev() {
        storage.create_dir_all(folder).map_err(|e| Error::io(folder, "create", &e))?;
        sync_parent(storage, folder)?;
    }
    Ok(())
}

/// A folder is there after a power loss only when the one that it lies in has been synced. Done at every open: the process
/// that made the folders may have ended before it got here.
pub fn sync_folders(storage: &dyn Storage, root: &Path) -> Result<()> {
    storage.sync_dir(root).map_err(|e| Error::io(root, "sync", &e))?;
    sync_parent(storage, root)
}

fn sync_parent(storage: &dyn Storage, folder: &Path) -> Result<()> {
    let Some(parent) = folder.parent() else { return Ok(()) };
    let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
    match storage.sync_dir(parent) {
        // A folder of someone else's, which may be passed through but not read: it was not made by us either.
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => Ok(()),
        other => other.map_err(|e| Error::io(parent, "sync", &e)),
    }
}

/// Removes segment files that no edit names: a sealing or compaction was cut short, or a removal was. Returns the
/// number of the next file.
fn remove_orphans(storage: &dyn Storage, folder: &Path, live: &Live) -> Result<u64> {
    let named: HashSet<u64> = live.segments.keys().map(|id| id.file).collect();
    let mut next = live.file_max + 1;
    for path in storage.list(folder).map_err(|e| Error::io(folder, "list", &e))? {
        let Some(number) = path.file_stem().and_then(|s| s.to_str()?.parse::<u64>().ok()) else { continue };
        next = next.max(number + 1);
        if !named.contains(&number) {
            storage.remove(&path).map_err(|e| Error::io(&path, "remove", &e))?;
        }
    }
    Ok(next)
}

/// The database at the epoch up to which it is sealed.
fn restore(live: &Live, pool: &Arc<FilePool>) -> Result<State> {
    let mut state = State { ledger: live.ledger.clone(), ..State::default() };
    let mut rows: BTreeMap<(millrace_base::RelationId, u32), Vec<&SegmentEntry>> = BTreeMap::new();
    let mut deaths: BTreeMap<SegmentId, Vec<SegmentId>> = BTreeMap::new();
    for entry in live.segments.values() {
        match entry.key.kind {
            SegmentKind::Rows => rows.entry((entry.key.relation, entry.key.partition)).or_default().push(entry),
            SegmentKind::Deletes { of } => deaths.entry(of).or_default().push(entry.id),
            SegmentKind::Commits => {}
        }
    }
    for definition in live.ledger.definitions.values() {
        if let Some(relation) = relation_of(definition)? {
            // Compaction may have left a table without a segment: its past is gone all the same.
            if let RelationData::Table(table) = &relation.data {
                table.set_horizon(live.horizon);
            }
            state.relations.insert(definition.id, relation);
        }
    }
    for (relation, &gone) in &live.ledger.gone {
        if let Some(RelationData::Stream(stream)) = state.relations.get(relation).map(|relation| &relation.data) {
            stream.write().gone = gone;
        }
    }
    // Also of partitions that hold no rows any more.
    for (&(relation, partition), extent) in &live.ledger.extents {
        if let Some(Relation { data: RelationData::Stream(stream), .. }) = state.relations.get(&relation) {
            stream.write().partitions.entry(partition).or_default().set_start(extent.start);
        }
    }
    for ((relation, partition), mut entries) in rows {
        let Some((schema, _)) = stored_schema(&live.ledger, relation) else { continue };
        entries.sort_by_key(|e| (e.first_offset, e.epochs, e.id));
        let Some(Relation { data, .. }) = state.relations.get(&relation) else { continue };
        match data {
            RelationData::Stream(stream) => {
                let mut stream = stream.write();
                let place = stream.partitions.entry(partition).or_default();
                for entry in entries {
                    let file = pool.file(entry.id.file)?;
                    check_entry(entry, &file, &schema)?;
                    place.segments.push(StreamSegment { entry: entry.clone(), _file: file });
                }
                let start = place.start;
                place.set_start(start);
            }
            RelationData::Table(table) => {
                let table = table.clone();
                let mut found = Vec::with_capacity(entries.len());
                for entry in entries {
                    check_entry(entry, &*pool.file(entry.id.file)?, &schema)?;
                    let of = deaths.remove(&entry.id).unwrap_or_default();
                    found.push((pool.segment(entry.id)?, read_deaths(pool, &of)?));
                }
                let key: Vec<u32> = if table.has_primary_key() {
                    table.key_columns().iter().map(|&c| c as u32).collect()
                } else {
                    Vec::new()
                };
                let table = TableState::restore(schema.clone(), &key, found, live.ledger.epoch, live.horizon)?;
                let data = RelationData::Table(Arc::new(table));
                state.relations.insert(relation, Relation { schema, data });
            }
        }
    }
    Ok(state)
}

/// That a segment is the one that the manifest means, with the columns that the catalog gives its relation.
fn check_entry(entry: &SegmentEntry, file: &SegmentFile, schema: &SchemaRef) -> Result<()> {
    let types = |schema: &SchemaRef| schema.fields().iter().map(|f| f.data_type().clone()).collect::<Vec<_>>();
    let index = entry.id.index as usize;
    let same = file.meta.segments.get(index).zip(file.meta.schemas.get(index)).is_some_and(|(meta, stored)| {
        let place = (&meta.key, meta.rows, meta.first_offset) == (&entry.key, entry.rows, entry.first_offset);
        place && types(stored) == types(schema)
    });
    same.then_some(()).ok_or_else(|| damaged_segment(entry.id, "is not the one that the manifest names"))
}

/// The deaths that some segments of them tell, by row.
pub fn read_deaths(pool: &Arc<FilePool>, segments: &[SegmentId]) -> Result<Vec<(u32, millrace_base::Epoch)>> {
    use arrow_array::cast::AsArray;
    use arrow_array::types::UInt64Type;
    let mut out = Vec::new();
    for &id in segments {
        let segment = pool.segment(id)?;
        if segment.schema().fields().len() != 2 {
            return Err(damaged_segment(id, "holds other columns than deaths have"));
        }
        for found in segment.scan(&[0, 1], &[], 0..segment.meta().rows) {
            let (_, batch) = found?;
            let (Some(rows), Some(epochs)) =
                (batch.column(0).as_primitive_opt::<UInt64Type>(), batch.column(1).as_primitive_opt::<UInt64Type>())
            else {
                return Err(crate::segment::damaged_segment(id, "holds other columns than deaths have"));
            };
            for (&row, &epoch) in rows.values().iter().zip(epochs.values()) {
                let row = u32::try_from(row)
                    .map_err(|_| crate::segment::damaged_segment(id, "names a row that cannot be"))?;
                out.push((row, millrace_base::Epoch(epoch)));
            }
        }
    }
    out.sort_unstable();
    Ok(out)
}
