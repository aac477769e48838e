//! Arrays, rows and maps as values of expressions: their text in PostgreSQL's form, read and written, and casts of what is
//! in them. A nested column is cast by casting its child columns, all values of all rows at once.

mod array_text;
mod cast;
mod row_text;

pub(crate) use cast::{cast_nested, element_texts, list_of, map_of, nested_from_text, nested_to_text, row_of};
