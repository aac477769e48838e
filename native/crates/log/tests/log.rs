//! The log against a plain model: commits of random rows, reopening, torn tails and flipped bits.
#![expect(clippy::print_stdout, reason = "a random test prints its seed")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use millrace_base::{Code, Epoch, FileKind, RelationId, Storage};
use millrace_log::{Commit, Durability, Log, LogOptions, MemoryStorage, RelationRows, SinkProgress, SourceOffset};
use millrace_plan::{CatalogChange, ColumnDef, DataType, Definition, DefinitionKind, arrow_schema};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

const STREAM: RelationId = RelationId(1);
const TABLE: RelationId = RelationId(2);

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

fn rows(values: &[(i64, &str)]) -> RecordBatch {
    let fields: Vec<_> = columns().iter().map(ColumnDef::field).collect();
    let ids: ArrayRef = Arc::new(values.iter().map(|v| v.0).collect::<Int64Array>());
    let texts: ArrayRef = Arc::new(values.iter().map(|v| Some(v.1)).collect::<StringArray>());
    RecordBatch::try_new(Arc::new(arrow_schema(&fields)), vec![ids, texts]).unwrap()
}

fn append(values: &[(i64, &str)]) -> Commit {
    Commit {
        rows: vec![RelationRows { relation: STREAM, partition: 0, batch: rows(values), weights: None }],
        ..Commit::default()
    }
}

fn change(changes: &[(i64, &str, i64)]) -> Commit {
    let values: Vec<(i64, &str)> = changes.iter().map(|c| (c.0, c.1)).collect();
    let weights = changes.iter().map(|c| c.2).collect();
    Commit {
        rows: vec![RelationRows { relation: TABLE, partition: 0, batch: rows(&values), weights: Some(weights) }],
        ..Commit::default()
    }
}

fn open_on(storage: Arc<dyn Storage>) -> millrace_base::Result<Log> {
    let options = LogOptions { storage, durability: Durability::Commit, ..LogOptions::memory() };
    Log::open(None, options, Box::new(|_| {}))
}

fn read(log: &Log, relation: RelationId, as_of: Epoch) -> Vec<(i64, String)> {
    let mut out = Vec::new();
    for batch in log.scan(relation, &[1, 0], as_of).unwrap().batches() {
        let batch = batch.unwrap();
        let texts = batch.column(0).as_any().downcast_ref::<StringArray>().unwrap();
        let ids = batch.column(1).as_any().downcast_ref::<Int64Array>().unwrap();
        out.extend((0..batch.num_rows()).map(|r| (ids.value(r), texts.value(r).to_string())));
    }
    out
}

#[test]
fn rows_offsets_and_definitions_survive_reopening_and_time_travel_sees_the_past() {
    let folder = tempfile::tempdir().unwrap();
    let open = || Log::open(Some(folder.path()), LogOptions::real(Durability::Commit), Box::new(|_| {})).unwrap();
    let log = open();
    log.commit(create()).unwrap().wait().unwrap();
    log.commit(append(&[(1, "a"), (2, "b")])).unwrap().wait().unwrap();
    let before = log.commit(change(&[(7, "old", 1)])).unwrap().wait().unwrap();
    let mut update = change(&[(7, "old", -1), (7, "new", 1)]);
    update.offsets = vec![SourceOffset { source: STREAM, partition: 3, next_offset: 44 }];
    update.progress = vec![SinkProgress { sink: RelationId(9), epoch: Epoch(2) }];
    let after = log.commit(update).unwrap().wait().unwrap();
    let check = |log: &Log| {
        assert_eq!(read(log, STREAM, after), [(1, "a".to_string()), (2, "b".to_string())]);
        assert_eq!(read(log, STREAM, Epoch(1)), []);
        assert_eq!(read(log, TABLE, before), [(7, "old".to_string())]);
        assert_eq!(read(log, TABLE, after), [(7, "new".to_string())]);
        assert_eq!(log.offsets(STREAM), [(3, 44)]);
        assert_eq!(log.progress(RelationId(9)), Epoch(2));
        assert_eq!(log.definitions().len(), 2);
        assert_eq!(log.next_relation_id(), RelationId(3));
    };
    check(&log);
    log.close();
    check(&open());
}

#[test]
fn a_second_opening_is_refused_and_names_the_holder() {
    let folder = tempfile::tempdir().unwrap();
    let open = || Log::open(Some(folder.path()), LogOptions::real(Durability::Commit), Box::new(|_| {}));
    let log = open().unwrap();
    let error = open().err().unwrap();
    assert_eq!(error.code, Code::ObjectInUse);
    assert!(error.message.contains(&std::process::id().to_string()), "{}", error.message);
    log.close();
    open().unwrap();
}

#[test]
fn a_taken_key_is_refused_and_leaves_the_table_as_it_was() {
    let log = open_on(Arc::new(MemoryStorage::default())).unwrap();
    log.commit(create()).unwrap().wait().unwrap();
    log.commit(change(&[(1, "a", 1)])).unwrap().wait().unwrap();
    let error = log.commit(change(&[(2, "b", 1), (1, "c", 1)])).err().unwrap();
    assert_eq!(error.code, Code::UniqueViolation);
    let epoch = log.commit(change(&[(3, "d", 1)])).unwrap().wait().unwrap();
    assert_eq!(read(&log, TABLE, epoch), [(1, "a".to_string()), (3, "d".to_string())]);
}

/// The only journal file of a database in memory, and its bytes.
fn journal_bytes(storage: &MemoryStorage) -> (PathBuf, Vec<u8>) {
    let path = storage.list(Path::new("/memory/journal")).unwrap().pop().unwrap();
    let file = storage.open(&path, FileKind::Read).unwrap();
    let mut bytes = vec![0; file.len().unwrap() as usize];
    file.read_exact_at(&mut bytes, 0).unwrap();
    (path, bytes)
}

fn storage_with(path: &Path, bytes: &[u8]) -> Arc<MemoryStorage> {
    let storage = MemoryStorage::default();
    storage.open(path, FileKind::ReadWrite).unwrap().write_all_at(bytes, 0).unwrap();
    Arc::new(storage)
}

fn three_commits() -> (PathBuf, Vec<u8>) {
    let storage = Arc::new(MemoryStorage::default());
    let log = open_on(storage.clone()).unwrap();
    log.commit(create()).unwrap().wait().unwrap();
    log.commit(append(&[(1, "a")])).unwrap().wait().unwrap();
    log.commit(append(&[(2, "b")])).unwrap().wait().unwrap();
    log.close();
    journal_bytes(&storage)
}

#[test]
fn a_journal_cut_at_any_byte_opens_with_a_prefix_and_goes_on() {
    let (path, bytes) = three_commits();
    for cut in 0..bytes.len() {
        let storage = storage_with(&path, &bytes[..cut]);
        let log = open_on(storage.clone()).unwrap_or_else(|e| panic!("cut at {cut}: {e}"));
        let epoch = log.durable_epoch();
        assert!(epoch <= Epoch(3), "cut at {cut}");
        if epoch >= Epoch(1) {
            let found = read(&log, STREAM, epoch);
            let whole = [(1, "a".to_string()), (2, "b".to_string())];
            assert_eq!(found, whole[..epoch.0 as usize - 1], "cut at {cut}");
            log.commit(append(&[(9, "z")])).unwrap().wait().unwrap();
            log.close();
            let again = open_on(storage).unwrap();
            assert_eq!(read(&again, STREAM, again.durable_epoch()).last(), Some(&(9, "z".to_string())));
        }
    }
}

#[test]
fn a_flipped_bit_is_reported_or_cuts_only_what_nobody_vouches_for() {
    let (path, bytes) = three_commits();
    let mut reported = 0;
    for at in 0..bytes.len() {
        let mut broken = bytes.clone();
        broken[at] ^= 1 << (at % 8);
        match open_on(storage_with(&path, &broken)) {
            Err(error) => {
                assert_eq!(error.code, Code::DataCorrupted, "byte {at}: {error}");
                assert!(error.message.contains(".wal"), "{error}");
                reported += 1;
            }
            // The last commit has no later frame that vouches for it; padding carries nothing.
            Ok(log) => {
                let epoch = log.durable_epoch();
                assert!(epoch >= Epoch(2), "byte {at}: only epoch {} is left", epoch.0);
                let whole = [(1, "a".to_string()), (2, "b".to_string())];
                assert_eq!(read(&log, STREAM, epoch), whole[..epoch.0 as usize - 1], "byte {at}");
            }
        }
    }
    assert!(reported > 0);
}

#[test]
fn random_commits_match_a_model_after_every_reopening() {
    let seed: u64 = std::env::var("SEED").ok().and_then(|s| s.parse().ok()).unwrap_or_else(rand::random);
    println!("SEED={seed}");
    let mut rng = StdRng::seed_from_u64(seed);
    let storage = Arc::new(MemoryStorage::default());
    let mut log = open_on(storage.clone()).unwrap();
    log.commit(create()).unwrap().wait().unwrap();
    let mut stream: Vec<(i64, String)> = Vec::new();
    let mut table: BTreeMap<i64, String> = BTreeMap::new();
    for round in 0..400 {
        let text = format!("v{round}");
        let commit = if rng.random_bool(0.4) {
            let values: Vec<(i64, &str)> = (0..rng.random_range(0..4)).map(|i| (i, text.as_str())).collect();
            stream.extend(values.iter().map(|v| (v.0, v.1.to_string())));
            append(&values)
        } else {
            let key = rng.random_range(0..20);
            match table.get(&key).cloned() {
                Some(old) if rng.random_bool(0.5) => {
                    table.remove(&key);
                    change(&[(key, &old, -1)])
                }
                Some(old) => {
                    table.insert(key, text.clone());
                    change(&[(key, &text, 1), (key, &old, -1)])
                }
                None => {
                    table.insert(key, text.clone());
                    change(&[(key, &text, 1)])
                }
            }
        };
        let epoch = log.commit(commit).unwrap().wait().unwrap();
        if rng.random_bool(0.05) {
            log.close();
            log = open_on(storage.clone()).unwrap();
            assert_eq!(log.durable_epoch(), epoch);
        }
        if round % 20 == 0 {
            let mut found = read(&log, TABLE, epoch);
            found.sort();
            assert_eq!(found, table.clone().into_iter().collect::<Vec<_>>());
            assert_eq!(read(&log, STREAM, epoch), stream);
        }
    }
}

#[test]
fn frames_of_all_sizes_in_one_group_are_found_again() {
    let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::default());
    let open = || {
        let options = LogOptions {
            storage: storage.clone(),
            durability: Durability::Commit,
            background: false,
            ..LogOptions::memory()
        };
        Log::open(None, options, Box::new(|_| {})).unwrap()
    };
    let log = open();
    let (mut tickets, mut expected) = (vec![log.commit(create()).unwrap()], Vec::new());
    for (id, len) in [3, 64 << 10, 7, (1 << 20) + 1, 200_000, 1].into_iter().enumerate() {
        let text = "x".repeat(len);
        tickets.push(log.commit(append(&[(id as i64, text.as_str())])).unwrap());
        expected.push((id as i64, text));
    }
    while log.run_pending() {}
    for ticket in tickets {
        ticket.wait().unwrap();
    }
    assert_eq!(read(&log, STREAM, log.durable_epoch()), expected);
    log.close();
    drop(log);
    let log = open();
    assert_eq!(log.durable_epoch(), Epoch(7));
    assert_eq!(read(&log, STREAM, Epoch(7)), expected);
    log.commit(append(&[(9, "behind")])).unwrap();
    while log.run_pending() {}
    assert_eq!(read(&log, STREAM, Epoch(8)).len(), 7);
}
