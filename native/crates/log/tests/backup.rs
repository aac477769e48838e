//! BACKUP TO beside writers that do not stop: every copy opens, is whole, and is the database at one epoch that is no older
//! than what had been acknowledged when the backup began.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{ArrayRef, Int64Array, RecordBatch};
use millrace_base::RelationId;
use millrace_log::{Commit, Durability, Log, LogOptions, RelationRows};
use millrace_plan::{CatalogChange, ColumnDef, DataType, Definition, DefinitionKind, arrow_schema};

const STREAM: RelationId = RelationId(1);
const TABLE: RelationId = RelationId(2);
/// The table's rows; each commit replaces one.
const KEYS: i64 = 100;
const BACKUPS: usize = 4;
/// Commits from one backup to the next, half of them while it is made, or less when it is faster.
const COMMITS: i64 = 1000;

fn columns() -> Vec<ColumnDef> {
    let column =
        |name: &str| ColumnDef { name: name.into(), data_type: DataType::Bigint, nullable: true, default: None };
    vec![column("key"), column("n")]
}

fn part(relation: RelationId, rows: &[(i64, i64)], weights: Option<Vec<i64>>) -> RelationRows {
    let fields: Vec<_> = columns().iter().map(ColumnDef::field).collect();
    let keys: ArrayRef = Arc::new(rows.iter().map(|row| row.0).collect::<Int64Array>());
    let numbers: ArrayRef = Arc::new(rows.iter().map(|row| row.1).collect::<Int64Array>());
    let batch = RecordBatch::try_new(Arc::new(arrow_schema(&fields)), vec![keys, numbers]).unwrap();
    RelationRows { relation, partition: 0, batch, weights: weights.map(Into::into) }
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

/// Appends number `n` and puts it into one of the table's rows, in one commit.
fn write(log: &Log, n: i64) {
    let key = n % KEYS;
    let old = n - KEYS;
    let change =
        if old < 0 { part(TABLE, &[(key, n)], None) } else { part(TABLE, &[(key, old), (key, n)], Some(vec![-1, 1])) };
    let rows = vec![part(STREAM, &[(key, n)], None), change];
    log.commit(Commit { rows, ..Commit::default() }).unwrap().wait().unwrap();
}

fn numbers(log: &Log, relation: RelationId) -> Vec<i64> {
    let mut out = Vec::new();
    for batch in log.scan(relation, &[1], log.durable_epoch()).unwrap().batches() {
        out.extend_from_slice(batch.unwrap().column(0).as_primitive::<Int64Type>().values());
    }
    out.sort_unstable();
    out
}

fn open(folder: &Path) -> Log {
    // Small files, so that sealing and compaction never stop either.
    let options = LogOptions { journal_file_bytes: 64 << 10, ..LogOptions::real(Durability::None) };
    Log::open(Some(folder), options, Box::new(|_| {})).unwrap()
}

#[test]
fn copies_are_whole_and_current_while_commits_and_sealing_go_on() {
    let top = tempfile::tempdir().unwrap();
    let log = open(&top.path().join("db"));
    log.commit(create()).unwrap().wait().unwrap();
    let (acknowledged, allowed, stop) = (AtomicI64::new(0), AtomicI64::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                let n = acknowledged.load(Ordering::Relaxed);
                if n >= allowed.load(Ordering::Acquire) {
                    std::thread::yield_now();
                    continue;
                }
                write(&log, n);
                acknowledged.store(n + 1, Ordering::Release);
            }
        });
        let mut during = 0;
        for number in 0..BACKUPS {
            let end = allowed.fetch_add(COMMITS, Ordering::AcqRel) + COMMITS;
            while acknowledged.load(Ordering::Acquire) < end - COMMITS / 2 {
                assert!(!writer.is_finished(), "the writer has ended");
                std::thread::yield_now();
            }
            let least = acknowledged.load(Ordering::Acquire);
            let target = top.path().join(format!("copy {number}"));
            let epoch = log.backup(&target).unwrap();
            let most = acknowledged.load(Ordering::Acquire) + 1;
            during += most - 1 - least;
            let copy = open(&target);
            assert_eq!(copy.durable_epoch(), epoch);
            assert_eq!(copy.check().findings, []);
            let stream = numbers(&copy, STREAM);
            let count = stream.len() as i64;
            assert!(least <= count && count <= most, "{count} rows, of {least} to {most}");
            assert_eq!(stream, (0..count).collect::<Vec<_>>());
            // Both relations are of one epoch.
            assert_eq!(numbers(&copy, TABLE), ((count - KEYS).max(0)..count).collect::<Vec<_>>());
            // The copy is a database: it goes on by itself.
            write(&copy, count);
            assert_eq!(numbers(&copy, STREAM).len() as i64, count + 1);
        }
        stop.store(true, Ordering::Relaxed);
        assert!(during > 0, "no commit came while a backup was made");
    });
    assert!(log.segments().len() > 1, "nothing was sealed meanwhile");
    assert_eq!(log.check().findings, []);
    assert_eq!(numbers(&log, STREAM).len() as i64, acknowledged.load(Ordering::Acquire));
}
