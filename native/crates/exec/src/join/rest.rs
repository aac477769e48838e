//! The rows of a join's built side that come at the end: those without a match, beside NULLs, or those with one.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use millrace_base::Result;

use super::build::Built;
use super::{Remaining, Shape};
use crate::batch::{Batch, Column, PIECE_ROWS, null_columns};
use crate::pipeline::{Emit, Source, Task};

pub(crate) struct Rest<'a> {
    shape: Arc<Shape<'a>>,
    built: Arc<Built>,
    next: AtomicUsize,
}

impl<'a> Rest<'a> {
    pub fn new(shape: Arc<Shape<'a>>, built: Arc<Built>) -> Self {
        Self { shape, built, next: AtomicUsize::new(0) }
    }

    /// All of them.
    pub fn each(&self, emit: &mut Emit<'_>) -> Result<ControlFlow<()>> {
        for from in (0..self.built.rows.rows).step_by(PIECE_ROWS) {
            let rows = self.rows(from)?;
            if rows.rows > 0 && emit(rows)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn rows(&self, from: usize) -> Result<Batch> {
        let to = self.built.rows.rows.min(from + PIECE_ROWS);
        let chosen = self.built.rows_matched(from..to, self.shape.plan.remaining == Remaining::Matched);
        let mut own = self.built.rows.take(&chosen)?;
        let own_width = own.columns.len();
        let (own_from, other_from) =
            if self.shape.plan.build_left { (0, own_width) } else { (self.shape.probe_types.len(), 0) };
        for (at, column) in own.columns.iter_mut().enumerate() {
            if !self.shape.output.has(own_from + at) {
                *column = Column::Absent;
            }
        }
        if self.shape.left_only {
            return Ok(own);
        }
        let need = self.shape.output.slice(other_from..other_from + self.shape.probe_types.len());
        let nulls = null_columns(&self.shape.probe_types, &need, own.rows);
        let rows = own.rows;
        let columns = if self.shape.plan.build_left {
            own.columns.into_iter().chain(nulls).collect()
        } else {
            nulls.into_iter().chain(own.columns).collect()
        };
        Ok(Batch { columns, rows })
    }
}

impl Source for Rest<'_> {
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
