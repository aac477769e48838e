//! One column an expression; what the expressions share is computed once.

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use millrace_base::Result;
use millrace_expr::Projection;
use millrace_plan::{DataType, Expr};

use crate::operator::{Input, Operator, Query, anonymous_schema, batch_of};

pub(crate) struct Project<'a> {
    query: &'a Query<'a>,
    input: Input<'a>,
    projection: Projection,
    schema: SchemaRef,
}

impl<'a> Project<'a> {
    pub fn new(query: &'a Query<'a>, input: Input<'a>, exprs: &[Expr], types: &[DataType]) -> Result<Self> {
        let projection = query.projection(exprs, types)?;
        let schema = anonymous_schema(&projection.data_types().collect::<Vec<_>>());
        Ok(Self { query, input, projection, schema })
    }
}

impl Operator for Project<'_> {
    fn next(&mut self) -> Result<Option<RecordBatch>> {
        let Some(batch) = self.query.pull(&mut self.input)? else { return Ok(None) };
        let columns = self.projection.evaluate(&batch, self.query.context.now_us)?;
        batch_of(&self.schema, columns, batch.num_rows()).map(Some)
    }
}
