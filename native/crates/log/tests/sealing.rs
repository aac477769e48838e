//! Sealing, compaction, retention, checks and backups through the log's face: what is read must not depend on where it
//! lies.
#![expect(clippy::print_stdout, reason = "a random test prints its seed")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, ArrayRef, Int64Array, RecordBatch, StringArray};
use millrace_base::{Code, Epoch, RelationId, Storage};
use millrace_log::{
    Commit, Durability, GroupOffset, Log, LogOptions, MemoryStorage, RelationRows, Retention, SinkProgress,
    SourceOffset,
};
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

fn rows(values: &[(i64, String)]) -> RecordBatch {
    let fields: Vec<_> = columns().iter().map(ColumnDef::field).collect();
    let ids: ArrayRef = Arc::new(values.iter().map(|v| v.0).collect::<Int64Array>());
    let texts: ArrayRef = Arc::new(values.iter().map(|v| Some(v.1.as_str())).collect::<StringArray>());
    RecordBatch::try_new(Arc::new(arrow_schema(&fields)), vec![ids, texts]).unwrap()
}

fn part(relation: RelationId, partition: u32, values: &[(i64, String)]) -> RelationRows {
    RelationRows { relation, partition, batch: rows(values), weights: None }
}

fn open(storage: &Arc<dyn Storage>) -> Log {
    let options = LogOptions {
        storage: storage.clone(),
        durability: Durability::Commit,
        background: false,
        journal_file_bytes: 4096,
        // Some segments share a file, others have their own.
        own_file_bytes: 1000,
        seal_on_close: true,
        ..LogOptions::memory()
    };
    Log::open(None, options, Box::new(|_| {})).unwrap()
}

fn commit(log: &Log, commit: Commit) -> Epoch {
    let ticket = log.commit(commit).unwrap();
    log.run_pending();
    ticket.wait().unwrap()
}

fn read(log: &Log, relation: RelationId, as_of: Epoch) -> Vec<(i64, String)> {
    let mut out = Vec::new();
    for batch in log.scan(relation, &[1, 0], as_of).unwrap().batches() {
        let batch = batch.unwrap();
        let (texts, ids) = (batch.column(0).as_string::<i32>(), batch.column(1).as_primitive::<Int64Type>());
        out.extend((0..batch.num_rows()).map(|r| (ids.value(r), texts.value(r).to_string())));
    }
    out.sort();
    assert_eq!(in_pieces(log, relation, as_of), out, "the pieces as of {as_of:?}");
    if relation == TABLE {
        by_key(log, as_of, &out);
    }
    out
}

/// The same rows, piece by piece.
fn in_pieces(log: &Log, relation: RelationId, as_of: Epoch) -> Vec<(i64, String)> {
    let mut out = Vec::new();
    for piece in log.pieces(relation, &[1, 0], &[], as_of).unwrap() {
        let (texts, ids) = (piece.column(0).unwrap(), piece.column(1).unwrap());
        assert_eq!((texts.len(), ids.len()), (piece.rows(), piece.rows()));
        if let Some(facts) = piece.facts(1) {
            assert_eq!(facts.nulls, 0);
            assert!(piece.encoded(0).unwrap().is_some());
        }
        let there = |row: &usize| piece.alive().is_none_or(|alive| alive.value(*row));
        let (texts, ids) = (texts.as_string::<i32>(), ids.as_primitive::<Int64Type>());
        out.extend((0..piece.rows()).filter(there).map(|row| (ids.value(row), texts.value(row).to_string())));
    }
    out.sort();
    out
}

/// The same rows by their keys, where the index can tell.
fn by_key(log: &Log, as_of: Epoch, expected: &[(i64, String)]) {
    let table = log.table(TABLE).unwrap();
    for key in 0..50i64 {
        let keys: ArrayRef = Arc::new(Int64Array::from(vec![key, key]));
        let Some(found) = table.find_at(&[keys], as_of, &[1]).unwrap() else { continue };
        let texts = found.column(0).as_string::<i32>();
        let found: Vec<&str> = texts.iter().flatten().collect();
        let there: Vec<&str> = expected.iter().filter(|row| row.0 == key).map(|row| row.1.as_str()).collect();
        assert_eq!(found, there, "key {key} as of {as_of:?}");
    }
}

#[test]
fn what_is_read_does_not_depend_on_where_it_lies() {
    let seed: u64 = std::env::var("SEED").ok().and_then(|s| s.parse().ok()).unwrap_or_else(rand::random);
    println!("SEED={seed}");
    let mut rng = StdRng::seed_from_u64(seed);
    let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::default());
    let mut log = open(&storage);
    commit(&log, create());
    let mut stream: Vec<(i64, String)> = Vec::new();
    let mut table: BTreeMap<i64, String> = BTreeMap::new();
    let mut states = BTreeMap::new();
    for round in 0..600i64 {
        let mut next = Commit::default();
        let added: Vec<(i64, String)> = (0..rng.random_range(1..20))
            .map(|i| (round * 100 + i, format!("text {}", rng.random_range(0..9))))
            .collect();
        next.rows.push(part(STREAM, 0, &added));
        stream.extend(added);
        let key = rng.random_range(0..50);
        let mut change: Vec<((i64, String), i64)> = Vec::new();
        if let Some(old) = table.remove(&key) {
            change.push(((key, old), -1));
        }
        if rng.random_ratio(2, 3) {
            let new = format!("row {round}");
            change.push(((key, new.clone()), 1));
            table.insert(key, new);
        }
        if !change.is_empty() {
            let (values, weights): (Vec<_>, Vec<_>) = change.into_iter().unzip();
            let weights = Some(weights.into());
            next.rows.push(RelationRows { relation: TABLE, partition: 0, batch: rows(&values), weights });
        }
        next.offsets.push(SourceOffset { source: STREAM, partition: 3, next_offset: round });
        next.progress.push(SinkProgress { sink: TABLE, epoch: Epoch(round as u64) });
        next.groups.push(GroupOffset {
            group: "g".into(),
            stream: STREAM,
            partition: 0,
            next_offset: Some(round as u64),
        });
        let epoch = commit(&log, next);
        states.insert(epoch, (stream.len(), table.clone()));
        if rng.random_ratio(1, 20) {
            while log.maintain().unwrap() {}
        }
        if rng.random_ratio(1, 60) {
            log.close();
            log = open(&storage);
        }
        if round % 40 == 39 {
            let table: Vec<_> = table.clone().into_iter().collect();
            assert_eq!(read(&log, TABLE, epoch), table, "round {round}");
            let (&old, (count, _)) = states.iter().nth(rng.random_range(0..states.len())).unwrap();
            let mut expected = stream[..*count].to_vec();
            expected.sort();
            assert_eq!(read(&log, STREAM, old), expected, "epoch {}", old.0);
            assert_eq!(log.offsets(STREAM), [(3, round)]);
            assert_eq!(log.progress(TABLE), Epoch(round as u64));
            assert_eq!(log.group_offset("g", STREAM, 0), Some(round as u64));
            assert_eq!(log.extents(STREAM)[0].1.end, stream.len() as u64);
            assert!(log.check().findings.is_empty(), "{:?}", log.check().findings);
        }
    }
    log.checkpoint().unwrap();
    let stats = log.stats();
    assert_eq!(stats.sealed_epoch, stats.durable_epoch);
    assert_eq!(stats.maintenance_error, None);
    let target = Path::new("/backup");
    log.backup(target).unwrap();
    assert!(log.backup(target).unwrap_err().message.contains("is not empty"));
    let newest = log.durable_epoch();
    let before = (read(&log, STREAM, newest), read(&log, TABLE, newest));
    log.close();
    for root in [None, Some("/backup")] {
        let storage = match root {
            None => storage.clone(),
            Some(root) => Arc::new(Under { storage: storage.clone(), root: root.into() }),
        };
        let log = open(&storage);
        assert_eq!((read(&log, STREAM, newest), read(&log, TABLE, newest)), before);
        assert!(log.check().findings.is_empty(), "{:?}", log.check().findings);
    }
}

/// The same files seen from another folder: what the log calls /memory lies in `root`.
struct Under {
    storage: Arc<dyn Storage>,
    root: std::path::PathBuf,
}

impl Under {
    fn path(&self, path: &Path) -> std::path::PathBuf {
        // What is above the database is the same for all.
        path.strip_prefix("/memory").map_or_else(|_| path.to_path_buf(), |below| self.root.join(below))
    }
}

impl Storage for Under {
    fn open(&self, path: &Path, kind: millrace_base::FileKind) -> std::io::Result<Box<dyn millrace_base::File>> {
        self.storage.open(&self.path(path), kind)
    }
    fn create_dir_all(&self, path: &Path) -> std::io::Result<()> {
        self.storage.create_dir_all(&self.path(path))
    }
    fn list(&self, path: &Path) -> std::io::Result<Vec<std::path::PathBuf>> {
        let found = self.storage.list(&self.path(path))?;
        let back = |p: std::path::PathBuf| Path::new("/memory").join(p.strip_prefix(&self.root).unwrap());
        Ok(found.into_iter().map(back).collect())
    }
    fn exists(&self, path: &Path) -> bool {
        self.storage.exists(&self.path(path))
    }
    fn remove(&self, path: &Path) -> std::io::Result<()> {
        self.storage.remove(&self.path(path))
    }
    fn rename(&self, from: &Path, to: &Path) -> std::io::Result<()> {
        self.storage.rename(&self.path(from), &self.path(to))
    }
    fn sync_dir(&self, path: &Path) -> std::io::Result<()> {
        self.storage.sync_dir(&self.path(path))
    }
}

#[test]
fn times_lead_to_epochs_also_when_they_are_sealed() {
    let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::default());
    let log = open(&storage);
    commit(&log, create());
    let mut times = Vec::new();
    for round in 0..100 {
        let epoch =
            commit(&log, Commit { rows: vec![part(STREAM, 0, &[(round, "x".repeat(200))])], ..Commit::default() });
        times.push((log.last_time_us(), epoch));
        std::thread::sleep(std::time::Duration::from_micros(50));
    }
    while log.maintain().unwrap() {}
    assert!(log.stats().sealed_epoch > Epoch(20), "{:?}", log.stats());
    let of = |time: i64| times.iter().rev().find(|(t, _)| *t <= time).map(|(_, epoch)| *epoch);
    for &(time, epoch) in &times {
        assert_eq!(log.epoch_at(time).unwrap(), of(time).unwrap());
        assert_eq!(log.time_of(epoch).unwrap(), time);
    }
    assert_eq!(log.time_of(Epoch::ZERO).unwrap(), i64::MIN);
    assert_eq!(log.time_of(Epoch(u64::MAX)).unwrap(), log.last_time_us());
    assert_eq!(log.epoch_at(0).unwrap(), Epoch::ZERO);
    assert_eq!(log.epoch_at(i64::MAX).unwrap(), log.durable_epoch());
}

#[test]
fn retention_and_truncation_drop_rows_from_the_front() {
    let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::default());
    let log = open(&storage);
    commit(&log, create());
    for round in 0..200 {
        let rows = vec![part(STREAM, 0, &[(round, "x".repeat(100))]), part(STREAM, 1, &[(-round, "y".into())])];
        commit(&log, Commit { rows, ..Commit::default() });
    }
    log.checkpoint().unwrap();
    log.set_retention(STREAM, Some(Retention { time_us: None, bytes: Some(600) }));
    while log.maintain().unwrap() {}
    let extents = log.extents(STREAM);
    let (first, second) = (extents[0].1, extents[1].1);
    assert!(first.start > 0 && first.end == 200, "{extents:?}");
    let expected: Vec<i64> = (second.start as i64..200).rev().map(|i| -i).chain(first.start as i64..200).collect();
    let mut expected = expected;
    expected.sort_unstable();
    let found: Vec<i64> = read(&log, STREAM, log.durable_epoch()).into_iter().map(|(id, _)| id).collect();
    assert_eq!(found, expected);
    log.close();
    let log = open(&storage);
    assert_eq!(log.extents(STREAM), extents);
    let again: Vec<i64> = read(&log, STREAM, log.durable_epoch()).into_iter().map(|(id, _)| id).collect();
    assert_eq!(again, expected);
    commit(&log, Commit { truncated: vec![STREAM], ..Commit::default() });
    assert!(read(&log, STREAM, log.durable_epoch()).is_empty());
    commit(&log, Commit { rows: vec![part(STREAM, 0, &[(7, "new".into())])], ..Commit::default() });
    log.checkpoint().unwrap();
    log.close();
    let log = open(&storage);
    assert_eq!(read(&log, STREAM, log.durable_epoch()), [(7, "new".to_string())]);
    assert_eq!(log.extents(STREAM)[0].1.start, 200);
    assert!(log.check().findings.is_empty(), "{:?}", log.check().findings);
}

/// Once a stream as of an epoch whose rows had gone was read as if nothing had been there.
#[test]
fn the_past_of_a_stream_that_has_gone_is_an_error() {
    let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::default());
    let log = open(&storage);
    commit(&log, create());
    let one = |id: i64| Commit { rows: vec![part(STREAM, 0, &[(id, "x".into())])], ..Commit::default() };
    let first = commit(&log, one(1));
    log.checkpoint().unwrap();
    let second = commit(&log, one(2));
    let code = |log: &Log, epoch: Epoch| log.scan(STREAM, &[0], epoch).err().map(|error| error.code);
    let ids = |log: &Log, epoch| read(log, STREAM, epoch).iter().map(|(id, _)| *id).collect::<Vec<_>>();
    assert_eq!((ids(&log, first), ids(&log, second)), (vec![1], vec![1, 2]));
    // Retention takes the first row: what is as old as that is what it has left, and before it nothing is.
    log.set_retention(STREAM, Some(Retention { bytes: Some(0), ..Retention::default() }));
    while log.maintain().unwrap() {}
    assert_eq!(ids(&log, second), [2]);
    assert_eq!((code(&log, Epoch(first.0 - 1)), code(&log, first)), (Some(Code::ObjectNotInPrerequisiteState), None));
    let truncated = commit(&log, Commit { truncated: vec![STREAM], ..Commit::default() });
    let check = |log: &Log| {
        assert_eq!(code(log, second), Some(Code::ObjectNotInPrerequisiteState));
        assert_eq!(ids(log, truncated), [0; 0]);
    };
    check(&log);
    // From the journal, then from the manifest.
    drop(log);
    let log = open(&storage);
    check(&log);
    log.checkpoint().unwrap();
    check(&log);
    drop(log);
    check(&open(&storage));
}

#[test]
fn rows_that_died_stay_dead_in_a_table_whose_drop_was_not_written() {
    let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::default());
    let log = open(&storage);
    commit(&log, create());
    // Enough segments of one size to be merged, in each of which a row is dead.
    for id in 0..20 {
        commit(&log, Commit { rows: vec![part(TABLE, 0, &[(id, "old".into())])], ..Commit::default() });
        let batch = rows(&[(id, "old".into()), (id, "new".into())]);
        let weights = Some([-1, 1].into());
        let update = RelationRows { relation: TABLE, partition: 0, batch, weights };
        commit(&log, Commit { rows: vec![update], ..Commit::default() });
        log.checkpoint().unwrap();
    }
    let expected: Vec<(i64, String)> = (0..20).map(|id| (id, "new".into())).collect();
    let drop = Commit { catalog: vec![CatalogChange::Drop { id: TABLE }], ..Commit::default() };
    let waiting = log.commit(drop).unwrap();
    while log.maintain().unwrap() {}
    // The process ends before the journal has the drop.
    std::mem::forget((log, waiting));
    let log = open(&storage);
    assert_eq!(read(&log, TABLE, log.durable_epoch()), expected);
}

#[test]
fn a_table_that_compaction_has_emptied_still_has_no_past() {
    let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::default());
    let log = open(&storage);
    commit(&log, create());
    let born = commit(&log, Commit { rows: vec![part(TABLE, 0, &[(1, "a".into())])], ..Commit::default() });
    log.checkpoint().unwrap();
    let weights = Some([-1].into());
    let delete = RelationRows { relation: TABLE, partition: 0, batch: rows(&[(1, "a".into())]), weights };
    let died = commit(&log, Commit { rows: vec![delete], ..Commit::default() });
    log.checkpoint().unwrap();
    assert_eq!(read(&log, TABLE, born), [(1, "a".to_string())]);
    log.set_horizon(died, &[]);
    while log.maintain().unwrap() {}
    assert!(log.segments().iter().all(|segment| segment.key.relation != TABLE));
    log.close();
    let log = open(&storage);
    assert_eq!(read(&log, TABLE, died), []);
    assert!(log.scan(TABLE, &[0], born).is_err());
}

#[test]
fn sealed_rows_of_a_truncated_stream_take_no_space() {
    let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::default());
    let log = open(&storage);
    commit(&log, create());
    let some = || Commit { rows: vec![part(STREAM, 0, &[(1, "a".into())])], ..Commit::default() };
    commit(&log, some());
    log.checkpoint().unwrap();
    commit(&log, some());
    commit(&log, Commit { truncated: vec![STREAM], ..Commit::default() });
    log.checkpoint().unwrap();
    assert!(log.segments().iter().all(|segment| segment.key.relation != STREAM));
    commit(&log, some());
    log.checkpoint().unwrap();
    log.close();
    let log = open(&storage);
    assert_eq!(read(&log, STREAM, log.durable_epoch()).len(), 1);
    assert_eq!(log.extents(STREAM).into_iter().map(|(_, e)| (e.start, e.end)).collect::<Vec<_>>(), [(2, 3)]);
}
