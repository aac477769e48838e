//! Computes columns from each row. Linear: weights pass through. No state.

use arrow_schema::SchemaRef;
use millrace_base::Result;

use crate::change::{ChangeBatch, batch_of};
use crate::computed::Computed;
use crate::node::Operator;

pub(crate) struct Project {
    pub exprs: Vec<Computed>,
    pub schema: SchemaRef,
}

impl Operator for Project {
    fn step(&mut self, mut inputs: Vec<Option<ChangeBatch>>, now_us: i64) -> Result<Option<ChangeBatch>> {
        let Some(input) = inputs.pop().flatten() else { return Ok(None) };
        let columns = Computed::evaluate_all(&self.exprs, &input.rows, now_us)?;
        Ok(Some(ChangeBatch { rows: batch_of(&self.schema, columns, input.len())?, weights: input.weights }))
    }
}
