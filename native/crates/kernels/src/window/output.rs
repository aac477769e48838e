//! The results of window calls, gathered row by row over many partitions and turned into columns once.

use arrow_array::{Array, ArrayRef, BooleanArray, Scalar};
use arrow_buffer::i256;
use millrace_base::{Error, Result};

use super::fold::Fold;
use super::key::OrderKey;
use super::measure::{MeasureState, WindowValues};
use super::partition::{Partition, Pieces};
use super::plan::{Exclude, Step, WindowKind, WindowPlan};
use crate::accumulator::AggregateKind;
use crate::extreme::{SharedBytes, WideKey, finish_bytes, finish_wide, finish_words};
use crate::polled::Check;
use crate::sums::{SumClass, finish_averages, finish_counts, finish_floats, finish_sums, scale_of};
use crate::{NO_ROW, arrow_error};

#[derive(Debug)]
enum Column {
    Integers(Vec<i64>),
    /// The row whose value is the result.
    Rows(Vec<u32>),
    Exact(Vec<i256>, Vec<i64>),
    Floats(Vec<(f64, bool)>, Vec<i64>),
    Words(Vec<Option<i64>>),
    Wide(Vec<Option<WideKey>>),
    Bytes(Vec<Option<SharedBytes>>),
    Folded(Fold),
}

#[derive(Debug)]
pub struct WindowOutput {
    columns: Vec<Column>,
    rows: usize,
    frames: Vec<Pieces>,
}

fn count(pieces: &Pieces, measure: &MeasureState) -> i64 {
    pieces.iter().filter(|(start, end)| start < end).map(|&(start, end)| measure.count(start, end)).sum()
}

/// The position of the n-th row, from 1, of those that the measure counts.
fn nth(pieces: &Pieces, n: usize, from_last: bool, measure: Option<&MeasureState>) -> Option<usize> {
    let counted = |start: usize, end: usize| measure.map_or(end - start, |m| m.count(start, end) as usize);
    let mut rest = n;
    let mut ordered = *pieces;
    if from_last {
        ordered.reverse();
    }
    for (start, end) in ordered.into_iter().filter(|(start, end)| start < end) {
        let here = counted(start, end);
        if here < rest {
            rest -= here;
            continue;
        }
        // Counted from the front, it is the first position up to which there are so many.
        let place = if from_last { here - rest + 1 } else { rest };
        let (mut low, mut high) = (start, end - 1);
        while low < high {
            let middle = low + (high - low) / 2;
            if counted(start, middle + 1) >= place { high = middle } else { low = middle + 1 }
        }
        return Some(low);
    }
    None
}

impl WindowOutput {
    pub fn new(plan: &WindowPlan) -> Self {
        let column = |step: &Step| match step {
            Step::RowNumber | Step::Rank | Step::DenseRank { .. } | Step::CountRows { .. } | Step::Count { .. } => {
                Column::Integers(Vec::new())
            }
            Step::Neighbour { .. } | Step::First { .. } | Step::Last { .. } | Step::Nth { .. } => {
                Column::Rows(Vec::new())
            }
            Step::Sum { measure, .. } => match SumClass::of(&plan.input_types[plan.measures[*measure].input]) {
                Ok(SumClass::Float) => Column::Floats(Vec::new(), Vec::new()),
                _ => Column::Exact(Vec::new(), Vec::new()),
            },
            Step::Extreme { measure, .. } => match MeasureState::new(plan.measures[*measure], &plan.input_types) {
                MeasureState::Bytes(_) => Column::Bytes(Vec::new()),
                MeasureState::WideKeys(_) => Column::Wide(Vec::new()),
                _ => Column::Words(Vec::new()),
            },
            Step::Fold { input, kind, .. } => Column::Folded(Fold::new(*input, *kind)),
        };
        Self {
            columns: plan.steps.iter().map(column).collect(),
            rows: 0,
            frames: vec![Pieces::default(); plan.frames.len()],
        }
    }

    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Adds the results of the row at a position of a partition.
    pub fn push<K: OrderKey>(
        &mut self,
        plan: &WindowPlan,
        partition: &Partition<K>,
        position: usize,
        values: &impl WindowValues,
    ) {
        self.rows += 1;
        for (pieces, frame) in self.frames.iter_mut().zip(&plan.frames) {
            *pieces = partition.pieces(*frame, position);
        }
        let rows = partition.rows();
        for (step, column) in plan.steps.iter().zip(&mut self.columns) {
            match (*step, column) {
                (Step::RowNumber, Column::Integers(out)) => out.push(position as i64 + 1),
                (Step::Rank, Column::Integers(out)) => out.push(partition.first_peer(position) as i64 + 1),
                (Step::DenseRank { measure }, Column::Integers(out)) => {
                    let MeasureState::Peers(peers) = &partition.measures[measure] else { continue };
                    out.push(i64::from(peers[position + 1]));
                }
                (Step::Neighbour { offset }, Column::Rows(out)) => {
                    let at = (position as i64).checked_add(offset).and_then(|at| usize::try_from(at).ok());
                    out.push(at.and_then(|at| rows.get(at).copied()).unwrap_or(NO_ROW));
                }
                (Step::First { frame }, Column::Rows(out)) => {
                    let first = self.frames[frame].iter().find(|(start, end)| start < end);
                    out.push(first.map_or(NO_ROW, |&(start, _)| rows[start]));
                }
                (Step::Last { frame }, Column::Rows(out)) => {
                    let last = self.frames[frame].iter().rev().find(|(start, end)| start < end);
                    out.push(last.map_or(NO_ROW, |&(_, end)| rows[end - 1]));
                }
                (Step::Nth { frame, n, from_last, measure }, Column::Rows(out)) => {
                    let measure = measure.map(|measure| &partition.measures[measure]);
                    let found = nth(&self.frames[frame], n, from_last, measure);
                    out.push(found.map_or(NO_ROW, |at| rows[at]));
                }
                (Step::CountRows { frame }, Column::Integers(out)) => {
                    out.push(self.frames[frame].iter().map(|(start, end)| (end - start) as i64).sum());
                }
                (Step::Count { frame, measure }, Column::Integers(out)) => {
                    out.push(count(&self.frames[frame], &partition.measures[measure]));
                }
                (Step::Sum { frame, measure }, Column::Exact(sums, counts)) => {
                    let (pieces, measure) = (&self.frames[frame], &partition.measures[measure]);
                    let sum = |sum: i256, &(start, end): &(usize, usize)| sum.wrapping_add(measure.exact(start, end));
                    sums.push(pieces.iter().filter(|(start, end)| start < end).fold(i256::ZERO, sum));
                    counts.push(count(pieces, measure));
                }
                (Step::Sum { frame, measure }, Column::Floats(sums, counts)) => {
                    // Frames that exclude rows are folded.
                    let (start, end) = self.frames[frame][0];
                    let input = plan.measures[measure].input;
                    sums.push(partition.measures[measure].float(input, start, end, rows, values));
                    counts.push(partition.measures[measure].count(start, end));
                }
                (Step::Extreme { frame, measure }, column) => {
                    let pieces = &self.frames[frame];
                    match (&partition.measures[measure], column) {
                        (MeasureState::Words(tree), Column::Words(out)) => out.push(tree.of_pieces(pieces).copied()),
                        (MeasureState::WideKeys(tree), Column::Wide(out)) => out.push(tree.of_pieces(pieces).copied()),
                        (MeasureState::Bytes(tree), Column::Bytes(out)) => out.push(tree.of_pieces(pieces).cloned()),
                        (state, column) => panic!("a result of {state:?} for {column:?}"),
                    }
                }
                (Step::Fold { frame, .. }, Column::Folded(fold)) => {
                    let pieces = &self.frames[frame];
                    match plan.frames[frame].exclude {
                        Exclude::NoOthers => fold.push(rows, pieces[0].0, pieces[0].1),
                        _ => fold.push_pieces(rows, pieces),
                    }
                }
                (step, column) => panic!("a result of {step:?} for {column:?}"),
            }
        }
    }

    /// One column a call.
    pub fn finish(self, plan: &WindowPlan, values: &impl WindowValues) -> Result<Vec<ArrayRef>> {
        self.polled_finish(plan, values, &|| Ok(()))
    }

    /// As `finish`; `check` may end the work.
    pub fn polled_finish(
        self,
        plan: &WindowPlan,
        values: &impl WindowValues,
        check: &Check<'_>,
    ) -> Result<Vec<ArrayRef>> {
        self.columns
            .into_iter()
            .zip(&plan.calls)
            .map(|(column, call)| match column {
                Column::Integers(v) => Ok(finish_counts(v)),
                Column::Rows(rows) => {
                    let (WindowKind::Lag { input, .. }
                    | WindowKind::Lead { input, .. }
                    | WindowKind::FirstValue { input }
                    | WindowKind::LastValue { input }
                    | WindowKind::NthValue { input, .. }) = call.kind
                    else {
                        return Err(Error::internal("a neighbour of a call without one"));
                    };
                    let found = values.gather(input, &rows)?;
                    let Some(default) = call.default.as_ref().filter(|d| d.is_valid(0)) else { return Ok(found) };
                    let there = BooleanArray::from_iter(rows.iter().map(|&r| Some(r != NO_ROW)));
                    arrow_select::zip::zip(&there, &found, &Scalar::new(default.clone())).map_err(arrow_error)
                }
                Column::Exact(sums, counts) => {
                    let WindowKind::Aggregate { function, input: Some(input) } = call.kind else {
                        return Err(Error::internal("a sum of a call without one"));
                    };
                    if function == AggregateKind::Avg {
                        let scale = scale_of(&plan.input_types[input]);
                        finish_averages(sums.into_iter(), &counts, scale, &call.output)
                    } else {
                        finish_sums(sums.into_iter(), &counts, &call.output)
                    }
                }
                Column::Floats(sums, counts) => {
                    let average = matches!(call.kind, WindowKind::Aggregate { function: AggregateKind::Avg, .. });
                    finish_floats(sums.into_iter(), &counts, average, &call.output)
                }
                Column::Folded(fold) => {
                    let WindowKind::Aggregate { function, input: Some(input) } = call.kind else {
                        return Err(Error::internal("a fold of a call without one"));
                    };
                    fold.finish(function, &plan.input_types[input], &call.output, values, check)
                }
                Column::Words(best) => finish_words(&call.output, best.iter().copied()),
                Column::Wide(best) => finish_wide(&call.output, best.iter().copied()),
                Column::Bytes(best) => finish_bytes(&call.output, best.iter().map(Option::as_deref).collect()),
            })
            .collect()
    }
}
