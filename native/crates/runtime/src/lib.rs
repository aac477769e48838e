//! The engine: its threads and what wires log, flow, exec, connectors and models together. Start at `engine.rs`, then
//! `write.rs` (a statement's way into the log), `flow_thread.rs` (from the log into views) and `read.rs` (a query).
//! Never here: SQL text, operators, file formats, JavaScript.

mod catalog;
mod connectors;
mod ddl;
mod difference;
mod engine;
mod feed;
mod flow_thread;
mod histogram;
mod ipc;
mod mailbox;
mod pins;
mod pool;
mod published;
mod read;
mod rebuild;
mod reply;
mod shared;
mod sink_thread;
mod source_thread;
mod stats;
mod step_input;
mod subscription;
mod view_rows;
mod write;

pub use engine::{Engine, EngineOptions, Executed};
pub use reply::Reply;
pub use subscription::{Delivery, Subscription};
