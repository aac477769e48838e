//! What consumers get: their place, their share of the partitions, a wake-up at a commit, and an end.

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use arrow_array::cast::AsArray;
use arrow_array::types::{Int64Type, TimestampMicrosecondType};
use millrace_base::{Code, Error, RelationId, Result};
use millrace_plan::*;
use millrace_runtime::{Consumed, Consumer, Engine, EngineOptions, Reply};
use support::*;

/// A stream of (a, b) whose rows with one `a` stay in one partition.
fn parted(engine: &Engine, name: &str, options: &[(&str, &str)]) -> RelationId {
    let columns = vec![column("a", DataType::Bigint), column("b", DataType::Bigint)];
    let options = options.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
    create(engine, name, DefinitionKind::Stream { columns, watermark: None, options }, vec![]).expect("a stream")
}

fn four(engine: &Engine, name: &str) -> RelationId {
    parted(engine, name, &[("partitions", "4"), ("partition_by", "0")])
}

fn join_from(engine: &Engine, stream: RelationId, group: &str, from: Position) -> Result<Arc<Consumer>> {
    let group = group.to_string();
    let command = Command::ConsumerOpen { version: PLAN_VERSION, group, stream, columns: vec![0, 1], from };
    wait(|reply| engine.consumer(encode(&command).unwrap(), reply))
}

fn join(engine: &Engine, stream: RelationId, group: &str) -> Arc<Consumer> {
    join_from(engine, stream, group, Position::Earliest).expect("a member")
}

/// A batch as the tests look at it.
#[derive(Debug, PartialEq)]
struct Batch {
    partition: u32,
    offsets: (u64, u64),
    skipped: u64,
    rows: Vec<(i64, i64)>,
    epochs: Vec<i64>,
    times: Vec<i64>,
    pieces: usize,
}

fn batch(consumed: Consumed) -> Option<Batch> {
    let rows = consumed.rows?;
    let batches = decode(&rows.ipc);
    let int =
        |batch: &arrow_array::RecordBatch, c: usize| batch.column(c).as_primitive::<Int64Type>().values().to_vec();
    let all = |c: usize| batches.iter().flat_map(|b| int(b, c)).collect::<Vec<i64>>();
    let times = batches.iter().flat_map(|b| b.column(3).as_primitive::<TimestampMicrosecondType>().values().to_vec());
    let pairs: Vec<(i64, i64)> = all(0).into_iter().zip(all(1)).collect();
    assert_eq!(rows.next_offset - rows.first_offset, pairs.len() as u64, "offsets have no gaps");
    Some(Batch {
        partition: rows.partition,
        offsets: (rows.first_offset, rows.next_offset),
        skipped: rows.skipped,
        rows: pairs,
        epochs: all(2),
        times: times.collect(),
        pieces: batches.len(),
    })
}

fn pull(consumer: &Arc<Consumer>, rows: u32) -> Result<Option<Consumed>> {
    wait(|reply| consumer.next(rows, 4 << 20, reply))
}

/// The next rows; news of partitions are passed over.
fn rows_of(consumer: &Arc<Consumer>, rows: u32) -> Batch {
    loop {
        if let Some(found) = batch(pull(consumer, rows).unwrap().expect("no end")) {
            return found;
        }
    }
}

/// The partitions that the consumer is told of next; it must not wait for rows.
fn told(consumer: &Arc<Consumer>) -> Vec<u32> {
    pull(consumer, 1).unwrap().expect("no end").assigned.expect("other partitions")
}

fn pending(consumer: &Arc<Consumer>) -> crossbeam_channel::Receiver<Result<Option<Consumed>>> {
    let (reply, answer) = Reply::channel();
    consumer.next(100, 4 << 20, reply);
    answer
}

fn commit_command(stream: RelationId, group: &str, member: u64, offsets: &[(u32, u64)]) -> Command {
    let offsets = offsets.iter().map(|&(partition, next_offset)| PartitionOffset { partition, next_offset }).collect();
    let group = group.to_string();
    Command::ConsumerCommit { version: PLAN_VERSION, group, stream, member, offsets, transaction: None }
}

fn commit(engine: &Engine, stream: RelationId, group: &str, member: &Consumer, offsets: &[(u32, u64)]) -> Result<()> {
    execute(engine, &commit_command(stream, group, member.member(), offsets)).map(|_| ())
}

fn seek(consumer: &Arc<Consumer>, partition: Option<u32>, to: Position) -> Result<()> {
    wait(|reply| consumer.seek(encode(&Seek { partition, to }).unwrap(), reply))
}

fn seek_group(engine: &Engine, stream: RelationId, group: &str, to: Position) -> Result<()> {
    let seek = Seek { partition: None, to };
    let group = group.to_string();
    execute(engine, &Command::ConsumerSeek { version: PLAN_VERSION, group, stream, seek }).map(|_| ())
}

fn begin(engine: &Engine) -> u64 {
    let command = encode(&Command::Begin { version: PLAN_VERSION, read_only: false }).unwrap();
    wait(|reply| engine.begin(&command, reply)).unwrap()
}

fn within(mut command: Command, number: u64) -> Command {
    match &mut command {
        Command::Insert { transaction, .. } | Command::ConsumerCommit { transaction, .. } => {
            *transaction = Some(number)
        }
        _ => panic!("a command of a transaction"),
    }
    command
}

fn end(engine: &Engine, transaction: u64) -> Result<()> {
    execute(engine, &Command::Commit { version: PLAN_VERSION, transaction }).map(|_| ())
}

fn code<T>(result: Result<T>) -> Code {
    result.err().map(|Error { code, .. }| code).expect("an error")
}

fn small_files(path: &Path) -> Engine {
    let options = EngineOptions { journal_file_bytes: Some(64 << 10), ..EngineOptions::default() };
    Engine::open(Some(path), &options).unwrap()
}

fn checkpoint(engine: &Engine) {
    execute(engine, &Command::Checkpoint { version: PLAN_VERSION }).unwrap();
}

#[test]
fn groups_are_at_places_of_their_own() {
    let engine = memory();
    let s = stream(&engine, "s");
    insert(&engine, s, &[(1, 10), (2, 20)]).unwrap();
    insert(&engine, s, &[(3, 30)]).unwrap();
    let (one, two) = (join(&engine, s, "one"), join(&engine, s, "two"));
    let first = rows_of(&one, 2);
    assert_eq!((first.offsets, first.rows.as_slice(), first.skipped), ((0, 2), [(1, 10), (2, 20)].as_slice(), 0));
    assert_eq!(rows_of(&one, 2).rows, [(3, 30)]);
    let all = rows_of(&two, 100);
    assert_eq!(all.rows, [(1, 10), (2, 20), (3, 30)]);
    assert_eq!(all.epochs[0], all.epochs[1]);
    assert!(all.epochs[1] < all.epochs[2] && all.times[0] > 1_600_000_000_000_000);
    let late = join_from(&engine, s, "three", Position::Latest).unwrap();
    insert(&engine, s, &[(4, 40)]).unwrap();
    let found = rows_of(&late, 100);
    assert_eq!((found.offsets, found.rows.as_slice()), ((3, 4), [(4, 40)].as_slice()));
}

#[test]
fn members_share_partitions_and_take_over_where_the_group_has_come_to() {
    let engine = memory();
    let s = four(&engine, "s");
    let one = join(&engine, s, "g");
    assert_eq!(told(&one), [0, 1, 2, 3]);
    let waiting = pending(&one);
    std::thread::sleep(Duration::from_millis(20));
    assert!(waiting.is_empty());
    let two = join(&engine, s, "g");
    let answer = waiting.recv_timeout(Duration::from_secs(10)).unwrap().unwrap().unwrap();
    assert_eq!(answer.assigned.unwrap(), [0, 1], "a member that waits is told");
    assert!(answer.rows.is_none());
    assert_eq!(told(&two), [2, 3]);
    for value in 0..100 {
        let rows: Vec<(i64, i64)> = (0..50).map(|key| (key, value)).collect();
        insert(&engine, s, &rows).unwrap();
    }
    let mut seen: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
    let mut places: BTreeMap<u32, u64> = BTreeMap::new();
    let mut take = |member: &Arc<Consumer>, allowed: &[u32], places: &mut BTreeMap<u32, u64>| {
        let found = rows_of(member, 37);
        assert!(allowed.contains(&found.partition), "{} is not in {allowed:?}", found.partition);
        let before = places.insert(found.partition, found.offsets.1);
        assert_eq!(before.unwrap_or(0), found.offsets.0);
        found.rows.iter().for_each(|&(a, b)| seen.entry(a).or_default().push(b));
        found.rows.len()
    };
    let mut got = 0;
    let mut turns = BTreeSet::new();
    for _ in 0..2 {
        got += take(&one, &[0, 1], &mut places);
        turns.extend(places.keys().copied());
        got += take(&two, &[2, 3], &mut places);
    }
    assert_eq!(turns.len(), 3, "partitions take turns: {places:?}");
    let of_two: Vec<(u32, u64)> = places.iter().filter(|(p, _)| **p >= 2).map(|(p, o)| (*p, *o)).collect();
    commit(&engine, s, "g", &two, &of_two).unwrap();
    assert_eq!(code(commit(&engine, s, "g", &one, &of_two)), Code::ObjectNotInPrerequisiteState);
    two.close();
    assert!(pull(&two, 1).unwrap().is_none());
    assert_eq!(code(commit(&engine, s, "g", &two, &of_two)), Code::ObjectNotInPrerequisiteState);
    while got < 5000 {
        got += take(&one, &[0, 1, 2, 3], &mut places);
    }
    assert_eq!(seen.len(), 50);
    for (key, values) in seen {
        assert!(values.iter().copied().eq(0..100), "the rows of key {key} are out of order: {values:?}");
    }
}

#[test]
fn a_partition_that_went_and_came_back_is_told_and_its_old_rows_cannot_be_committed() {
    let engine = memory();
    let s = four(&engine, "s");
    insert(&engine, s, &(0..100).map(|a| (a, a)).collect::<Vec<_>>()).unwrap();
    let one = join(&engine, s, "g");
    let mut read: BTreeMap<u32, u64> = BTreeMap::new();
    for _ in 0..4 {
        let found = rows_of(&one, 5);
        read.insert(found.partition, found.offsets.1);
    }
    let two = join(&engine, s, "g");
    let other = rows_of(&two, 7);
    assert_eq!(other.offsets, (0, 7), "nothing was committed: the new reader begins where the group began");
    commit(&engine, s, "g", &two, &[(other.partition, 7)]).unwrap();
    two.close();
    // It has the partition again, but what it read of it before is no longer its to commit.
    let stale = [(other.partition, read[&other.partition])];
    assert_eq!(code(commit(&engine, s, "g", &one, &stale)), Code::ObjectNotInPrerequisiteState);
    assert!(!told(&one).contains(&other.partition));
    assert_eq!(told(&one), [0, 1, 2, 3]);
    loop {
        let found = rows_of(&one, 100);
        if found.partition == other.partition {
            assert_eq!(found.offsets.0, 7);
            break commit(&engine, s, "g", &one, &[(found.partition, found.offsets.1)]).unwrap();
        }
    }
}

#[test]
fn a_seek_goes_to_offsets_times_and_ends() {
    let folder = tempfile::tempdir().unwrap();
    let engine = small_files(folder.path());
    let s = stream(&engine, "s");
    let mut times = Vec::new();
    let consumer = join(&engine, s, "g");
    for value in 0..30 {
        append(&engine, s, &[(value, value), (value, value)]).unwrap();
        times.push(rows_of(&consumer, 10).times[0]);
        std::thread::sleep(Duration::from_millis(2));
        if value == 19 {
            checkpoint(&engine);
        }
    }
    let at = |time_us: i64| {
        let literal = Literal::Timestamptz { value: time_us };
        Position::Timestamp { time: Expr::Literal { literal } }
    };
    let first_after = |to: Position| {
        seek(&consumer, None, to).unwrap();
        rows_of(&consumer, 100).offsets.0
    };
    assert_eq!(first_after(Position::Offset { offset: 7 }), 7);
    assert_eq!(first_after(Position::Earliest), 0);
    for value in [0, 5, 19, 20, 29] {
        let offset = value as u64 * 2;
        assert_eq!(first_after(at(times[value])), offset, "the commit at that time");
        assert_eq!(first_after(at(times[value] - 1)), offset, "the first later commit");
    }
    assert_eq!(first_after(Position::Offset { offset: 59 }), 59);
    assert_eq!(code(seek(&consumer, None, Position::Offset { offset: 61 })), Code::InvalidParameterValue);
    assert_eq!(code(seek(&consumer, Some(1), Position::Earliest)), Code::InvalidParameterValue);
    for (end, to) in [(60, at(times[29] + 1)), (61, Position::Latest), (62, Position::Offset { offset: 62 })] {
        seek(&consumer, Some(0), to).unwrap();
        let waiting = pending(&consumer);
        append(&engine, s, &[(100, 100)]).unwrap();
        let found = batch(waiting.recv_timeout(Duration::from_secs(10)).unwrap().unwrap().unwrap()).unwrap();
        assert_eq!((found.offsets, found.rows.as_slice()), ((end, end + 1), [(100, 100)].as_slice()));
    }
    let waiting = pending(&consumer);
    seek(&consumer, None, Position::Offset { offset: 3 }).unwrap();
    let found = batch(waiting.recv_timeout(Duration::from_secs(10)).unwrap().unwrap().unwrap()).unwrap();
    assert_eq!(found.offsets.0, 3, "a seek ends the waiting");
}

#[test]
fn a_group_goes_on_where_it_was_when_the_database_is_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let s = {
        let engine = support::folder(folder.path());
        let s = stream(&engine, "s");
        insert(&engine, s, &[(1, 1), (2, 2), (3, 3)]).unwrap();
        let consumer = join(&engine, s, "g");
        let found = rows_of(&consumer, 2);
        commit(&engine, s, "g", &consumer, &[(0, found.offsets.1)]).unwrap();
        assert_eq!(code(commit(&engine, s, "g", &consumer, &[(0, 4)])), Code::InvalidParameterValue);
        rows_of(&consumer, 2);
        engine.close();
        assert!(pull(&consumer, 1).unwrap().is_none());
        s
    };
    let engine = support::folder(folder.path());
    // What was committed goes before what is asked for.
    let consumer = join_from(&engine, s, "g", Position::Offset { offset: 999 }).unwrap();
    assert_eq!(rows_of(&consumer, 10).rows, [(3, 3)]);
    let refused = join_from(&engine, s, "new", Position::Offset { offset: 999 });
    assert_eq!(code(refused), Code::InvalidParameterValue);
    assert_eq!(code(seek_group(&engine, s, "g", Position::Earliest)), Code::ObjectInUse);
    consumer.close();
    seek_group(&engine, s, "g", Position::Offset { offset: 1 }).unwrap();
    assert_eq!(rows_of(&join(&engine, s, "g"), 10).offsets, (1, 3));
    engine.close();
}

#[test]
fn offsets_in_a_transaction_come_with_its_rows_or_not_at_all() {
    let engine = memory();
    let (s, t) = (stream(&engine, "s"), table(&engine, "t"));
    insert(&engine, s, &[(1, 1), (2, 2), (3, 3)]).unwrap();
    let handle = |consumer: &Arc<Consumer>| {
        let found = rows_of(consumer, 1);
        let number = begin(&engine);
        let rows: Vec<_> = found.rows.iter().map(|&(a, b)| (Some(a), b)).collect();
        execute(&engine, &within(insert_command(t, &rows, ConflictAction::Error), number)).unwrap();
        let offsets = commit_command(s, "g", consumer.member(), &[(0, found.offsets.1)]);
        execute(&engine, &within(offsets, number)).unwrap();
        number
    };
    let one = join(&engine, s, "g");
    let number = handle(&one);
    end(&engine, number).unwrap();
    let number = handle(&one);
    execute(&engine, &Command::Rollback { version: PLAN_VERSION, transaction: number }).unwrap();
    one.close();
    assert_eq!(query(&engine, scan(t), 2).unwrap(), ["1 1"]);
    // Another member takes over while a transaction of the first is open: only one of them can commit.
    let two = join(&engine, s, "g");
    let number = handle(&two);
    two.close();
    let three = join(&engine, s, "g");
    assert_eq!(code(end(&engine, number)), Code::ObjectNotInPrerequisiteState);
    for _ in 0..2 {
        let number = handle(&three);
        end(&engine, number).unwrap();
    }
    assert_eq!(query(&engine, scan(t), 2).unwrap(), ["1 1", "2 2", "3 3"]);
}

#[test]
fn a_slow_reader_is_told_what_retention_has_taken() {
    let folder = tempfile::tempdir().unwrap();
    let engine = small_files(folder.path());
    let s = parted(&engine, "s", &[("retention_bytes", "20000")]);
    let consumer = join(&engine, s, "g");
    let rows: Vec<(i64, i64)> = (0..500).map(|i| (i, i * 7919 % 1009)).collect();
    append(&engine, s, &rows).unwrap();
    assert_eq!(rows_of(&consumer, 10).offsets, (0, 10));
    let mut total = 500;
    let skipped = loop {
        for _ in 0..20 {
            append(&engine, s, &rows).unwrap();
            total += 500;
        }
        checkpoint(&engine);
        let found = rows_of(&consumer, 10);
        if found.skipped > 0 {
            break found;
        }
        assert!(total < 200_000, "retention takes nothing");
    };
    assert!(skipped.offsets.0 > 500);
    let expected = |offset: u64| rows[(offset % 500) as usize];
    assert_eq!(skipped.rows[0], expected(skipped.offsets.0));
    let mut at = skipped.offsets.1;
    while at < total {
        let found = rows_of(&consumer, 8192);
        assert_eq!((found.offsets.0, found.skipped), (at, 0), "it is told once");
        assert_eq!(found.rows[0], expected(at));
        at = found.offsets.1;
    }
    execute(&engine, &Command::Truncate { version: PLAN_VERSION, relations: vec![s], transaction: None }).unwrap();
    seek(&consumer, None, Position::Earliest).unwrap();
    append(&engine, s, &[(1, 1)]).unwrap();
    assert_eq!(rows_of(&consumer, 10).offsets, (total, total + 1));
    engine.close();
}

#[test]
fn truncated_rows_are_not_shown_though_they_were_read_ahead() {
    let engine = memory();
    let s = stream(&engine, "s");
    append(&engine, s, &(0..1000).map(|i| (i, i)).collect::<Vec<_>>()).unwrap();
    let consumer = join(&engine, s, "g");
    assert_eq!(rows_of(&consumer, 10).offsets, (0, 10));
    execute(&engine, &Command::Truncate { version: PLAN_VERSION, relations: vec![s], transaction: None }).unwrap();
    append(&engine, s, &[(7, 7)]).unwrap();
    let found = rows_of(&consumer, 10);
    assert_eq!((found.rows.as_slice(), found.offsets, found.skipped), ([(7, 7)].as_slice(), (1000, 1001), 990));
}

#[test]
fn waiting_ends_at_a_commit_a_close_and_the_end_of_the_database() {
    let engine = memory();
    let s = four(&engine, "s");
    let members: Vec<_> = (0..3).map(|n| join(&engine, s, &format!("g{n}"))).collect();
    members.iter().for_each(|m| assert_eq!(told(m).len(), 4));
    let waiting: Vec<_> = members.iter().map(pending).collect();
    assert_eq!(code(pull(&members[0], 1)), Code::ObjectInUse, "one call at a time");
    insert(&engine, s, &[(5, 5)]).unwrap();
    for answer in &waiting {
        let found = batch(answer.recv_timeout(Duration::from_secs(10)).unwrap().unwrap().unwrap()).unwrap();
        assert_eq!(found.rows, [(5, 5)]);
    }
    let waiting = pending(&members[0]);
    members[0].close();
    assert!(waiting.recv_timeout(Duration::from_secs(10)).unwrap().unwrap().is_none());
    let waiting = pending(&members[1]);
    engine.close();
    assert!(waiting.recv_timeout(Duration::from_secs(10)).unwrap().unwrap().is_none());
    assert!(pull(&members[2], 1).unwrap().is_none());
}

#[test]
fn a_dropped_stream_ends_its_consumers() {
    let engine = memory();
    let (s, t) = (stream(&engine, "s"), table(&engine, "t"));
    let consumer = join(&engine, s, "g");
    assert_eq!(told(&consumer), [0]);
    let waiting = pending(&consumer);
    drop_object(&engine, s).unwrap();
    let error = waiting.recv_timeout(Duration::from_secs(10)).unwrap().err().expect("an error");
    assert_eq!(error.code, Code::UndefinedTable);
    assert_eq!(code(pull(&consumer, 1)), Code::UndefinedTable);
    assert_eq!(code(seek(&consumer, None, Position::Earliest)), Code::UndefinedTable);
    consumer.close();
    assert_eq!(code(join_from(&engine, t, "g", Position::Earliest)), Code::WrongObjectType);
    let again = stream(&engine, "s");
    insert(&engine, again, &[(1, 1)]).unwrap();
    assert_eq!(rows_of(&join(&engine, again, "g"), 10).rows, [(1, 1)]);
}

#[test]
fn small_commits_come_together_and_large_ones_in_parts() {
    let folder = tempfile::tempdir().unwrap();
    let engine = support::folder(folder.path());
    let s = stream(&engine, "s");
    let (many, bytes) = (join(&engine, s, "many"), join(&engine, s, "bytes"));
    for value in 0..300 {
        insert(&engine, s, &[(value, value)]).unwrap();
    }
    let found = rows_of(&many, 250);
    assert_eq!((found.offsets, found.pieces), ((0, 250), 1));
    assert_eq!(found.epochs.iter().collect::<BTreeSet<_>>().len(), 250);
    assert_eq!(rows_of(&many, 250).offsets, (250, 300));
    for rows in [0..100_000, 100_000..200_000] {
        append(&engine, s, &rows.map(|i| (i, i)).collect::<Vec<_>>()).unwrap();
    }
    checkpoint(&engine);
    let mut at = 300;
    while at < 200_300 {
        let found = rows_of(&many, 30_000);
        assert_eq!(found.offsets.0, at);
        assert!(found.rows.iter().enumerate().all(|(i, row)| row.0 as u64 == at - 300 + i as u64));
        at = found.offsets.1;
    }
    let columns = vec![];
    let open = Command::ConsumerOpen {
        version: PLAN_VERSION,
        group: "none".into(),
        stream: s,
        columns,
        from: Position::Offset { offset: 299 },
    };
    let none: Arc<Consumer> = wait(|reply| engine.consumer(encode(&open).unwrap(), reply)).unwrap();
    let found = pull(&none, 3).unwrap().unwrap().rows.unwrap();
    assert_eq!((found.first_offset, found.next_offset), (299, 302));
    let places = decode(&found.ipc);
    assert_eq!(places.iter().map(|b| (b.num_rows(), b.num_columns())).collect::<Vec<_>>(), [(3, 2)]);
    let take = |limit| batch(wait(|reply| bytes.next(100_000, limit, reply)).unwrap().unwrap()).unwrap();
    assert_eq!(take(1).rows.len(), 1, "a row is given whatever its size");
    assert_eq!(take(320).offsets, (1, 11), "a row is two numbers, its epoch and its time: 32 bytes");
    assert_eq!(take(3200).rows.len(), 100);
}

#[test]
fn readers_at_their_own_pace_see_every_row_while_a_writer_runs() {
    let folder = tempfile::tempdir().unwrap();
    let engine = Arc::new(small_files(folder.path()));
    let s = four(&engine, "s");
    let rounds = 150;
    let readers: Vec<_> = (0..4u32)
        .map(|reader| {
            let engine = engine.clone();
            std::thread::spawn(move || {
                let consumer = join(&engine, s, &format!("g{reader}"));
                let mut last: BTreeMap<i64, i64> = BTreeMap::new();
                let mut got = 0;
                while got < rounds * 40 {
                    let found = rows_of(&consumer, 1 + reader * 61);
                    for (key, value) in &found.rows {
                        let before = last.insert(*key, *value);
                        assert_eq!(before.map_or(0, |b| b + 1), *value, "key {key} of reader {reader}");
                    }
                    got += found.rows.len() as i64;
                    if got % 5 == 0 {
                        commit(&engine, s, &format!("g{reader}"), &consumer, &[(found.partition, found.offsets.1)])
                            .unwrap();
                    }
                }
            })
        })
        .collect();
    for round in 0..rounds {
        append(&engine, s, &(0..40).map(|key| (key, round)).collect::<Vec<_>>()).unwrap();
    }
    readers.into_iter().for_each(|reader| reader.join().unwrap());
    engine.close();
}
