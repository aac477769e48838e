//! The side of a join that streams: each batch finds its partners.

use std::ops::ControlFlow;
use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray};
use millrace_base::Result;
use millrace_base::limits::BATCH_ROWS;
use millrace_kernels::JoinTable;

use super::Shape;
use super::build::Built;
use crate::batch::{Batch, Column, null_columns};
use crate::inputs::sparse;
use crate::need::Need;
use crate::pipeline::{Emit, Stage};
use crate::stages::definite;

/// Rows that are looked up at a time: many matches a row stay a bounded list.
const PROBE_ROWS: usize = 4096;

/// Pairs that are listed at a time, about; tests have few.
const PAIRS_MAX: usize = if cfg!(test) { 500 } else { 1 << 18 };

/// What a row of the probing side gives by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ProbeRows {
    None,
    Matched,
    Unmatched,
    /// Where it has no match, with NULLs beside it.
    Padded,
}

pub(crate) struct Probe<'a> {
    pub shape: Arc<Shape<'a>>,
    pub built: Arc<Built>,
}

impl Probe<'_> {
    /// The columns of pairs in their order, as far as they are needed.
    fn pair(&self, rows: &Batch, (probe, built): (&[u32], &[u32]), need: &Need) -> Result<Batch> {
        let count = probe.len();
        let whole = count == rows.rows && probe.iter().enumerate().all(|(at, &row)| at == row as usize);
        let probe_columns = |from: usize| -> Result<Vec<Column>> {
            let places = arrow_array::UInt32Array::from(if whole { Vec::new() } else { probe.to_vec() });
            let column = |(at, column): (usize, &Column)| match need.has(from + at) {
                false => Ok(Column::Absent),
                true if whole => Ok(column.clone()),
                true => column.take(&places),
            };
            rows.columns.iter().enumerate().map(column).collect()
        };
        let built_columns = |from: usize| -> Result<Vec<Column>> {
            let places = arrow_array::UInt32Array::from(built.to_vec());
            let column = |(at, column): (usize, &Column)| match need.has(from + at) {
                false => Ok(Column::Absent),
                true => column.take(&places),
            };
            self.built.rows.columns.iter().enumerate().map(column).collect()
        };
        let columns = if self.shape.plan.build_left {
            let mut columns = built_columns(0)?;
            columns.extend(probe_columns(self.shape.left_width)?);
            columns
        } else {
            let mut columns = probe_columns(0)?;
            columns.extend(built_columns(self.shape.left_width)?);
            columns
        };
        Ok(Batch { columns, rows: count })
    }

    /// Looks at some candidates: marks the rows that match, and hands the pairs on.
    fn pairs(
        &self,
        rows: &Batch,
        (probe, built): (&[u32], &[u32]),
        matched: &mut [bool],
        emit: &mut Emit<'_>,
    ) -> Result<ControlFlow<()>> {
        self.shape.control.check()?;
        let Some(residual) = &self.shape.residual else {
            self.mark(probe, built, matched);
            if !self.shape.plan.pairs {
                return Ok(ControlFlow::Continue(()));
            }
            return emit(self.pair(rows, (probe, built), &self.shape.output)?);
        };
        // Only what the residual reads is put together for pairs that may not hold.
        let reads = Need::of(self.shape.pair_need.len(), self.shape.residual_reads.iter().copied());
        let candidates = self.pair(rows, (probe, built), &reads)?;
        let columns = sparse(&candidates, &self.shape.residual_reads)?;
        let answer = residual.evaluate_sparse(columns, probe.len(), self.shape.control.now_us)?;
        let holds: BooleanArray = definite(answer[0].as_ref())?;
        let held = |list: &[u32]| holds.values().set_indices().map(|pair| list[pair]).collect::<Vec<u32>>();
        let (probe, built) = (held(probe), held(built));
        self.mark(&probe, &built, matched);
        if !self.shape.plan.pairs || probe.is_empty() {
            return Ok(ControlFlow::Continue(()));
        }
        emit(self.pair(rows, (&probe, &built), &self.shape.output)?)
    }

    fn mark(&self, probe: &[u32], built: &[u32], matched: &mut [bool]) {
        if !matched.is_empty() {
            probe.iter().for_each(|&row| matched[row as usize] = true);
        }
        if self.built.marks() {
            built.iter().for_each(|&row| self.built.mark(row));
        }
    }

    /// What the rows of a piece give by themselves.
    fn finish(&self, rows: &Batch, matched: &[bool], emit: &mut Emit<'_>) -> Result<ControlFlow<()>> {
        let wanted = match self.shape.plan.probe {
            ProbeRows::None => return Ok(ControlFlow::Continue(())),
            ProbeRows::Matched => true,
            ProbeRows::Unmatched | ProbeRows::Padded => false,
        };
        let chosen: Vec<u32> = (0..matched.len() as u32).filter(|&row| matched[row as usize] == wanted).collect();
        if chosen.is_empty() {
            return Ok(ControlFlow::Continue(()));
        }
        let offset = if self.shape.plan.build_left { self.shape.left_width } else { 0 };
        let mut own = if chosen.len() == rows.rows { rows.clone() } else { rows.take(&chosen)? };
        for (at, column) in own.columns.iter_mut().enumerate() {
            if !self.shape.output.has(offset + at) {
                *column = Column::Absent;
            }
        }
        if self.shape.left_only {
            return emit(own);
        }
        let (from, to) = if self.shape.plan.build_left {
            (0, self.shape.left_width)
        } else {
            (self.shape.left_width, self.shape.left_width + self.shape.built_types.len())
        };
        let nulls = null_columns(&self.shape.built_types, &self.shape.output.slice(from..to), own.rows);
        let rows = own.rows;
        let columns = if self.shape.plan.build_left {
            nulls.into_iter().chain(own.columns).collect()
        } else {
            own.columns.into_iter().chain(nulls).collect()
        };
        emit(Batch { columns, rows })
    }

    /// The partners that the table lists, some at a time: a key may have very many.
    fn listed(
        &self,
        rows: &Batch,
        table: &JoinTable,
        keys: &[ArrayRef],
        matched: &mut [bool],
        emit: &mut Emit<'_>,
    ) -> Result<ControlFlow<()>> {
        let mut from = 0;
        while from < rows.rows {
            let rest: Vec<ArrayRef> = keys.iter().map(|key| key.slice(from, rows.rows - from)).collect();
            let (mut pairs, done) = table.probe_some(&rest, rows.rows - from, PAIRS_MAX)?;
            if from > 0 {
                pairs.probe.iter_mut().for_each(|row| *row += from as u32);
            }
            for (probe, built) in pairs.probe.chunks(BATCH_ROWS).zip(pairs.stored.chunks(BATCH_ROWS)) {
                if self.pairs(rows, (probe, built), matched, emit)?.is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
            from += done;
        }
        Ok(ControlFlow::Continue(()))
    }

    fn piece(&self, rows: &Batch, emit: &mut Emit<'_>) -> Result<ControlFlow<()>> {
        self.shape.control.check()?;
        let asks = self.shape.plan.probe != ProbeRows::None;
        let mut matched = vec![false; if asks { rows.rows } else { 0 }];
        match &self.built.table {
            None if self.shape.keys_only => matched.fill(self.built.rows.rows > 0),
            None => {
                let total = rows.rows * self.built.rows.rows;
                let stored = self.built.rows.rows;
                for from in (0..total).step_by(BATCH_ROWS) {
                    let pairs = from..total.min(from + BATCH_ROWS);
                    let (probe, built): (Vec<u32>, Vec<u32>) =
                        pairs.map(|n| ((n / stored) as u32, (n % stored) as u32)).unzip();
                    if self.pairs(rows, (&probe, &built), &mut matched, emit)?.is_break() {
                        return Ok(ControlFlow::Break(()));
                    }
                }
            }
            Some(table) => {
                let keys = self.shape.probe_keys.arrays(rows, self.shape.control.now_us)?;
                if self.shape.keys_only {
                    matched = table.matches(&keys, rows.rows)?;
                } else if self.listed(rows, table, &keys, &mut matched, emit)?.is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
        }
        self.finish(rows, &matched, emit)
    }
}

impl Stage for Probe<'_> {
    fn apply(&self, batch: Batch, emit: &mut Emit<'_>) -> Result<ControlFlow<()>> {
        if batch.rows <= PROBE_ROWS {
            return self.piece(&batch, emit);
        }
        for from in (0..batch.rows).step_by(PROBE_ROWS) {
            let piece = batch.slice(from, PROBE_ROWS.min(batch.rows - from));
            if self.piece(&piece, emit)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }
}
