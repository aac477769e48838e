//! Groups as rows again: keys and results are put together a batch at a time, by whoever asks.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow_array::{Array, ArrayRef};
use millrace_base::Result;
use millrace_kernels::GroupTable;

use super::CallState;
use crate::batch::{Batch, Column, PIECE_ROWS};
use crate::memory::Held;
use crate::need::Need;
use crate::pipeline::{Emit, Source, Task};

enum Keys {
    /// There are no group columns.
    None,
    Table(GroupTable),
    /// In the order of the groups.
    Arrays(Vec<ArrayRef>),
}

/// Some of the groups.
pub(crate) struct Part {
    keys: Keys,
    calls: Vec<CallState>,
    order: Vec<u32>,
}

impl Part {
    pub fn new(table: GroupTable, calls: Vec<CallState>, order: Vec<u32>) -> Self {
        Self { keys: Keys::Table(table), calls, order }
    }

    /// The one group of an aggregate without group columns.
    pub fn of_one(calls: Vec<CallState>) -> Self {
        Self { keys: Keys::None, calls, order: vec![0] }
    }

    /// Groups that are numbered as their keys lie.
    pub fn of_arrays(keys: Vec<ArrayRef>, calls: Vec<CallState>, groups: usize) -> Self {
        Self { keys: Keys::Arrays(keys), calls, order: (0..groups as u32).collect() }
    }

    /// Some rows from one on.
    fn rows(&self, from: usize, need: &Need) -> Result<Batch> {
        let ids = &self.order[from..self.order.len().min(from + PIECE_ROWS)];
        let keys = need.len() - self.calls.len();
        let mut columns = Vec::with_capacity(need.len());
        match &self.keys {
            Keys::Arrays(arrays) => columns.extend(arrays.iter().map(|key| Column::Flat(key.slice(from, ids.len())))),
            Keys::Table(table) if (0..keys).any(|key| need.has(key)) => {
                columns.extend(table.keys(ids)?.into_iter().map(Column::Flat));
            }
            _ => columns.resize(keys, Column::Absent),
        }
        for (at, call) in self.calls.iter().enumerate() {
            // A sum that overflows is an error also where nobody reads it, as it is in a view.
            let result = call.accumulator.finish(ids)?;
            columns.push(if need.has(keys + at) { Column::Flat(result) } else { Column::Absent });
        }
        Ok(Batch { columns, rows: ids.len() })
    }

    /// All rows.
    pub fn each(&self, need: &Need, emit: &mut Emit<'_>) -> Result<ControlFlow<()>> {
        for from in (0..self.order.len()).step_by(PIECE_ROWS) {
            if emit(self.rows(from, need)?)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }
}

pub(crate) struct Output {
    parts: Vec<Part>,
    /// Part and first place of each task.
    tasks: Vec<(usize, usize)>,
    need: Need,
    next: AtomicUsize,
    /// The memory that they take.
    _held: Held,
}

impl Output {
    pub fn new(parts: Vec<Part>, need: Need, held: Held) -> Self {
        let tasks = parts.iter().enumerate();
        let tasks =
            tasks.flat_map(|(number, part)| (0..part.order.len()).step_by(PIECE_ROWS).map(move |from| (number, from)));
        Self { tasks: tasks.collect(), parts, need, next: AtomicUsize::new(0), _held: held }
    }
}

impl Source for Output {
    fn next(&self) -> Result<Option<Task<'_>>> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let Some(&(part, from)) = self.tasks.get(number) else { return Ok(None) };
        Ok(Some(Task {
            number: number as u64,
            run: Box::new(move |emit| emit(self.parts[part].rows(from, &self.need)?)),
        }))
    }

    fn width(&self) -> usize {
        self.tasks.len().max(1)
    }
}
