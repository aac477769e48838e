//! A topic → batches. The reader assigns all partitions to itself, at offsets that the journal keeps: no consumer
//! group decides or remembers anything. Whatever the broker does, `poll` comes back in time with rows, with a
//! status to show, or with an error that only a person can mend.

mod broker;
#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use arrow_array::RecordBatch;
use millrace_base::{Error, Result};
use millrace_plan::{ColumnDef, KafkaSource, StartupMode};
use rdkafka::consumer::BaseConsumer;
use rdkafka::error::KafkaError;

use crate::batch_queue::{BatchQueue, Received, known_end};
use crate::client::{Context, Status, client_config, creation_error};
use crate::dead_letter::DeadLetters;
use crate::decode::JsonDecoder;
use crate::intake::{Intake, is_reset};
use crate::partition::{Partitions, Position};

/// Librdkafka wants a group's name for any assignment; nothing is ever committed to it.
const GROUP: &str = "millrace";
const SETTINGS: &[(&str, &str)] = &[
    ("group.id", GROUP),
    ("enable.auto.commit", "false"),
    ("enable.auto.offset.store", "false"),
    // A silent reset would lose or repeat rows.
    ("auto.offset.reset", "error"),
    ("isolation.level", "read_committed"),
    ("enable.partition.eof", "true"),
    ("allow.auto.create.topics", "false"),
    ("check.crcs", "true"),
    // A broker answers a connection's requests in order: a longer wait would hold up every question behind it. Rows
    // come at once either way.
    ("fetch.wait.max.ms", "50"),
    ("queued.max.messages.kbytes", "65536"),
    ("max.partition.fetch.bytes", "4194304"),
    // A full local queue is looked at again after this; the default of a second would starve a fast reader.
    ("fetch.queue.backoff.ms", "5"),
    ("fetch.error.backoff.ms", "100"),
];

const BACKOFF_MIN: Duration = Duration::from_millis(100);
const BACKOFF_MAX: Duration = Duration::from_secs(2);
/// How often the topic is asked for new partitions.
const REFRESH: Duration = Duration::from_secs(10);
/// One question to the broker. It gets the poll's time, and after each timeout twice as much up to this: a broker far
/// away answers late, and a poll that connects may take this long.
const PATIENCE_MIN: Duration = Duration::from_millis(50);
const PATIENCE_MAX: Duration = Duration::from_millis(800);
/// Messages of one batch call: small enough that `max_bytes` is not overshot by much.
const CHUNK_MAX: usize = 4096;

/// What one poll brought. Rows, dead letters and offsets belong in one commit.
#[derive(Debug)]
pub struct Polled {
    /// The relation's columns by name, nullable throughout; may have no row.
    pub rows: RecordBatch,
    /// The columns of `dead_letter_fields`.
    pub dead_letters: Option<RecordBatch>,
    /// Where to go on, for each partition that moved. Also given when a start was found and no row came yet: a
    /// source that began at `latest` must begin at the same place after a restart.
    pub next_offsets: Vec<(i32, i64)>,
    /// Bytes of keys and values that were read.
    pub bytes: usize,
    pub status: Status,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lag {
    pub partition: i32,
    pub next_offset: i64,
    /// Messages at the broker that are not read yet, as far as the last fetch or question knows.
    pub messages: i64,
}

pub struct KafkaReader {
    topic: String,
    brokers: String,
    startup: StartupMode,
    decoder: JsonDecoder,
    letters: DeadLetters,
    // Before the consumer, as it must be dropped first.
    queue: BatchQueue,
    consumer: BaseConsumer<Context>,
    partitions: Partitions,
    /// No offset was ever committed: the first partitions start where the source says.
    fresh: bool,
    /// How many partitions librdkafka was told to read: those before.
    assigned: usize,
    status: Status,
    backoff: Duration,
    patience: Duration,
    next_attempt: Instant,
    next_refresh: Instant,
    /// When to look next for partitions that were left behind, and how long after the look before.
    next_look: Instant,
    look_wait: Duration,
    /// Since when a partition's offset may be gone.
    doubted: Option<Instant>,
    failed: Option<Error>,
}

impl KafkaReader {
    /// `offsets` are the next offsets of the last commit; empty for a new source. Talks to nobody: only settings
    /// can be wrong here.
    pub fn open(source: &KafkaSource, columns: &[ColumnDef], offsets: &[(i32, i64)]) -> Result<Self> {
        let config = client_config(&source.brokers, SETTINGS, &source.properties)?;
        let consumer: BaseConsumer<Context> = config.create_with_context(Context::default()).map_err(creation_error)?;
        let queue = BatchQueue::of(&consumer).ok_or_else(|| Error::internal("the consumer has no queue"))?;
        let now = Instant::now();
        Ok(Self {
            topic: source.topic.clone(),
            brokers: source.brokers.clone(),
            startup: source.startup,
            decoder: JsonDecoder::new(columns)?,
            letters: DeadLetters::default(),
            queue,
            consumer,
            partitions: Partitions::resume(offsets),
            fresh: offsets.is_empty(),
            assigned: 0,
            status: Status::Connecting { message: format!("connecting to kafka at {}", source.brokers) },
            backoff: BACKOFF_MIN,
            patience: PATIENCE_MIN,
            next_attempt: now,
            next_refresh: now + REFRESH,
            next_look: now + REFRESH,
            look_wait: REFRESH,
            doubted: None,
            failed: None,
        })
    }

    pub fn status(&self) -> &Status {
        &self.status
    }

    /// Returns as soon as there is something, with all that is here up to the limits (`max_bytes` may be overshot by
    /// one batch call), and after `timeout` at the latest. An error stays: the source needs a person.
    pub fn poll(&mut self, max_rows: usize, max_bytes: usize, timeout: Duration) -> Result<Polled> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        let deadline = Instant::now() + timeout;
        self.attend(deadline);
        let bytes = self.receive(max_rows.max(1), max_bytes.max(1), deadline);
        // Rows that were read before a failure are good, and go first.
        if let Some(error) = &self.failed
            && self.decoder.rows() == 0
            && self.letters.rows() == 0
        {
            return Err(error.clone());
        }
        Ok(Polled {
            rows: self.decoder.finish(),
            dead_letters: self.letters.finish(),
            next_offsets: if self.assigned > 0 { self.partitions.take_moved() } else { Vec::new() },
            bytes,
            status: self.status.clone(),
        })
    }

    /// Asks nobody.
    pub fn lag(&self) -> Vec<Lag> {
        let lags = self.partitions.iter().filter_map(|(partition, state)| {
            let Position::Next(next_offset) = state.position else { return None };
            let fetched = known_end(&self.consumer, &self.topic, partition);
            let end = fetched.max(state.asked_end).unwrap_or(next_offset);
            // At the end there may still be offsets beyond: the marks of transactions.
            let messages = if state.at_end { 0 } else { (end - next_offset).max(0) };
            Some(Lag { partition, next_offset, messages })
        });
        lags.collect()
    }

    /// Waits for the first message only; then takes what is there.
    fn receive(&mut self, max_rows: usize, max_bytes: usize, deadline: Instant) -> usize {
        let Self { consumer, queue, decoder, letters, partitions, .. } = self;
        let mut intake = Intake { decoder, letters, partitions, bytes: 0, taken: 0, error: None };
        let mut error = None;
        loop {
            let rest = deadline.saturating_duration_since(Instant::now());
            match consumer.poll(rest) {
                Some(Ok(message)) => {
                    intake.take(Received::of(&message));
                    break;
                }
                // Behind it there can be messages: those that are here are taken, even when there is no time to wait.
                Some(Err(KafkaError::PartitionEOF(id))) => intake.partitions.set_at_end(id),
                Some(Err(failure)) => {
                    error = Some(weightier(error, failure));
                    if rest.is_zero() {
                        break;
                    }
                }
                None => break,
            }
        }
        while intake.taken > 0 && intake.taken < max_rows && intake.bytes < max_bytes && intake.error.is_none() {
            let size = (intake.bytes / intake.taken).max(1);
            let want = (max_rows - intake.taken).min((max_bytes - intake.bytes) / size + 1).min(CHUNK_MAX);
            if queue.take(want, |received| intake.take(received)) < want {
                break;
            }
        }
        let (bytes, taken) = (intake.bytes, intake.taken);
        let error = match intake.error.map(KafkaError::MessageConsumption) {
            Some(failure) => Some(weightier(error, failure)),
            None => error,
        };
        if taken > 0 && error.is_none() && self.doubted.is_none() {
            self.status = Status::Running;
        }
        if let Some(error) = error {
            self.note(&error);
        }
        bytes
    }

    fn note(&mut self, error: &KafkaError) {
        match error.rdkafka_error_code() {
            Some(code) if is_reset(code) => {
                // Librdkafka has stopped the partition. Whether the offset is gone, the broker is asked.
                self.doubted.get_or_insert_with(Instant::now);
                self.status = Status::Connecting {
                    message: format!("checking the offsets of topic \"{}\" in kafka at {}", self.topic, self.brokers),
                };
                self.next_attempt = Instant::now();
            }
            _ => {
                // An attempt that is due soon stays so: errors that keep coming must not put it off for ever.
                if self.status == Status::Running {
                    self.next_attempt = Instant::now() + self.backoff;
                }
                self.status = Status::Connecting { message: self.unreachable(error) };
            }
        }
    }
}

/// Of two errors in one poll a reset must not be forgotten; all others come again by themselves.
fn weightier(known: Option<KafkaError>, new: KafkaError) -> KafkaError {
    match known {
        Some(known) if known.rdkafka_error_code().is_some_and(is_reset) => known,
        _ => new,
    }
}
