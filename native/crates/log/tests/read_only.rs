//! A database that is opened to be read only: every row is there, and no file changes, not even a torn tail.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{ArrayRef, Int64Array, RecordBatch};
use millrace_base::{Code, File, FileKind, RelationId, Storage};
use millrace_log::{Commit, Durability, Log, LogOptions, MemoryStorage, RelationRows};
use millrace_plan::{CatalogChange, ColumnDef, DataType, Definition, DefinitionKind, arrow_schema};

const STREAM: RelationId = RelationId(1);
const TABLE: RelationId = RelationId(2);

/// Refuses every change once it is frozen, as a file system that is mounted to be read only does.
#[derive(Default)]
struct Frozen {
    memory: MemoryStorage,
    frozen: Arc<AtomicBool>,
    /// Fails fsyncs instead.
    sync_fails: Arc<AtomicBool>,
}

struct FrozenFile {
    file: Box<dyn File>,
    frozen: Arc<AtomicBool>,
    sync_fails: Arc<AtomicBool>,
}

fn thawed(frozen: &AtomicBool) -> io::Result<()> {
    const EROFS: i32 = 30;
    if frozen.load(Ordering::Relaxed) { Err(io::Error::from_raw_os_error(EROFS)) } else { Ok(()) }
}

impl File for FrozenFile {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.file.read_exact_at(buffer, offset)
    }
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        thawed(&self.frozen)?;
        self.file.write_all_at(bytes, offset)
    }
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        thawed(&self.frozen)?;
        self.file.set_len(len)
    }
    fn allocate(&self, offset: u64, len: u64) -> io::Result<()> {
        thawed(&self.frozen)?;
        self.file.allocate(offset, len)
    }
    fn sync(&self) -> io::Result<()> {
        thawed(&self.frozen)?;
        if self.sync_fails.load(Ordering::Relaxed) {
            return Err(io::Error::other("the disk is gone"));
        }
        self.file.sync()
    }
}

impl Storage for Frozen {
    fn open(&self, path: &Path, kind: FileKind) -> io::Result<Box<dyn File>> {
        if kind == FileKind::ReadWrite {
            thawed(&self.frozen)?;
        }
        let file = self.memory.open(path, kind)?;
        Ok(Box::new(FrozenFile { file, frozen: self.frozen.clone(), sync_fails: self.sync_fails.clone() }))
    }
    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        thawed(&self.frozen)?;
        self.memory.create_dir_all(path)
    }
    fn list(&self, path: &Path) -> io::Result<Vec<PathBuf>> {
        self.memory.list(path)
    }
    fn exists(&self, path: &Path) -> bool {
        self.memory.exists(path)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        thawed(&self.frozen)?;
        self.memory.remove(path)
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        thawed(&self.frozen)?;
        self.memory.rename(from, to)
    }
    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        thawed(&self.frozen)?;
        self.memory.sync_dir(path)
    }
}

fn columns() -> Vec<ColumnDef> {
    vec![ColumnDef { name: "id".into(), data_type: DataType::Bigint, nullable: true, default: None }]
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

fn both(id: i64) -> Commit {
    let fields: Vec<_> = columns().iter().map(ColumnDef::field).collect();
    let part = |relation| {
        let ids: ArrayRef = Arc::new(Int64Array::from(vec![id]));
        let batch = RecordBatch::try_new(Arc::new(arrow_schema(&fields)), vec![ids]).unwrap();
        RelationRows { relation, partition: 0, batch, weights: None }
    };
    Commit { rows: vec![part(STREAM), part(TABLE)], ..Commit::default() }
}

fn open(storage: Arc<dyn Storage>, read_only: bool) -> millrace_base::Result<Log> {
    let options = LogOptions {
        storage,
        durability: Durability::Commit,
        background: false,
        journal_file_bytes: 4096,
        read_only,
        ..LogOptions::memory()
    };
    Log::open(None, options, Box::new(|_| {}))
}

fn commit(log: &Log, commit: Commit) {
    let ticket = log.commit(commit).unwrap();
    log.run_pending();
    ticket.wait().unwrap();
}

fn read(log: &Log, relation: RelationId) -> Vec<i64> {
    let mut out: Vec<i64> = Vec::new();
    for batch in log.scan(relation, &[0], log.durable_epoch()).unwrap().batches() {
        out.extend(batch.unwrap().column(0).as_primitive::<Int64Type>().values());
    }
    out.sort_unstable();
    out
}

#[test]
fn everything_is_read_and_nothing_is_written() {
    let storage = Arc::new(Frozen::default());
    let log = open(storage.clone(), false).unwrap();
    commit(&log, create());
    for id in 0..50 {
        commit(&log, both(id));
    }
    log.checkpoint().unwrap();
    for id in 50..100 {
        commit(&log, both(id));
    }
    // As after a kill: a tail that was not acknowledged, an orphan, and what a rewriting of the manifest left.
    drop(log);
    let journal = Path::new("/memory/journal");
    let last = storage.memory.list(journal).unwrap().into_iter().filter(|p| p.extension().unwrap() == "wal").max();
    let last = storage.memory.open(&last.unwrap(), FileKind::ReadWrite).unwrap();
    last.write_all_at(b"torn", last.len().unwrap()).unwrap();
    for left in ["/memory/segments/0000000000009999.seg", "/memory/manifest/0000000000000099.new"] {
        storage.memory.open(Path::new(left), FileKind::ReadWrite).unwrap();
    }
    storage.frozen.store(true, Ordering::Relaxed);
    let refused = open(storage.clone(), false).err().unwrap();
    assert_eq!(refused.code, Code::InsufficientPrivilege, "{refused}");
    assert!(refused.hint.is_some());

    // Several at once.
    let logs = [open(storage.clone(), true).unwrap(), open(storage.clone(), true).unwrap()];
    for log in &logs {
        assert!(log.is_read_only());
        assert_eq!(read(log, STREAM), (0..100).collect::<Vec<_>>());
        assert_eq!(read(log, TABLE), (0..100).collect::<Vec<_>>());
        assert_eq!(log.check().findings, []);
        assert!(log.stats().journal_bytes > 0 && log.stats().segment_bytes > 0);
        let refused =
            [log.commit(both(100)).err(), log.checkpoint().err(), log.maintain().err()].map(|e| e.unwrap().code);
        assert_eq!(refused, [Code::ReadOnlyTransaction; 3]);
    }
    drop(logs);
    storage.frozen.store(false, Ordering::Relaxed);
    let log = open(storage, false).unwrap();
    commit(&log, both(100));
    assert_eq!(read(&log, TABLE).len(), 101);
}

#[test]
fn a_database_that_is_not_there_is_not_made() {
    let storage = Arc::new(MemoryStorage::default());
    let refused = open(storage.clone(), true).err().unwrap();
    assert_eq!(refused.code, Code::UndefinedFile);
    assert_eq!(refused.message, "database \"/memory\" does not exist");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("none");
    let options = LogOptions { read_only: true, ..LogOptions::real(Durability::Commit) };
    assert_eq!(Log::open(Some(&path), options, Box::new(|_| {})).err().unwrap().code, Code::UndefinedFile);
    assert!(!path.exists());
}

#[test]
fn a_truncation_hides_rows_only_once_it_is_durable() {
    let truncate = || Commit { truncated: vec![STREAM], ..Commit::default() };
    for fails in [false, true] {
        let storage = Arc::new(Frozen::default());
        let log = open(storage.clone(), false).unwrap();
        commit(&log, create());
        (0..5).for_each(|id| commit(&log, both(id)));
        log.checkpoint().unwrap(); // some in a segment, some not
        (5..10).for_each(|id| commit(&log, both(id)));
        // These are on their way too: they go with the rest.
        let before = log.commit(both(10)).unwrap();
        let extents = log.extents(STREAM);
        let ticket = log.commit(truncate()).unwrap();
        let shown: Vec<i64> = (0..10).collect();
        assert_eq!(read(&log, STREAM), shown);
        assert_eq!(log.extents(STREAM), extents);
        storage.sync_fails.store(fails, Ordering::Relaxed);
        log.run_pending();
        let outcome = before.wait().and(ticket.wait());
        if fails {
            assert_eq!(outcome.unwrap_err().code, Code::IoError);
            assert_eq!(read(&log, STREAM), shown);
            assert_eq!(log.extents(STREAM)[0].1.start, 0);
            continue;
        }
        outcome.unwrap();
        assert!(read(&log, STREAM).is_empty());
        assert_eq!(log.extents(STREAM)[0].1.start, 11);
        commit(&log, both(11));
        for _ in 0..2 {
            assert_eq!(read(&open(storage.clone(), true).unwrap(), STREAM), [11]);
            log.checkpoint().unwrap();
            assert_eq!(read(&log, STREAM), [11]);
        }
    }
}
