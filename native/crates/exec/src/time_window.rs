//! TUMBLE and HOP: each row once for each window that holds its time.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMicrosecondType;
use arrow_array::{Array, ArrayRef, RecordBatch, TimestampMicrosecondArray, UInt32Array};
use arrow_schema::SchemaRef;
use millrace_base::Result;
use millrace_base::limits::BATCH_ROWS;
use millrace_expr::Evaluator;
use millrace_kernels::{arrow_error, assign_windows};
use millrace_plan::{Expr, Rel};

use crate::operator::{Input, Operator, Query, anonymous_schema, batch_of, build};

pub(crate) struct TimeWindow<'a> {
    query: &'a Query<'a>,
    input: Input<'a>,
    time: Evaluator,
    size_us: i64,
    slide_us: i64,
    offset_us: i64,
    schema: SchemaRef,
    /// The input batch in work, and how many of its rows are done.
    current: Option<(RecordBatch, usize)>,
}

impl<'a> TimeWindow<'a> {
    pub fn new(
        query: &'a Query<'a>,
        input: &'a Rel,
        time: &Expr,
        (size, slide, offset): (i64, i64, i64),
    ) -> Result<Self> {
        let mut types = query.types(input)?;
        let time = query.evaluator(time, &types)?;
        types.extend([time.data_type(), time.data_type()]);
        Ok(Self {
            query,
            input: build(input, query)?,
            time,
            size_us: size,
            slide_us: slide,
            offset_us: offset,
            schema: anonymous_schema(&types),
            current: None,
        })
    }

    fn expand(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let times = self.time.evaluate(batch, self.query.context.now_us)?;
        let times = times.as_primitive::<TimestampMicrosecondType>();
        let windows = assign_windows(times.iter(), self.size_us, self.slide_us, self.offset_us)?;
        let rows = UInt32Array::from(windows.rows);
        let mut columns = batch
            .columns()
            .iter()
            .map(|c| arrow_select::take::take(c, &rows, None).map_err(arrow_error))
            .collect::<Result<Vec<ArrayRef>>>()?;
        for bounds in [windows.starts, windows.ends] {
            let bounds = TimestampMicrosecondArray::from(bounds).with_data_type(times.data_type().clone());
            columns.push(Arc::new(bounds));
        }
        batch_of(&self.schema, columns, rows.len())
    }
}

impl Operator for TimeWindow<'_> {
    fn next(&mut self) -> Result<Option<RecordBatch>> {
        let (batch, done) = match self.current.take() {
            Some(current) => current,
            None => match self.query.pull(&mut self.input)? {
                Some(batch) => (batch, 0),
                None => return Ok(None),
            },
        };
        // A row can be in thousands of windows: only so many rows at a time that the output stays near a batch.
        let windows_per_row = (self.size_us / self.slide_us + 1) as usize;
        let rows = (BATCH_ROWS / windows_per_row).max(1).min(batch.num_rows() - done);
        let output = self.expand(&batch.slice(done, rows))?;
        if done + rows < batch.num_rows() {
            self.current = Some((batch, done + rows));
        }
        Ok(Some(output))
    }
}
