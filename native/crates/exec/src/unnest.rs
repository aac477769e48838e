//! UNNEST: each row once for each place of its lists.

use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, UInt32Array};
use arrow_schema::SchemaRef;
use millrace_base::Result;
use millrace_expr::Projection;
use millrace_kernels::{arrow_error, unnest};
use millrace_plan::{Expr, Rel};

use crate::operator::{Input, Operator, Query, anonymous_schema, batch_of, build};
use crate::table::Slices;

pub(crate) struct Unnest<'a> {
    query: &'a Query<'a>,
    input: Input<'a>,
    lists: Projection,
    ordinality: bool,
    outer: bool,
    schema: SchemaRef,
    /// The input batch in work, and how many of its rows are done.
    current: Option<(RecordBatch, usize)>,
    ready: Slices,
}

/// Input rows at a time: their lists are all there at once.
const ROWS_AT_ONCE: usize = 256;

impl<'a> Unnest<'a> {
    pub fn new(query: &'a Query<'a>, rel: &'a Rel, input: &'a Rel, lists: &[Expr], how: (bool, bool)) -> Result<Self> {
        let types = query.types(input)?;
        Ok(Self {
            query,
            input: build(input, query)?,
            lists: query.projection(lists, &types)?,
            ordinality: how.0,
            outer: how.1,
            schema: anonymous_schema(&query.types(rel)?),
            current: None,
            ready: Slices::default(),
        })
    }

    fn expand(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let lists = self.lists.evaluate(batch, self.query.context.now_us)?;
        let found = unnest(&lists, batch.num_rows(), self.outer)?;
        let rows = UInt32Array::from(found.rows);
        let mut columns = batch
            .columns()
            .iter()
            .map(|c| arrow_select::take::take(c, &rows, None).map_err(arrow_error))
            .collect::<Result<Vec<ArrayRef>>>()?;
        columns.extend(found.elements);
        if self.ordinality {
            columns.push(Arc::clone(&found.places));
        }
        batch_of(&self.schema, columns, rows.len())
    }
}

impl Operator for Unnest<'_> {
    fn next(&mut self) -> Result<Option<RecordBatch>> {
        loop {
            if let Some(batch) = self.ready.next() {
                return Ok(Some(batch));
            }
            let (batch, done) = match self.current.take() {
                Some(current) => current,
                None => match self.query.pull(&mut self.input)? {
                    Some(batch) => (batch, 0),
                    None => return Ok(None),
                },
            };
            let rows = ROWS_AT_ONCE.min(batch.num_rows() - done);
            self.ready = Slices::new(self.expand(&batch.slice(done, rows))?);
            if done + rows < batch.num_rows() {
                self.current = Some((batch, done + rows));
            }
        }
    }
}
