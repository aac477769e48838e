//! Scores rows with an ONNX classifier: bytes are checked and compiled once, then columns go in and one probability
//! a row comes out. Start at `onnx_model.rs`.
//! Never here: where a model is stored, what it is called, or SQL.

mod compile;
mod onnx_model;

pub use compile::{FEATURES_MAX, MODEL_BYTES_MAX};
pub use onnx_model::OnnxModel;
