//! Every byte of the last journal file, of a segment file and of a manifest: cut off there, and with a bit flipped there.
//! The database must open with what was there, or name the file that is damaged; it must never panic or show a wrong row.
//! The files are those of a database that seals as it goes, so that its journal files are written again (frames of an
//! earlier life lie behind their ends) and allocated ahead.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use millrace_base::{Code, Epoch, Error, FileKind, RelationId, Result, Storage};
use millrace_log::{Commit, Durability, Log, LogOptions, MemoryStorage, RelationRows};
use millrace_plan::{CatalogChange, ColumnDef, DataType, Definition, DefinitionKind, arrow_schema};

const STREAM: RelationId = RelationId(1);
const TABLE: RelationId = RelationId(2);

type Rows = Vec<(i64, String)>;
type Files = BTreeMap<PathBuf, Vec<u8>>;

fn columns() -> Vec<ColumnDef> {
    let column = |name: &str, data_type| ColumnDef { name: name.into(), data_type, nullable: true, default: None };
    vec![column("id", DataType::Bigint), column("text", DataType::Text)]
}

fn create() -> Commit {
    let definition = |id, name: &str, object| Definition {
        id,
        name: name.into(),
        schema: millrace_plan::PUBLIC.into(),
        sql: String::new(),
        object,
        depends_on: vec![],
    };
    let stream = DefinitionKind::Stream { columns: columns(), watermark: None, options: BTreeMap::new() };
    let table = DefinitionKind::Table { columns: columns(), primary_key: vec![0], options: BTreeMap::new() };
    let catalog = vec![
        CatalogChange::Create { definition: definition(STREAM, "s", stream) },
        CatalogChange::Create { definition: definition(TABLE, "t", table) },
    ];
    Commit { catalog, ..Commit::default() }
}

fn part(relation: RelationId, values: &[(i64, String)], weights: Option<Vec<i64>>) -> RelationRows {
    let fields: Vec<_> = columns().iter().map(ColumnDef::field).collect();
    let ids: ArrayRef = Arc::new(values.iter().map(|v| v.0).collect::<Int64Array>());
    let texts: ArrayRef = Arc::new(values.iter().map(|v| Some(v.1.as_str())).collect::<StringArray>());
    let batch = RecordBatch::try_new(Arc::new(arrow_schema(&fields)), vec![ids, texts]).unwrap();
    RelationRows { relation, partition: 0, batch, weights: weights.map(Into::into) }
}

fn open(storage: &Arc<MemoryStorage>) -> Result<Log> {
    let options = LogOptions {
        storage: storage.clone(),
        durability: Durability::Commit,
        background: false,
        journal_file_bytes: 4096,
        ..LogOptions::memory()
    };
    Log::open(None, options, Box::new(|_| {}))
}

fn read(log: &Log, relation: RelationId) -> Result<Rows> {
    let mut out = Vec::new();
    for batch in log.scan(relation, &[0, 1], log.durable_epoch())?.batches() {
        let batch = batch?;
        let (ids, texts) = (batch.column(0).as_primitive::<Int64Type>(), batch.column(1).as_string::<i32>());
        out.extend((0..batch.num_rows()).map(|r| (ids.value(r), texts.value(r).to_string())));
    }
    out.sort();
    Ok(out)
}

fn files_of(storage: &MemoryStorage) -> Files {
    let folders = ["journal", "segments", "manifest"].map(|name| Path::new("/memory").join(name));
    let paths = folders.iter().flat_map(|folder| storage.list(folder).unwrap());
    let bytes = |path: &PathBuf| {
        let file = storage.open(path, FileKind::Read).unwrap();
        let mut bytes = vec![0; file.len().unwrap() as usize];
        file.read_exact_at(&mut bytes, 0).unwrap();
        bytes
    };
    paths.map(|path| (path.clone(), bytes(&path))).collect()
}

struct Made {
    files: Files,
    /// Stream and table at each epoch, 0 included.
    states: Vec<(Rows, Rows)>,
}

impl Made {
    fn new(rounds: i64) -> Self {
        let storage = Arc::new(MemoryStorage::default());
        let log = open(&storage).unwrap();
        let mut states = vec![Default::default()];
        let (mut stream, mut table) = (Rows::new(), BTreeMap::new());
        let mut commit = |commit: Commit, state: (Rows, Rows)| {
            let ticket = log.commit(commit).unwrap();
            log.run_pending();
            ticket.wait().unwrap();
            while log.maintain().unwrap() {}
            states.push(state);
        };
        commit(create(), Default::default());
        for round in 0..rounds {
            let added: Rows = (0..3).map(|i| (round * 10 + i, format!("row {round} {i}"))).collect();
            stream.extend(added.clone());
            let mut change = vec![(round % 7, format!("new {round}"))];
            let mut weights = vec![1];
            if let Some(old) = table.insert(round % 7, change[0].1.clone()) {
                change.push((round % 7, old));
                weights.push(-1);
            }
            let rows = vec![part(STREAM, &added, None), part(TABLE, &change, Some(weights))];
            commit(Commit { rows, ..Commit::default() }, (stream.clone(), table.clone().into_iter().collect()));
        }
        assert!(log.stats().sealed_epoch > Epoch(10));
        log.close();
        Self { files: files_of(&storage), states }
    }

    /// The newest file of that kind.
    fn last(&self, extension: &str) -> PathBuf {
        self.files.keys().rfind(|path| path.extension().is_some_and(|e| e == extension)).unwrap().clone()
    }

    fn storage(&self, path: &Path, bytes: &[u8]) -> Arc<MemoryStorage> {
        let storage = MemoryStorage::default();
        for (name, whole) in &self.files {
            let bytes = if name == path { bytes } else { whole };
            storage.open(name, FileKind::ReadWrite).unwrap().write_all_at(bytes, 0).unwrap();
        }
        Arc::new(storage)
    }

    /// Opens and reads all. What is shown must have been there at the epoch that is shown, and that must not be before
    /// `least`; an error must tell of damage. Returns the error.
    fn shows_the_truth(&self, storage: &Arc<MemoryStorage>, least: usize, what: &str) -> Option<Error> {
        let found = open(storage).and_then(|log| {
            let epoch = log.durable_epoch().0 as usize;
            assert!(epoch >= least && epoch < self.states.len(), "{what}: epoch {epoch}, at least {least}");
            let (stream, table) = (read(&log, STREAM)?, read(&log, TABLE)?);
            assert!((&stream, &table) == (&self.states[epoch].0, &self.states[epoch].1), "{what}: wrong rows");
            // The index is built, and sealing reads what lies in the journal.
            let ticket =
                log.commit(Commit { rows: vec![part(TABLE, &[(99, "z".into())], None)], ..Commit::default() })?;
            log.run_pending();
            ticket.wait()?;
            log.checkpoint()?;
            assert_eq!(read(&log, TABLE)?.len(), table.len() + 1, "{what}");
            let findings = log.check().findings;
            findings.first().map_or(Ok(()), |finding| Err(Error::new(Code::DataCorrupted, format!("{finding:?}"))))
        });
        let error = found.err()?;
        assert_eq!(error.code, Code::DataCorrupted, "{what}: {error}");
        Some(error)
    }

    /// Flips a bit of every byte and cuts the file off at every byte.
    fn damage(&self, path: &Path, least: usize, newest_alone: bool, names: &[&str]) -> (usize, usize) {
        let whole = &self.files[path];
        let newest = self.states.len() - 1;
        let named = |error: &Error| {
            let text = format!("{} {}", error.message, error.detail.as_deref().unwrap_or_default());
            names.iter().any(|name| text.contains(name))
        };
        let (mut reported, mut recovered) = (0, 0);
        for at in 0..whole.len() {
            let mut flipped = whole.clone();
            flipped[at] ^= 1 << (at % 8);
            let flip = format!("{} with byte {at} of {} flipped", path.display(), whole.len());
            let cut = format!("{} cut off at {at} of {}", path.display(), whole.len());
            for (bytes, what, least) in [(&flipped[..], flip, least), (&whole[..at], cut, 0)] {
                let least = if newest_alone { newest } else { least };
                match self.shows_the_truth(&self.storage(path, bytes), least, &what) {
                    None => recovered += 1,
                    Some(error) => {
                        assert!(named(&error), "{what}: {error:?}");
                        reported += 1;
                    }
                }
            }
        }
        (reported, recovered)
    }
}

#[test]
fn a_journal_file_that_was_written_before() {
    // Frames of the file's life before lie behind its end: else this is not what is tested.
    let written_before = |made: &Made| {
        let bytes = &made.files[&made.last("wal")];
        let frames = bytes.windows(44).filter(|bytes| bytes[0..4] == *b"MRfr");
        let (ours, old): (Vec<_>, Vec<_>) = frames.partition(|frame| frame[40..44] == bytes[20..24]);
        ours.len() > 1 && !old.is_empty()
    };
    let made = (20..60).map(Made::new).find(written_before).expect("files are written again");
    let path = made.last("wal");
    // Only the last commit has no later one that vouches for it.
    let (reported, recovered) = made.damage(&path, made.states.len() - 2, false, &[".wal"]);
    assert!(reported > 0 && recovered > 0, "{reported} {recovered}");
}

#[test]
fn a_journal_file_that_was_allocated_ahead() {
    let mut made = Made::new(29);
    let path = made.last("wal");
    // As a new file would be: zeros behind the last frame.
    let salt = made.files[&path][20..24].to_vec();
    let bytes = made.files.get_mut(&path).unwrap();
    let ours = |at: usize, bytes: &[u8]| bytes[at..at + 4] == *b"MRfr" && bytes[at + 40..at + 44] == salt;
    let mut end = 64;
    while end + 48 <= bytes.len() && ours(end, bytes) {
        let body = u32::from_le_bytes(bytes[end + 8..end + 12].try_into().unwrap()) as usize;
        end = (end + 48 + body).next_multiple_of(8);
    }
    bytes.truncate(end);
    bytes.resize(end + 700, 0);
    let (reported, recovered) = made.damage(&path, made.states.len() - 2, false, &[".wal"]);
    assert!(reported > 0 && recovered > 0, "{reported} {recovered}");
}

#[test]
fn a_segment_file() {
    let made = Made::new(29);
    let path = made.last("seg");
    let name = path.file_name().unwrap().to_str().unwrap().to_string();
    let (reported, recovered) = made.damage(&path, 0, true, &[&name]);
    // Every byte of a segment file means something.
    assert!(reported > 0 && recovered == 0, "{reported} {recovered}");
}

#[test]
fn a_manifest() {
    let made = Made::new(29);
    let path = made.last("mf");
    // Its last edit cannot be told from one that was being written: what it has sealed is then missing from the journal.
    let (reported, recovered) = made.damage(&path, 0, true, &[".mf", ".wal"]);
    assert!(reported > 0, "{reported} {recovered}");
}

/// A crash leaves such files behind; an open removes them only when it has found all others whole.
#[test]
fn a_failed_open_leaves_unfinished_files_and_spares() {
    let mut made = Made::new(29);
    for name in ["manifest/0000000000000009.new", "journal/0000000000000000.spare"] {
        made.files.insert(Path::new("/memory").join(name), b"left over".to_vec());
    }
    let path = made.last("wal");
    let mut damaged = made.files[&path].clone();
    damaged[0] ^= 1;
    let storage = made.storage(&path, &damaged);
    let before = files_of(&storage);
    assert_eq!(open(&storage).err().map(|error| error.code), Some(Code::DataCorrupted));
    assert!(files_of(&storage) == before, "a file was changed");
    let storage = made.storage(&path, &made.files[&path]);
    drop(open(&storage).unwrap());
    let extensions: Vec<_> = files_of(&storage).into_keys().map(|path| path.extension().unwrap().to_owned()).collect();
    assert!(!extensions.iter().any(|e| e == "new" || e == "spare"), "{extensions:?}");
}
