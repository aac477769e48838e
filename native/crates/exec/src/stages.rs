//! Stages that see a batch at a time: filter, projection, and the windows of time that a row is in.

use std::ops::ControlFlow;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMicrosecondType;
use arrow_array::{Array, BooleanArray, TimestampMicrosecondArray};
use arrow_select::filter::prep_null_mask_filter;
use millrace_base::limits::BATCH_ROWS;
use millrace_base::{Error, Result};
use millrace_expr::Projection;
use millrace_kernels::assign_windows;

use crate::batch::{Batch, Column};
use crate::control::Control;
use crate::inputs::{Inputs, sparse};
use crate::pipeline::{Emit, Stage};

/// The rows for which a predicate is true: NULL counts as false.
pub(crate) struct Filter<'a> {
    control: Arc<Control<'a>>,
    predicate: Projection,
    reads: Vec<usize>,
}

impl<'a> Filter<'a> {
    pub fn new(control: Arc<Control<'a>>, predicate: Projection) -> Self {
        Self { control, reads: predicate.columns().into_iter().collect(), predicate }
    }
}

/// A predicate's answer without NULLs.
pub(crate) fn definite(answer: &dyn Array) -> Result<BooleanArray> {
    let mask = answer.as_boolean_opt().ok_or_else(|| Error::internal("a predicate that is not boolean"))?;
    Ok(if mask.null_count() == 0 {
        BooleanArray::new(mask.values().clone(), None)
    } else {
        prep_null_mask_filter(mask)
    })
}

impl Stage for Filter<'_> {
    fn apply(&self, batch: Batch, emit: &mut Emit<'_>) -> Result<ControlFlow<()>> {
        let columns = sparse(&batch, &self.reads)?;
        let answer = self.predicate.evaluate_sparse(columns, batch.rows, self.control.now_us)?;
        let keep = definite(answer[0].as_ref())?;
        match keep.true_count() {
            0 => Ok(ControlFlow::Continue(())),
            kept if kept == batch.rows => emit(batch),
            _ => emit(batch.filter(&keep)?),
        }
    }
}

/// One column an expression.
pub(crate) struct Project<'a> {
    pub control: Arc<Control<'a>>,
    pub inputs: Inputs,
}

impl Stage for Project<'_> {
    fn apply(&self, batch: Batch, emit: &mut Emit<'_>) -> Result<ControlFlow<()>> {
        let columns = self.inputs.evaluate(&batch, self.control.now_us)?;
        emit(Batch { columns, rows: batch.rows })
    }
}

/// TUMBLE and HOP: each row once for each window that holds its time.
pub(crate) struct TimeWindow<'a> {
    pub control: Arc<Control<'a>>,
    /// One expression.
    pub time: Inputs,
    /// Size, slide, offset in microseconds.
    pub bounds: (i64, i64, i64),
}

impl TimeWindow<'_> {
    fn expand(&self, batch: &Batch) -> Result<Batch> {
        let times = self.time.arrays(batch, self.control.now_us)?.swap_remove(0);
        let times = times.as_primitive::<TimestampMicrosecondType>();
        let (size, slide, offset) = self.bounds;
        let windows = assign_windows(times.iter(), size, slide, offset)?;
        let mut expanded = batch.take(&windows.rows)?;
        for bounds in [windows.starts, windows.ends] {
            let bounds = TimestampMicrosecondArray::from(bounds).with_data_type(times.data_type().clone());
            expanded.columns.push(Column::Flat(Arc::new(bounds)));
        }
        Ok(expanded)
    }
}

impl Stage for TimeWindow<'_> {
    fn apply(&self, batch: Batch, emit: &mut Emit<'_>) -> Result<ControlFlow<()>> {
        // A row can be in thousands of windows: only so many rows at a time that the output stays near a batch.
        let windows_per_row = (self.bounds.0 / self.bounds.1 + 1) as usize;
        let step = (BATCH_ROWS / windows_per_row).max(1);
        for from in (0..batch.rows).step_by(step) {
            self.control.check()?;
            if emit(self.expand(&batch.slice(from, step.min(batch.rows - from)))?)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }
}
