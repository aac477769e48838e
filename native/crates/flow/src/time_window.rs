//! TUMBLE and HOP: each change once for each window that holds its time, with the window's start and end. Linear:
//! weights pass through. No state.

use arrow_array::Array;
use arrow_schema::{DataType, SchemaRef};
use millrace_base::{Error, Result};
use millrace_kernels::{array_of_sortable, assign_windows, sortable_i64};

use crate::change::{ChangeBatch, batch_of};
use crate::computed::Computed;
use crate::node::Operator;
use crate::saved::Kept;

pub(crate) struct TimeWindow {
    pub time: Computed,
    pub time_type: DataType,
    pub size_us: i64,
    pub slide_us: i64,
    pub offset_us: i64,
    pub schema: SchemaRef,
}

impl Operator for TimeWindow {
    fn step(&mut self, mut inputs: Vec<Option<ChangeBatch>>, now_us: i64) -> Result<Option<ChangeBatch>> {
        let Some(input) = inputs.pop().flatten() else { return Ok(None) };
        let times = self.time.evaluate(&input.rows, now_us)?;
        let values = sortable_i64(times.as_ref())?.ok_or_else(|| Error::internal("a time window over another type"))?;
        let known = values.iter().enumerate().map(|(row, &time)| times.is_valid(row).then_some(time));
        let windows = assign_windows(known, self.size_us, self.slide_us, self.offset_us)?;
        let taken = input.take(&windows.rows)?;
        let mut columns = taken.rows.columns().to_vec();
        columns.push(array_of_sortable(&self.time_type, windows.starts, None)?);
        columns.push(array_of_sortable(&self.time_type, windows.ends, None)?);
        Ok(Some(ChangeBatch { rows: batch_of(&self.schema, columns, windows.rows.len())?, weights: taken.weights }))
    }

    fn kept(&mut self) -> Option<&mut dyn Kept> {
        None
    }
}
