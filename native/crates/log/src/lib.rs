//! The durable log: one journal into which every commit goes whole, columnar segments into which it is sealed, a
//! manifest that says what is live, and what is kept in memory beside them (the catalog, the tables' indexes, where each
//! stream's rows lie, how far everybody has come). The formats are in FORMAT.md and SEGMENT_FORMAT.md. Start at
//! `log.rs`.
//! Never here: SQL, evaluation, Kafka; views (they belong to `flow` and are rebuilt from this log).

#[cfg(test)]
mod allocations;
mod backup;
mod check;
mod commit;
mod compact;
mod journal;
mod ledger;
mod lock;
mod log;
mod manifest;
mod memory;
mod offset_read;
mod options;
mod piece;
mod priority;
mod recent;
mod recovery;
mod scan;
mod seal;
pub mod segment;
mod state;
mod stream;
mod table;
mod ticket;

pub use check::{CheckReport, Finding};
pub use commit::{Commit, Committed, GroupOffset, RelationRows, SinkProgress, SourceOffset};
pub use compact::Retention;
pub use ledger::Extent;
pub use log::{Log, LogStats, RelationStats};
pub use manifest::SegmentEntry;
pub use memory::MemoryStorage;
pub use offset_read::{OffsetBatch, OffsetRead};
pub use options::{Durability, LogOptions};
pub use piece::{ColumnFacts, Piece};
pub use priority::yield_to_commits;
pub use scan::LogScan;
pub use table::TableState;
pub use ticket::Ticket;
