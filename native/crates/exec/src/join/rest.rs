//! The rows of a join's built side that come at the end: those without a match, beside NULLs, or those with one.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use millrace_base::Result;
use millrace_plan::DataType;

use super::build::Built;
use super::{Plan, Remaining};
use crate::batch::{Batch, Column, PIECE_ROWS, null_columns};
use crate::need::Need;
use crate::pipeline::{Source, Task};

pub(crate) struct Rest {
    built: Arc<Built>,
    plan: Plan,
    output: Need,
    left_only: bool,
    probe_types: Vec<DataType>,
    next: AtomicUsize,
}

impl Rest {
    pub fn new(built: Arc<Built>, plan: Plan, output: Need, left_only: bool, probe_types: Vec<DataType>) -> Self {
        Self { built, plan, output, left_only, probe_types, next: AtomicUsize::new(0) }
    }

    fn rows(&self, from: usize) -> Result<Batch> {
        let to = self.built.rows.rows.min(from + PIECE_ROWS);
        let chosen = self.built.rows_matched(from..to, self.plan.remaining == Remaining::Matched);
        let mut own = self.built.rows.take(&chosen)?;
        let own_width = own.columns.len();
        let (own_from, other_from) = if self.plan.build_left { (0, own_width) } else { (self.probe_types.len(), 0) };
        for (at, column) in own.columns.iter_mut().enumerate() {
            if !self.output.has(own_from + at) {
                *column = Column::Absent;
            }
        }
        if self.left_only {
            return Ok(own);
        }
        let need = self.output.slice(other_from..other_from + self.probe_types.len());
        let nulls = null_columns(&self.probe_types, &need, own.rows);
        let rows = own.rows;
        let columns = if self.plan.build_left {
            own.columns.into_iter().chain(nulls).collect()
        } else {
            nulls.into_iter().chain(own.columns).collect()
        };
        Ok(Batch { columns, rows })
    }
}

impl Source for Rest {
    /// Asked only when the branch before this one, which marks the rows, has ended.
    fn next(&self) -> Result<Option<Task<'_>>> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let from = number * PIECE_ROWS;
        if from >= self.built.rows.rows {
            return Ok(None);
        }
        Ok(Some(Task { number: number as u64, run: Box::new(move |emit| emit(self.rows(from)?)) }))
    }

    fn width(&self) -> usize {
        self.built.rows.rows.div_ceil(PIECE_ROWS).max(1)
    }
}
