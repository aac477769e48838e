//! The bigints from `start` to `stop` by `step`.

use std::sync::Arc;

use arrow_array::{Int64Array, RecordBatch};
use millrace_base::Result;
use millrace_base::limits::BATCH_ROWS;
use millrace_kernels::Series;
use millrace_plan::DataType;

use crate::operator::{Operator, anonymous_schema, batch_of};

pub(crate) struct GenerateSeries {
    values: Series,
}

impl GenerateSeries {
    /// `step` is not 0: the plan was validated.
    pub fn new(start: i64, stop: i64, step: i64) -> Self {
        Self { values: Series::new(start.into(), stop.into(), step.into()) }
    }
}

impl Operator for GenerateSeries {
    fn next(&mut self) -> Result<Option<RecordBatch>> {
        // All values are between two bigints.
        let values: Vec<i64> = self.values.by_ref().take(BATCH_ROWS).map(|value| value as i64).collect();
        if values.is_empty() {
            return Ok(None);
        }
        let rows = values.len();
        batch_of(&anonymous_schema(&[DataType::Bigint]), vec![Arc::new(Int64Array::from(values))], rows).map(Some)
    }
}
