//! Computes columns from each row. Linear: weights pass through. No state.

use arrow_schema::SchemaRef;
use millrace_base::Result;
use millrace_expr::Projection;

use crate::change::{ChangeBatch, batch_of};
use crate::node::Operator;
use crate::saved::Kept;

pub(crate) struct Project {
    pub exprs: Projection,
    pub schema: SchemaRef,
}

impl Operator for Project {
    fn step(&mut self, mut inputs: Vec<Option<ChangeBatch>>, now_us: i64) -> Result<Option<ChangeBatch>> {
        let Some(input) = inputs.pop().flatten() else { return Ok(None) };
        let columns = self.exprs.evaluate(&input.rows, now_us)?;
        Ok(Some(ChangeBatch { rows: batch_of(&self.schema, columns, input.len())?, weights: input.weights }))
    }

    fn kept(&mut self) -> Option<&mut dyn Kept> {
        None
    }
}
