//! The scalar functions, by subject. Each file holds its rows of the registry and the implementations beside them.
//! Start at a file's `table()`.

pub(crate) mod conditional;
pub(crate) mod digest;
pub(crate) mod library;
pub(crate) mod math;
pub(crate) mod pattern;
pub(crate) mod rounding;
pub(crate) mod text;
pub(crate) mod time;
pub(crate) mod to_char;
pub(crate) mod uuid;
