//! What is asked of the broker in between, and fails: messages that wait meanwhile, partitions and topics that come.

use std::time::{Duration, Instant};

use millrace_plan::StartupMode::{Earliest, Latest};
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};

use super::ledger::{Cluster, Ledger, PARTITIONS, await_queued};
use crate::client::Status;
use crate::partition::Partitions;
use crate::reader::KafkaReader;

/// A reader that has taken ids 0 to 9, and has ids 10 to 29 in its client's queue.
fn with_queued_messages(cluster: &Cluster) -> (KafkaReader, Ledger) {
    cluster.produce_ids(0, 0..10);
    let (mut reader, mut ledger) = (cluster.open(Earliest, &[]), Ledger::default());
    ledger.read(&mut reader, 10);
    cluster.produce_ids(0, 10..20);
    cluster.produce_ids(1, 20..30);
    await_queued(&reader, 20);
    (reader, ledger)
}

fn ask_again(reader: &mut KafkaReader) {
    reader.next_refresh = Instant::now();
    reader.next_attempt = Instant::now();
}

#[test]
fn messages_that_wait_while_the_broker_does_not_answer_are_read() {
    let cluster = Cluster::new();
    let (mut reader, mut ledger) = with_queued_messages(&cluster);
    cluster.delay(Duration::from_secs(5));
    for _ in 0..4 {
        ask_again(&mut reader);
        ledger.poll(&mut reader, 3).unwrap();
        assert_eq!(reader.status(), &Status::Running, "a late answer is no trouble while rows come");
    }
    assert_eq!(ledger.messages(), 22, "polls of three");
    ask_again(&mut reader);
    ledger.read(&mut reader, 30);
    cluster.delay(Duration::ZERO);
    cluster.produce_ids(1, 30..40);
    ledger.read(&mut reader, 40);
    ledger.assert_ids(&mut reader, 0..40);
}

#[test]
fn messages_that_wait_while_the_broker_is_away_are_read_before_it_comes_back() {
    let cluster = Cluster::new();
    let (mut reader, mut ledger) = with_queued_messages(&cluster);
    cluster.down(1);
    while ledger.messages() < 30 {
        ask_again(&mut reader);
        let before = ledger.messages();
        ledger.poll(&mut reader, 1).unwrap();
        assert_eq!(ledger.messages(), before + 1, "each poll takes one of those that are here");
    }
    ledger.await_status(&mut reader, "cannot reach kafka at ");
    cluster.up(1);
    cluster.produce_ids(0, 30..40);
    ledger.read(&mut reader, 40);
    ledger.poll_until(&mut reader, |_, polled| polled.status == Status::Running);
    ledger.assert_ids(&mut reader, 0..40);
}

#[test]
fn a_start_whose_questions_fail_starts_all_the_same() {
    let cluster = Cluster::new();
    cluster.produce_ids(0, 0..10);
    cluster.produce_ids(1, 10..20);
    // The first partition's start is found, that of the second is not.
    let refused = RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
    let fine = RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR;
    cluster.refuse(RDKafkaApiKey::ListOffsets, &[fine, fine, refused, refused, refused, refused]);
    let (mut reader, mut ledger) = (cluster.open(Latest, &[]), Ledger::from(&[(0, 10), (1, 10)]));
    ledger.await_status(&mut reader, "cannot reach kafka at ");
    assert!(ledger.offsets() == [(0, 10), (1, 10)], "no offset is told before the reader reads");
    ledger.poll_until(&mut reader, |_, polled| polled.next_offsets == [(0, 10), (1, 10)]);
    cluster.produce_ids(0, 20..25);
    cluster.produce_ids(1, 25..30);
    ledger.read(&mut reader, 10);
    ledger.assert_ids(&mut reader, 20..30);
}

/// As if the topic had had one partition until now.
fn before_growth(cluster: &Cluster, reader: &mut KafkaReader) -> Ledger {
    cluster.produce_ids(0, 0..10);
    let mut ledger = Ledger::default();
    ledger.read(reader, 10);
    reader.partitions = Partitions::resume(&[(0, 10)]);
    reader.assign().unwrap();
    assert_eq!(reader.assigned, 1);
    ledger.next.remove(&1);
    ask_again(reader);
    ledger
}

#[test]
fn a_new_partition_is_read_from_its_beginning() {
    let cluster = Cluster::new();
    let mut reader = cluster.open(Earliest, &[]);
    let mut ledger = before_growth(&cluster, &mut reader);
    reader.startup = Latest;
    cluster.produce_ids(0, 10..20);
    cluster.produce_ids(1, 20..30);
    ledger.read(&mut reader, 30);
    ledger.assert_ids(&mut reader, 0..30);
}

#[test]
fn a_new_partition_whose_first_question_fails_is_read_too() {
    let cluster = Cluster::new();
    let mut reader = cluster.open(Earliest, &[]);
    let mut ledger = before_growth(&cluster, &mut reader);
    let refused = RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
    cluster.refuse(RDKafkaApiKey::ListOffsets, &[refused; 6]);
    ledger.await_status(&mut reader, "cannot reach kafka at ");
    assert_eq!((reader.partitions.len(), reader.assigned), (PARTITIONS as usize, 1));
    cluster.produce_ids(0, 10..20);
    cluster.produce_ids(1, 20..30);
    ledger.read(&mut reader, 30);
    assert_eq!(reader.assigned, 2);
    ledger.assert_ids(&mut reader, 0..30);
}

#[test]
fn a_topic_that_comes_after_the_source_is_read_from_its_beginning() {
    let cluster = Cluster::new();
    // The mock broker makes unknown topics, so the answer of a real one is put in its mouth.
    cluster.topic_error(RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
    let (mut reader, mut ledger) = (cluster.open(Latest, &[]), Ledger::default());
    ledger.await_status(&mut reader, "topic \"t\" does not exist");
    cluster.topic_error(RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR);
    cluster.produce_ids(0, 0..10);
    cluster.produce_ids(1, 10..20);
    ledger.read(&mut reader, 20);
    ledger.assert_ids(&mut reader, 0..20);
}

#[test]
fn a_topic_that_the_broker_does_not_know_for_a_while_goes_on_where_it_stood() {
    let cluster = Cluster::new();
    let (mut reader, mut ledger) = with_queued_messages(&cluster);
    for round in 3..6 {
        cluster.topic_error(RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
        ask_again(&mut reader);
        ledger.await_status(&mut reader, "topic \"t\" does not exist");
        cluster.topic_error(RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR);
        cluster.produce_ids(0, round * 10..round * 10 + 5);
        cluster.produce_ids(1, round * 10 + 5..round * 10 + 10);
        ledger.read(&mut reader, round as usize * 10 + 10);
    }
    ledger.assert_ids(&mut reader, 0..60);
}

#[test]
fn a_topic_with_fewer_partitions_than_before_is_told() {
    let cluster = Cluster::new();
    let offsets = [(0, 0), (1, 0), (2, 7)];
    let (mut reader, mut ledger) = (cluster.open(Earliest, &offsets), Ledger::from(&offsets));
    ledger.await_status(&mut reader, "topic \"t\" had 3 partitions and has 2 in kafka at ");
}
