//! Scalar functions and expressions: one evaluator for queries and flows.

pub mod registry;
