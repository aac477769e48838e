//! Where a polled message goes: into the rows, into the dead letters, or into what the poll has to say.

use rdkafka::error::RDKafkaErrorCode;

use crate::batch_queue::Received;
use crate::dead_letter::{DeadLetter, DeadLetters};
use crate::decode::JsonDecoder;
use crate::partition::Partitions;

/// The errors after which librdkafka leaves a partition alone.
pub fn is_reset(code: RDKafkaErrorCode) -> bool {
    matches!(code, RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange)
}

/// Where messages go: a row, or a dead letter.
pub struct Intake<'a> {
    pub decoder: &'a mut JsonDecoder,
    pub letters: &'a mut DeadLetters,
    pub partitions: &'a mut Partitions,
    pub bytes: usize,
    pub taken: usize,
    pub error: Option<RDKafkaErrorCode>,
}

impl Intake<'_> {
    #[inline]
    pub fn take(&mut self, received: Received<'_>) {
        match received.error {
            None => {}
            Some(RDKafkaErrorCode::PartitionEOF) => return self.partitions.set_at_end(received.partition),
            Some(error) => {
                if self.error.is_none_or(|known| !is_reset(known)) {
                    self.error = Some(error);
                }
                return;
            }
        }
        if !self.partitions.advance(received.partition, received.offset) {
            return;
        }
        self.taken += 1;
        self.bytes += received.value.map_or(0, <[u8]>::len) + received.key.map_or(0, <[u8]>::len);
        let outcome = match received.value {
            Some(value) => self.decoder.push(value),
            None => Err("the message has no value (a tombstone)".to_owned()),
        };
        if let Err(reason) = outcome {
            self.letters.push(DeadLetter {
                partition: received.partition,
                offset: received.offset,
                timestamp_us: received.timestamp_us,
                key: received.key,
                value: received.value,
                reason: &reason,
            });
        }
    }
}
