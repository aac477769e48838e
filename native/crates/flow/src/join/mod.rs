//! Joins of every kind, with retractions. Bilinear: the change of the right side meets the left state before it, then
//! the change of the left side meets the new right state, so that no match is seen twice and a new left row sees the
//! rights that came with it. Outer, semi and anti joins count each row's matches (weighted, after the residual
//! condition): a row's padded (or single) form comes and goes as its count leaves and reaches zero.
//! State: both sides' rows, indexed by key. Rows with a NULL key match nothing and are not kept,
//! unless the join says of that key that NULLs are equal.

mod side;

use arrow_array::{ArrayRef, BooleanArray, RecordBatch, new_null_array};
use arrow_schema::{DataType, SchemaRef};
use millrace_base::{Error, Result};
use millrace_expr::Evaluator;
use millrace_kernels::{NO_ROW, Pairs};
use millrace_plan::JoinKind;

pub(crate) use side::Side;

use crate::change::{ChangeBatch, batch_of, take_columns};
use crate::computed::Computed;
use crate::node::Operator;
use crate::saved::{Kept, plain};

const LEFT: usize = 0;
const RIGHT: usize = 1;

/// What a side's row gives by itself, beside its pairs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Single {
    Nothing,
    WhenUnmatched,
    WhenMatched,
}

pub(crate) struct Join {
    sides: [Side; 2],
    singles: [Single; 2],
    /// Whether the output has both sides' columns.
    pairs: bool,
    residual: Option<Evaluator>,
    /// Left then right columns: what the residual sees, and the output unless semi or anti.
    both: SchemaRef,
    output: SchemaRef,
}

/// The matches of a batch with the other side.
struct Matches {
    pairs: Pairs,
    weights: Option<Vec<i64>>,
    /// Left and right columns of the pairs.
    columns: Vec<ArrayRef>,
}

impl Join {
    pub fn new(
        kind: JoinKind,
        sides: [Side; 2],
        residual: Option<Evaluator>,
        both: SchemaRef,
        output: SchemaRef,
    ) -> Self {
        let (left, right) = match kind {
            JoinKind::Inner => (Single::Nothing, Single::Nothing),
            JoinKind::Left => (Single::WhenUnmatched, Single::Nothing),
            JoinKind::Right => (Single::Nothing, Single::WhenUnmatched),
            JoinKind::Full => (Single::WhenUnmatched, Single::WhenUnmatched),
            JoinKind::Semi => (Single::WhenMatched, Single::Nothing),
            JoinKind::Anti => (Single::WhenUnmatched, Single::Nothing),
        };
        let pairs = !matches!(kind, JoinKind::Semi | JoinKind::Anti);
        Self { sides, singles: [left, right], pairs, residual, both, output }
    }

    /// Takes one side's changes in: against the other side's state, then into its own.
    fn advance(&mut self, own: usize, input: ChangeBatch, now_us: i64, out: &mut Vec<ChangeBatch>) -> Result<()> {
        let other = 1 - own;
        let keys = Computed::evaluate_all(&self.sides[own].keys, &input.rows, now_us)?;
        let nulls = self.sides[own].unmatchable(&keys);
        let found = self.sides[other].index.probe(&keys, input.len())?;
        // A padded join without a residual is one pass: unmatched rows are pairs with a missing row.
        let padded = self.pairs && self.singles[own] == Single::WhenUnmatched && self.residual.is_none();
        let found = if padded { pad(&found, input.len()) } else { found };
        let matches = self.matches(own, &input, found, now_us)?;

        let track_own = self.singles[own] != Single::Nothing;
        let mut counts = vec![0i64; if track_own { input.len() } else { 0 }];
        if track_own {
            for (&row, &slot) in matches.pairs.probe.iter().zip(&matches.pairs.stored) {
                if slot != NO_ROW {
                    counts[row as usize] += self.sides[other].count(slot);
                }
            }
        }
        if self.singles[other] != Single::Nothing {
            self.move_counts(other, &input, &matches.pairs, out)?;
        }
        if self.pairs && !matches.pairs.is_empty() {
            let rows = batch_of(&self.output, matches.columns, matches.pairs.len())?;
            out.push(ChangeBatch { rows, weights: matches.weights.map(Into::into) });
        }
        if track_own && !padded {
            let wanted = self.singles[own] == Single::WhenMatched;
            let rows: Vec<u32> = (0..input.len() as u32).filter(|&r| (counts[r as usize] > 0) == wanted).collect();
            if !rows.is_empty() {
                let taken = input.take(&rows)?;
                let rows = self.single(own, taken.rows.columns(), rows.len())?;
                out.push(ChangeBatch { rows, weights: taken.weights });
            }
        }
        self.sides[own].take_in(&input, &keys, nulls.as_ref(), track_own.then_some(&counts))
    }

    /// Pairs that satisfy the residual, with their weights and columns.
    fn matches(&self, own: usize, input: &ChangeBatch, mut pairs: Pairs, now_us: i64) -> Result<Matches> {
        let other = &self.sides[1 - own];
        let stored_weights = other.weighted(&pairs.stored);
        let mut weights: Option<Vec<i64>> = (input.weights.is_some() || stored_weights).then(|| {
            let weight = |(&row, &slot): (&u32, &u32)| {
                input.weight(row as usize) * if slot == NO_ROW { 1 } else { other.count(slot) }
            };
            pairs.probe.iter().zip(&pairs.stored).map(weight).collect()
        });
        if !self.pairs && self.residual.is_none() {
            return Ok(Matches { pairs, weights, columns: Vec::new() });
        }
        let own_columns = if pairs.is_identity(input.len()) {
            input.rows.columns().to_vec()
        } else {
            take_columns(input.rows.columns(), &pairs.probe)?
        };
        let other_columns = other.gather(&pairs.stored)?;
        let (left, right) = if own == LEFT { (own_columns, other_columns) } else { (other_columns, own_columns) };
        let mut columns: Vec<ArrayRef> = left.into_iter().chain(right).collect();
        if let Some(residual) = &self.residual {
            let rows = batch_of(&self.both, columns, pairs.len())?;
            let keep = residual.select(&rows, now_us)?;
            columns = rows.columns().to_vec();
            if keep.true_count() < pairs.len() {
                columns = filter_columns(&columns, &keep)?;
                pairs.probe = keep_values(&pairs.probe, &keep);
                pairs.stored = keep_values(&pairs.stored, &keep);
                weights = weights.map(|w| keep_values(&w, &keep));
            }
        }
        Ok(Matches { pairs, weights, columns })
    }

    /// Adds the matches to the other side's counts, and gives the singles that come and go by it.
    fn move_counts(
        &mut self,
        other: usize,
        input: &ChangeBatch,
        pairs: &Pairs,
        out: &mut Vec<ChangeBatch>,
    ) -> Result<()> {
        let mut touched: Vec<(u32, i64)> = Vec::new();
        for (&row, &slot) in pairs.probe.iter().zip(&pairs.stored) {
            if slot != NO_ROW {
                let count = self.sides[other].matches_mut(slot);
                touched.push((slot, *count));
                *count += input.weight(row as usize);
            }
        }
        // The first entry of a slot has its count from before.
        touched.sort_by_key(|t| t.0);
        touched.dedup_by_key(|t| t.0);
        let (mut slots, mut weights) = (Vec::new(), Vec::new());
        for (slot, before) in touched {
            let after = *self.sides[other].matches_mut(slot);
            if after < 0 {
                return Err(Error::internal("a row lost more matches than it had"));
            }
            if (before > 0) != (after > 0) {
                let comes = (after > 0) == (self.singles[other] == Single::WhenMatched);
                slots.push(slot);
                weights.push(if comes { self.sides[other].count(slot) } else { -self.sides[other].count(slot) });
            }
        }
        if !slots.is_empty() {
            let columns = self.sides[other].gather(&slots)?;
            let rows = self.single(other, &columns, slots.len())?;
            out.push(ChangeBatch { rows, weights: Some(weights.into()) });
        }
        Ok(())
    }

    /// A side's rows by themselves: padded with NULLs, or as they are.
    fn single(&self, own: usize, columns: &[ArrayRef], rows: usize) -> Result<arrow_array::RecordBatch> {
        if !self.pairs {
            return batch_of(&self.output, columns.to_vec(), rows);
        }
        let nulls = self.sides[1 - own].types.iter().map(|t: &DataType| new_null_array(t, rows));
        let columns = columns.iter().cloned();
        let all = if own == LEFT { columns.chain(nulls).collect() } else { nulls.chain(columns).collect() };
        batch_of(&self.output, all, rows)
    }
}

impl Operator for Join {
    fn step(&mut self, inputs: Vec<Option<ChangeBatch>>, now_us: i64) -> Result<Option<ChangeBatch>> {
        let mut inputs = inputs.into_iter();
        let (left, right) = (inputs.next().flatten(), inputs.next().flatten());
        let mut out = Vec::new();
        if let Some(right) = right {
            self.advance(RIGHT, right, now_us, &mut out)?;
        }
        if let Some(left) = left {
            self.advance(LEFT, left, now_us, &mut out)?;
        }
        ChangeBatch::concat(out)
    }

    fn kept(&mut self) -> Option<&mut dyn Kept> {
        Some(self)
    }
}

/// Both sides' rows, the left side's first; a batch without rows stands between them.
impl Kept for Join {
    fn save(&self) -> Result<Vec<RecordBatch>> {
        let mut saved = self.sides[LEFT].save(self.singles[LEFT] != Single::Nothing)?;
        saved.push(plain(Vec::new())?);
        saved.extend(self.sides[RIGHT].save(self.singles[RIGHT] != Single::Nothing)?);
        Ok(saved)
    }

    fn load(&mut self, saved: Vec<RecordBatch>) -> Result<()> {
        let mut side = LEFT;
        for batch in saved {
            if batch.num_columns() == 0 {
                side = RIGHT;
                continue;
            }
            self.sides[side].load(batch.columns().to_vec(), self.singles[side] != Single::Nothing)?;
        }
        Ok(())
    }
}

/// Every probing row at least once, unmatched ones with `NO_ROW`.
fn pad(found: &Pairs, rows: usize) -> Pairs {
    let mut padded = Pairs { probe: Vec::with_capacity(rows), stored: Vec::with_capacity(rows) };
    let mut at = 0;
    for row in 0..rows as u32 {
        if found.probe.get(at) != Some(&row) {
            padded.probe.push(row);
            padded.stored.push(NO_ROW);
        }
        while found.probe.get(at) == Some(&row) {
            padded.probe.push(row);
            padded.stored.push(found.stored[at]);
            at += 1;
        }
    }
    padded
}

fn filter_columns(columns: &[ArrayRef], keep: &BooleanArray) -> Result<Vec<ArrayRef>> {
    let filter = arrow_select::filter::FilterBuilder::new(keep).optimize().build();
    columns.iter().map(|c| filter.filter(c).map_err(millrace_kernels::arrow_error)).collect()
}

fn keep_values<T: Copy>(values: &[T], keep: &BooleanArray) -> Vec<T> {
    values.iter().zip(keep.values()).filter(|(_, keep)| *keep).map(|(v, _)| *v).collect()
}
