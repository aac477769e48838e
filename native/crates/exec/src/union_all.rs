//! The rows of each input, one input after the other.

use arrow_array::RecordBatch;
use millrace_base::Result;

use crate::operator::{Input, Operator, Query};

pub(crate) struct UnionAll<'a> {
    query: &'a Query<'a>,
    /// The last one is read.
    inputs: Vec<Input<'a>>,
}

impl<'a> UnionAll<'a> {
    pub fn new(query: &'a Query<'a>, mut inputs: Vec<Input<'a>>) -> Self {
        inputs.reverse();
        Self { query, inputs }
    }
}

impl Operator for UnionAll<'_> {
    fn next(&mut self) -> Result<Option<RecordBatch>> {
        while let Some(input) = self.inputs.last_mut() {
            if let Some(batch) = self.query.pull(input)? {
                return Ok(Some(batch));
            }
            // What it held is free before the next one runs.
            self.inputs.pop();
        }
        Ok(None)
    }
}
