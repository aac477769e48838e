//! Messages a second from a real broker to Arrow: fills an empty topic, then reads it as a source does.
//! `cargo run --release -p millrace-connect --example read_rate BROKERS TOPIC [MESSAGES]`

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use millrace_base::RelationId;
use millrace_connect::KafkaReader;
use millrace_plan::{ColumnDef, DataType, KafkaSource, StartupMode};
use rdkafka::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [brokers, topic, rest @ ..] = args.as_slice() else { panic!("usage: read_rate BROKERS TOPIC [MESSAGES]") };
    let count: usize = rest.first().and_then(|text| text.parse().ok()).unwrap_or(1_000_000);
    fill(brokers, topic, count);

    let columns: Vec<ColumnDef> = [("id", DataType::Bigint), ("city", DataType::Text), ("ts", DataType::Timestamptz)]
        .map(|(name, data_type)| ColumnDef { name: name.to_owned(), data_type, nullable: true, default: None })
        .into();
    let source = KafkaSource {
        brokers: brokers.clone(),
        topic: topic.clone(),
        startup: StartupMode::Earliest,
        dead_letters: RelationId(0),
        properties: BTreeMap::new(),
    };
    let start = Instant::now();
    let mut reader = KafkaReader::open(&source, &columns, &[]).expect("the settings are ours");
    let (mut rows, mut bytes, mut polls) = (0, 0, 0);
    while rows < count {
        let polled = reader.poll(16 * 1024, 8 << 20, Duration::from_millis(100)).expect("the topic is fresh");
        rows += polled.rows.num_rows();
        bytes += polled.bytes;
        polls += 1;
    }
    let seconds = start.elapsed().as_secs_f64();
    let line = serde_json::json!({
        "messages": rows, "polls": polls, "messages_a_second": (rows as f64 / seconds).round(),
        "megabytes_a_second": (bytes as f64 / seconds / 1e6).round(),
        "lag": reader.lag().iter().map(|lag| lag.messages).sum::<i64>(),
    });
    #[expect(clippy::print_stdout, reason = "the result of the program")]
    {
        println!("{line}");
    }
}

fn fill(brokers: &str, topic: &str, count: usize) {
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("linger.ms", "5")
        .create()
        .expect("the settings are ours");
    for id in 0..count {
        let message = format!(r#"{{"id":{id},"city":"Nürnberg","ts":"2026-03-01T12:00:{:02}Z"}}"#, id % 60);
        let mut record: BaseRecord<'_, (), str> = BaseRecord::to(topic).payload(&message);
        while let Err((error, back)) = producer.send(record) {
            assert!(matches!(error, KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull)), "{error}");
            producer.poll(Duration::from_millis(1));
            record = back;
        }
    }
    producer.flush(Duration::from_secs(60)).expect("the broker takes the messages");
}
