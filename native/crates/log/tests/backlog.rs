//! Commits wait for sealing when much of the journal waits for it, so that the journal is bounded; but not for a sealing that
//! does not get on.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arrow_array::{ArrayRef, Int64Array, RecordBatch};
use millrace_base::{Code, File, FileKind, RelationId, Storage};
use millrace_log::{Commit, Durability, Log, LogOptions, MemoryStorage, RelationRows};
use millrace_plan::{CatalogChange, ColumnDef, DataType, Definition, DefinitionKind, arrow_schema};
use parking_lot::{Condvar, Mutex};

const STREAM: RelationId = RelationId(1);
const FILE_BYTES: u64 = 4096;
const BACKLOG_BYTES: u64 = 4 * FILE_BYTES;
const COMMITS: i64 = 2000;

#[derive(Clone, Copy, PartialEq)]
enum Gate {
    Shut,
    Open,
    /// No segment file can be made.
    Broken,
}

/// Files in memory; who makes a segment file waits at a gate.
struct Gated {
    memory: MemoryStorage,
    gate: Mutex<Gate>,
    moved: Condvar,
}

impl Gated {
    fn new(gate: Gate) -> Arc<Self> {
        Arc::new(Self { memory: MemoryStorage::default(), gate: Mutex::new(gate), moved: Condvar::new() })
    }

    fn set(&self, gate: Gate) {
        *self.gate.lock() = gate;
        self.moved.notify_all();
    }
}

impl Storage for Gated {
    fn open(&self, path: &Path, kind: FileKind) -> io::Result<Box<dyn File>> {
        if kind == FileKind::ReadWrite && path.extension().is_some_and(|e| e == "seg") {
            let mut gate = self.gate.lock();
            while *gate == Gate::Shut {
                self.moved.wait(&mut gate);
            }
            if *gate == Gate::Broken {
                return Err(io::Error::from_raw_os_error(5)); // EIO
            }
        }
        self.memory.open(path, kind)
    }
    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        self.memory.create_dir_all(path)
    }
    fn list(&self, path: &Path) -> io::Result<Vec<PathBuf>> {
        self.memory.list(path)
    }
    fn exists(&self, path: &Path) -> bool {
        self.memory.exists(path)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        self.memory.remove(path)
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.memory.rename(from, to)
    }
    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.memory.sync_dir(path)
    }
}

fn column() -> ColumnDef {
    ColumnDef { name: "id".into(), data_type: DataType::Bigint, nullable: true, default: None }
}

fn row(id: i64) -> Commit {
    let ids: ArrayRef = Arc::new(Int64Array::from(vec![id]));
    let batch = RecordBatch::try_new(Arc::new(arrow_schema(&[column().field()])), vec![ids]).unwrap();
    Commit { rows: vec![RelationRows { relation: STREAM, partition: 0, batch, weights: None }], ..Commit::default() }
}

fn made(storage: &Arc<Gated>) -> Log {
    let options = LogOptions {
        storage: storage.clone(),
        durability: Durability::Commit,
        journal_file_bytes: FILE_BYTES,
        journal_backlog_bytes: BACKLOG_BYTES,
        ..LogOptions::memory()
    };
    let log = Log::open(None, options, Box::new(|_| {})).unwrap();
    let object = DefinitionKind::Stream { columns: vec![column()], watermark: None, options: BTreeMap::new() };
    let definition = Definition {
        id: STREAM,
        schema: millrace_plan::PUBLIC.into(),
        name: "s".into(),
        sql: String::new(),
        object,
        depends_on: vec![],
    };
    let catalog = vec![CatalogChange::Create { definition }];
    log.commit(Commit { catalog, ..Commit::default() }).unwrap().wait().unwrap();
    log
}

fn write_all(log: &Log) {
    for id in 0..COMMITS {
        log.commit(row(id)).unwrap().wait().unwrap();
    }
}

fn rows(log: &Log) -> usize {
    log.scan(STREAM, &[0], log.durable_epoch()).unwrap().map(|batch| batch.unwrap().num_rows()).sum()
}

#[test]
fn commits_wait_for_a_sealing_that_is_behind() {
    let storage = Gated::new(Gate::Shut);
    let log = made(&storage);
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| write_all(&log));
        while log.stats().journal_bytes < BACKLOG_BYTES {
            std::thread::yield_now();
        }
        // Longer than all commits take; one that was admitted before may end the file after the last.
        let mut longest = log.stats().journal_bytes;
        for _ in 0..20 {
            std::thread::sleep(Duration::from_millis(10));
            longest = longest.max(log.stats().journal_bytes);
        }
        assert!(!writer.is_finished(), "{COMMITS} commits did not wait");
        assert!(longest <= BACKLOG_BYTES + 3 * FILE_BYTES, "{longest}");
        storage.set(Gate::Open);
        writer.join().unwrap();
    });
    log.checkpoint().unwrap();
    assert_eq!(rows(&log) as i64, COMMITS);
    assert!(log.stats().journal_bytes <= FILE_BYTES);
}

#[test]
fn commits_do_not_wait_for_a_sealing_that_fails_and_its_error_is_told() {
    let storage = Gated::new(Gate::Broken);
    let log = made(&storage);
    write_all(&log);
    assert!(log.stats().journal_bytes > BACKLOG_BYTES);
    assert_eq!(log.stats().maintenance_error.map(|error| error.code), Some(Code::IoError));
    storage.set(Gate::Open);
    log.checkpoint().unwrap();
    assert_eq!(rows(&log) as i64, COMMITS);
}
