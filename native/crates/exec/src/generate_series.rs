//! The bigints from `start` to `stop` by `step`.

use std::sync::Arc;

use arrow_array::{Int64Array, RecordBatch};
use millrace_base::Result;
use millrace_base::limits::BATCH_ROWS;
use millrace_plan::DataType;

use crate::operator::{Operator, anonymous_schema, batch_of};

pub(crate) struct GenerateSeries {
    next: Option<i64>,
    stop: i64,
    step: i64,
}

impl GenerateSeries {
    /// `step` is not 0: the plan was validated.
    pub fn new(start: i64, stop: i64, step: i64) -> Self {
        assert_ne!(step, 0);
        Self { next: Some(start), stop, step }
    }
}

impl Operator for GenerateSeries {
    fn next(&mut self) -> Result<Option<RecordBatch>> {
        let mut values = Vec::with_capacity(BATCH_ROWS);
        while let Some(value) = self.next.filter(|v| if self.step > 0 { *v <= self.stop } else { *v >= self.stop }) {
            if values.len() == BATCH_ROWS {
                break;
            }
            values.push(value);
            // Past the end of bigint the series has ended.
            self.next = value.checked_add(self.step);
        }
        if values.is_empty() {
            return Ok(None);
        }
        let rows = values.len();
        batch_of(&anonymous_schema(&[DataType::Bigint]), vec![Arc::new(Int64Array::from(values))], rows).map(Some)
    }
}
