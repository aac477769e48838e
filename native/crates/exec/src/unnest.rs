//! UNNEST: each row once for each place of its lists.

use std::ops::ControlFlow;
use std::sync::Arc;

use millrace_base::Result;
use millrace_base::limits::BATCH_ROWS;
use millrace_kernels::unnest;

use crate::batch::{Batch, Column};
use crate::control::Control;
use crate::inputs::Inputs;
use crate::pipeline::{Emit, Stage};

pub(crate) struct Unnest<'a> {
    pub control: Arc<Control<'a>>,
    pub lists: Inputs,
    /// A last column numbers the places from 1.
    pub ordinality: bool,
    /// A row without places comes once, with NULLs.
    pub outer: bool,
}

/// Input rows at a time: their lists are all there at once.
const ROWS_AT_ONCE: usize = 256;

impl Unnest<'_> {
    fn expand(&self, batch: &Batch) -> Result<Batch> {
        let lists = self.lists.arrays(batch, self.control.now_us)?;
        let found = unnest(&lists, batch.rows, self.outer)?;
        let mut expanded = batch.take(&found.rows)?;
        expanded.columns.extend(found.elements.into_iter().map(Column::Flat));
        if self.ordinality {
            expanded.columns.push(Column::Flat(found.places));
        }
        Ok(expanded)
    }
}

impl Stage for Unnest<'_> {
    fn apply(&self, batch: Batch, emit: &mut Emit<'_>) -> Result<ControlFlow<()>> {
        for from in (0..batch.rows).step_by(ROWS_AT_ONCE) {
            self.control.check()?;
            let expanded = self.expand(&batch.slice(from, ROWS_AT_ONCE.min(batch.rows - from)))?;
            for at in (0..expanded.rows).step_by(BATCH_ROWS) {
                if emit(expanded.slice(at, BATCH_ROWS.min(expanded.rows - at)))?.is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
        }
        Ok(ControlFlow::Continue(()))
    }
}
