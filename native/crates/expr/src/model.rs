//! What the evaluator asks of machine-learning models. The `model` crate implements it.

use std::sync::Arc;

use arrow_array::Float64Array;
use millrace_base::{RelationId, Result};

/// A classifier that is ready to score.
pub trait Model: Send + Sync {
    /// The number of features.
    fn inputs(&self) -> usize;
    /// The probability of the positive class for each row; every feature array has the same length and no NULL.
    fn predict(&self, features: &[Float64Array]) -> Result<Float64Array>;
}

/// The models of the catalog.
pub trait Models {
    fn model(&self, id: RelationId) -> Option<Arc<dyn Model>>;
}

/// A catalog without models.
#[derive(Debug, Default, Clone, Copy)]
pub struct NoModels;

impl Models for NoModels {
    fn model(&self, _: RelationId) -> Option<Arc<dyn Model>> {
        None
    }
}
