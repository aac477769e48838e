//! A disk that is full for a while: what was acknowledged stays, what was refused is nowhere, and writing goes on.
#![expect(clippy::print_stdout, reason = "a random test prints its seed")]

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{ArrayRef, Int64Array, RecordBatch};
use millrace_base::{Code, File, FileKind, RelationId, Storage};
use millrace_log::{Commit, Durability, Log, LogOptions, MemoryStorage, RelationRows};
use millrace_plan::{CatalogChange, ColumnDef, DataType, Definition, DefinitionKind, arrow_schema};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

const STREAM: RelationId = RelationId(1);
const TABLE: RelationId = RelationId(2);
const ENOSPC: i32 = 28;

/// Files in memory, on a disk that takes only so many bytes more.
struct Small {
    memory: MemoryStorage,
    left: Arc<AtomicI64>,
}

struct SmallFile {
    file: Box<dyn File>,
    left: Arc<AtomicI64>,
}

impl File for SmallFile {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.file.read_exact_at(buffer, offset)
    }
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let left = self.left.load(Ordering::Relaxed).max(0) as usize;
        let fits = left.min(bytes.len());
        self.left.fetch_sub(fits as i64, Ordering::Relaxed);
        self.file.write_all_at(&bytes[..fits], offset)?;
        if fits < bytes.len() { Err(io::Error::from_raw_os_error(ENOSPC)) } else { Ok(()) }
    }
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }
    fn allocate(&self, offset: u64, len: u64) -> io::Result<()> {
        if self.left.load(Ordering::Relaxed) <= 0 {
            return Err(io::Error::from_raw_os_error(ENOSPC));
        }
        self.file.allocate(offset, len)
    }
    fn sync(&self) -> io::Result<()> {
        self.file.sync()
    }
}

impl Storage for Small {
    fn open(&self, path: &Path, kind: FileKind) -> io::Result<Box<dyn File>> {
        let file = self.memory.open(path, kind)?;
        Ok(Box::new(SmallFile { file, left: self.left.clone() }))
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

fn open(storage: &Arc<Small>) -> Log {
    let options = LogOptions {
        storage: storage.clone(),
        durability: Durability::Commit,
        background: false,
        journal_file_bytes: 4096,
        ..LogOptions::memory()
    };
    Log::open(None, options, Box::new(|_| {})).unwrap()
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
fn writing_goes_on_when_there_is_room_again() {
    let seed: u64 = std::env::var("SEED").ok().and_then(|s| s.parse().ok()).unwrap_or_else(rand::random);
    println!("SEED={seed}");
    let mut rng = StdRng::seed_from_u64(seed);
    for _ in 0..40 {
        let left = Arc::new(AtomicI64::new(i64::MAX));
        let storage = Arc::new(Small { memory: MemoryStorage::default(), left: left.clone() });
        let mut log = open(&storage);
        let ticket = log.commit(create()).unwrap();
        log.run_pending();
        ticket.wait().unwrap();
        let (mut acknowledged, mut next, mut refusals) = (Vec::new(), 0, 0);
        for _ in 0..60 {
            if rng.random_ratio(1, 4) {
                // From now on there is room for at most some frames, or for part of one.
                left.store(rng.random_range(0..3000), Ordering::Relaxed);
            }
            // Several commits are one group, written at once.
            let ids: Vec<i64> = (0..rng.random_range(1..5)).map(|i| next + i).collect();
            next += ids.len() as i64;
            let tickets: Vec<_> = ids.iter().map(|&id| (id, log.commit(both(id)))).collect();
            if rng.random_ratio(1, 5) {
                log.request_rotation();
            }
            log.run_pending();
            for (id, ticket) in tickets {
                match ticket.and_then(|ticket| ticket.wait()) {
                    Ok(_) => acknowledged.push(id),
                    Err(error) => {
                        assert_eq!(error.code, Code::DiskFull, "{error}");
                        refusals += 1;
                    }
                }
            }
            let _ = log.maintain(); // may have no room either
            assert_eq!(read(&log, STREAM), acknowledged);
            assert_eq!(read(&log, TABLE), acknowledged);
            if rng.random_ratio(1, 3) {
                // Perhaps too little: then the next attempt finds more.
                left.store(if rng.random_bool(0.7) { i64::MAX } else { rng.random_range(0..200) }, Ordering::Relaxed);
                if let Err(error) = log.resume() {
                    assert_eq!(error.code, Code::DiskFull, "{error}");
                }
            }
            if rng.random_ratio(1, 20) {
                left.store(i64::MAX, Ordering::Relaxed);
                log.close();
                log = open(&storage);
                assert_eq!(read(&log, STREAM), acknowledged);
                assert_eq!(read(&log, TABLE), acknowledged);
            }
        }
        assert!(refusals > 0 && !acknowledged.is_empty());
        left.store(i64::MAX, Ordering::Relaxed);
        log.resume().unwrap();
        log.checkpoint().unwrap();
        assert_eq!(log.check().findings, []);
        log.close();
        let log = open(&storage);
        assert_eq!((read(&log, STREAM), read(&log, TABLE)), (acknowledged.clone(), acknowledged));
    }
}

/// A transaction that began before the disk was full, and goes on afterwards, is told of a deletion in between.
#[test]
fn deletions_are_not_forgotten_when_writing_goes_on() {
    let left = Arc::new(AtomicI64::new(i64::MAX));
    let storage = Arc::new(Small { memory: MemoryStorage::default(), left: left.clone() });
    let log = open(&storage);
    let write = |commit: Commit| {
        let ticket = log.commit(commit)?;
        log.run_pending();
        ticket.wait()
    };
    write(create()).unwrap();
    let since = write(both(1)).unwrap();
    let mut deletion = both(1);
    deletion.rows.remove(0);
    deletion.rows[0].weights = Some([-1].into());
    let batch = deletion.rows[0].batch.clone();
    write(deletion).unwrap();
    log.checkpoint().unwrap();
    left.store(0, Ordering::Relaxed);
    while write(both(2)).is_ok() {}
    left.store(i64::MAX, Ordering::Relaxed);
    log.resume().unwrap();
    assert_eq!(log.table(TABLE).unwrap().conflicts(&batch, since).unwrap(), Some(0));
}
