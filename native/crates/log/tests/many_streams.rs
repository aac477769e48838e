//! Ten thousand streams in one database: written, sealed, opened again, listed and read, with no descriptor or thread for each.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{ArrayRef, Int64Array, RecordBatch};
use millrace_base::RelationId;
use millrace_log::{Commit, Durability, Log, LogOptions, RelationRows};
use millrace_plan::{CatalogChange, ColumnDef, DataType, Definition, DefinitionKind, arrow_schema};

const STREAMS: u32 = 10_000;
/// Of one commit.
const TOGETHER: usize = 100;
const DESCRIPTORS_MAX: usize = 300;
const THREADS_MAX: usize = 8;

fn column() -> ColumnDef {
    ColumnDef { name: "id".into(), data_type: DataType::Bigint, nullable: true, default: None }
}

fn definition(id: RelationId) -> CatalogChange {
    let object = DefinitionKind::Stream { columns: vec![column()], watermark: None, options: BTreeMap::new() };
    let definition = Definition {
        id,
        schema: millrace_plan::PUBLIC.into(),
        name: format!("s{}", id.0),
        sql: String::new(),
        object,
        depends_on: vec![],
    };
    CatalogChange::Create { definition }
}

fn rows(id: RelationId, round: i64) -> RelationRows {
    let ids: ArrayRef = Arc::new(Int64Array::from(vec![i64::from(id.0), round]));
    let batch = RecordBatch::try_new(Arc::new(arrow_schema(&[column().field()])), vec![ids]).unwrap();
    RelationRows { relation: id, partition: 0, batch, weights: None }
}

/// What this process has of `what`, a folder of /proc/self.
fn of_process(what: &str) -> usize {
    std::fs::read_dir(Path::new("/proc/self").join(what)).map_or(0, Iterator::count)
}

#[test]
fn ten_thousand_streams_take_no_descriptor_or_thread_each() {
    let folder = tempfile::tempdir().unwrap();
    let (descriptors, threads) = (of_process("fd"), of_process("task"));
    let mut most = (0, 0);
    let mut look = || most = (most.0.max(of_process("fd")), most.1.max(of_process("task")));
    let open = || Log::open(Some(folder.path()), LogOptions::real(Durability::None), Box::new(|_| {})).unwrap();
    let ids: Vec<RelationId> = (1..=STREAMS).map(RelationId).collect();
    let log = open();
    let commit = |commit: Commit| log.commit(commit).unwrap().wait().unwrap();
    for some in ids.chunks(TOGETHER) {
        commit(Commit { catalog: some.iter().map(|&id| definition(id)).collect(), ..Commit::default() });
    }
    for round in 0..2 {
        for some in ids.chunks(TOGETHER) {
            commit(Commit { rows: some.iter().map(|&id| rows(id, round)).collect(), ..Commit::default() });
        }
        look();
        log.checkpoint().unwrap();
        look();
    }
    log.close();
    drop(log);
    let log = open();
    assert_eq!(log.definitions().len(), ids.len());
    for &id in &ids {
        let mut found = Vec::new();
        for batch in log.scan(id, &[0], log.durable_epoch()).unwrap().batches() {
            found.extend_from_slice(batch.unwrap().column(0).as_primitive::<Int64Type>().values());
        }
        let own = i64::from(id.0);
        assert_eq!(found, [own, 0, own, 1]);
        if id.0 % 1000 == 0 {
            look();
        }
    }
    let files = std::fs::read_dir(folder.path().join("segments")).unwrap().count();
    assert!(files < 100, "{files} segment files");
    let (opened, started) = (most.0 - descriptors, most.1 - threads);
    assert!(opened <= DESCRIPTORS_MAX && started <= THREADS_MAX, "{opened} descriptors, {started} threads");
}
