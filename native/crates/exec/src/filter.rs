//! The rows for which a predicate is true.

use arrow_array::RecordBatch;
use arrow_select::filter::filter_record_batch;
use millrace_base::Result;
use millrace_expr::Evaluator;
use millrace_kernels::arrow_error;
use millrace_plan::{DataType, Expr};

use crate::operator::{Input, Operator, Query};

pub(crate) struct Filter<'a> {
    query: &'a Query<'a>,
    input: Input<'a>,
    predicate: Evaluator,
}

impl<'a> Filter<'a> {
    pub fn new(query: &'a Query<'a>, input: Input<'a>, predicate: &Expr, types: &[DataType]) -> Result<Self> {
        Ok(Self { query, input, predicate: query.evaluator(predicate, types)? })
    }
}

impl Operator for Filter<'_> {
    fn next(&mut self) -> Result<Option<RecordBatch>> {
        let Some(batch) = self.query.pull(&mut self.input)? else { return Ok(None) };
        let keep = self.predicate.select(&batch, self.query.context.now_us)?;
        if keep.true_count() == batch.num_rows() {
            return Ok(Some(batch));
        }
        filter_record_batch(&batch, &keep).map(Some).map_err(arrow_error)
    }
}
