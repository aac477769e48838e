//! The aggregates of GROUP BY, one state a group in columns. Weights are signed: a retraction takes away exactly what
//! the insertion added, whatever came between. DISTINCT goes through `DistinctSet`, FILTER through `mask`.

mod merge;
mod saved;

pub(crate) use saved::placed;

use arrow_array::{Array, ArrayRef, BooleanArray, cast::AsArray, types::Float32Type, types::Float64Type};
use arrow_buffer::i256;
use arrow_schema::DataType;
use millrace_base::{Error, Result};

use crate::bits::{BitOp, Bits};
use crate::collect::Collect;
use crate::exact::ExactSum;
use crate::extreme::Extreme;
use crate::group_state::GroupState;
use crate::interval_sum::IntervalSum;
use crate::moments::Moments;
use crate::order::SortField;
use crate::raw::{RawColumn, Words, array_of_bits, sortable_i64};
use crate::square_sums::{Spread, SquareSums};
use crate::sums::{SumClass, finish_averages, finish_counts, finish_floats, finish_sums, scale_of};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AggregateKind {
    CountStar,
    Count,
    Sum,
    Min,
    Max,
    Avg,
    BoolAnd,
    BoolOr,
    BitAnd,
    BitOr,
    BitXor,
    VarPop,
    VarSamp,
    StddevPop,
    StddevSamp,
    /// Of rows (y, x) or (x) of doubles.
    Moments,
    /// Of rows of a value and its sort keys.
    Collect,
}

/// Sums with the number of values in each.
#[derive(Debug)]
struct Sums<T> {
    sums: Vec<T>,
    counts: Vec<i64>,
}

impl<T: Default + Clone> Sums<T> {
    fn new() -> Self {
        Self { sums: Vec::new(), counts: Vec::new() }
    }

    fn resize(&mut self, groups: usize) {
        self.sums.resize(groups.max(self.sums.len()), T::default());
        self.counts.resize(self.sums.len(), 0);
    }

    fn counts(&self, groups: &[u32]) -> Vec<i64> {
        groups.iter().map(|&g| self.counts[g as usize]).collect()
    }
}

#[derive(Debug)]
enum State {
    Count(Vec<i64>),
    Narrow(Sums<i128>),
    Wide(Sums<i256>),
    Float(Sums<ExactSum>),
    /// How many were false and true.
    Booleans(Vec<(i64, i64)>),
    Extreme(Extreme),
    Other(Box<dyn GroupState>),
}

#[derive(Debug)]
pub struct Accumulator {
    kind: AggregateKind,
    argument: Option<DataType>,
    output: DataType,
    state: State,
}

impl Accumulator {
    /// `retractable`: whether weights can be negative. Only MIN, MAX and collections pay for it.
    pub fn new(kind: AggregateKind, argument: Option<&DataType>, output: &DataType, retractable: bool) -> Result<Self> {
        Self::ordered(kind, argument, output, retractable, Vec::new())
    }

    /// `order` is that of the keys of a collection.
    pub fn ordered(
        kind: AggregateKind,
        argument: Option<&DataType>,
        output: &DataType,
        retractable: bool,
        order: Vec<SortField>,
    ) -> Result<Self> {
        let needed = || argument.ok_or_else(|| Error::internal(format!("{kind:?} without an argument")));
        let bits = |op| State::Other(Box::new(Bits::new(op, output.clone())));
        let spread = |sample, root| -> Result<State> {
            Ok(State::Other(Box::new(SquareSums::new(Spread { sample, root }, needed()?, output)?)))
        };
        let state = match kind {
            AggregateKind::Sum if matches!(argument, Some(DataType::Interval(_))) => {
                State::Other(Box::new(IntervalSum::default()))
            }
            AggregateKind::BitAnd => bits(BitOp::And),
            AggregateKind::BitOr => bits(BitOp::Or),
            AggregateKind::BitXor => bits(BitOp::Xor),
            AggregateKind::VarPop => spread(false, false)?,
            AggregateKind::VarSamp => spread(true, false)?,
            AggregateKind::StddevPop => spread(false, true)?,
            AggregateKind::StddevSamp => spread(true, true)?,
            AggregateKind::Moments => {
                let DataType::Struct(fields) = needed()? else {
                    return Err(Error::internal("statistics of another type"));
                };
                State::Other(Box::new(Moments::new(fields.len())))
            }
            AggregateKind::Collect => State::Other(Box::new(Collect::new(needed()?, order, retractable)?)),
            AggregateKind::CountStar | AggregateKind::Count => State::Count(Vec::new()),
            AggregateKind::Sum | AggregateKind::Avg => match SumClass::of(needed()?)? {
                SumClass::Narrow => State::Narrow(Sums::new()),
                SumClass::Wide => State::Wide(Sums::new()),
                SumClass::Float => State::Float(Sums::new()),
            },
            AggregateKind::BoolAnd | AggregateKind::BoolOr => State::Booleans(Vec::new()),
            AggregateKind::Min | AggregateKind::Max => {
                State::Extreme(Extreme::new(needed()?, kind == AggregateKind::Max, retractable))
            }
        };
        Ok(Self { kind, argument: argument.cloned(), output: output.clone(), state })
    }

    /// Makes room for group ids below `groups`.
    pub fn resize(&mut self, groups: usize) {
        match &mut self.state {
            State::Count(v) => v.resize(groups.max(v.len()), 0),
            State::Narrow(s) => s.resize(groups),
            State::Wide(s) => s.resize(groups),
            State::Float(s) => s.resize(groups),
            State::Booleans(v) => v.resize(groups.max(v.len()), (0, 0)),
            State::Extreme(e) => e.resize(groups),
            State::Other(s) => s.resize(groups),
        }
    }

    /// Back to the state of a group without rows.
    pub fn reset(&mut self, group: u32) {
        let g = group as usize;
        match &mut self.state {
            State::Count(v) => v[g] = 0,
            State::Narrow(s) => (s.sums[g], s.counts[g]) = (0, 0),
            State::Wide(s) => (s.sums[g], s.counts[g]) = (i256::ZERO, 0),
            State::Float(s) => (s.sums[g], s.counts[g]) = (ExactSum::default(), 0),
            State::Booleans(v) => v[g] = (0, 0),
            State::Extreme(e) => e.reset(group),
            State::Other(s) => s.reset(g),
        }
    }

    /// Where among all rows those of the next update are: threads get rows in any order, and some results depend on it.
    pub fn arrive(&mut self, place: u64) {
        if let State::Other(s) = &mut self.state {
            s.arrive(place);
        }
    }

    /// Bytes of values that stay when these rows come.
    pub fn keeps(&self, values: &ArrayRef) -> usize {
        if let State::Other(s) = &self.state { s.keeps(values) } else { 0 }
    }

    /// What the state of a group takes beside the values that stay, about.
    pub fn bytes_a_group(&self) -> usize {
        const OTHER: usize = 64;
        match &self.state {
            State::Count(_) => size_of::<i64>(),
            State::Narrow(_) => size_of::<i128>() + size_of::<i64>(),
            State::Wide(_) => size_of::<i256>() + size_of::<i64>(),
            State::Float(_) => size_of::<ExactSum>() + size_of::<i64>(),
            State::Booleans(_) => size_of::<(i64, i64)>(),
            State::Extreme(_) | State::Other(_) => OTHER,
        }
    }

    /// Whether the result depends on the order of the rows.
    pub fn is_ordered(&self) -> bool {
        self.kind == AggregateKind::Collect
    }

    /// Row i counts for `groups[i]`, if the mask is true there, `weights[i]` times (once without weights).
    pub fn update(
        &mut self,
        groups: &[u32],
        values: Option<&ArrayRef>,
        mask: Option<&BooleanArray>,
        weights: Option<&[i64]>,
    ) -> Result<()> {
        let nulls = values.and_then(|v| v.nulls()).filter(|n| n.null_count() > 0);
        if mask.is_none() && nulls.is_none() && weights.is_none() {
            return self.add(groups, values, |_| 1);
        }
        self.add(groups, values, |row| {
            let counts = nulls.is_none_or(|n| n.is_valid(row)) && mask.is_none_or(|m| m.is_valid(row) && m.value(row));
            if counts { weights.map_or(1, |w| w[row]) } else { 0 }
        })
    }

    #[inline]
    fn add(&mut self, groups: &[u32], values: Option<&ArrayRef>, weight: impl Fn(usize) -> i64) -> Result<()> {
        let argument = || values.ok_or_else(|| Error::internal("an aggregate without its argument"));
        let rows = groups.iter().enumerate().map(|(row, &g)| (row, g as usize));
        match &mut self.state {
            State::Count(counts) => rows.for_each(|(row, g)| counts[g] += weight(row)),
            State::Narrow(s) => {
                let argument = argument()?;
                if let Some(v) = sortable_i64(argument.as_ref())? {
                    rows.for_each(|(row, g)| {
                        let w = weight(row);
                        s.counts[g] += w;
                        s.sums[g] += i128::from(v[row]) * i128::from(w);
                    });
                } else if let Words::W16(v) = RawColumn::of(argument.as_ref())?.words {
                    rows.for_each(|(row, g)| {
                        let w = weight(row);
                        s.counts[g] += w;
                        s.sums[g] = s.sums[g].wrapping_add(v[row].wrapping_mul(i128::from(w)));
                    });
                }
            }
            State::Wide(s) => {
                let Words::W16(v) = RawColumn::of(argument()?.as_ref())?.words else {
                    return Err(Error::internal("a value of another type"));
                };
                rows.for_each(|(row, g)| {
                    let w = weight(row);
                    s.counts[g] += w;
                    let product = i256::from_i128(v[row]).wrapping_mul(i256::from_i128(i128::from(w)));
                    s.sums[g] = s.sums[g].wrapping_add(product);
                });
            }
            State::Float(s) => {
                let argument = argument()?;
                let mut add = |row: usize, g: usize, value: f64| {
                    let w = weight(row);
                    if w != 0 {
                        s.counts[g] += w;
                        s.sums[g].add(value, w);
                    }
                };
                if argument.data_type() == &DataType::Float32 {
                    let v = argument.as_primitive::<Float32Type>().values();
                    rows.for_each(|(row, g)| add(row, g, f64::from(v[row])));
                } else {
                    let v = argument.as_primitive::<Float64Type>().values();
                    rows.for_each(|(row, g)| add(row, g, v[row]));
                }
            }
            State::Booleans(counts) => {
                let v = argument()?.as_boolean().values();
                rows.for_each(|(row, g)| {
                    if v.value(row) {
                        counts[g].1 += weight(row);
                    } else {
                        counts[g].0 += weight(row);
                    }
                });
            }
            State::Extreme(e) => e.update(groups, argument()?, weight)?,
            State::Other(s) => s.update(groups, argument()?, &weight)?,
        }
        Ok(())
    }

    /// The result of each listed group.
    pub fn finish(&self, groups: &[u32]) -> Result<ArrayRef> {
        let average = self.kind == AggregateKind::Avg;
        let scale = self.argument.as_ref().map_or(0, scale_of);
        match &self.state {
            State::Count(v) => Ok(finish_counts(groups.iter().map(|&g| v[g as usize]).collect())),
            State::Narrow(s) => {
                let sums = groups.iter().map(|&g| i256::from_i128(s.sums[g as usize]));
                self.finish_exact(sums, &s.counts(groups), average, scale)
            }
            State::Wide(s) => {
                self.finish_exact(groups.iter().map(|&g| s.sums[g as usize]), &s.counts(groups), average, scale)
            }
            State::Float(s) => {
                let sums = groups.iter().map(|&g| &s.sums[g as usize]).map(|sum| (sum.value(), sum.has_special()));
                finish_floats(sums, &s.counts(groups), average, &self.output)
            }
            State::Booleans(v) => {
                let and = self.kind == AggregateKind::BoolAnd;
                let of = |&g: &u32| v[g as usize];
                let bits = groups.iter().map(of).map(|(f, t)| if and { f == 0 } else { t != 0 }).collect();
                let valid: Vec<bool> = groups.iter().map(of).map(|(f, t)| f + t != 0).collect();
                Ok(array_of_bits(bits, Some(valid.into())))
            }
            State::Extreme(e) => e.finish(groups),
            State::Other(s) => s.finish(groups),
        }
    }

    fn finish_exact(
        &self,
        sums: impl Iterator<Item = i256>,
        counts: &[i64],
        average: bool,
        scale: i8,
    ) -> Result<ArrayRef> {
        if average {
            finish_averages(sums, counts, scale, &self.output)
        } else {
            finish_sums(sums, counts, &self.output)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{Decimal128Array, Float64Array, Int64Array, StringArray};
    use rand::{Rng, SeedableRng, rngs::StdRng};

    use super::*;

    const KINDS: [AggregateKind; 6] = [
        AggregateKind::CountStar,
        AggregateKind::Count,
        AggregateKind::Sum,
        AggregateKind::Min,
        AggregateKind::Max,
        AggregateKind::Avg,
    ];

    fn output(kind: AggregateKind, argument: &DataType) -> DataType {
        match (kind, argument) {
            (AggregateKind::CountStar | AggregateKind::Count, _) => DataType::Int64,
            (AggregateKind::Sum, DataType::Int64) => DataType::Decimal128(38, 0),
            (AggregateKind::Avg, DataType::Float64) => DataType::Float64,
            (AggregateKind::Avg, _) => DataType::Decimal128(38, 16),
            (_, other) => other.clone(),
        }
    }

    /// Adding, and taking away in another order, leaves what adding only the rest gives.
    #[test]
    fn retraction_leaves_no_trace() {
        let seed: u64 = rand::rng().random();
        eprintln!("seed {seed}");
        let mut rng = StdRng::seed_from_u64(seed);
        for _ in 0..100 {
            let rows = rng.random_range(1..200);
            let null = |rng: &mut StdRng| rng.random_bool(0.1);
            let columns: [ArrayRef; 3] = [
                Arc::new(Int64Array::from_iter(
                    (0..rows).map(|_| (!null(&mut rng)).then(|| rng.random_range(-50..50))),
                )),
                Arc::new(Float64Array::from_iter(
                    (0..rows).map(|_| (!null(&mut rng)).then(|| rng.random_range(-5.0..5.0))),
                )),
                Arc::new(StringArray::from_iter(
                    (0..rows).map(|_| (!null(&mut rng)).then(|| rng.random_range(0..40).to_string())),
                )),
            ];
            let groups: Vec<u32> = (0..rows).map(|_| rng.random_range(0..4)).collect();
            let gone: Vec<bool> = (0..rows).map(|_| rng.random_bool(0.5)).collect();
            for column in &columns {
                for kind in KINDS {
                    let numeric = column.data_type() != &DataType::Utf8;
                    if !numeric && matches!(kind, AggregateKind::Sum | AggregateKind::Avg) {
                        continue;
                    }
                    let output = output(kind, column.data_type());
                    let values = (kind != AggregateKind::CountStar).then_some(column);
                    let mut churned = Accumulator::new(kind, Some(column.data_type()), &output, true).unwrap();
                    churned.resize(4);
                    churned.update(&groups, values, None, None).unwrap();
                    let weights: Vec<i64> = gone.iter().map(|&g| -i64::from(g)).collect();
                    churned.update(&groups, values, None, Some(&weights)).unwrap();
                    let mut fresh = Accumulator::new(kind, Some(column.data_type()), &output, false).unwrap();
                    fresh.resize(4);
                    let mask = BooleanArray::from_iter(gone.iter().map(|g| Some(!g)));
                    fresh.update(&groups, values, Some(&mask), None).unwrap();
                    let all = [0, 1, 2, 3];
                    assert_eq!(&churned.finish(&all).unwrap(), &fresh.finish(&all).unwrap(), "{kind:?}");
                }
            }
        }
    }

    #[test]
    fn averages_round_half_away_from_zero_and_sums_overflow() {
        let values: ArrayRef =
            Arc::new(Decimal128Array::from(vec![1, 2, -1, -2]).with_precision_and_scale(10, 2).unwrap());
        let argument = DataType::Decimal128(10, 2);
        let mut avg =
            Accumulator::new(AggregateKind::Avg, Some(&argument), &DataType::Decimal128(38, 2), false).unwrap();
        avg.resize(3);
        avg.update(&[0, 0, 1, 1], Some(&values), None, None).unwrap();
        let result = avg.finish(&[0, 1, 2]).unwrap();
        let result = result.as_primitive::<arrow_array::types::Decimal128Type>();
        assert_eq!((result.value(0), result.value(1), result.is_null(2)), (2, -2, true));

        let values: ArrayRef = Arc::new(arrow_array::Int32Array::from(vec![i32::MAX]));
        let mut sum = Accumulator::new(AggregateKind::Sum, Some(&DataType::Int32), &DataType::Int64, false).unwrap();
        sum.resize(1);
        sum.update(&[0], Some(&values), None, Some(&[1 << 40])).unwrap();
        assert_eq!(sum.finish(&[0]).unwrap_err().code.sqlstate(), "22003");
    }

    #[test]
    fn booleans_ignore_nulls() {
        let values: ArrayRef = Arc::new(BooleanArray::from(vec![Some(true), None, Some(false), None]));
        for (kind, expected) in [
            (AggregateKind::BoolAnd, [Some(true), Some(false), None]),
            (AggregateKind::BoolOr, [Some(true), Some(false), None]),
        ] {
            let mut acc = Accumulator::new(kind, Some(&DataType::Boolean), &DataType::Boolean, true).unwrap();
            acc.resize(3);
            acc.update(&[0, 0, 1, 2], Some(&values), None, None).unwrap();
            let result = acc.finish(&[0, 1, 2]).unwrap();
            assert_eq!(result.as_boolean().iter().collect::<Vec<_>>(), expected);
        }
    }
}
