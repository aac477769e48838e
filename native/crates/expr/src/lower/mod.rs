//! From the calls of a plan to the calls of the kernels: which kernel computes an aggregate or window call, over which
//! expressions, with which frame. Queries and views ask here, so that both run the same kernels over the same values.

mod aggregate;
mod order;
#[cfg(test)]
mod tests;
mod window;

pub use aggregate::{Aggregation, LoweredCall, lower_aggregate};
pub use order::sort_fields;
pub use window::{LoweredWindow, lower_window};
