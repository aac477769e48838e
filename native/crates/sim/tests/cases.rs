//! The smallest cases of what random seeds have found and only a simulated disk can show.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arrow_array::{Int64Array, RecordBatch};
use millrace_base::{Code, FileKind, RelationId, Storage};
use millrace_log::{Commit, Durability, Log, LogOptions, RelationRows};
use millrace_plan::{CatalogChange, ColumnDef, DataType, Definition, DefinitionKind, arrow_schema};
use millrace_sim::{Dice, Fault, Op, SimClock, SimDisk, SimRng};

const STREAM: RelationId = RelationId(1);
/// Operations of a sealing, and of an open, both rounded up.
const CUTS: u64 = 24;

fn open(disk: &SimDisk) -> millrace_base::Result<Log> {
    open_with(disk, Durability::Commit)
}

fn open_with(disk: &SimDisk, durability: Durability) -> millrace_base::Result<Log> {
    let options = LogOptions {
        storage: Arc::new(disk.clone()),
        clock: Arc::new(SimClock::new(0)),
        rng: Arc::new(SimRng::new(7)),
        durability,
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

fn create() -> Commit {
    let object = DefinitionKind::Stream { columns: vec![column()], watermark: None, options: BTreeMap::new() };
    let definition = Definition {
        id: STREAM,
        name: "s".into(),
        schema: millrace_plan::PUBLIC.into(),
        sql: String::new(),
        object,
        depends_on: vec![],
    };
    Commit { catalog: vec![CatalogChange::Create { definition }], ..Commit::default() }
}

fn failing(op: Op) -> Fault {
    Fault { op, after: 0, times: 1, no_space: false, whole: false }
}

fn rows(log: &Log) -> usize {
    log.scan(STREAM, &[0], log.durable_epoch()).unwrap().map(|batch| batch.unwrap().num_rows()).sum()
}

/// A database with `rows` rows, all in a journal file that can be sealed.
fn made(dice: u64, rows: i64) -> (SimDisk, Log) {
    let disk = SimDisk::new(Dice::new(dice));
    let log = open(&disk).unwrap();
    write(&log, create());
    (0..rows).for_each(|value| write(&log, row(value)));
    log.request_rotation();
    log.run_pending();
    (disk, log)
}

/// Every pair of places where the power can go: in the sealing of a journal file, and in the open after it. Once an open dropped journal files on the word of a manifest edit that it had read and not yet made durable.
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
                assert_eq!(rows(&log) as i64, ROWS, "cut at {first}, then at {second}");
            }
        }
    }
    assert!(failed > 1000, "only {failed} opens were cut short");
}

/// Once an open that could not make the end of the journal durable left it to the next one, which saw a file that ends there
/// already: what had been cut off came back behind commits that were written later.
#[test]
fn what_an_open_has_cut_off_stays_away_though_its_fsync_failed() {
    let mut cut = 0;
    for dice in 0..400 {
        let disk = SimDisk::new(Dice::new(dice));
        let log = open_with(&disk, Durability::None).unwrap();
        write(&log, create());
        drop(log);
        let log = open_with(&disk, Durability::None).unwrap();
        (0..4).for_each(|value| write(&log, row(value)));
        // Not a close, which would make them durable.
        disk.cut_power_after(0);
        drop(log);
        disk.crash();
        disk.plan(failing(Op::Sync));
        cut += u32::from(open(&disk).is_err());
        disk.kill();
        let log = open(&disk).unwrap();
        let found = rows(&log);
        write(&log, row(9));
        drop(log);
        disk.crash();
        assert_eq!(rows(&open(&disk).unwrap()), found + 1, "dice {dice}");
    }
    assert!(cut > 300, "{cut}");
}

/// Each retry of a sealing that fails once left its files behind, until the next open.
#[test]
fn a_sealing_that_fails_again_and_again_leaves_no_files() {
    let segments = std::path::Path::new("/memory/segments");
    for times in 0..40 {
        let (disk, log) = made(7, 3);
        let before = disk.list(segments).unwrap().len();
        // Fails at every step in turn: the creation of a file, its writes, its fsync, the folder's, the manifest's.
        for op in [Op::Write, Op::Sync, Op::Create, Op::Rename] {
            for _ in 0..10 {
                disk.plan(Fault { op, after: times, times: 1, no_space: true, whole: false });
                if log.maintain().is_ok() {
                    break;
                }
            }
        }
        disk.heal_faults_only();
        while log.maintain().unwrap() {}
        let named: std::collections::BTreeSet<u64> = log.segments().iter().map(|s| s.id.file).collect();
        let found = disk.list(segments).unwrap().len();
        // The commit index shares the file of the only partition.
        assert_eq!((before, found), (0, named.len()), "after {times} operations");
        assert_eq!(rows(&log), 3);
    }
}

/// Once a relation could not be read any more from when its drop was put in order, though it might still fail.
#[test]
fn a_relation_can_be_read_until_its_drop_is_durable() {
    let (disk, log) = made(7, 3);
    let ticket = log.commit(Commit { catalog: vec![CatalogChange::Drop { id: STREAM }], ..Commit::default() }).unwrap();
    assert_eq!(rows(&log), 3);
    assert_eq!(log.extents(STREAM).iter().map(|(_, e)| (e.start, e.end)).collect::<Vec<_>>(), [(0, 3)]);
    disk.plan(failing(Op::Sync));
    log.run_pending();
    assert!(ticket.wait().is_err());
    assert_eq!(rows(&log), 3);
    drop(log);
    let log = open(&SimDisk::new(Dice::new(8))).unwrap();
    write(&log, create());
    write(&log, row(1));
    write(&log, Commit { catalog: vec![CatalogChange::Drop { id: STREAM }], ..Commit::default() });
    assert!(log.scan(STREAM, &[0], log.durable_epoch()).is_err());
}

/// What is promised within a time is durable then, whether another commit comes or not.
#[test]
fn an_interval_ends_with_an_fsync() {
    let after_crash = |disk: &SimDisk| {
        let disk = disk.copy();
        disk.crash();
        open(&disk).map_or(0, |log| log.durable_epoch().0)
    };
    let mut lost = 0;
    for dice in 0..50 {
        let disk = SimDisk::new(Dice::new(dice));
        let clock = Arc::new(SimClock::new(0));
        let options = LogOptions {
            storage: Arc::new(disk.clone()),
            clock: clock.clone(),
            rng: Arc::new(SimRng::new(7)),
            durability: Durability::Interval(Duration::from_secs(1)),
            background: false,
            ..LogOptions::memory()
        };
        let log = Log::open(None, options, Box::new(|_| {})).unwrap();
        write(&log, create());
        write(&log, row(1));
        clock.shift(999_999);
        clock.shift(-3_600_000_000); // somebody sets the clock back: no time passes
        log.run_pending();
        lost += u32::from(after_crash(&disk) < 2);
        clock.shift(1);
        log.run_pending();
        assert_eq!(after_crash(&disk), 2, "dice {dice}");
    }
    assert!(lost > 10, "{lost}");
}

/// Once writing went on after the second of two fsyncs, of which the first had failed and dropped what was written.
#[test]
fn writing_does_not_go_on_after_a_failed_fsync() {
    for dice in 0..100 {
        let disk = SimDisk::new(Dice::new(dice));
        let log = open_with(&disk, Durability::None).unwrap();
        write(&log, create());
        (0..4).for_each(|value| write(&log, row(value)));
        disk.limit_growth(0);
        // Until the file's preallocated space is full.
        while (0..1000).all(|value| {
            let ticket = log.commit(row(value)).unwrap();
            log.run_pending();
            ticket.wait().is_ok()
        }) {}
        disk.make_room();
        disk.plan(failing(Op::Sync));
        assert!(log.resume().is_err());
        // Nothing is left to go on with, and commits say so.
        let _ = log.resume();
        let refused = log.commit(row(9)).err().expect("no commit is taken");
        assert!(refused.hint.is_some_and(|hint| hint.contains("until it is opened again")));
        drop(log);
        disk.crash();
        open(&disk).unwrap_or_else(|error| panic!("dice {dice}: {error}"));
    }
}

/// Once a close whose fsync had failed began a new journal file, which says that the one before it is whole.
#[test]
fn a_close_whose_fsync_failed_begins_no_file() {
    let mut lost = 0;
    for dice in 0..200 {
        let disk = SimDisk::new(Dice::new(dice));
        let options = LogOptions {
            storage: Arc::new(disk.clone()),
            clock: Arc::new(SimClock::new(0)),
            rng: Arc::new(SimRng::new(7)),
            durability: Durability::None,
            background: false,
            journal_file_bytes: 2000, // so that a close has something to seal
            seal_on_close: true,
            ..LogOptions::memory()
        };
        let log = Log::open(None, options, Box::new(|_| {})).unwrap();
        write(&log, create());
        (0..4).for_each(|value| write(&log, row(value)));
        disk.plan(failing(Op::Sync));
        log.close();
        drop(log);
        disk.crash();
        let log = open(&disk).unwrap_or_else(|error| panic!("dice {dice}: {error}"));
        lost += u32::from(log.durable_epoch().0 < 5);
    }
    assert!(lost > 20, "{lost}: the failed fsync dropped nothing");
}

/// Once the damaged header of the last file was told as a file that is missing, when a file before that one was gone and an
/// older one, whose removal was under way too, was not.
#[test]
fn a_damaged_header_of_the_last_file_is_told_as_such() {
    let disk = SimDisk::new(Dice::new(7));
    let log = open(&disk).unwrap();
    let path = |number: u32| PathBuf::from(format!("/memory/journal/{number:016}.wal"));
    write(&log, create());
    let first = disk.contents(&path(1)).expect("the first file");
    for value in 0..2 {
        write(&log, row(value));
        log.request_rotation();
        log.run_pending();
        while log.maintain().unwrap() {}
    }
    drop(log);
    assert!(disk.contents(&path(1)).is_none() && disk.contents(&path(2)).is_none());
    let again = disk.open(&path(1), FileKind::ReadWrite).unwrap();
    again.write_all_at(&first, 0).unwrap();
    disk.damage(&path(3), |bytes| bytes[0] ^= 1);
    let error = open(&disk).err().expect("a header is damaged");
    assert_eq!(error.code, Code::DataCorrupted);
    assert!(error.message.contains("3.wal") && error.message.contains("offset 0"), "{}", error.message);
}
