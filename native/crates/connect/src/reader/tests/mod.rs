//! No message is lost and none comes twice, on any path of the reader. Each test follows a reader with a ledger that
//! checks every single poll: what was handed over is what the offsets say. The broker is librdkafka's mock one, whose
//! errors and delays are put in its mouth; the reader's clock is set forward by its private times.

mod ledger;
mod questions;
mod reading;
mod stopped;
