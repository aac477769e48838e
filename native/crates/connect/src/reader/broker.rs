//! What the reader asks the broker, and what it does with the answer: which partitions there are, where each begins,
//! whether an offset is gone, whether a partition was left behind. No row passes here: whatever a question's outcome,
//! the positions stay, and only `assign` makes librdkafka read from them anew.

use std::time::{Duration, Instant};

use millrace_base::{Code, Error};
use millrace_plan::StartupMode;
use rdkafka::consumer::Consumer;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::{Offset, TopicPartitionList};

use super::{BACKOFF_MAX, BACKOFF_MIN, KafkaReader, PATIENCE_MAX, PATIENCE_MIN, REFRESH};
use crate::client::Status;
use crate::partition::Position;

/// How long an offset may lie beyond the end of its partition before it counts as gone.
const DOUBT_MAX: Duration = Duration::from_secs(5);
/// The longest time between two looks at the partitions that do not move.
const LOOK_MAX: Duration = Duration::from_secs(120);

impl KafkaReader {
    /// Talks to the broker where that is due: at the start, after an error, and now and then for new partitions.
    pub(super) fn attend(&mut self, deadline: Instant) {
        let now = Instant::now();
        let due = match (&self.status, self.assigned) {
            (Status::Running, 1..) => now >= self.next_refresh,
            _ => now >= self.next_attempt,
        };
        if !due {
            return;
        }
        match self.discover(deadline) {
            Ok(()) => {
                (self.backoff, self.patience) = (BACKOFF_MIN, PATIENCE_MIN);
                self.next_refresh = Instant::now() + REFRESH;
                self.status = Status::Running;
            }
            Err(trouble) => {
                self.next_attempt = Instant::now() + self.backoff;
                self.next_refresh = self.next_attempt;
                self.backoff = (self.backoff * 2).min(BACKOFF_MAX);
                if trouble.timed_out {
                    self.patience = (self.patience * 2).min(PATIENCE_MAX);
                }
                // A late answer alone does not mean that rows have stopped; a lost connection is told by the client.
                if !(trouble.timed_out && self.assigned > 0 && self.status == Status::Running) {
                    self.status = Status::Connecting { message: trouble.message };
                }
            }
        }
    }

    fn discover(&mut self, deadline: Instant) -> std::result::Result<(), Trouble> {
        let metadata = self
            .consumer
            .fetch_metadata(Some(&self.topic), self.request_time(deadline))
            .map_err(|error| self.trouble(&error))?;
        let topic = metadata.topics().first().ok_or_else(|| Trouble::from(self.missing()))?;
        match topic.error().map(RDKafkaErrorCode::from) {
            None => {}
            Some(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic) => {
                // When it comes, everything in it is new.
                self.fresh = false;
                return Err(self.missing().into());
            }
            Some(error) => return Err(format!("kafka at {}, topic \"{}\": {error}", self.brokers, self.topic).into()),
        }
        let (known, count) = (self.partitions.len(), topic.partitions().len());
        if count == 0 {
            return Err(self.missing().into());
        }
        if count < known {
            let Self { topic, brokers, .. } = self;
            return Err(
                format!("topic \"{topic}\" had {known} partitions and has {count} in kafka at {brokers}").into()
            );
        }
        self.partitions.grow(count, !self.fresh || self.startup == StartupMode::Earliest);
        self.fresh = false;
        while let Some((id, from_beginning)) = self.partitions.first_unknown() {
            let (low, high) = self
                .consumer
                .fetch_watermarks(&self.topic, id, self.request_time(deadline))
                .map_err(|error| self.trouble(&error))?;
            self.partitions.set_next(id, if from_beginning { low } else { high });
        }
        if let Some(since) = self.doubted {
            return self.check_offsets(since, deadline);
        }
        // Not the count before `grow`: a question in between may have failed, and this be the second try.
        if self.assigned < self.partitions.len() {
            return self.assign().map_err(|error| self.trouble(&error));
        }
        if Instant::now() < self.next_look {
            return Ok(());
        }
        // A slow link must not be cut off again and again in the middle of its one answer.
        self.look_wait = if self.catch_up(deadline)? { (self.look_wait * 2).min(LOOK_MAX) } else { REFRESH };
        self.next_look = Instant::now() + self.look_wait;
        Ok(())
    }

    /// The whole list each time, each partition where we stand; what is queued from before is dropped by librdkafka.
    pub(super) fn assign(&mut self) -> std::result::Result<(), KafkaError> {
        let mut list = TopicPartitionList::with_capacity(self.partitions.len());
        for (id, partition) in self.partitions.iter() {
            if let Position::Next(next) = partition.position {
                list.add_partition_offset(&self.topic, id, Offset::Offset(next))?;
            }
        }
        self.consumer.assign(&list)?;
        self.assigned = self.partitions.len();
        Ok(())
    }

    /// Asks for the ends of the partitions from which nothing came since the last look, and starts those again that
    /// have more: whatever made librdkafka stop without a word, no partition stays behind for good.
    fn catch_up(&mut self, deadline: Instant) -> std::result::Result<bool, Trouble> {
        let idle = self.partitions.look();
        if idle.is_empty() {
            return Ok(false);
        }
        let mut question = TopicPartitionList::with_capacity(idle.len());
        for id in idle {
            // In place of a timestamp: the end.
            question.add_partition_offset(&self.topic, id, Offset::End).map_err(|error| self.trouble(&error))?;
        }
        let answer = self
            .consumer
            .offsets_for_times(question, self.request_time(deadline))
            .map_err(|error| self.trouble(&error))?;
        let mut behind = false;
        for element in answer.elements() {
            if let (Ok(()), Offset::Offset(end)) = (element.error(), element.offset()) {
                behind |= self.partitions.is_behind(element.partition(), end);
            }
        }
        if behind {
            self.assign().map_err(|error| self.trouble(&error))?;
        }
        Ok(behind)
    }

    fn trouble(&self, error: &KafkaError) -> Trouble {
        let timed_out = error.rdkafka_error_code() == Some(RDKafkaErrorCode::OperationTimedOut);
        Trouble { message: self.unreachable(error), timed_out }
    }

    fn request_time(&self, deadline: Instant) -> Duration {
        deadline.saturating_duration_since(Instant::now()).clamp(self.patience, PATIENCE_MAX)
    }

    /// What the client said last is nearer to the cause than the error of a call, which is mostly a timeout. The queue
    /// is not polled for it here: a message or a partition's error that comes along would be lost.
    pub(super) fn unreachable(&self, error: &KafkaError) -> String {
        let cause = match self.consumer.context().take_error() {
            Some(cause) => cause,
            None => match (error.rdkafka_error_code(), &self.status) {
                (Some(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic), _) => {
                    return self.missing();
                }
                // Still the same trouble: its cause was told before.
                (
                    Some(
                        RDKafkaErrorCode::OperationTimedOut
                        | RDKafkaErrorCode::AllBrokersDown
                        | RDKafkaErrorCode::BrokerTransportFailure,
                    ),
                    Status::Connecting { message },
                ) => return message.clone(),
                (Some(code), _) => code.to_string(),
                (None, _) => error.to_string(),
            },
        };
        format!("cannot reach kafka at {}: {cause}", self.brokers)
    }

    fn missing(&self) -> String {
        format!("topic \"{}\" does not exist in kafka at {}", self.topic, self.brokers)
    }

    /// Goes on where we stand if the broker has all offsets. One before the beginning is gone for good; one beyond the
    /// end can be a broker that still recovers from a crash, and is gone only when that lasts.
    fn check_offsets(&mut self, since: Instant, deadline: Instant) -> std::result::Result<(), Trouble> {
        let (mut gone, mut lasting) = (Vec::new(), since.elapsed() >= DOUBT_MAX);
        for (id, partition) in self.partitions.iter() {
            let Position::Next(next) = partition.position else { continue };
            let (low, high) = self
                .consumer
                .fetch_watermarks(&self.topic, id, self.request_time(deadline))
                .map_err(|error| self.trouble(&error))?;
            if !(low..=high).contains(&next) {
                gone.push(format!("partition {id}: next is {next}, kafka has {low} to {high}"));
                lasting |= next < low;
            }
        }
        if !gone.is_empty() && !lasting {
            return Err(format!("topic \"{}\" ends before the next offset; {}", self.topic, gone.join("; ")).into());
        }
        if gone.is_empty() {
            self.assign().map_err(|error| self.trouble(&error))?;
        } else {
            self.failed = Some(self.offset_gone(&gone));
        }
        self.doubted = None;
        Ok(())
    }

    fn offset_gone(&self, gone: &[String]) -> Error {
        Error::new(
            Code::ObjectNotInPrerequisiteState,
            format!("the next offset of topic \"{}\" is not in kafka any more", self.topic),
        )
        .with_detail(format!("{}.", gone.join("; ")))
        .with_hint(
            "The topic's retention removed messages before they were read, or the topic was made anew. Nothing was skipped: drop the source and create it again to start over.",
        )
    }
}

/// Why the broker could not be asked, for people.
struct Trouble {
    message: String,
    timed_out: bool,
}

impl From<String> for Trouble {
    fn from(message: String) -> Self {
        Self { message, timed_out: false }
    }
}
