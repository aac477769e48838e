//! A scan reads no more than it must: only the columns that it is asked for, and only the blocks and segments that may hold
//! what is wanted, by the bytes that the storage is asked for.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow_schema::DataType as ArrowType;
use millrace_base::{Epoch, File, FileKind, RelationId, Storage};
use millrace_log::segment::{Bound, BoundOp};
use millrace_log::{Commit, Durability, Log, LogOptions, MemoryStorage, RelationRows};
use millrace_plan::{CatalogChange, ColumnDef, DataType, Definition, DefinitionKind, Literal, arrow_schema};

const STREAM: RelationId = RelationId(1);
/// Of each segment; two blocks.
const ROWS: i64 = 100_000;
const SEGMENTS: i64 = 4;

/// Counts what is read of segment files.
#[derive(Default)]
struct Counting {
    memory: MemoryStorage,
    read: Arc<AtomicU64>,
}

struct CountingFile {
    file: Box<dyn File>,
    read: Option<Arc<AtomicU64>>,
}

impl File for CountingFile {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        if let Some(read) = &self.read {
            read.fetch_add(buffer.len() as u64, Ordering::Relaxed);
        }
        self.file.read_exact_at(buffer, offset)
    }
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.file.write_all_at(bytes, offset)
    }
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }
    fn allocate(&self, offset: u64, len: u64) -> io::Result<()> {
        self.file.allocate(offset, len)
    }
    fn sync(&self) -> io::Result<()> {
        self.file.sync()
    }
}

impl Storage for Counting {
    fn open(&self, path: &Path, kind: FileKind) -> io::Result<Box<dyn File>> {
        let file = self.memory.open(path, kind)?;
        let is_segment = path.extension().is_some_and(|e| e == "seg");
        Ok(Box::new(CountingFile { file, read: is_segment.then(|| self.read.clone()) }))
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
    let column = |name: &str, data_type| ColumnDef { name: name.into(), data_type, nullable: true, default: None };
    vec![column("id", DataType::Bigint), column("mixed", DataType::Bigint), column("text", DataType::Text)]
}

/// Does not fit into few bits, and not into fewer bytes behind the general codec.
fn mixed(id: i64) -> i64 {
    id.wrapping_mul(0x9e37_79b9_7f4a_7c15_u64 as i64)
}

fn rows(ids: std::ops::Range<i64>) -> Commit {
    let fields: Vec<_> = columns().iter().map(ColumnDef::field).collect();
    let id: ArrayRef = Arc::new(ids.clone().collect::<Int64Array>());
    let numbers: ArrayRef = Arc::new(ids.clone().map(mixed).collect::<Int64Array>());
    let texts: ArrayRef = Arc::new(ids.map(|id| Some(format!("{:x}", mixed(id)))).collect::<StringArray>());
    let batch = RecordBatch::try_new(Arc::new(arrow_schema(&fields)), vec![id, numbers, texts]).unwrap();
    Commit { rows: vec![RelationRows { relation: STREAM, partition: 0, batch, weights: None }], ..Commit::default() }
}

struct Database {
    log: Log,
    read: Arc<AtomicU64>,
    /// Bytes of the stream's segments.
    bytes: u64,
}

impl Database {
    fn new() -> Self {
        let storage = Counting::default();
        let read = storage.read.clone();
        // Without a cache, so that each scan reads.
        let options = LogOptions {
            storage: Arc::new(storage),
            durability: Durability::None,
            background: false,
            cache_bytes: 0,
            ..LogOptions::memory()
        };
        let log = Log::open(None, options, Box::new(|_| {})).unwrap();
        let object = DefinitionKind::Stream { columns: columns(), watermark: None, options: BTreeMap::new() };
        let definition = Definition {
            id: STREAM,
            schema: millrace_plan::PUBLIC.into(),
            name: "s".into(),
            sql: String::new(),
            object,
            depends_on: vec![],
        };
        let commit = |commit: Commit| {
            let ticket = log.commit(commit).unwrap();
            log.run_pending();
            ticket.wait().unwrap();
        };
        commit(Commit { catalog: vec![CatalogChange::Create { definition }], ..Commit::default() });
        for segment in 0..SEGMENTS {
            commit(rows(segment * ROWS..(segment + 1) * ROWS));
            log.request_rotation();
            log.run_pending();
            while log.maintain().unwrap() {}
        }
        let segments = log.segments();
        let of_stream: Vec<_> = segments.iter().filter(|segment| segment.key.relation == STREAM).collect();
        assert_eq!(of_stream.len() as i64, SEGMENTS, "they are not merged");
        let bytes = of_stream.iter().map(|segment| segment.bytes).sum();
        Self { log, read, bytes }
    }

    /// The values of the first column asked for, and the bytes that were read for them.
    fn scan(&self, columns: &[u32], prune: &[Bound]) -> (Vec<i64>, u64) {
        let before = self.read.load(Ordering::Relaxed);
        let mut values = Vec::new();
        let scan = self.log.scan_pruned(STREAM, columns, prune, Epoch::ZERO, self.log.durable_epoch()).unwrap();
        for batch in scan.batches() {
            values.extend_from_slice(batch.unwrap().column(0).as_primitive::<Int64Type>().values());
        }
        (values, self.read.load(Ordering::Relaxed) - before)
    }
}

fn bound(op: BoundOp, value: i64) -> Bound {
    Bound::compare(0, &ArrowType::Int64, op, &Literal::Bigint { value }).unwrap()
}

#[test]
fn only_the_columns_and_the_blocks_that_are_wanted_are_read() {
    let database = Database::new();
    // Footers are read once.
    let (all, _) = database.scan(&[0, 1, 2], &[]);
    assert_eq!(all, (0..SEGMENTS * ROWS).collect::<Vec<_>>());
    let (_, whole) = database.scan(&[0, 1, 2], &[]);
    let total = (SEGMENTS * ROWS) as u64;
    assert!(whole > total * 16 && whole <= database.bytes, "{whole} of {}", database.bytes);
    // One column: the numbers that count up are some bytes a block, the mixed ones eight bytes a row.
    let (_, ids) = database.scan(&[0], &[]);
    assert!(ids < 1000, "{ids}");
    let (_, numbers) = database.scan(&[1], &[]);
    assert!((total * 8..total * 8 + 1000).contains(&numbers), "{numbers}");
    // One block of one segment: half of the column of a quarter of the rows.
    let wanted = 2 * ROWS + 10;
    let (found, one) = database.scan(&[0, 1], &[bound(BoundOp::Equal, wanted)]);
    assert!(found.contains(&wanted) && (found.len() as i64) < ROWS, "{} rows", found.len());
    assert!(one < 66_000 * 8, "{one}");
    // Segments that end before it, and the one block before it.
    let (found, rest) = database.scan(&[0, 1], &[bound(BoundOp::GreaterOrEqual, 3 * ROWS + 90_000)]);
    assert_eq!(found.last(), Some(&(SEGMENTS * ROWS - 1)));
    assert!(found[0] >= 3 * ROWS && rest < 35_000 * 8, "from {}, {rest} bytes", found[0]);
    // What no block can hold is not read at all.
    for nowhere in [bound(BoundOp::Less, 0), bound(BoundOp::Greater, SEGMENTS * ROWS)] {
        assert_eq!(database.scan(&[0, 1, 2], &[nowhere]), (Vec::new(), 0));
    }
    // Pieces leave out the same.
    let epoch = database.log.durable_epoch();
    let pieces = database.log.pieces(STREAM, &[1], &[bound(BoundOp::Equal, wanted)], epoch).unwrap();
    assert_eq!(pieces.len(), 1);
    assert_eq!(database.log.pieces(STREAM, &[1], &[], epoch).unwrap().len() as i64, 2 * SEGMENTS);
}
