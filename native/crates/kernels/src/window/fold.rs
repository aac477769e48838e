//! Aggregates of frames that neither prefix sums nor trees serve: one accumulator that follows the frame from row to row,
//! taking in what enters it and giving up what leaves it. A frame that another row's frame equals costs nothing.

use arrow_array::{Array, ArrayRef, UInt32Array};
use arrow_schema::DataType;
use arrow_select::concat::concat;
use arrow_select::take::take;
use millrace_base::{Code, Error, Result};

use super::measure::WindowValues;
use crate::accumulator::{Accumulator, AggregateKind};
use crate::arrow_error;
use crate::polled::Check;

/// Of one call's results, those of all partitions together.
const RESULT_BYTES_MAX: usize = i32::MAX as usize;

/// From the last pushed row's frame to this one's.
#[derive(Debug)]
enum Step {
    Same,
    Move { left: Vec<u32>, entered: Vec<u32> },
    Anew(Vec<u32>),
}

#[derive(Debug)]
pub(crate) struct Fold {
    input: usize,
    /// Whether the order of the values matters: then nothing can be given up.
    ordered: bool,
    steps: Vec<Step>,
    /// The last frame: its place in its partition, and the rows at its ends.
    last: Option<(usize, usize, u32, u32)>,
}

impl Fold {
    pub fn new(input: usize, kind: AggregateKind) -> Self {
        Self { input, ordered: kind == AggregateKind::Collect, steps: Vec::new(), last: None }
    }

    /// The frame of the next row, which is `rows[start..end]` of its partition.
    pub fn push(&mut self, rows: &[u32], start: usize, end: usize) {
        let before =
            self.last.filter(|&(s, e, first, last)| e <= rows.len() && rows[s] == first && rows[e - 1] == last);
        let step = match before {
            Some((s, e, ..)) if (s, e) == (start, end) => Step::Same,
            Some((s, e, ..)) if s <= start && e <= end && start < e && !(self.ordered && s < start) => {
                Step::Move { left: rows[s..start].to_vec(), entered: rows[e..end].to_vec() }
            }
            _ => Step::Anew(rows[start..end].to_vec()),
        };
        self.last = (start < end).then(|| (start, end, rows[start], rows[end - 1]));
        self.steps.push(step);
    }

    /// The frame of the next row, which is not in one piece.
    pub fn push_pieces(&mut self, rows: &[u32], pieces: &[(usize, usize)]) {
        let listed = pieces.iter().flat_map(|&(start, end)| rows[start..end].iter().copied());
        self.last = None;
        self.steps.push(Step::Anew(listed.collect()));
    }

    pub fn finish(
        self,
        kind: AggregateKind,
        input_type: &DataType,
        output: &DataType,
        values: &impl WindowValues,
        check: &Check<'_>,
    ) -> Result<ArrayRef> {
        let gives_up = |step: &Step| matches!(step, Step::Move { left, .. } if !left.is_empty());
        let retractable = !self.ordered && self.steps.iter().any(gives_up);
        let mut state = Accumulator::new(kind, Some(input_type), output, retractable)?;
        state.resize(1);
        let change = |state: &mut Accumulator, rows: &[u32], weight: i64| -> Result<()> {
            if rows.is_empty() {
                return Ok(());
            }
            let column = values.gather(self.input, rows)?;
            state.update(&vec![0; rows.len()], Some(&column), None, Some(&vec![weight; rows.len()]))
        };
        let (mut results, mut places) = (Vec::new(), Vec::with_capacity(self.steps.len()));
        let mut bytes = 0;
        for step in &self.steps {
            check()?;
            match step {
                Step::Same => {}
                Step::Move { left, entered } => {
                    change(&mut state, left, -1)?;
                    change(&mut state, entered, 1)?;
                }
                Step::Anew(rows) => {
                    state = Accumulator::new(kind, Some(input_type), output, retractable)?;
                    state.resize(1);
                    change(&mut state, rows, 1)?;
                }
            }
            if !matches!(step, Step::Same) || results.is_empty() {
                let result = state.finish(&[0])?;
                // A collection of all rows before each row is as long as their number squared.
                bytes += result.to_data().get_slice_memory_size().map_err(arrow_error)?;
                if bytes > RESULT_BYTES_MAX {
                    return Err(Error::new(Code::OutOfMemory, "the results of a window function are too large")
                        .with_detail(format!("Together they may have {RESULT_BYTES_MAX} bytes."))
                        .with_hint("Give the function a shorter frame, or select fewer rows."));
                }
                results.push(result);
            }
            places.push(results.len() as u32 - 1);
        }
        if results.is_empty() {
            return Ok(arrow_array::new_empty_array(output));
        }
        let parts: Vec<&dyn arrow_array::Array> = results.iter().map(AsRef::as_ref).collect();
        let distinct = concat(&parts).map_err(arrow_error)?;
        take(&distinct, &UInt32Array::from(places), None).map_err(arrow_error)
    }
}
