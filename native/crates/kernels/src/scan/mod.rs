//! Kernels over columns as they are encoded: sums, extremes, counts and filters without unpacking first. A comparison is
//! translated into the packed domain once, and then tests small numbers. Only values that are not NULL are encoded, so
//! only a filter's answer has to look at NULLs.

mod filter;
mod fold;

pub use filter::{Range, count_in, in_range, select_codes, spread};
pub use fold::{min_max, sum};

pub use crate::encodings::integers::Integers;

#[cfg(test)]
mod tests;
