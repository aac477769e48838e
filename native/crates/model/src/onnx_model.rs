//! A compiled classifier. It always runs on chunks of `CHUNK_ROWS` rows, the last one padded: matrix kernels are chosen
//! by shape and may round differently, and a row has to get the same bits in a view, one row at a time, as in a query
//! over a million (a view equals its query).

use std::panic::{AssertUnwindSafe, catch_unwind};

use arrow_array::{Array, Float64Array};
use millrace_base::{Code, Error, Result};
use tract_onnx::prelude::*;

use crate::compile::{Compiled, Positive, compile};

/// Large enough to spread tract's cost of a call, small enough that scoring one row stays some tens of microseconds.
const CHUNK_ROWS: usize = 256;

/// Send and Sync: a run keeps its state on the stack of the caller.
pub struct OnnxModel {
    compiled: Compiled,
}

impl std::fmt::Debug for OnnxModel {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("OnnxModel").field("inputs", &self.compiled.inputs).finish_non_exhaustive()
    }
}

impl OnnxModel {
    /// Compiles the bytes of an ONNX file and scores one row, so that a model that cannot run is refused here.
    pub fn load(bytes: &[u8]) -> Result<Self> {
        let model = Self { compiled: compile(bytes, CHUNK_ROWS)? };
        let mut scores = Vec::with_capacity(1);
        model.score_chunk(vec![0.0; CHUNK_ROWS * model.compiled.inputs], 1, &mut scores)?;
        Ok(model)
    }

    /// The number of features that `predict` takes.
    pub fn inputs(&self) -> usize {
        self.compiled.inputs
    }

    /// The probability of the positive class for each row; NULL where any feature is NULL.
    pub fn predict(&self, features: &[Float64Array]) -> Result<Float64Array> {
        let width = self.compiled.inputs;
        if features.len() != width {
            return Err(Error::new(
                Code::InvalidParameterValue,
                format!("the model takes {width} features, not {}", features.len()),
            ));
        }
        let rows = features[0].len();
        if features.iter().any(|column| column.len() != rows) {
            return Err(Error::internal("features of a model differ in length"));
        }
        let nulls = features
            .iter()
            .fold(None, |nulls, column| arrow::buffer::NullBuffer::union(nulls.as_ref(), column.nulls()));
        let mut scores = Vec::with_capacity(rows);
        for start in (0..rows).step_by(CHUNK_ROWS) {
            let count = CHUNK_ROWS.min(rows - start);
            let mut matrix = vec![0.0f32; CHUNK_ROWS * width];
            for (index, column) in features.iter().enumerate() {
                let values = &column.values()[start..start + count];
                for (row, value) in matrix.chunks_exact_mut(width).zip(values) {
                    row[index] = *value as f32;
                }
            }
            self.score_chunk(matrix, count, &mut scores)?;
        }
        assert!(scores.len() == rows);
        Ok(Float64Array::new(scores.into(), nulls))
    }

    fn score_chunk(&self, matrix: Vec<f32>, count: usize, scores: &mut Vec<f64>) -> Result<()> {
        assert!(count <= CHUNK_ROWS);
        let input = Tensor::from_shape(&[CHUNK_ROWS, self.compiled.inputs], &matrix).map_err(|cause| failed(&cause))?;
        let outputs = catch_unwind(AssertUnwindSafe(|| self.compiled.plan.run(tvec!(input.into()))))
            .map_err(|_| Error::internal("the model failed inside its runtime"))?
            .map_err(|cause| failed(&cause))?;
        let output = outputs[0].cast_to::<f32>().map_err(|cause| failed(&cause))?;
        let view = output.to_plain_array_view::<f32>().map_err(|cause| failed(&cause))?;
        let values = view.as_slice().ok_or_else(|| Error::internal("the model's output is not contiguous"))?;
        match self.compiled.positive {
            Positive::Only => scores.extend(values.iter().take(count).map(|value| f64::from(*value))),
            Positive::SecondOfTwo => {
                scores.extend(values.chunks_exact(2).take(count).map(|pair| f64::from(pair[1])));
            }
        }
        Ok(())
    }
}

fn failed(cause: &TractError) -> Error {
    Error::internal(format!("the model failed: {cause:#}"))
}
