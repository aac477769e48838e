//! Scalar functions and expressions: one evaluator for queries and flows. Start at `evaluator.rs`.

mod arithmetic;
mod calendar;
mod cast;
mod compare;
mod compile;
mod decimal;
mod evaluator;
mod fault;
mod format;
mod functions;
mod interval;
mod jsonb;
pub mod lower;
mod model;
mod nested;
mod node;
mod parse;
pub mod registry;
mod shared;
#[cfg(test)]
mod tests;
mod value;

pub use decimal::shown as shown_numeric;
pub use evaluator::{Evaluator, Projection};
pub use format::text_of;
pub use model::{Model, Models, NoModels};
pub use shared::is_volatile;
