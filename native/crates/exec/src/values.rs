//! Constant rows.

use arrow_array::{ArrayRef, RecordBatch};
use millrace_base::Result;
use millrace_base::limits::BATCH_ROWS;
use millrace_kernels::arrow_error;
use millrace_plan::{DataType, Expr};

use crate::operator::{Operator, Query, anonymous_schema, batch_of};

pub(crate) struct Values<'a> {
    query: &'a Query<'a>,
    types: &'a [DataType],
    rows: std::slice::Chunks<'a, Vec<Expr>>,
}

impl<'a> Values<'a> {
    pub fn new(query: &'a Query<'a>, types: &'a [DataType], rows: &'a [Vec<Expr>]) -> Self {
        Self { query, types, rows: rows.chunks(BATCH_ROWS) }
    }

    fn column(&self, rows: &[Vec<Expr>], column: usize) -> Result<ArrayRef> {
        let now_us = self.query.context.now_us;
        let slots: Vec<ArrayRef> = rows
            .iter()
            .map(|row| {
                let value = self.query.projection(std::slice::from_ref(&row[column]), &[])?;
                Ok(value.evaluate_columns(&[], 1, now_us)?.swap_remove(0))
            })
            .collect::<Result<_>>()?;
        let slots: Vec<&dyn arrow_array::Array> = slots.iter().map(AsRef::as_ref).collect();
        arrow_select::concat::concat(&slots).map_err(arrow_error)
    }
}

impl Operator for Values<'_> {
    fn next(&mut self) -> Result<Option<RecordBatch>> {
        let Some(rows) = self.rows.next() else { return Ok(None) };
        let columns = (0..self.types.len()).map(|c| self.column(rows, c)).collect::<Result<_>>()?;
        batch_of(&anonymous_schema(self.types), columns, rows.len()).map(Some)
    }
}
