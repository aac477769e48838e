//! Sealing takes memory for one journal file and one block beside it, however much of the journal waits: what the README
//! states. The test binary's allocator counts, since a process's resident memory also holds what is only cached.
#![expect(clippy::print_stdout, reason = "the figures are worth seeing")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use millrace_base::RelationId;
use millrace_log::{Commit, Durability, Log, LogOptions, RelationRows};
use millrace_plan::{CatalogChange, ColumnDef, DataType, Definition, DefinitionKind, arrow_schema};

struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

static HELD: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: the system's allocator does the work; the counts are plain numbers.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let held = HELD.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        PEAK.fetch_max(held, Ordering::Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(memory, layout) }
    }
}

const STREAM: RelationId = RelationId(1);
const TABLE: RelationId = RelationId(2);
const FILE_BYTES: u64 = 8 << 20;
const BATCH_ROWS: i64 = 4096;

fn columns() -> Vec<ColumnDef> {
    let column = |name: &str, data_type| ColumnDef { name: name.into(), data_type, nullable: false, default: None };
    vec![column("id", DataType::Bigint), column("note", DataType::Text)]
}

fn create(id: RelationId, name: &str, object: DefinitionKind) -> CatalogChange {
    let schema = millrace_plan::PUBLIC.into();
    let definition = Definition { id, name: name.into(), schema, sql: String::new(), object, depends_on: vec![] };
    CatalogChange::Create { definition }
}

/// Rows of 8 bytes and a text of 100 that repeats nothing.
fn batch(from: i64) -> RecordBatch {
    let fields: Vec<_> = columns().iter().map(ColumnDef::field).collect();
    let ids = from..from + BATCH_ROWS;
    let note = |id: i64| -> String {
        let mut seed = id as u64;
        std::iter::repeat_with(|| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            char::from(b'a' + (seed >> 33) as u8 % 26)
        })
        .take(100)
        .collect()
    };
    let notes: ArrayRef = Arc::new(ids.clone().map(|id| Some(note(id))).collect::<StringArray>());
    let ids: ArrayRef = Arc::new(ids.collect::<Int64Array>());
    RecordBatch::try_new(Arc::new(arrow_schema(&fields)), vec![ids, notes]).unwrap()
}

/// Bytes above what was held before, at the worst moment of sealing `files` journal files.
fn peak_of_sealing(files: u64) -> usize {
    let folder = tempfile::tempdir().unwrap();
    let options = LogOptions {
        background: false,
        journal_file_bytes: FILE_BYTES,
        journal_backlog_bytes: u64::MAX,
        ..LogOptions::real(Durability::None)
    };
    let log = Log::open(Some(folder.path()), options, Box::new(|_| {})).unwrap();
    let commit = |commit: Commit| {
        let ticket = log.commit(commit).unwrap();
        log.run_pending();
        ticket.wait().unwrap();
    };
    let stream = DefinitionKind::Stream { columns: columns(), watermark: None, options: BTreeMap::new() };
    let table = DefinitionKind::Table { columns: columns(), primary_key: vec![0], options: BTreeMap::new() };
    commit(Commit { catalog: vec![create(STREAM, "s", stream), create(TABLE, "t", table)], ..Commit::default() });
    let mut next = 0;
    while log.stats().journal_bytes < files * FILE_BYTES {
        let part = |relation| RelationRows { relation, partition: 0, batch: batch(next), weights: None };
        commit(Commit { rows: vec![part(STREAM), part(TABLE)], ..Commit::default() });
        next += BATCH_ROWS;
    }
    let before = HELD.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    while log.maintain().unwrap() {}
    let peak = PEAK.load(Ordering::Relaxed) - before;
    assert!(log.stats().journal_bytes <= 2 * FILE_BYTES, "the journal was not sealed");
    log.close();
    peak
}

#[test]
fn memory_does_not_grow_with_what_waits() {
    let (few, many) = (peak_of_sealing(3), peak_of_sealing(16));
    println!("peak of sealing 3 files of 8 MiB: {few} bytes; of 16: {many} bytes");
    // The file's bytes, a block of rows of it, that block encoded, and what compression works in.
    assert!(many <= 4 * FILE_BYTES as usize, "{many} bytes for journal files of {FILE_BYTES}");
    assert!(many <= few + few / 4, "{many} bytes for sixteen files, {few} for three");
}
