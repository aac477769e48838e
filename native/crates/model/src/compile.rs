//! ONNX bytes to a plan that tract can run, with every reason for which a file is refused. Only classifiers over one
//! float matrix of rows × features are taken: anything else would need rules about which SQL argument goes where.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use millrace_base::{Code, Error, Result};
use tract_onnx::prelude::*;
use tract_onnx::tract_hir::infer::Factoid;
use tract_onnx::tract_hir::internal::DimLike;

/// Bytes of one ONNX file.
pub const MODEL_BYTES_MAX: usize = 64 << 20;
/// Features of one model (the columns that a relation may have).
pub const FEATURES_MAX: usize = millrace_base::limits::COLUMNS_MAX;

/// Which of an output's numbers is the probability of the positive class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Positive {
    /// One number a row.
    Only,
    /// A column for each of two classes.
    SecondOfTwo,
}

pub(crate) struct Compiled {
    pub plan: Arc<TypedRunnableModel>,
    pub inputs: usize,
    pub positive: Positive,
}

/// Compiles for batches of exactly `rows` rows. A malformed file may make a parser panic; that is an error here too.
pub(crate) fn compile(bytes: &[u8], rows: usize) -> Result<Compiled> {
    if bytes.is_empty() {
        return Err(not_a_model("the file is empty"));
    }
    if bytes.len() > MODEL_BYTES_MAX {
        return Err(Error::new(
            Code::InsufficientResources,
            format!("the model has {} bytes, more than the {MODEL_BYTES_MAX} allowed", bytes.len()),
        ));
    }
    match catch_unwind(AssertUnwindSafe(|| compile_checked(bytes, rows))) {
        Ok(compiled) => compiled,
        Err(_) => Err(not_a_model("its graph is malformed")),
    }
}

fn compile_checked(bytes: &[u8], rows: usize) -> Result<Compiled> {
    let mut cursor = bytes;
    let proto = tract_onnx::onnx()
        .proto_model_for_read(&mut cursor)
        .map_err(|_| not_a_model("it is not an ONNX protobuf message"))?;
    if proto.graph.as_ref().is_none_or(|graph| graph.node.is_empty()) {
        return Err(not_a_model("it holds no graph"));
    }
    let mut model = tract_onnx::onnx().model_for_read(&mut &bytes[..]).map_err(|cause| unsupported(&cause))?;
    let inputs = feature_count(&model)?;
    model
        .set_input_fact(0, InferenceFact::dt_shape(f32::datum_type(), [rows, inputs]))
        .map_err(|cause| unsupported(&cause))?;
    let mut typed = model.into_typed().map_err(|cause| unsupported(&cause))?;
    let (outlet, positive) = probability_output(&typed, rows)?;
    typed.select_output_outlets(&[outlet]).map_err(|cause| unsupported(&cause))?;
    let plan =
        typed.into_optimized().and_then(|optimized| optimized.into_runnable()).map_err(|cause| unsupported(&cause))?;
    Ok(Compiled { plan, inputs, positive })
}

/// The width of the one input, which has to be a float matrix with a stated width.
fn feature_count(model: &InferenceModel) -> Result<usize> {
    let outlets = model.input_outlets().map_err(|cause| unsupported(&cause))?;
    let [outlet] = outlets else {
        return Err(unfit(format!("the model has {} inputs, not one matrix of rows and features", outlets.len()))
            .with_hint("Export it with a single float input of shape [None, features]."));
    };
    let fact = model.outlet_fact(*outlet).map_err(|cause| unsupported(&cause))?;
    match fact.datum_type.concretize() {
        Some(datum_type) if datum_type == f32::datum_type() => {}
        Some(datum_type) => {
            return Err(unfit(format!("the model's input has elements of type {datum_type:?}, not 32-bit float"))
                .with_hint("Export it with a single float input of shape [None, features]."));
        }
        None => return Err(unfit("the model does not state its input's element type")),
    }
    let dims: Vec<_> = match fact.shape.rank().concretize() {
        Some(rank) => (0..rank as usize).map(|axis| fact.shape.dim(axis).and_then(|dim| dim.concretize())).collect(),
        None => return Err(unfit("the model does not state its input's shape")),
    };
    let [_, width] = dims.as_slice() else {
        return Err(unfit(format!("the model's input has {} dimensions, not two (rows and features)", dims.len())));
    };
    let width = width.as_ref().and_then(|dim| dim.to_usize().ok());
    let Some(width) = width.filter(|width| *width > 0) else {
        return Err(unfit("the model does not state how many features it takes"));
    };
    if width > FEATURES_MAX {
        return Err(unfit(format!("the model takes {width} features, more than the {FEATURES_MAX} allowed")));
    }
    Ok(width)
}

/// The output that holds probabilities: the one of a fitting shape, or of several the one whose name says so
/// (scikit-learn exports `label` and `probabilities`).
fn probability_output(model: &TypedModel, rows: usize) -> Result<(OutletId, Positive)> {
    let outlets = model.output_outlets().map_err(|cause| unsupported(&cause))?;
    let mut fitting = Vec::new();
    for outlet in outlets {
        let fact = model.outlet_fact(*outlet).map_err(|cause| unsupported(&cause))?;
        if !fact.datum_type.is_float() {
            continue;
        }
        let dims: Option<Vec<usize>> = fact.shape.iter().map(|dim| dim.to_usize().ok()).collect();
        let positive = match dims.as_deref() {
            Some([only]) if *only == rows => Positive::Only,
            Some([first, 1]) if *first == rows => Positive::Only,
            Some([first, 2]) if *first == rows => Positive::SecondOfTwo,
            _ => continue,
        };
        let named = model.outlet_label(*outlet).is_some_and(|label| label.to_lowercase().contains("prob"));
        fitting.push((*outlet, positive, named));
    }
    let named: Vec<_> = fitting.iter().filter(|(_, _, named)| *named).collect();
    match (fitting.as_slice(), named.as_slice()) {
        ([(outlet, positive, _)], _) | (_, [(outlet, positive, _)]) => Ok((*outlet, *positive)),
        ([], _) => Err(unfit("the model has no output with one probability or two class probabilities a row")
            .with_hint("A classifier of scikit-learn is exported with the option zipmap=False.")),
        _ => Err(unfit("the model has several outputs that could be the probability")
            .with_hint("Export only the probability, or call its output \"probabilities\".")),
    }
}

pub(crate) fn not_a_model(reason: &str) -> Error {
    Error::new(Code::InvalidParameterValue, format!("not an ONNX model: {reason}"))
}

fn unfit(message: impl Into<String>) -> Error {
    Error::new(Code::InvalidParameterValue, message)
}

fn unsupported(cause: &TractError) -> Error {
    Error::new(Code::FeatureNotSupported, "the ONNX model cannot be compiled").with_detail(sentence(cause))
}

/// The cause and its causes in one line; tract nests the node's name around the reason.
fn sentence(cause: &TractError) -> String {
    let mut text = format!("{cause:#}").replace('\n', " ");
    if !text.ends_with('.') {
        text.push('.');
    }
    text
}
