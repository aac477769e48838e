//! Window functions over sorted partitions. A query fills a partition, asks for every row and throws it away; a view
//! keeps it, splices changes in and asks for the rows that they reach. The state of a partition is such that a row at
//! its end costs O(log rows): sums are differences of exact prefix sums, extremes come from a tree of blocks.
//!
//! Start at `plan.rs` (what is asked), then `partition.rs`.

mod batch;
mod fold;
mod key;
mod measure;
mod output;
mod partition;
mod plan;
#[cfg(test)]
mod tests;

pub use batch::compute_window;
pub use key::{BytesKey, IntKey, OrderKey, byte_keys, int_keys};
pub use measure::WindowValues;
pub use output::WindowOutput;
pub use partition::Partition;
pub use plan::{Exclude, Frame, FrameBound, FrameUnit, WindowCall, WindowKind, WindowPlan};
