//! JSON values as bytes with PostgreSQL's equality and order. See the README for the layout.

mod build;
mod layout;
mod number;
mod parse;
#[cfg(test)]
mod tests;
mod value;
mod write;

pub use build::Builder;
pub use number::{number_of_text, write_number};
pub use parse::{JsonError, parse};
pub use value::{Json, Kind};
pub use write::{write_compact, write_string, write_text};
