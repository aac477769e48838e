//! The engine: its threads and what wires log, flow, exec, connectors and models together. Start at `engine.rs`, then
//! `write.rs` (a statement's way into the log), `flow_thread.rs` (from the log into views) and `read.rs` (a query).
//! Never here: SQL text, operators, file formats, JavaScript.

mod admin;
mod assignment;
mod at_once;
mod catalog;
mod check;
mod connectors;
mod consumer;
mod consumer_read;
mod ddl;
mod difference;
mod effect;
mod engine;
mod feed;
mod flow_thread;
mod generated;
mod groups;
mod histogram;
mod inspect;
mod ipc;
mod mailbox;
mod modify;
mod options;
mod outstanding;
mod overlay;
mod partition;
mod pieces;
mod pins;
mod point;
mod pool;
mod position;
mod published;
mod read;
mod rebuild;
mod reply;
mod savepoints;
mod shared;
mod shown;
mod sink_thread;
mod source_thread;
mod statement;
mod stats;
mod step_input;
mod subscription;
mod target_rows;
mod transaction;
mod unique;
mod upsert;
mod view_rows;
mod write;

pub use consumer::{Consumed, ConsumedRows, Consumer};
pub use engine::{Engine, EngineOptions, Executed, data_rows};
pub use millrace_wire::DataRows;
pub use reply::Reply;
pub use subscription::{Delivery, Subscription};
