//! Where rows come from and go to outside the process: Kafka, and JSON ↔ Arrow. Start at `reader.rs` (a topic's
//! partitions → batches, dead letters and next offsets) and `writer.rs` (changes → upserts and tombstones).
//! Never here: threads, the journal, the flow, SQL. The runtime calls `poll` and `write`, and keeps the offsets.

mod batch_queue;
mod client;
mod column;
mod dead_letter;
mod decode;
mod encode;
mod intake;
mod numeric;
mod partition;
mod reader;
mod time;
mod upsert;
mod value;
mod writer;

pub use client::Status;
pub use dead_letter::{DeadLetter, DeadLetters, dead_letter_fields};
pub use decode::JsonDecoder;
pub use encode::JsonEncoder;
pub use reader::{KafkaReader, Lag, Polled};
pub use upsert::{UpsertEncoder, UpsertMessage};
pub use writer::KafkaWriter;
