//! A topic in, a view, a topic out, over librdkafka's mock broker: offsets go with rows, a sink goes on after a restart
//! that nobody announced, and what was deleted meanwhile gets its tombstone.

mod support;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use millrace_base::{Code, RelationId};
use millrace_plan::*;
use millrace_runtime::Engine;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseProducer, BaseRecord, DefaultProducerContext, Producer};
use rdkafka::{ClientConfig, Message, Offset, TopicPartitionList};
use support::*;

const WAIT: Duration = Duration::from_secs(20);

fn cluster(topics: &[(&str, i32)]) -> MockCluster<'static, DefaultProducerContext> {
    let cluster = MockCluster::new(1).unwrap();
    topics.iter().for_each(|(topic, partitions)| cluster.create_topic(topic, *partitions, 1).unwrap());
    cluster
}

fn produce(brokers: &str, partition: i32, messages: impl IntoIterator<Item = String>) {
    let producer: BaseProducer = ClientConfig::new().set("bootstrap.servers", brokers).create().unwrap();
    for message in messages {
        let record = BaseRecord::to("in").partition(partition).key("k").payload(&message);
        producer.send(record).map_err(|(error, _)| error).unwrap();
    }
    producer.flush(WAIT).unwrap();
}

/// What a reader of the compacted topic holds, read from its beginning until it is `wanted`.
fn read_until(brokers: &str, topic: &str, wanted: &[String]) {
    let consumer: BaseConsumer =
        ClientConfig::new().set("bootstrap.servers", brokers).set("group.id", "test").create().unwrap();
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(topic, 0, Offset::Beginning).unwrap();
    consumer.assign(&list).unwrap();
    let mut held: BTreeMap<Vec<u8>, String> = BTreeMap::new();
    let deadline = Instant::now() + WAIT;
    loop {
        let mut rows: Vec<String> = held.values().cloned().collect();
        rows.sort();
        if rows == wanted {
            return;
        }
        assert!(Instant::now() < deadline, "topic holds {rows:?}, wanted {wanted:?}");
        let Some(Ok(message)) = consumer.poll(Duration::from_millis(100)) else { continue };
        let key = message.key().unwrap().to_vec();
        match message.payload() {
            None => held.remove(&key),
            Some(value) => held.insert(key, text(value)),
        };
    }
}

/// The values of a JSON object, in the order of their columns.
fn text(value: &[u8]) -> String {
    let value: serde_json::Value = serde_json::from_slice(value).unwrap();
    let object = value.as_object().unwrap();
    let mut names: Vec<&String> = object.keys().collect();
    names.sort();
    let shown = |name: &&String| object[*name].as_str().map_or_else(|| object[*name].to_string(), str::to_string);
    names.iter().map(shown).collect::<Vec<_>>().join(" ")
}

fn sink(engine: &Engine, brokers: &str, from: RelationId) -> RelationId {
    let kafka = KafkaSink { brokers: brokers.into(), topic: "out".into(), properties: Default::default() };
    create(engine, "sink", DefinitionKind::Sink { from, key: vec![0], kafka }, vec![from]).unwrap()
}

/// An engine that is dropped without close leaves its lock to the next one when its threads have ended.
fn reopen(path: &Path) -> Engine {
    let deadline = Instant::now() + WAIT;
    loop {
        match Engine::open(Some(path), &Default::default()) {
            Ok(engine) => return engine,
            Err(error) => assert!(error.code == Code::ObjectInUse && Instant::now() < deadline, "{error}"),
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + WAIT;
    while !done() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_topic_becomes_a_view_becomes_a_topic_across_restarts() {
    let cluster = cluster(&[("in", 2), ("out", 1)]);
    let brokers = cluster.bootstrap_servers();
    let folder_path = tempfile::tempdir().unwrap();
    let mut engine = folder(folder_path.path());
    let fields = [
        ("source_partition", DataType::Integer),
        ("source_offset", DataType::Bigint),
        ("source_timestamp", DataType::Timestamptz),
        ("key", DataType::Bytea),
        ("value", DataType::Bytea),
        ("reason", DataType::Text),
    ];
    let columns = fields.map(|(name, data_type)| column(name, data_type)).to_vec();
    let letters = DefinitionKind::Stream { columns, watermark: None, options: Default::default() };
    let dead_letters = create(&engine, "letters", letters, vec![]).unwrap();
    let kafka = KafkaSource {
        brokers: brokers.clone(),
        topic: "in".into(),
        startup: StartupMode::Earliest,
        dead_letters,
        properties: Default::default(),
    };
    let columns = vec![column("a", DataType::Bigint), column("b", DataType::Bigint)];
    let object = DefinitionKind::Source { columns, watermark: None, kafka, options: Default::default() };
    let source = create(&engine, "source", object, vec![dead_letters]).unwrap();
    let totals = view(&engine, "totals", sums(source), SUMS, &[source]).unwrap();
    sink(&engine, &brokers, totals);

    let mut wanted: BTreeMap<i64, (i64, i64)> = BTreeMap::new();
    for round in 0..4 {
        let rows: Vec<(i64, i64)> = (0..500).map(|n| (n % 7, n + round)).collect();
        produce(&brokers, (round % 2) as i32, rows.iter().map(|(a, b)| format!("{{\"a\":{a},\"b\":{b}}}")));
        produce(&brokers, 0, ["poison".to_string()]);
        for (a, b) in rows {
            let total = wanted.entry(a).or_default();
            *total = (total.0 + 1, total.1 + b);
        }
        let mut texts: Vec<String> = wanted.iter().map(|(a, (count, sum))| format!("{a} {count} {sum}")).collect();
        texts.sort();
        read_until(&brokers, "out", &texts);
        let all = Rel::Scan { relation: totals, columns: vec![0, 1, 2], as_of: None };
        assert_eq!(query(&engine, all, 3).unwrap(), texts);
        let reason = Rel::Scan { relation: dead_letters, columns: vec![4], as_of: None };
        wait_until("the dead letters", || query(&engine, reason.clone(), 1).unwrap().len() == round as usize + 1);
        if round % 2 == 0 {
            engine.close();
        }
        drop(engine);
        engine = reopen(folder_path.path());
    }
    let counted = stats(&engine);
    assert_eq!(counted["relations"].as_array().unwrap().len(), 2);
    engine.close();
}

#[test]
fn a_row_that_was_deleted_while_the_broker_was_away_gets_its_tombstone() {
    let cluster = cluster(&[("out", 1)]);
    let brokers = cluster.bootstrap_servers();
    let folder_path = tempfile::tempdir().unwrap();
    let engine = folder(folder_path.path());
    let t = table(&engine, "t");
    insert(&engine, t, &[(1, 10), (2, 20), (3, 30)]).unwrap();
    sink(&engine, &brokers, t);
    read_until(&brokers, "out", &["1 10", "2 20", "3 30"].map(String::from));
    // Table, rows and sink were three commits: the fourth is the sink's progress.
    wait_until("the progress", || stats(&engine)["epoch"].as_u64().unwrap() >= 4);
    add(&engine, t, 3, 1).unwrap();
    read_until(&brokers, "out", &["1 10", "2 20", "3 31"].map(String::from));
    cluster.broker_down(1).unwrap();
    delete(&engine, t, 2).unwrap();
    add(&engine, t, 1, 5).unwrap();
    drop(engine);
    cluster.broker_up(1).unwrap();
    let engine = reopen(folder_path.path());
    read_until(&brokers, "out", &["1 15", "3 31"].map(String::from));
    engine.close();
}
