//! CHECK DATABASE while the database is open: whatever byte of a live file is damaged, the finding names the file and the
//! offset, and so does one for a file that has gone.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, RecordBatch};
use millrace_base::{FileKind, RelationId, Storage};
use millrace_log::{Commit, Durability, Finding, Log, LogOptions, MemoryStorage, RelationRows};
use millrace_plan::{CatalogChange, ColumnDef, DataType, Definition, DefinitionKind, arrow_schema};

const STREAM: RelationId = RelationId(1);

fn column() -> ColumnDef {
    ColumnDef { name: "id".into(), data_type: DataType::Bigint, nullable: true, default: None }
}

fn commit(log: &Log, commit: Commit) {
    let ticket = log.commit(commit).unwrap();
    log.run_pending();
    ticket.wait().unwrap();
}

fn row(id: i64) -> Commit {
    let ids: ArrayRef = Arc::new(Int64Array::from(vec![id]));
    let batch = RecordBatch::try_new(Arc::new(arrow_schema(&[column().field()])), vec![ids]).unwrap();
    Commit { rows: vec![RelationRows { relation: STREAM, partition: 0, batch, weights: None }], ..Commit::default() }
}

/// Some rows in segments, some in closed journal files, some in the one that is written.
fn made(storage: &Arc<MemoryStorage>) -> Log {
    let options = LogOptions {
        storage: storage.clone(),
        durability: Durability::Commit,
        background: false,
        journal_file_bytes: 2048,
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
    commit(&log, Commit { catalog: vec![CatalogChange::Create { definition }], ..Commit::default() });
    (0..20).for_each(|id| commit(&log, row(id)));
    while log.maintain().unwrap() {}
    (20..40).for_each(|id| commit(&log, row(id)));
    log
}

fn bytes(storage: &MemoryStorage, path: &Path) -> Vec<u8> {
    let file = storage.open(path, FileKind::Read).unwrap();
    let mut bytes = vec![0; file.len().unwrap() as usize];
    file.read_exact_at(&mut bytes, 0).unwrap();
    bytes
}

fn files(storage: &MemoryStorage, extension: &str) -> Vec<PathBuf> {
    let folders = ["journal", "segments", "manifest"].map(|name| Path::new("/memory").join(name));
    let mut all: Vec<PathBuf> = folders.iter().flat_map(|folder| storage.list(folder).unwrap()).collect();
    all.retain(|path| path.extension().is_some_and(|e| e == extension));
    all.sort();
    all
}

/// What of a journal file means nothing: up to seven bytes behind each frame, and all behind the last.
fn filler(bytes: &[u8]) -> Vec<Range<usize>> {
    let mut out = Vec::new();
    let mut at = 64;
    while bytes.get(at..at + 4).is_some_and(|magic| magic == b"MRfr") && bytes[at + 40..at + 44] == bytes[20..24] {
        let body = u32::from_le_bytes(bytes[at + 8..at + 12].try_into().unwrap()) as usize;
        let end = at + 48 + body;
        at = end.next_multiple_of(8);
        out.push(end..at);
    }
    assert!(!out.is_empty(), "there are no frames");
    out.push(at..bytes.len());
    out
}

fn names(finding: &Finding, path: &Path) -> bool {
    // What does not begin as such a file of this release has no offset but the first.
    let places = ["at offset ", "is not a ", "format version"];
    finding.file == path.display().to_string() && places.iter().any(|place| finding.what.contains(place))
}

#[test]
fn every_damaged_byte_of_an_open_database_is_found_by_file_and_offset() {
    let storage = Arc::new(MemoryStorage::default());
    let log = made(&storage);
    assert_eq!(log.check().findings, []);
    let mut checked = 0;
    for extension in ["seg", "mf", "wal"] {
        let found = files(&storage, extension);
        assert!(!found.is_empty(), "{extension}");
        for path in found {
            let whole = bytes(&storage, &path);
            let file = storage.open(&path, FileKind::ReadWrite).unwrap();
            let mut missed = Vec::new();
            for at in 0..whole.len() {
                file.write_all_at(&[whole[at] ^ 1 << (at % 8)], at as u64).unwrap();
                match log.check().findings.as_slice() {
                    [] => missed.push(at),
                    findings => assert!(names(&findings[0], &path), "byte {at} of {}: {findings:?}", path.display()),
                }
                file.write_all_at(&whole[at..=at], at as u64).unwrap();
                checked += 1;
            }
            let filler = if extension == "wal" { filler(&whole) } else { Vec::new() };
            missed.retain(|at| !filler.iter().any(|range| range.contains(at)));
            assert!(missed.is_empty(), "bytes {missed:?} of {} are not checked", path.display());
        }
    }
    assert!(checked > 2000, "{checked}");
    assert_eq!(log.check().findings, []);
}

#[test]
fn a_segment_file_that_has_gone_is_found_though_it_is_held_open() {
    let storage = Arc::new(MemoryStorage::default());
    let log = made(&storage);
    let path = files(&storage, "seg").pop().unwrap();
    // It is read, so that its descriptor is kept.
    let rows = |log: &Log| -> usize {
        log.scan(STREAM, &[0], log.durable_epoch()).unwrap().map(|batch| batch.unwrap().num_rows()).sum()
    };
    assert_eq!(rows(&log), 40);
    storage.remove(&path).unwrap();
    let findings = log.check().findings;
    assert!(findings.iter().any(|finding| names(finding, &path) && finding.what.contains("missing")), "{findings:?}");
}
