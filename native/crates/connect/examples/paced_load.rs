//! Offers messages to a topic at a steady rate, as the services that feed a pipeline do: from a process of its own, with
//! the messages made beforehand. The benchmarks use it.
//! `cargo run --release -p millrace-connect --example paced_load BROKERS TOPIC MESSAGES_A_SECOND`: prints `ready`, takes
//! one message a line, begins at an empty line, and at the end prints how long that took.

use std::io::{BufRead, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::client::ClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext};

/// How often messages that are due are sent.
const TICK: Duration = Duration::from_millis(1);

#[derive(Default, Clone)]
struct Taken(Arc<AtomicU64>);

impl ClientContext for Taken {}

impl ProducerContext for Taken {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        self.0.fetch_add(u64::from(result.is_ok()), Ordering::Relaxed);
    }
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [brokers, topic, rate] = args.as_slice() else { panic!("usage: paced_load BROKERS TOPIC MESSAGES_A_SECOND") };
    let rate: f64 = rate.parse().expect("the rate is a number");
    let taken = Taken::default();
    let producer: BaseProducer<Taken> = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("linger.ms", "5")
        .create_with_context(taken.clone())
        .expect("the settings are ours");

    say("ready");
    let lines = std::io::stdin().lock().lines().map(|line| line.expect("the messages are text"));
    let messages: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();

    let start = Instant::now();
    let mut sent = 0;
    while sent < messages.len() {
        let due = ((start.elapsed().as_secs_f64() * rate) as usize).min(messages.len());
        for message in &messages[sent..due] {
            send(&producer, topic, message);
        }
        sent = sent.max(due);
        producer.poll(Duration::ZERO);
        std::thread::sleep(TICK);
    }
    producer.flush(Duration::from_secs(60)).expect("the broker takes the messages");
    let seconds = start.elapsed().as_secs_f64();
    assert_eq!(taken.0.load(Ordering::Relaxed), messages.len() as u64, "the broker has refused messages");
    say(&serde_json::json!({ "messages": messages.len(), "seconds": seconds }).to_string());
}

fn send(producer: &BaseProducer<Taken>, topic: &str, message: &str) {
    let mut record: BaseRecord<'_, (), str> = BaseRecord::to(topic).payload(message);
    while let Err((error, back)) = producer.send(record) {
        assert!(matches!(error, KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull)), "{error}");
        producer.poll(TICK);
        record = back;
    }
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).expect("someone reads");
}
