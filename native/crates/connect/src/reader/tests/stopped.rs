//! Partitions that librdkafka stops: by an error that it calls a reset, by a leader that goes, or without a word.

use std::time::{Duration, Instant};

use millrace_plan::StartupMode::Earliest;
use rdkafka::consumer::Consumer;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use rdkafka::{Offset, TopicPartitionList};

use super::ledger::{Cluster, Ledger, WAIT, await_queued};
use crate::client::Status;
use crate::reader::{BACKOFF_MAX, KafkaReader};

const OUT_OF_RANGE: RDKafkaRespErr = RDKafkaRespErr::RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE;
const REFUSED: RDKafkaRespErr = RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;

fn running(cluster: &Cluster) -> (KafkaReader, Ledger) {
    cluster.produce_ids(0, 0..5);
    cluster.produce_ids(1, 5..10);
    let (mut reader, mut ledger) = (cluster.open(Earliest, &[]), Ledger::default());
    ledger.read(&mut reader, 10);
    ledger.drain(&mut reader);
    (reader, ledger)
}

#[test]
fn an_offset_that_the_broker_wrongly_calls_gone_is_asked_for_and_read_on() {
    let cluster = Cluster::new();
    let (mut reader, mut ledger) = running(&cluster);
    for round in 1..5 {
        cluster.refuse(RDKafkaApiKey::Fetch, &[OUT_OF_RANGE]);
        ledger.await_status(&mut reader, "checking the offsets of topic \"t\"");
        cluster.produce_ids(0, round * 10..round * 10 + 5);
        cluster.produce_ids(1, round * 10 + 5..round * 10 + 10);
        ledger.read(&mut reader, round as usize * 10 + 10);
        ledger.drain(&mut reader);
        assert_eq!(reader.status(), &Status::Running);
    }
    ledger.assert_ids(&mut reader, 0..50);
}

#[test]
fn a_doubt_lasts_while_the_broker_does_not_tell() {
    let cluster = Cluster::new();
    let (mut reader, mut ledger) = running(&cluster);
    cluster.refuse(RDKafkaApiKey::ListOffsets, &[REFUSED; 40]);
    cluster.refuse(RDKafkaApiKey::Fetch, &[OUT_OF_RANGE]);
    ledger.await_status(&mut reader, "checking the offsets of topic \"t\"");
    cluster.produce_ids(0, 10..15);
    cluster.produce_ids(1, 15..20);
    // The check fails some times, and once more while the broker is away.
    ledger.await_status(&mut reader, "cannot reach kafka at ");
    assert!(reader.doubted.is_some());
    cluster.down(1);
    for _ in 0..3 {
        reader.next_attempt = Instant::now();
        ledger.poll(&mut reader, 1000).unwrap();
    }
    assert!(reader.doubted.is_some());
    cluster.stop_refusing(RDKafkaApiKey::ListOffsets);
    cluster.up(1);
    ledger.read(&mut reader, 20);
    assert!(reader.doubted.is_none());
    ledger.assert_ids(&mut reader, 0..20);
}

#[test]
fn a_reset_behind_messages_in_one_poll_is_seen() {
    let cluster = Cluster::new();
    let (mut reader, mut ledger) = running(&cluster);
    // All lie in the queue before the next poll: messages, an end, then an error for each partition.
    cluster.produce_ids(0, 10..20);
    await_queued(&reader, 10);
    std::thread::sleep(Duration::from_millis(300));
    cluster.refuse(RDKafkaApiKey::Fetch, &[OUT_OF_RANGE]);
    std::thread::sleep(Duration::from_millis(300));
    let polled = ledger.poll(&mut reader, 1000).unwrap();
    assert_eq!((polled.rows.num_rows(), reader.doubted.is_some()), (10, true), "{:?}", polled.status);
    cluster.produce_ids(1, 20..30);
    ledger.read(&mut reader, 30);
    ledger.assert_ids(&mut reader, 0..30);
}

#[test]
fn errors_that_keep_coming_do_not_put_off_the_next_attempt() {
    let cluster = Cluster::new();
    let (mut reader, _) = running(&cluster);
    reader.backoff = BACKOFF_MAX;
    let error = |code| KafkaError::MessageConsumption(code);
    reader.note(&error(RDKafkaErrorCode::AutoOffsetReset));
    let due = reader.next_attempt;
    reader.note(&error(RDKafkaErrorCode::TopicAuthorizationFailed));
    reader.note(&error(RDKafkaErrorCode::BrokerTransportFailure));
    assert_eq!(reader.next_attempt, due);
    assert!(reader.doubted.is_some());
}

#[test]
fn a_new_epoch_of_the_leader_is_checked_and_read_on() {
    let cluster = Cluster::new();
    let (mut reader, mut ledger) = running(&cluster);
    for round in 1..5 {
        let unknown = RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN_LEADER_EPOCH;
        cluster.refuse(RDKafkaApiKey::OffsetForLeaderEpoch, &[unknown, REFUSED]);
        cluster.down(1);
        ledger.await_status(&mut reader, "cannot reach kafka at ");
        cluster.up(1);
        cluster.leader(0, 1);
        cluster.leader(1, 1);
        cluster.produce_ids(0, round * 10..round * 10 + 5);
        cluster.produce_ids(1, round * 10 + 5..round * 10 + 10);
        ledger.read(&mut reader, round as usize * 10 + 10);
    }
    ledger.assert_ids(&mut reader, 0..50);
}

#[test]
fn a_partition_whose_leader_is_away_does_not_hold_up_the_others() {
    let cluster = Cluster::of(2);
    cluster.leader(1, 2);
    let (mut reader, mut ledger) = running(&cluster);
    cluster.down(2);
    cluster.produce_ids(0, 10..20);
    ledger.read(&mut reader, 20);
    cluster.up(2);
    cluster.produce_ids(1, 20..30);
    ledger.read(&mut reader, 30);
    // The other broker takes the partition over.
    cluster.leader(1, 1);
    cluster.produce_ids(1, 30..40);
    ledger.read(&mut reader, 40);
    ledger.assert_ids(&mut reader, 0..40);
}

#[test]
fn a_partition_that_is_left_behind_without_a_word_is_started_again() {
    let cluster = Cluster::new();
    let (mut reader, mut ledger) = running(&cluster);
    let mut only_first = TopicPartitionList::new();
    only_first.add_partition_offset("t", 0, Offset::Offset(5)).unwrap();
    reader.consumer.assign(&only_first).unwrap();
    cluster.produce_ids(0, 10..15);
    cluster.produce_ids(1, 15..20);
    ledger.read(&mut reader, 15);
    for _ in 0..5 {
        ledger.poll(&mut reader, 1000).unwrap();
    }
    assert_eq!((ledger.messages(), reader.status()), (15, &Status::Running), "nobody says a word");
    // The first look remembers where each stands, another compares; one may fail, as the answer may be late.
    let start = Instant::now();
    while ledger.messages() < 20 {
        (reader.next_refresh, reader.next_look) = (Instant::now(), Instant::now());
        ledger.poll(&mut reader, 1000).unwrap();
        assert!(start.elapsed() < WAIT, "{:?}", reader.lag());
    }
    assert_eq!(reader.status(), &Status::Running);
    ledger.assert_ids(&mut reader, 0..20);
}
