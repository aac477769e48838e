//! Changes → a topic, at least once. Every message is kept until the broker has acknowledged it. Should one fail,
//! it and all after it are sent again in their order once nothing is in flight: a key's newest value stays its last.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use arrow_array::RecordBatch;
use millrace_base::Result;
use millrace_plan::{Field, KafkaSink};
use rdkafka::client::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext};

use crate::client::{Context, Status, client_config, creation_error};
use crate::upsert::{UpsertEncoder, UpsertMessage};

const SETTINGS: &[(&str, &str)] = &[
    ("enable.idempotence", "true"),
    ("acks", "all"),
    ("linger.ms", "2"),
    // The client tries for as long as it takes; the sink says meanwhile why nothing moves.
    ("message.timeout.ms", "0"),
    ("allow.auto.create.topics", "true"),
    // Java's: a key goes where other producers put it.
    ("partitioner", "murmur2_random"),
];

/// Delivery reports are looked for this often while somebody waits.
const STEP: Duration = Duration::from_millis(1);
const BACKOFF: Duration = Duration::from_millis(500);

/// What the broker said about one message.
type Report = (usize, Option<RDKafkaErrorCode>);

#[derive(Default)]
struct Reports {
    client: Context,
    delivered: Mutex<Vec<Report>>,
}

impl ClientContext for Reports {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.client.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.client.error(error, reason);
    }
}

impl ProducerContext for Reports {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, number: usize) {
        let error = match result {
            Ok(_) => None,
            Err((error, _)) => Some(error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Fail)),
        };
        self.delivered.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).push((number, error));
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Waiting,
    InFlight,
    Acknowledged,
    Failed,
}

pub struct KafkaWriter {
    topic: String,
    brokers: String,
    encoder: UpsertEncoder,
    config: ClientConfig,
    producer: BaseProducer<Reports>,
    /// From the oldest message that is not acknowledged; its number is `first`.
    pending: VecDeque<(UpsertMessage, State)>,
    first: usize,
    /// How many of `pending` were handed to the client.
    sent: usize,
    in_flight: usize,
    retry_at: Option<Instant>,
    status: Status,
}

impl KafkaWriter {
    /// `fields` are the columns of the batches, `key` indexes of the message key's. Talks to nobody: only settings
    /// can be wrong here.
    pub fn open(sink: &KafkaSink, fields: &[Field], key: &[u32]) -> Result<Self> {
        let config = client_config(&sink.brokers, SETTINGS, &sink.properties)?;
        let producer = config.create_with_context(Reports::default()).map_err(creation_error)?;
        Ok(Self {
            topic: sink.topic.clone(),
            brokers: sink.brokers.clone(),
            encoder: UpsertEncoder::new(fields, key)?,
            config,
            producer,
            pending: VecDeque::new(),
            first: 0,
            sent: 0,
            in_flight: 0,
            retry_at: None,
            status: Status::Running,
        })
    }

    /// Takes one batch of changes (no weights: all insertions) and returns the number of messages that it became.
    /// Does not wait: `flush` says when they are safe.
    pub fn write(&mut self, rows: &RecordBatch, weights: Option<&[i64]>) -> Result<usize> {
        self.write_all(&[(rows, weights)])
    }

    /// The same for the several batches of one epoch, consolidated together.
    pub fn write_all(&mut self, changes: &[(&RecordBatch, Option<&[i64]>)]) -> Result<usize> {
        let messages = self.encoder.encode(changes)?;
        let count = messages.len();
        self.pending.extend(messages.into_iter().map(|message| (message, State::Waiting)));
        self.pump();
        Ok(count)
    }

    /// True when the broker has acknowledged everything; false when that did not happen in time: call it again.
    pub fn flush(&mut self, timeout: Duration) -> bool {
        let deadline = Instant::now() + timeout;
        loop {
            self.pump();
            if self.pending.is_empty() {
                return true;
            }
            let now = Instant::now();
            if now >= deadline {
                return false;
            }
            self.producer.poll(STEP.min(deadline - now));
        }
    }

    /// Messages that are not acknowledged yet.
    pub fn pending(&self) -> usize {
        self.pending.len()
    }

    pub fn status(&self) -> &Status {
        &self.status
    }

    fn pump(&mut self) {
        self.producer.poll(Duration::ZERO);
        self.collect_reports();
        while self.pending.front().is_some_and(|(_, state)| *state == State::Acknowledged) {
            self.pending.pop_front();
            self.first += 1;
            self.sent -= 1;
        }
        if self.pending.is_empty() {
            self.status = Status::Running;
        } else if let Some(cause) = self.producer.context().client.take_error() {
            self.status = self.trouble(&cause);
        }
        if let Some(retry_at) = self.retry_at
            && (self.in_flight > 0 || Instant::now() < retry_at || !self.start_over())
        {
            return;
        }
        self.send();
    }

    fn collect_reports(&mut self) {
        let mut delivered = self.producer.context().delivered.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let reports = std::mem::take(&mut *delivered);
        drop(delivered);
        for (number, error) in reports {
            let Some((_, state)) = number.checked_sub(self.first).and_then(|index| self.pending.get_mut(index)) else {
                continue;
            };
            self.in_flight -= usize::from(*state == State::InFlight);
            *state = if error.is_none() { State::Acknowledged } else { State::Failed };
            match error {
                None if self.retry_at.is_none() => self.status = Status::Running,
                None => {}
                Some(error) => {
                    self.status = self.trouble(&error.to_string());
                    self.retry_at.get_or_insert(Instant::now() + BACKOFF);
                }
            }
        }
    }

    /// All from the oldest failure on waits again. A client that an error ended is replaced.
    fn start_over(&mut self) -> bool {
        if self.producer.client().fatal_error().is_some() {
            match self.config.create_with_context(Reports::default()) {
                Ok(producer) => self.producer = producer,
                Err(error) => {
                    self.status = self.trouble(&error.to_string());
                    self.retry_at = Some(Instant::now() + BACKOFF);
                    return false;
                }
            }
        }
        let failed = self.pending.iter().position(|(_, state)| *state == State::Failed).unwrap_or(self.sent);
        for (_, state) in self.pending.iter_mut().skip(failed) {
            *state = State::Waiting;
        }
        self.sent = failed;
        self.retry_at = None;
        true
    }

    fn send(&mut self) {
        while let Some((message, state)) = self.pending.get_mut(self.sent) {
            let record = BaseRecord::with_opaque_to(&self.topic, self.first + self.sent).key(&message.key);
            let record = match &message.value {
                Some(value) => record.payload(value),
                None => record,
            };
            match self.producer.send(record) {
                Ok(()) => {
                    *state = State::InFlight;
                    self.in_flight += 1;
                    self.sent += 1;
                }
                // The client's queue is full: the next pump goes on here.
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _)) => return,
                Err((error, _)) => {
                    // Counts as sent and refused, so that it is tried again in its place.
                    *state = State::Failed;
                    self.sent += 1;
                    let cause = error.rdkafka_error_code().map_or_else(|| error.to_string(), |code| code.to_string());
                    self.status = self.trouble(&cause);
                    self.retry_at.get_or_insert(Instant::now() + BACKOFF);
                    return;
                }
            }
        }
    }

    fn trouble(&self, cause: &str) -> Status {
        Status::Connecting { message: format!("cannot write to topic \"{}\" at {}: {cause}", self.topic, self.brokers) }
    }
}
