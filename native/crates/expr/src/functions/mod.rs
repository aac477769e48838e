//! The scalar functions, by subject. Each file holds its rows of the registry and the implementations beside them.
//! Start at a file's `table()`.

pub(crate) mod array;
pub(crate) mod array_search;
pub(crate) mod array_text;
pub(crate) mod bytes;
pub(crate) mod collected;
pub(crate) mod conditional;
pub(crate) mod degrees;
pub(crate) mod digest;
pub(crate) mod from_char;
pub(crate) mod integers;
pub(crate) mod jsonb_build;
pub(crate) mod jsonb_change;
pub(crate) mod jsonb_lists;
pub(crate) mod jsonb_read;
pub(crate) mod library;
pub(crate) mod math;
pub(crate) mod pattern;
pub(crate) mod pattern_parts;
pub(crate) mod quoting;
pub(crate) mod rounding;
pub(crate) mod row;
pub(crate) mod series;
pub(crate) mod similar;
pub(crate) mod text;
pub(crate) mod time;
pub(crate) mod time_parts;
pub(crate) mod to_char;
pub(crate) mod uuid;
