//! Window functions over the whole input; the kernel is the one that views keep up to date with. Where memory is short,
//! the rows are put apart by the hash of their partition, and each part is computed by itself.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use millrace_base::Result;
use millrace_expr::lower::{LoweredWindow, lower_window};
use millrace_kernels::compute_window;
use millrace_plan::{DataType, Expr, Rel, SortKey, WindowCall};

use crate::apart::{LEVEL_MAX, PARTS, PartRows, Parts, key_hashes};
use crate::batch::{Batch, Column, join_batches};
use crate::control::Control;
use crate::gather::{Gather, Gathered};
use crate::inputs::Inputs;
use crate::lower::Query;
use crate::memory::Held;
use crate::need::Need;
use crate::pipeline::{Branch, Emit, Source, Task};
use crate::spill::LazyFile;

const WHAT: &str = "the rows of a window's partition have to be in memory together";

struct Windows<'a> {
    control: Arc<Control<'a>>,
    lowered: LoweredWindow,
    types: Vec<DataType>,
    /// The partition's expressions, of which there are so many, then the order's and the calls'.
    computed: Inputs,
    partition: usize,
    keys: Inputs,
}

pub(crate) fn lower<'a>(
    query: &Query<'a>,
    input: &'a Rel,
    partition: &[Expr],
    order: &[SortKey],
    calls: &[WindowCall],
) -> Result<Vec<Branch<'a>>> {
    let types = query.types(input)?;
    let mut exprs: Vec<Expr> = partition.to_vec();
    exprs.extend(order.iter().map(|k| k.expr.clone()));
    let mut lowered = lower_window(order, calls, &types, query.context.relations)?;
    exprs.append(&mut lowered.inputs);
    let computed = Inputs::new(query, &exprs, &types)?;
    let keys = Inputs::new(query, partition, &types)?;
    let control = query.control.clone();
    // Ties go by the whole row.
    let need = Need::all(types.len());
    let windows = Windows { control, lowered, types, computed, partition: partition.len(), keys };
    let hashes = |batch: &Batch| windows.hashes(batch);
    let gather = Gather { hashes: if partition.is_empty() { None } else { Some(&hashes) }, what: WHAT };
    match gather.rows(query, input, &need, &[])? {
        Gathered::Together(all, mut held) => {
            // Unpacked rows, keys, an order and results.
            held.need(all.bytes(), WHAT)?;
            let pieces = windows.compute(&all)?.into_iter().flat_map(Batch::pieces).collect();
            Ok(query.ready(pieces, Some(held)))
        }
        Gathered::Apart(parts) => Ok(vec![Branch::of(Apart { windows, parts, next: AtomicUsize::new(0) })]),
    }
}

impl Windows<'_> {
    fn hashes(&self, batch: &Batch) -> Result<Vec<u64>> {
        key_hashes(&self.keys.arrays(batch, self.control.now_us)?, batch.rows)
    }

    /// The rows with the results behind them.
    fn compute(&self, all: &Batch) -> Result<Option<Batch>> {
        if all.rows == 0 {
            return Ok(None);
        }
        let mut columns = all.columns.iter().map(Column::flat).collect::<Result<Vec<_>>>()?;
        let all = Batch::of_arrays(columns.clone(), all.rows);
        let values = self.computed.arrays(&all, self.control.now_us)?;
        let (partition, rest) = values.split_at(self.partition);
        let (order, inputs) = rest.split_at(self.lowered.fields.len());
        let lowered = &self.lowered;
        let check = || self.control.check();
        let results =
            compute_window(&lowered.plan, partition, order, &lowered.fields, &columns, inputs, all.rows, &check)?;
        columns.extend(results);
        Ok(Some(Batch::of_arrays(columns, all.rows)))
    }
}

/// Parts of the rows, each with all rows of its partitions.
struct Apart<'a> {
    windows: Windows<'a>,
    parts: Parts,
    next: AtomicUsize,
}

impl Apart<'_> {
    fn part(&self, rows: &PartRows, file: &LazyFile, level: u32, emit: &mut Emit<'_>) -> Result<ControlFlow<()>> {
        let windows = &self.windows;
        let control = &*windows.control;
        if rows.rows() == 0 {
            return Ok(ControlFlow::Continue(()));
        }
        let mut held = Held::none(control.memory);
        if !held.grow(rows.bytes() * 3) {
            if level == LEVEL_MAX {
                return Err(held.refused(WHAT));
            }
            let parts = rows.split(control, file, level + 1, &|batch| windows.hashes(batch))?;
            for rows in &parts.rows {
                if self.part(rows, &parts.file, level + 1, emit)?.is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
            return Ok(ControlFlow::Continue(()));
        }
        let all = join_batches(control, rows.load(control, file)?, &windows.types, &Need::all(windows.types.len()))?;
        for piece in windows.compute(&all)?.into_iter().flat_map(Batch::pieces) {
            if emit(piece)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }
}

impl Source for Apart<'_> {
    fn next(&self) -> Result<Option<Task<'_>>> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let Some(rows) = self.parts.rows.get(number) else { return Ok(None) };
        let run = Box::new(move |emit: &mut Emit<'_>| self.part(rows, &self.parts.file, 0, emit));
        Ok(Some(Task { number: number as u64, run }))
    }

    fn width(&self) -> usize {
        PARTS
    }
}
