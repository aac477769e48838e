//! Rows that are not scanned: those that were computed, constants, series, and what a snapshot gives batch by batch.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow_array::{ArrayRef, Int64Array};
use arrow_schema::DataType as Arrow;
use millrace_base::limits::BATCH_ROWS;
use millrace_base::{Error, Result};
use millrace_kernels::arrow_error;
use millrace_plan::{DataType, Expr};
use parking_lot::Mutex;

use crate::RowIterator;
use crate::batch::{Batch, PIECE_ROWS};
use crate::lower::Query;
use crate::memory::Held;
use crate::pipeline::{Source, Task};

/// Hands out every piece of a batch.
fn emit_pieces(batch: Batch, emit: &mut crate::pipeline::Emit<'_>) -> Result<ControlFlow<()>> {
    for piece in batch.pieces() {
        if emit(piece)?.is_break() {
            return Ok(ControlFlow::Break(()));
        }
    }
    Ok(ControlFlow::Continue(()))
}

/// Rows that were computed; each batch is a task.
pub(crate) struct Batches {
    batches: Vec<Batch>,
    next: AtomicUsize,
    /// The memory that they take.
    _held: Option<Held>,
}

impl Batches {
    pub fn new(batches: Vec<Batch>, held: Option<Held>) -> Self {
        Self { batches, next: AtomicUsize::new(0), _held: held }
    }
}

impl Source for Batches {
    fn next(&self) -> Result<Option<Task<'_>>> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let Some(batch) = self.batches.get(number) else { return Ok(None) };
        let run = Box::new(move |emit: &mut crate::pipeline::Emit<'_>| emit_pieces(batch.clone(), emit));
        Ok(Some(Task { number: number as u64, run }))
    }

    fn width(&self) -> usize {
        let rows: usize = self.batches.iter().map(|batch| batch.rows).sum();
        self.batches.len().min(rows.div_ceil(PIECE_ROWS)).max(1)
    }
}

/// What a snapshot gives batch by batch: read by one thread at a time, worked on by all.
pub(crate) struct Iterated<'a> {
    rows: Mutex<(RowIterator<'a>, u64)>,
    types: Vec<Arrow>,
}

impl<'a> Iterated<'a> {
    pub fn new(rows: RowIterator<'a>, types: &[DataType]) -> Self {
        Self { rows: Mutex::new((rows, 0)), types: types.iter().map(|t| t.to_arrow()).collect() }
    }
}

impl Source for Iterated<'_> {
    fn next(&self) -> Result<Option<Task<'_>>> {
        let (batch, number) = {
            let mut rows = self.rows.lock();
            let Some(batch) = rows.0.next().transpose()? else { return Ok(None) };
            rows.1 += 1;
            (batch, rows.1 - 1)
        };
        let fits = batch.num_columns() == self.types.len()
            && batch.columns().iter().zip(&self.types).all(|(column, kind)| column.data_type() == kind);
        if !fits {
            return Err(Error::internal("a stored batch does not have the relation's types"));
        }
        let batch = Batch::of(&batch);
        Ok(Some(Task { number, run: Box::new(move |emit| emit_pieces(batch, emit)) }))
    }

    fn width(&self) -> usize {
        usize::MAX
    }
}

/// Constant rows. They are computed here, so that a constant that fails does so once.
pub(crate) struct Values;

impl Values {
    #[expect(clippy::new_ret_no_self, reason = "constant rows are rows that were computed")]
    pub fn new(query: &Query<'_>, types: &[DataType], rows: &[Vec<Expr>]) -> Result<Batches> {
        let mut batches = Vec::new();
        for rows in rows.chunks(BATCH_ROWS) {
            let column = |column: usize| -> Result<ArrayRef> {
                let slots: Vec<ArrayRef> = rows
                    .iter()
                    .map(|row| {
                        let value = query.projection(std::slice::from_ref(&row[column]), &[])?;
                        Ok(value.evaluate_columns(&[], 1, query.context.now_us)?.swap_remove(0))
                    })
                    .collect::<Result<_>>()?;
                let slots: Vec<&dyn arrow_array::Array> = slots.iter().map(AsRef::as_ref).collect();
                arrow_select::concat::concat(&slots).map_err(arrow_error)
            };
            let columns = (0..types.len()).map(column).collect::<Result<_>>()?;
            batches.push(Batch::of_arrays(columns, rows.len()));
        }
        Ok(Batches::new(batches, None))
    }
}

/// The bigints from `start` to `stop` by `step`; some thousands are a task.
pub(crate) struct GenerateSeries {
    start: i64,
    step: i64,
    count: u128,
    next: Mutex<u64>,
}

impl GenerateSeries {
    /// `step` is not 0: the plan was validated.
    pub fn new(start: i64, stop: i64, step: i64) -> Self {
        assert_ne!(step, 0);
        let span = (i128::from(stop) - i128::from(start)) * i128::from(step.signum());
        let count = if span < 0 { 0 } else { span.unsigned_abs() / u128::from(step.unsigned_abs()) + 1 };
        Self { start, step, count, next: Mutex::new(0) }
    }
}

impl Source for GenerateSeries {
    fn next(&self) -> Result<Option<Task<'_>>> {
        let mut next = self.next.lock();
        let from = u128::from(*next) * BATCH_ROWS as u128;
        if from >= self.count {
            return Ok(None);
        }
        let (number, rows) = (*next, (self.count - from).min(BATCH_ROWS as u128) as i128);
        *next += 1;
        // Every value is between start and stop.
        let (start, step) = (i128::from(self.start), i128::from(self.step));
        let value = move |at: i128| (start + (from as i128 + at) * step) as i64;
        Ok(Some(Task {
            number,
            run: Box::new(move |emit| {
                let values: Int64Array = (0..rows).map(value).map(Some).collect();
                emit(Batch::of_arrays(vec![Arc::new(values)], rows as usize))
            }),
        }))
    }

    fn width(&self) -> usize {
        usize::try_from(self.count / BATCH_ROWS as u128).unwrap_or(usize::MAX).max(1)
    }
}
