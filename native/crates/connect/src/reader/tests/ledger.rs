//! A mock broker with the topic `t`, and the account of what a reader took from it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, Int64Type};
use millrace_base::{Error, RelationId};
use millrace_plan::{ColumnDef, DataType, KafkaSource, StartupMode};
use rdkafka::ClientConfig;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseProducer, BaseRecord, DefaultProducerContext, Producer};
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};

use crate::batch_queue::known_end;
use crate::reader::{KafkaReader, Lag, Polled};

pub const WAIT: Duration = Duration::from_secs(20);
pub const TICK: Duration = Duration::from_millis(50);
pub const PARTITIONS: i32 = 2;

pub struct Cluster(MockCluster<'static, DefaultProducerContext>);

impl Cluster {
    pub fn new() -> Self {
        Self::of(1)
    }

    /// Of so many brokers, the first of which leads every partition.
    pub fn of(brokers: i32) -> Self {
        let cluster = Self(MockCluster::new(brokers).unwrap());
        cluster.0.create_topic("t", PARTITIONS, brokers).unwrap();
        for partition in 0..PARTITIONS {
            cluster.leader(partition, 1);
        }
        cluster
    }

    pub fn open(&self, startup: StartupMode, offsets: &[(i32, i64)]) -> KafkaReader {
        let source = KafkaSource {
            brokers: self.0.bootstrap_servers(),
            topic: "t".to_owned(),
            startup,
            dead_letters: RelationId(2),
            properties: BTreeMap::new(),
        };
        let column = ColumnDef { name: "id".to_owned(), data_type: DataType::Bigint, nullable: true, default: None };
        KafkaReader::open(&source, &[column], offsets).unwrap()
    }

    pub fn produce(&self, partition: i32, payloads: impl IntoIterator<Item = String>) {
        let producer: BaseProducer =
            ClientConfig::new().set("bootstrap.servers", self.0.bootstrap_servers()).create().unwrap();
        for payload in payloads {
            let record: BaseRecord<'_, str, str> = BaseRecord::to("t").partition(partition).payload(&payload);
            producer.send(record).map_err(|(error, _)| error).unwrap();
        }
        producer.flush(WAIT).unwrap();
    }

    pub fn produce_ids(&self, partition: i32, ids: std::ops::Range<i64>) {
        self.produce(partition, ids.map(|id| format!(r#"{{"id":{id}}}"#)));
    }

    pub fn down(&self, broker: i32) {
        self.0.broker_down(broker).unwrap();
    }

    pub fn up(&self, broker: i32) {
        self.0.broker_up(broker).unwrap();
    }

    pub fn delay(&self, delay: Duration) {
        self.0.broker_round_trip_time(1, delay).unwrap();
    }

    /// The next requests of that kind fail, one for each error.
    pub fn refuse(&self, api: RDKafkaApiKey, errors: &[RDKafkaRespErr]) {
        self.0.request_errors(api, errors);
    }

    pub fn stop_refusing(&self, api: RDKafkaApiKey) {
        self.0.clear_request_errors(api);
    }

    pub fn topic_error(&self, error: RDKafkaRespErr) {
        self.0.topic_error("t", error).unwrap();
    }

    /// Each call begins a new leader's epoch, as a restart of the broker does.
    pub fn leader(&self, partition: i32, broker: i32) {
        self.0.partition_leader("t", partition, Some(broker)).unwrap();
    }
}

/// What a journal would hold, had each poll been one commit.
#[derive(Default)]
pub struct Ledger {
    pub ids: Vec<i64>,
    /// Partition and offset of each dead letter.
    pub letters: Vec<(i32, i64)>,
    pub next: BTreeMap<i32, i64>,
}

impl Ledger {
    /// Of a reader that starts at these offsets; at 0 in partitions that are not named.
    pub fn from(offsets: &[(i32, i64)]) -> Self {
        Self { next: offsets.iter().copied().collect(), ..Self::default() }
    }

    pub fn offsets(&self) -> Vec<(i32, i64)> {
        self.next.iter().map(|(&partition, &next)| (partition, next)).collect()
    }

    pub fn messages(&self) -> usize {
        self.ids.len() + self.letters.len()
    }

    /// One poll, which must be in time, and whose offsets must move by just the messages that it hands over: the mock
    /// broker's offsets have no gaps.
    pub fn poll(&mut self, reader: &mut KafkaReader, max_rows: usize) -> Result<Polled, Error> {
        let before = Instant::now();
        let polled = reader.poll(max_rows, 1 << 20, TICK)?;
        assert!(before.elapsed() < Duration::from_secs(3), "a poll took {:?}", before.elapsed());
        let messages = self.messages();
        self.ids.extend(polled.rows.column(0).as_primitive::<Int64Type>().values());
        if let Some(letters) = &polled.dead_letters {
            let partitions = letters.column(0).as_primitive::<Int32Type>().values().iter().copied();
            let offsets = letters.column(1).as_primitive::<Int64Type>().values().iter().copied();
            self.letters.extend(partitions.zip(offsets));
        }
        let mut moved = 0;
        for &(partition, next) in &polled.next_offsets {
            let before = self.next.insert(partition, next).unwrap_or(0);
            assert!(next >= before, "partition {partition} went back from {before} to {next}");
            moved += usize::try_from(next - before).unwrap();
        }
        assert_eq!(self.messages() - messages, moved, "messages and offsets differ: {:?}", polled.next_offsets);
        Ok(polled)
    }

    pub fn poll_until(&mut self, reader: &mut KafkaReader, mut enough: impl FnMut(&Self, &Polled) -> bool) {
        let start = Instant::now();
        loop {
            let polled = self.poll(reader, 1000).unwrap();
            if enough(self, &polled) {
                return;
            }
            assert!(
                start.elapsed() < WAIT,
                "it stands at {:?} after {} messages; {:?}; {:?}",
                self.next,
                self.messages(),
                reader.status(),
                reader.lag()
            );
        }
    }

    pub fn read(&mut self, reader: &mut KafkaReader, messages: usize) {
        self.poll_until(reader, |ledger, _| ledger.messages() >= messages);
    }

    /// Until the client said of each partition that its end is reached: it says so in place of the next error.
    pub fn drain(&mut self, reader: &mut KafkaReader) {
        let start = Instant::now();
        while !reader.partitions.iter().all(|(_, partition)| partition.at_end) {
            self.poll(reader, 1000).unwrap();
            assert!(start.elapsed() < WAIT, "the ends were not reached: {:?}", reader.lag());
        }
    }

    pub fn await_status(&mut self, reader: &mut KafkaReader, beginning: &str) {
        self.poll_until(reader, |_, polled| {
            polled.status.message().is_some_and(|message| message.starts_with(beginning))
        });
    }

    /// Nothing comes any more, and exactly these came.
    pub fn assert_ids(mut self, reader: &mut KafkaReader, ids: impl IntoIterator<Item = i64>) {
        for _ in 0..4 {
            self.poll(reader, 1000).unwrap();
        }
        self.ids.sort_unstable();
        assert_eq!(self.ids, ids.into_iter().collect::<Vec<_>>());
    }
}

/// Waits, without a poll, until so many messages are in the client's own queue.
pub fn await_queued(reader: &KafkaReader, messages: i64) {
    let start = Instant::now();
    let queued = |reader: &KafkaReader| -> i64 {
        let ends = |lag: &Lag| known_end(&reader.consumer, "t", lag.partition).unwrap_or(0) - lag.next_offset;
        reader.lag().iter().map(ends).sum()
    };
    while queued(reader) < messages {
        assert!(start.elapsed() < WAIT, "{:?}", reader.lag());
        std::thread::sleep(Duration::from_millis(5));
    }
    // The end is known a moment before the messages of the same answer are queued.
    std::thread::sleep(TICK);
}
