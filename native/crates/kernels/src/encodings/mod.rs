//! Columns as bytes: each array is written with the encoding that its data allows, and read back to the same array.
//! Integers, dates, times and decimals become 64-bit integers (`integers.rs`), doubles scaled integers (`doubles.rs`),
//! texts dictionaries (`strings.rs`), nested types lengths and children. Bytes may come from a damaged file: reading
//! checks everything, and fails rather than to allocate what the bytes do not bear out. `view.rs` gives kernels the
//! values without unpacking them.

mod array;
#[cfg(test)]
mod array_tests;
mod bytes;
mod column;
mod decode;
pub mod doubles;
pub mod integers;
#[cfg(target_arch = "x86_64")]
mod lanes;
pub(crate) mod pack;
pub mod strings;
mod view;

pub use array::encode;
pub use bytes::{Malformed, Reader};
pub use column::{Dictionary, EncodedColumn};
pub use decode::decode;
pub use view::{Encoded, Values};

/// Elements of one nested column in a block, at most.
const ELEMENTS_MAX: usize = 1 << 26;
/// Depth of nested types.
const DEPTH_MAX: usize = 32;

const ALL_VALID: u8 = 0;
const ALL_NULL: u8 = 1;
const SOME_NULL: u8 = 2;

/// Decimals of at most 64 bits, and others as two halves.
const NARROW: u8 = 0;
const WIDE: u8 = 1;
