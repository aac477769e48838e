//! The plain way: starts, limits, ends of partitions, dead letters, and restarts after any poll.

use std::time::Instant;

use millrace_base::Code;
use millrace_plan::StartupMode::{Earliest, Latest};

use super::ledger::{Cluster, Ledger, WAIT};

#[test]
fn it_starts_at_the_stored_offsets() {
    let cluster = Cluster::new();
    cluster.produce_ids(0, 0..10);
    cluster.produce_ids(1, 10..15);
    let offsets = [(0, 4), (1, 5)];
    let (mut reader, mut ledger) = (cluster.open(Earliest, &offsets), Ledger::from(&offsets));
    ledger.read(&mut reader, 6);
    cluster.produce_ids(1, 15..17);
    ledger.read(&mut reader, 8);
    ledger.assert_ids(&mut reader, (4..10).chain(15..17));
}

#[test]
fn a_partition_without_a_stored_offset_is_read_from_its_beginning() {
    let cluster = Cluster::new();
    cluster.produce_ids(0, 0..10);
    cluster.produce_ids(1, 10..15);
    // `latest` was for the partitions that there were when the source began.
    let (mut reader, mut ledger) = (cluster.open(Latest, &[(0, 4)]), Ledger::from(&[(0, 4)]));
    ledger.read(&mut reader, 11);
    ledger.assert_ids(&mut reader, 4..15);
}

#[test]
fn a_reader_may_end_after_any_poll() {
    let cluster = Cluster::new();
    let mut ledger = Ledger::default();
    for round in 0..12_i64 {
        for partition in 0..2 {
            let first = (round * 2 + i64::from(partition)) * 10;
            // The first, one in the middle and the last are poison.
            let payload =
                |n: i64| if matches!(n, 0 | 4 | 9) { "?".to_owned() } else { format!(r#"{{"id":{}}}"#, first + n) };
            cluster.produce(partition, (0..10).map(payload));
        }
        let offsets = ledger.offsets();
        let mut reader = cluster.open(Earliest, &offsets);
        let (start, before) = (Instant::now(), ledger.messages());
        // Sometimes in the middle of what is there.
        let limit = [1, 3, 7, 100][round as usize % 4];
        while ledger.messages() == before {
            let polled = ledger.poll(&mut reader, limit).unwrap();
            assert!(polled.rows.num_rows() + polled.dead_letters.map_or(0, |letters| letters.num_rows()) <= limit);
            assert!(start.elapsed() < WAIT, "{:?}", reader.status());
        }
    }
    let offsets = ledger.offsets();
    let mut reader = cluster.open(Earliest, &offsets);
    ledger.read(&mut reader, 240);
    let mut letters = ledger.letters.clone();
    letters.sort_unstable();
    let poison =
        (0..2).flat_map(|partition| (0..120).filter(|at| matches!(at % 10, 0 | 4 | 9)).map(move |at| (partition, at)));
    assert_eq!(letters, poison.collect::<Vec<_>>());
    ledger.assert_ids(&mut reader, (0..240).filter(|id| !matches!(id % 10, 0 | 4 | 9)));
}

#[test]
fn poison_at_the_edges_of_a_poll_counts_as_a_message() {
    let cluster = Cluster::new();
    // Polls of three: poison is first, last, both and all of them.
    let poison = [0, 5, 6, 8, 9, 10, 11, 14];
    let payload = |n: i64| if poison.contains(&n) { "[]".to_owned() } else { format!(r#"{{"id":{n}}}"#) };
    cluster.produce(0, (0..15).map(payload));
    let (mut reader, mut ledger) = (cluster.open(Earliest, &[]), Ledger::default());
    let start = Instant::now();
    while ledger.messages() < 15 {
        let before = ledger.messages();
        ledger.poll(&mut reader, 3).unwrap();
        assert!(ledger.messages() - before <= 3);
        // Everything up to here, whatever it was, and nothing beyond.
        let stands = ledger.next.get(&0).copied().unwrap_or(0);
        let mut came: Vec<i64> =
            ledger.ids.iter().copied().chain(ledger.letters.iter().map(|letter| letter.1)).collect();
        came.sort_unstable();
        assert_eq!(came, (0..stands).collect::<Vec<_>>());
        assert!(start.elapsed() < WAIT, "{:?}", reader.status());
    }
    assert_eq!(ledger.letters, poison.map(|at| (0, at)));
}

#[test]
fn the_end_of_a_partition_is_not_the_end_of_its_messages() {
    let cluster = Cluster::new();
    let (mut reader, mut ledger) = (cluster.open(Earliest, &[]), Ledger::default());
    let mut sent = 0;
    for round in 0..20 {
        let partition = i32::from(round % 3 == 0);
        cluster.produce_ids(partition, sent..sent + 5);
        sent += 5;
        ledger.read(&mut reader, sent as usize);
        // Both ends are reached: there is no lag, in the partition that moved and in the other.
        ledger.drain(&mut reader);
        assert!(reader.lag().iter().all(|lag| lag.messages == 0), "{:?}", reader.lag());
    }
    ledger.assert_ids(&mut reader, 0..sent);
}

#[test]
fn what_retention_took_is_an_error_and_nothing_is_skipped() {
    let cluster = Cluster::new();
    cluster.produce_ids(1, 0..3);
    // The mock broker keeps five megabytes of a partition.
    let filler = "x".repeat(200_000);
    cluster.produce(0, (0..40).map(|id| format!(r#"{{"id":{id},"filler":"{filler}"}}"#)));
    let (mut reader, mut ledger) = (cluster.open(Earliest, &[(0, 2), (1, 0)]), Ledger::from(&[(0, 2), (1, 0)]));
    let start = Instant::now();
    let error = loop {
        match ledger.poll(&mut reader, 1000) {
            Ok(_) => assert!(start.elapsed() < WAIT, "no error came: {:?}", reader.status()),
            Err(error) => break error,
        }
    };
    assert_eq!(error.code, Code::ObjectNotInPrerequisiteState);
    let detail = error.detail.clone().unwrap();
    assert!(detail.starts_with("partition 0: next is 2, kafka has ") && detail.ends_with(" to 40."), "{detail}");
    assert_eq!(ledger.next[&0], 2);
    assert_eq!(ledger.poll(&mut reader, 1000).err(), Some(error), "it stays");
    // A new source takes what is left.
    let mut reader = cluster.open(Earliest, &[]);
    let start = Instant::now();
    let mut ids: Vec<i64> = Vec::new();
    while !ids.contains(&39) {
        let polled = reader.poll(1000, 64 << 20, super::ledger::TICK).unwrap();
        ids.extend(
            arrow_array::cast::AsArray::as_primitive::<arrow_array::types::Int64Type>(polled.rows.column(0)).values(),
        );
        assert!(start.elapsed() < WAIT, "{:?}", reader.status());
    }
}
