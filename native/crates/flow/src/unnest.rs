//! UNNEST: each change once for each place of its row's lists. Linear: weights pass through. No state.

use arrow_schema::SchemaRef;
use millrace_base::Result;
use millrace_expr::Projection;
use millrace_kernels::unnest;

use crate::change::{ChangeBatch, batch_of};
use crate::node::Operator;
use crate::saved::Kept;

pub(crate) struct Unnest {
    pub lists: Projection,
    pub ordinality: bool,
    pub outer: bool,
    pub schema: SchemaRef,
}

impl Operator for Unnest {
    fn step(&mut self, mut inputs: Vec<Option<ChangeBatch>>, now_us: i64) -> Result<Option<ChangeBatch>> {
        let Some(input) = inputs.pop().flatten() else { return Ok(None) };
        let lists = self.lists.evaluate(&input.rows, now_us)?;
        let found = unnest(&lists, input.len(), self.outer)?;
        let taken = input.take(&found.rows)?;
        let mut columns = taken.rows.columns().to_vec();
        columns.extend(found.elements);
        if self.ordinality {
            columns.push(found.places);
        }
        Ok(Some(ChangeBatch { rows: batch_of(&self.schema, columns, found.rows.len())?, weights: taken.weights }))
    }

    fn kept(&mut self) -> Option<&mut dyn Kept> {
        None
    }
}
