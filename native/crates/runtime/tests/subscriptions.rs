//! What subscribers get: snapshots, changes, net differences when they are slow, and an end.

mod support;

use std::collections::BTreeMap;

use millrace_base::Code;
use millrace_plan::*;
use support::*;

#[test]
fn a_subscription_to_a_query_gives_its_snapshot_and_then_its_changes() {
    let engine = memory();
    let t = table(&engine, "t");
    insert(&engine, t, &[(1, 10)]).unwrap();
    let subscription = subscribe(&engine, sums(t), 3, true).unwrap();
    assert_eq!(next(&subscription).unwrap().unwrap(), ["+1 1 1 10"]);
    add(&engine, t, 1, 5).unwrap();
    let mut changes = next(&subscription).unwrap().unwrap();
    changes.sort();
    assert_eq!(changes, ["+1 1 1 15", "-1 1 1 10"]);
    delete(&engine, t, 1).unwrap();
    assert_eq!(next(&subscription).unwrap().unwrap(), ["-1 1 1 15"]);
    subscription.close();
    assert_eq!(next(&subscription).unwrap(), None);
}

#[test]
fn a_subscription_to_columns_of_a_stream_begins_now_or_with_history() {
    let engine = memory();
    let s = stream(&engine, "s");
    insert(&engine, s, &[(1, 10)]).unwrap();
    let b = || Rel::Scan { relation: s, columns: vec![1], as_of: None };
    let now = subscribe(&engine, b(), 1, false).unwrap();
    let all = subscribe(&engine, b(), 1, true).unwrap();
    insert(&engine, s, &[(2, 20), (3, 30)]).unwrap();
    assert_eq!(next(&now).unwrap().unwrap(), ["+1 20", "+1 30"]);
    let mut rows = next(&all).unwrap().unwrap();
    if rows.len() == 1 {
        rows.extend(next(&all).unwrap().unwrap());
    }
    assert_eq!(rows, ["+1 10", "+1 20", "+1 30"]);
}

/// Once rows that were inserted just before came as changes, when the flow had not got to them.
#[test]
fn what_was_acknowledged_before_a_subscription_is_no_change() {
    let engine = memory();
    let s = stream(&engine, "s");
    for round in 0..200 {
        insert(&engine, s, &[(round, 1)]).unwrap();
        let now = subscribe(&engine, Rel::Scan { relation: s, columns: vec![0], as_of: None }, 1, false).unwrap();
        let of_query = subscribe(&engine, sums(s), 3, false).unwrap();
        insert(&engine, s, &[(-1 - round, 1)]).unwrap();
        assert_eq!(next(&now).unwrap().unwrap(), [format!("+1 {}", -1 - round)], "round {round}");
        assert_eq!(next(&of_query).unwrap().unwrap().len(), 1, "round {round}");
    }
}

#[test]
fn a_slow_subscriber_ends_where_the_table_is() {
    let engine = memory();
    let t = table(&engine, "t");
    let subscription = subscribe(&engine, scan(t), 2, false).unwrap();
    let rows = 100_000i64;
    // More changes than a feed holds: the last ones come as one net difference.
    for round in 0..12 {
        let all: Vec<(i64, i64)> = (0..rows).map(|key| (key, round)).collect();
        append_replacing(&engine, t, &all);
    }
    delete(&engine, t, 0).unwrap();
    let mut held: BTreeMap<String, i64> = BTreeMap::new();
    let wanted = (rows - 1) as usize;
    let done = |held: &BTreeMap<String, i64>| held.len() == wanted && held.keys().all(|row| row.ends_with(" 11"));
    while !done(&held) {
        for change in next(&subscription).unwrap().expect("not the end") {
            let (weight, row) = change.split_once(' ').unwrap();
            let count = held.entry(row.to_string()).or_insert(0);
            *count += weight.parse::<i64>().unwrap();
            if *count == 0 {
                held.remove(row);
            }
        }
    }
    assert!(held.values().all(|&count| count == 1));
}

fn append_replacing(engine: &millrace_runtime::Engine, t: millrace_base::RelationId, rows: &[(i64, i64)]) {
    use arrow_array::{ArrayRef, Int64Array, RecordBatch};
    let a: ArrayRef = std::sync::Arc::new(rows.iter().map(|r| r.0).collect::<Int64Array>());
    let b: ArrayRef = std::sync::Arc::new(rows.iter().map(|r| r.1).collect::<Int64Array>());
    let batch = RecordBatch::try_from_iter([("a", a), ("b", b)]).unwrap();
    let mut writer = arrow_ipc::writer::StreamWriter::try_new(Vec::new(), &batch.schema()).unwrap();
    writer.write(&batch).unwrap();
    let head = encode(&Append { relation: t, on_conflict: ConflictAction::Replace, transaction: None }).unwrap();
    wait(|reply| engine.append(head, vec![writer.into_inner().unwrap()], reply)).unwrap();
}

#[test]
fn one_next_at_a_time_and_a_dropped_relation_ends_it() {
    let engine = memory();
    let s = stream(&engine, "s");
    let of_stream = subscribe(&engine, scan(s), 2, false).unwrap();
    let of_query = subscribe(&engine, sums(s), 3, false).unwrap();
    let (reply, first) = millrace_runtime::Reply::channel();
    of_stream.next(reply);
    assert_eq!(next(&of_stream).unwrap_err().code, Code::ObjectInUse);
    drop_object(&engine, s).unwrap();
    assert_eq!(first.recv().unwrap().err().unwrap().code, Code::UndefinedTable);
    assert_eq!(next(&of_query).unwrap_err().code, Code::UndefinedTable);
}
