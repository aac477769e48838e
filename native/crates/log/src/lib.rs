//! The durable log: one journal into which every commit goes whole, and what is rebuilt from it on open (the
//! catalog, the tables' current rows, source offsets, sink progress, and where each stream's rows lie).
//! The file format is in FORMAT.md. Start at `log.rs`.
//! Never here: SQL, evaluation, Kafka; views (they belong to `flow` and are rebuilt from this log).

mod body;
mod commit;
mod frame;
mod journal;
mod lock;
mod log;
mod memory;
mod recovered;
mod scan;
mod table;
mod writer;

pub use commit::{Commit, Committed, RelationRows, SinkProgress, SourceOffset};
pub use log::{Durability, Log, LogOptions, LogStats, RelationStats, Ticket};
pub use memory::MemoryStorage;
pub use scan::LogScan;
pub use table::TableState;
