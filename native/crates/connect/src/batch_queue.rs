//! librdkafka's batch call, which the Rust client does not wrap: many messages for one lock, none of them copied.

use std::ffi::CString;
use std::ptr;
use std::slice;

use rdkafka::bindings::{
    rd_kafka_consume_batch_queue, rd_kafka_get_watermark_offsets, rd_kafka_message_destroy, rd_kafka_message_timestamp,
    rd_kafka_queue_destroy, rd_kafka_queue_get_consumer, rd_kafka_timestamp_type_t,
};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{IsError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Message};
use rdkafka::types::{RDKafkaMessage, RDKafkaQueue};

use crate::client::Context;

/// The consumer's queue. Its owner keeps the consumer alive for longer.
pub struct BatchQueue {
    queue: *mut RDKafkaQueue,
}

// SAFETY: librdkafka's queues may be used from any thread.
unsafe impl Send for BatchQueue {}

/// A message, or the end or an error of its partition.
pub struct Received<'a> {
    pub partition: i32,
    pub offset: i64,
    pub timestamp_us: Option<i64>,
    pub key: Option<&'a [u8]>,
    pub value: Option<&'a [u8]>,
    pub error: Option<RDKafkaErrorCode>,
}

impl<'a> Received<'a> {
    pub fn of(message: &'a BorrowedMessage<'_>) -> Self {
        Self {
            partition: message.partition(),
            offset: message.offset(),
            timestamp_us: micros(message.timestamp().to_millis()),
            key: message.key(),
            value: message.payload(),
            error: None,
        }
    }
}

fn micros(millis: Option<i64>) -> Option<i64> {
    millis.filter(|&millis| millis >= 0).and_then(|millis| millis.checked_mul(1000))
}

impl BatchQueue {
    /// None where the client has no consumer queue, which needs a `group.id`.
    pub fn of(consumer: &BaseConsumer<Context>) -> Option<Self> {
        // SAFETY: the handle is valid as long as the consumer is borrowed.
        let queue = unsafe { rd_kafka_queue_get_consumer(consumer.client().native_ptr()) };
        (!queue.is_null()).then_some(Self { queue })
    }

    /// Hands over at most `count` messages that are here already; returns how many there were. Does not wait.
    pub fn take(&self, count: usize, mut each: impl FnMut(Received<'_>)) -> usize {
        let mut messages: Vec<*mut RDKafkaMessage> = vec![ptr::null_mut(); count];
        // SAFETY: the queue is alive and the array has room for `count` pointers.
        let got = unsafe { rd_kafka_consume_batch_queue(self.queue, 0, messages.as_mut_ptr(), count) };
        messages.truncate(usize::try_from(got).unwrap_or(0));
        // All are owned first: a receiver that panics still leaves each destroyed once.
        let messages: Vec<Owned> = messages.into_iter().map(Owned).collect();
        for message in &messages {
            each(message.received());
        }
        messages.len()
    }
}

impl Drop for BatchQueue {
    fn drop(&mut self) {
        // SAFETY: the reference taken in `of`, given back once.
        unsafe { rd_kafka_queue_destroy(self.queue) }
    }
}

/// One message from the batch call, destroyed when dropped.
struct Owned(*mut RDKafkaMessage);

impl Owned {
    fn received(&self) -> Received<'_> {
        // SAFETY: librdkafka filled the pointer; message, key and payload live until `drop`.
        unsafe {
            let message = &*self.0;
            let bytes = |data: *mut std::ffi::c_void, len: usize| {
                (!data.is_null()).then(|| slice::from_raw_parts(data.cast::<u8>().cast_const(), len))
            };
            let mut kind = rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
            let error = message.err.is_error().then(|| RDKafkaErrorCode::from(message.err));
            let timestamp = if error.is_none() { rd_kafka_message_timestamp(self.0, &mut kind) } else { -1 };
            Received {
                partition: message.partition,
                offset: message.offset,
                timestamp_us: micros(Some(timestamp)),
                key: bytes(message.key, message.key_len),
                // The payload of an error is its text.
                value: if error.is_none() { bytes(message.payload, message.len) } else { None },
                error,
            }
        }
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        // SAFETY: owned by us, and destroyed once.
        unsafe { rd_kafka_message_destroy(self.0) }
    }
}

/// The end of a partition as of the last fetch; asks nobody. None until something was fetched.
pub fn known_end(consumer: &BaseConsumer<Context>, topic: &str, partition: i32) -> Option<i64> {
    let topic = CString::new(topic).ok()?;
    let (mut low, mut high) = (-1, -1);
    // SAFETY: the handle is valid as long as the consumer is borrowed, and both places are ours.
    let error = unsafe {
        rd_kafka_get_watermark_offsets(consumer.client().native_ptr(), topic.as_ptr(), partition, &mut low, &mut high)
    };
    (!error.is_error() && high >= 0).then_some(high)
}
