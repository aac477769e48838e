//! Every pair of places where the power can go: once while a journal file is sealed, once in the open after it.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::{Int64Array, RecordBatch};
use millrace_base::RelationId;
use millrace_log::{Commit, Durability, Log, LogOptions, RelationRows};
use millrace_plan::{CatalogChange, ColumnDef, DataType, Definition, DefinitionKind, arrow_schema};
use millrace_sim::{Dice, SimClock, SimDisk, SimRng};

const STREAM: RelationId = RelationId(1);
/// Operations of a sealing, and of an open, both rounded up.
const CUTS: u64 = 24;

fn open(disk: &SimDisk) -> millrace_base::Result<Log> {
    let options = LogOptions {
        storage: Arc::new(disk.clone()),
        clock: Arc::new(SimClock::new(0)),
        rng: Arc::new(SimRng::new(7)),
        durability: Durability::Commit,
        background: false,
        ..LogOptions::memory()
    };
    Log::open(None, options, Box::new(|_| {}))
}

fn column() -> ColumnDef {
    ColumnDef { name: "c".into(), data_type: DataType::Bigint, nullable: true, default: None }
}

fn row(value: i64) -> Commit {
    let schema = Arc::new(arrow_schema(&[column().field()]));
    let batch = RecordBatch::try_new(schema, vec![Arc::new(Int64Array::from(vec![value]))]).unwrap();
    Commit { rows: vec![RelationRows { relation: STREAM, partition: 0, batch, weights: None }], ..Commit::default() }
}

fn write(log: &Log, commit: Commit) {
    let ticket = log.commit(commit).unwrap();
    log.run_pending();
    ticket.wait().unwrap();
}

/// A database with `rows` rows, all in a journal file that can be sealed.
fn made(dice: u64, rows: i64) -> (SimDisk, Log) {
    let disk = SimDisk::new(Dice::new(dice));
    let log = open(&disk).unwrap();
    let object = DefinitionKind::Stream { columns: vec![column()], watermark: None, options: BTreeMap::new() };
    let definition = Definition { id: STREAM, name: "s".into(), sql: String::new(), object, depends_on: vec![] };
    write(&log, Commit { catalog: vec![CatalogChange::Create { definition }], ..Commit::default() });
    (0..rows).for_each(|value| write(&log, row(value)));
    log.request_rotation();
    log.run_pending();
    (disk, log)
}

/// Once an open dropped journal files on the word of a manifest edit that it had read and not yet made durable.
#[test]
fn an_open_that_is_cut_short_takes_nothing_with_it() {
    const ROWS: i64 = 3;
    let mut failed = 0;
    for dice in 0..8 {
        for first in 1..CUTS {
            for second in 1..CUTS {
                let (disk, log) = made(dice, ROWS);
                disk.cut_power_after(first);
                while log.maintain().is_ok_and(|more| more) {}
                drop(log);
                // The process ends, what it wrote is still in the page cache; then the machine goes down in the open.
                disk.kill();
                disk.cut_power_after(second);
                failed += u32::from(open(&disk).is_err());
                disk.crash();
                let log = open(&disk).unwrap_or_else(|error| panic!("cut at {first}, then at {second}: {error}"));
                let rows: usize =
                    log.scan(STREAM, &[0], log.durable_epoch()).unwrap().map(|b| b.unwrap().num_rows()).sum();
                assert_eq!(rows as i64, ROWS, "cut at {first}, then at {second}");
            }
        }
    }
    assert!(failed > 1000, "only {failed} opens were cut short");
}
