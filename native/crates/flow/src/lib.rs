//! Views, kept up to date change by change. A graph of operators takes weighted batches in and gives weighted batches
//! out; after every step each view holds exactly what its query would return. No I/O, no threads, no clock.
//!
//! Start at `graph.rs`; the operators are one a file.

mod aggregate;
mod change;
mod compile;
mod computed;
mod filter;
mod graph;
mod join;
mod node;
mod project;
mod saved;
mod schedule;
mod temporal_filter;
#[cfg(test)]
mod tests;
mod time_window;
mod top_n;
mod union_all;
mod unnest;
mod values;
mod view_store;
mod window;

pub use change::ChangeBatch;
pub use compile::FlowEnv;
pub use graph::Graph;
pub use saved::SavedView;
pub use view_store::ViewSnapshot;
