//! Reader and writer against librdkafka's mock broker, which runs in this process. The real broker's turn is in the
//! repository's `tests/kafka`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use millrace_base::{Code, RelationId};
use millrace_connect::{JsonDecoder, KafkaReader, KafkaWriter, Polled, Status};
use millrace_plan::{ColumnDef, DataType, KafkaSink, KafkaSource, StartupMode};
use rdkafka::ClientConfig;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseProducer, BaseRecord, DefaultProducerContext, Producer};
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};

const WAIT: Duration = Duration::from_secs(20);

fn columns() -> Vec<ColumnDef> {
    [("id", DataType::Bigint), ("v", DataType::Text)]
        .map(|(name, data_type)| ColumnDef { name: name.to_owned(), data_type, nullable: true, default: None })
        .into()
}

fn source(brokers: &str, startup: StartupMode) -> KafkaSource {
    KafkaSource {
        brokers: brokers.to_owned(),
        topic: "t".to_owned(),
        startup,
        dead_letters: RelationId(2),
        properties: BTreeMap::new(),
    }
}

fn cluster() -> MockCluster<'static, DefaultProducerContext> {
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic("t", 2, 1).unwrap();
    cluster
}

fn produce(brokers: &str, partition: i32, messages: &[Option<&str>]) {
    let producer: BaseProducer = ClientConfig::new().set("bootstrap.servers", brokers).create().unwrap();
    for message in messages {
        let record: BaseRecord<'_, str, str> = BaseRecord::to("t").partition(partition).key("k");
        let record = match message {
            Some(message) => record.payload(*message),
            None => record,
        };
        producer.send(record).map_err(|(error, _)| error).unwrap();
    }
    producer.flush(WAIT).unwrap();
}

/// Polls until `enough`, and checks that no poll takes longer than it may.
fn poll_until(reader: &mut KafkaReader, mut enough: impl FnMut(&Polled) -> bool) {
    let start = Instant::now();
    loop {
        let before = Instant::now();
        let polled = reader.poll(1000, 1 << 20, Duration::from_millis(100)).unwrap();
        assert!(before.elapsed() < Duration::from_millis(1900), "a poll took {:?}", before.elapsed());
        if enough(&polled) {
            return;
        }
        assert!(start.elapsed() < WAIT, "nothing came: {:?}", reader.status());
    }
}

fn ids(batch: &RecordBatch) -> Vec<i64> {
    batch.column(0).as_primitive::<Int64Type>().values().to_vec()
}

/// All ids and dead letters' reasons until that many messages came, and the next offsets.
fn read(reader: &mut KafkaReader, messages: usize) -> (Vec<i64>, Vec<String>, BTreeMap<i32, i64>) {
    let (mut rows, mut reasons, mut next) = (Vec::new(), Vec::new(), BTreeMap::new());
    poll_until(reader, |polled| {
        rows.extend(ids(&polled.rows));
        if let Some(letters) = &polled.dead_letters {
            reasons.extend(letters.column(5).as_string::<i32>().iter().map(|reason| reason.unwrap().to_owned()));
        }
        next.extend(polled.next_offsets.iter().copied());
        rows.len() + reasons.len() >= messages
    });
    rows.sort_unstable();
    (rows, reasons, next)
}

#[test]
fn reads_rows_and_dead_letters_and_goes_on_where_it_stopped() {
    let cluster = cluster();
    let brokers = cluster.bootstrap_servers();
    produce(&brokers, 0, &[Some(r#"{"id":1}"#), Some("poison"), Some(r#"{"id":2}"#)]);
    produce(&brokers, 1, &[Some(r#"{"id":3}"#), Some(r#"{"id":"x"}"#)]);

    let mut reader = KafkaReader::open(&source(&brokers, StartupMode::Earliest), &columns(), &[]).unwrap();
    let (rows, reasons, next) = read(&mut reader, 5);
    assert_eq!(rows, [1, 2, 3]);
    assert_eq!(reasons.len(), 2);
    assert_eq!(next, BTreeMap::from([(0, 3), (1, 2)]));
    assert_eq!(*reader.status(), Status::Running);
    assert!(reader.lag().iter().all(|lag| lag.messages == 0), "{:?}", reader.lag());
    drop(reader);

    produce(&brokers, 1, &[Some(r#"{"id":4}"#), None]);
    let mut reader =
        KafkaReader::open(&source(&brokers, StartupMode::Earliest), &columns(), &[(0, 3), (1, 2)]).unwrap();
    let (rows, reasons, next) = read(&mut reader, 2);
    assert_eq!(rows, [4]);
    assert_eq!(reasons, ["the message has no value (a tombstone)"]);
    assert_eq!(next, BTreeMap::from([(1, 4)]));
}

#[test]
fn latest_begins_at_the_end_and_says_where_that_is() {
    let cluster = cluster();
    let brokers = cluster.bootstrap_servers();
    produce(&brokers, 0, &[Some(r#"{"id":1}"#), Some(r#"{"id":2}"#)]);
    let mut reader = KafkaReader::open(&source(&brokers, StartupMode::Latest), &columns(), &[]).unwrap();
    let mut next = Vec::new();
    poll_until(&mut reader, |polled| {
        next.extend(polled.next_offsets.iter().copied());
        !next.is_empty()
    });
    assert_eq!(next, [(0, 2), (1, 0)]);
    produce(&brokers, 0, &[Some(r#"{"id":3}"#)]);
    assert_eq!(read(&mut reader, 1).0, [3]);
}

#[test]
fn many_messages_come_in_order_within_the_limits() {
    let cluster = cluster();
    let brokers = cluster.bootstrap_servers();
    let messages: Vec<String> = (0..20_000).map(|id| format!(r#"{{"id":{id},"v":"x"}}"#)).collect();
    produce(&brokers, 0, &messages.iter().map(|message| Some(message.as_str())).collect::<Vec<_>>());
    let mut reader = KafkaReader::open(&source(&brokers, StartupMode::Earliest), &columns(), &[]).unwrap();
    let mut rows = Vec::new();
    poll_until(&mut reader, |polled| {
        assert!(polled.rows.num_rows() <= 1000);
        rows.extend(ids(&polled.rows));
        rows.len() >= messages.len()
    });
    assert_eq!(rows, (0..20_000).collect::<Vec<i64>>());
}

#[test]
fn an_offset_that_is_gone_is_an_error_and_never_a_reset() {
    let cluster = cluster();
    let brokers = cluster.bootstrap_servers();
    produce(&brokers, 0, &[Some(r#"{"id":1}"#)]);
    let offsets = [(0, 100), (1, 0)];
    let mut reader = KafkaReader::open(&source(&brokers, StartupMode::Earliest), &columns(), &offsets).unwrap();
    let start = Instant::now();
    let error = loop {
        match reader.poll(1000, 1 << 20, Duration::from_millis(100)) {
            Ok(polled) => assert_eq!(polled.rows.num_rows(), 0),
            Err(error) => break error,
        }
        assert!(start.elapsed() < WAIT, "no error came: {:?}", reader.status());
    };
    assert_eq!(error.code, Code::ObjectNotInPrerequisiteState);
    assert_eq!(error.detail.as_deref(), Some("partition 0: next is 100, kafka has 0 to 1."));
    assert_eq!(reader.poll(1, 1, Duration::ZERO).err(), Some(error), "it stays");
}

#[test]
fn a_broker_that_is_not_there_is_a_status() {
    // Port 1 is never served.
    let mut reader = KafkaReader::open(&source("127.0.0.1:1", StartupMode::Earliest), &columns(), &[]).unwrap();
    poll_until(&mut reader, |polled| {
        assert_eq!(polled.rows.num_rows(), 0);
        polled.status.message().is_some_and(|message| {
            message.starts_with("cannot reach kafka at 127.0.0.1:1") && message.contains("refused")
        })
    });
}

#[test]
fn an_idle_source_on_a_healthy_broker_says_nothing() {
    let cluster = cluster();
    let brokers = cluster.bootstrap_servers();
    produce(&brokers, 0, &[Some(r#"{"id":1}"#)]);
    let mut reader = KafkaReader::open(&source(&brokers, StartupMode::Earliest), &columns(), &[]).unwrap();
    read(&mut reader, 1);
    // Longer than the time after which the topic is asked for new partitions.
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(12) {
        let polled = reader.poll(1000, 1 << 20, Duration::from_millis(100)).unwrap();
        assert_eq!(polled.status, Status::Running);
    }
}

#[test]
fn no_message_is_lost_when_the_broker_goes_and_comes() {
    let cluster = cluster();
    let brokers = cluster.bootstrap_servers();
    let mut reader = KafkaReader::open(&source(&brokers, StartupMode::Earliest), &columns(), &[]).unwrap();
    let mut seen = Vec::new();
    for round in 0..8 {
        let messages: Vec<String> = (0..50).map(|n| format!(r#"{{"id":{}}}"#, round * 50 + n)).collect();
        let messages: Vec<Option<&str>> = messages.iter().map(|message| Some(message.as_str())).collect();
        produce(&brokers, round % 2, &messages);
        if round % 2 == 0 {
            cluster.broker_down(1).unwrap();
            for _ in 0..4 {
                seen.extend(ids(&reader.poll(1000, 1 << 20, Duration::from_millis(50)).unwrap().rows));
            }
            cluster.broker_up(1).unwrap();
        }
        let wanted = (round as usize + 1) * 50;
        poll_until(&mut reader, |polled| {
            seen.extend(ids(&polled.rows));
            seen.len() >= wanted
        });
    }
    assert_eq!(seen, (0..400).collect::<Vec<i64>>());
}

#[test]
fn a_topic_that_is_not_there_is_a_status() {
    let cluster = cluster();
    let brokers = cluster.bootstrap_servers();
    let mut missing = source(&brokers, StartupMode::Latest);
    missing.topic = "later".to_owned();
    // The mock broker makes unknown topics, so the answer of a real one is put in its mouth.
    cluster.topic_error("later", RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART).unwrap();
    let mut reader = KafkaReader::open(&missing, &columns(), &[]).unwrap();
    poll_until(&mut reader, |polled| {
        polled.status.message().is_some_and(|message| message.starts_with("topic \"later\" does not exist"))
    });
}

#[test]
fn properties_are_checked() {
    let open = |name: &str, value: &str| {
        let mut source = source("127.0.0.1:1", StartupMode::Earliest);
        source.properties.insert(name.to_owned(), value.to_owned());
        KafkaReader::open(&source, &columns(), &[]).err()
    };
    for (name, value, message) in [
        ("fetch.min.bites", "1", "unknown kafka property \"fetch.min.bites\""),
        ("fetch.min.bytes", "many", "invalid value \"many\" for kafka property \"fetch.min.bytes\""),
        ("auto.offset.reset", "latest", "kafka property \"auto.offset.reset\" is set by the engine"),
    ] {
        let error = open(name, value).unwrap();
        assert_eq!((error.code, error.message.as_str()), (Code::InvalidParameterValue, message));
    }
    assert_eq!(open("fetch.min.bytes", "1"), None);
    let nowhere = KafkaReader::open(&source(" ", StartupMode::Earliest), &columns(), &[]).err().unwrap();
    assert_eq!(nowhere.code, Code::InvalidParameterValue);
}

fn writer(brokers: &str) -> KafkaWriter {
    let sink = KafkaSink { brokers: brokers.to_owned(), topic: "t".to_owned(), properties: BTreeMap::new() };
    let fields: Vec<_> = columns().iter().map(ColumnDef::field).collect();
    KafkaWriter::open(&sink, &fields, &[0]).unwrap()
}

fn batch(rows: std::ops::Range<i64>) -> RecordBatch {
    let mut decoder = JsonDecoder::new(&columns()).unwrap();
    for id in rows {
        decoder.push(format!(r#"{{"id":{id},"v":"v{id}"}}"#).as_bytes()).unwrap();
    }
    decoder.finish()
}

#[test]
fn writes_what_the_reader_reads() {
    let cluster = cluster();
    let brokers = cluster.bootstrap_servers();
    let mut writer = writer(&brokers);
    assert_eq!(writer.write(&batch(0..1000), None).unwrap(), 1000);
    assert_eq!(writer.write(&batch(0..10), Some(&[-1; 10])).unwrap(), 10);
    assert!(writer.flush(WAIT), "{:?}", writer.status());
    assert_eq!((writer.pending(), writer.status()), (0, &Status::Running));

    let mut reader = KafkaReader::open(&source(&brokers, StartupMode::Earliest), &columns(), &[]).unwrap();
    let (rows, reasons, _) = read(&mut reader, 1010);
    assert_eq!(rows, (0..1000).collect::<Vec<i64>>());
    assert_eq!(reasons.len(), 10, "tombstones");
}

#[test]
fn a_refused_message_is_told_and_sent_again() {
    let cluster = cluster();
    let brokers = cluster.bootstrap_servers();
    let mut writer = writer(&brokers);
    writer.write(&batch(0..1), None).unwrap();
    assert!(writer.flush(WAIT), "{:?}", writer.status());

    let refused = RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
    cluster.request_errors(RDKafkaApiKey::Produce, &[refused]);
    writer.write(&batch(1..5), None).unwrap();
    let start = Instant::now();
    let mut told = false;
    while !writer.flush(Duration::from_millis(50)) {
        told |= writer.status().message().is_some_and(|message| message.starts_with("cannot write to topic \"t\""));
        assert!(start.elapsed() < WAIT, "{:?}", writer.status());
    }
    assert!(told);
    let mut reader = KafkaReader::open(&source(&brokers, StartupMode::Earliest), &columns(), &[]).unwrap();
    // At least once: what was acknowledged after the refused message may come twice, in its order.
    let mut rows = BTreeSet::new();
    poll_until(&mut reader, |polled| {
        rows.extend(ids(&polled.rows));
        rows.len() >= 5
    });
    assert_eq!(rows, BTreeSet::from([0, 1, 2, 3, 4]));
}

#[test]
fn a_sink_without_its_broker_waits_and_says_why() {
    let mut writer = writer("127.0.0.1:1");
    writer.write(&batch(0..3), None).unwrap();
    let start = Instant::now();
    while !writer.status().message().is_some_and(|message| message.contains("refused")) {
        assert!(!writer.flush(Duration::from_millis(100)));
        assert!(start.elapsed() < WAIT, "{:?}", writer.status());
    }
    assert_eq!(writer.pending(), 3);
}
