//! Window functions against a naive twin: for each row, the frame by its definition and the result by brute force; and
//! a partition that is spliced against one that is filled.

use std::cmp::Ordering;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, Decimal128Array, Float64Array, Int64Array, cast::AsArray, types::*};
use arrow_schema::DataType;
use rand::{Rng, SeedableRng, rngs::StdRng};

use super::*;
use crate::{AggregateKind, ExactSum, SortField, row_order};

struct Case {
    partition: Vec<Option<i64>>,
    key: Vec<Option<i64>>,
    integers: Vec<Option<i64>>,
    doubles: Vec<Option<f64>>,
    field: SortField,
}

impl Case {
    fn random(rng: &mut StdRng) -> Self {
        let rows = rng.random_range(0..60);
        let mut column = |range: std::ops::Range<i64>, null: f64| -> Vec<Option<i64>> {
            (0..rows).map(|_| (!rng.random_bool(null)).then(|| rng.random_range(range.clone()))).collect()
        };
        let (partition, key, integers) = (column(0..3, 0.1), column(0..15, 0.15), column(-9..9, 0.2));
        let doubles = column(0..9, 0.2)
            .into_iter()
            .map(|v| v.map(|v| [0.1, 1e300, f64::INFINITY, f64::NAN, -0.3, 1e-40, -1e300, 2.5, -0.0][v as usize]));
        let doubles = doubles.collect();
        let field = SortField { descending: rng.random(), nulls_first: rng.random() };
        Self { partition, key, integers, doubles, field }
    }

    fn columns(&self) -> Vec<ArrayRef> {
        vec![
            Arc::new(Int64Array::from(self.partition.clone())),
            Arc::new(Int64Array::from(self.key.clone())),
            Arc::new(Int64Array::from(self.integers.clone())),
            Arc::new(Float64Array::from(self.doubles.clone())),
        ]
    }

    fn compare_keys(&self, a: usize, b: usize) -> Ordering {
        match (self.key[a], self.key[b]) {
            (Some(x), Some(y)) if self.field.descending => y.cmp(&x),
            (Some(x), Some(y)) => x.cmp(&y),
            (None, None) => Ordering::Equal,
            (None, Some(_)) if self.field.nulls_first => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(_), None) if self.field.nulls_first => Ordering::Greater,
            (Some(_), None) => Ordering::Less,
        }
    }

    /// The rows of a row's partition in order, and the row's place.
    fn peers(&self, row: usize) -> (Vec<usize>, usize) {
        let bytes = row_order(&self.columns()).unwrap();
        let mut rows: Vec<usize> = (0..self.key.len()).filter(|&r| self.partition[r] == self.partition[row]).collect();
        rows.sort_by(|&a, &b| self.compare_keys(a, b).then(bytes.row(a).cmp(&bytes.row(b))));
        // Rows alike in everything are interchangeable, so the first of them may stand for any.
        let place = rows.iter().position(|&r| r == row).unwrap();
        (rows, place)
    }

    /// Whether the row at `other` is in the frame of the row at `place`.
    fn in_frame(&self, frame: Frame, rows: &[usize], place: usize, other: usize) -> bool {
        let after_start = match (frame.unit, frame.start) {
            (_, FrameBound::UnboundedPreceding) => true,
            (_, FrameBound::UnboundedFollowing) => false,
            (FrameUnit::Rows, FrameBound::Preceding(n)) => other as i64 >= place as i64 - n,
            (FrameUnit::Rows, FrameBound::CurrentRow) => other >= place,
            (FrameUnit::Rows, FrameBound::Following(n)) => other as i64 >= place as i64 + n,
            (FrameUnit::Range, FrameBound::CurrentRow) => self.compare_keys(rows[other], rows[place]).is_ge(),
            (FrameUnit::Range, FrameBound::Preceding(n)) => self.distance(rows, place, other, -n).is_ge(),
            (FrameUnit::Range, FrameBound::Following(n)) => self.distance(rows, place, other, n).is_ge(),
            (FrameUnit::Groups, FrameBound::CurrentRow) => self.group(rows, other) >= self.group(rows, place),
            (FrameUnit::Groups, FrameBound::Preceding(n)) => self.group(rows, other) >= self.group(rows, place) - n,
            (FrameUnit::Groups, FrameBound::Following(n)) => self.group(rows, other) >= self.group(rows, place) + n,
        };
        let before_end = match (frame.unit, frame.end) {
            (_, FrameBound::UnboundedFollowing) => true,
            (_, FrameBound::UnboundedPreceding) => false,
            (FrameUnit::Rows, FrameBound::Preceding(n)) => other as i64 <= place as i64 - n,
            (FrameUnit::Rows, FrameBound::CurrentRow) => other <= place,
            (FrameUnit::Rows, FrameBound::Following(n)) => other as i64 <= place as i64 + n,
            (FrameUnit::Range, FrameBound::CurrentRow) => self.compare_keys(rows[other], rows[place]).is_le(),
            (FrameUnit::Range, FrameBound::Preceding(n)) => self.distance(rows, place, other, -n).is_le(),
            (FrameUnit::Range, FrameBound::Following(n)) => self.distance(rows, place, other, n).is_le(),
            (FrameUnit::Groups, FrameBound::CurrentRow) => self.group(rows, other) <= self.group(rows, place),
            (FrameUnit::Groups, FrameBound::Preceding(n)) => self.group(rows, other) <= self.group(rows, place) - n,
            (FrameUnit::Groups, FrameBound::Following(n)) => self.group(rows, other) <= self.group(rows, place) + n,
        };
        let peer = self.compare_keys(rows[other], rows[place]).is_eq();
        let excluded = match frame.exclude {
            Exclude::NoOthers => false,
            Exclude::CurrentRow => other == place,
            Exclude::Group => peer,
            Exclude::Ties => peer && other != place,
        };
        after_start && before_end && !excluded
    }

    /// How many different keys come before that of the row at `place`.
    fn group(&self, rows: &[usize], place: usize) -> i64 {
        (1..=place).filter(|&at| self.compare_keys(rows[at - 1], rows[at]).is_ne()).count() as i64
    }

    /// Where the other row's key is relative to the row's key moved by n in the direction of the order.
    fn distance(&self, rows: &[usize], place: usize, other: usize, n: i64) -> Ordering {
        match (self.key[rows[other]], self.key[rows[place]]) {
            (Some(x), Some(y)) if self.field.descending => (y - n).cmp(&x),
            (Some(x), Some(y)) => x.cmp(&(y + n)),
            _ => self.compare_keys(rows[other], rows[place]),
        }
    }
}

fn frames() -> Vec<Frame> {
    use FrameBound::*;
    let mut frames = Vec::new();
    for unit in [FrameUnit::Rows, FrameUnit::Range, FrameUnit::Groups] {
        for (start, end) in [
            (UnboundedPreceding, CurrentRow),
            (UnboundedPreceding, UnboundedFollowing),
            (Preceding(2), CurrentRow),
            (Preceding(4), Preceding(2)),
            (Preceding(0), Following(0)),
            (CurrentRow, Following(3)),
            (Following(1), Following(5)),
            (Following(2), UnboundedFollowing),
            (UnboundedPreceding, Preceding(3)),
        ] {
            frames.push(Frame { unit, start, end, exclude: Exclude::NoOthers });
        }
        for exclude in [Exclude::CurrentRow, Exclude::Group, Exclude::Ties] {
            for (start, end) in
                [(UnboundedPreceding, CurrentRow), (Preceding(2), Following(1)), (Following(1), UnboundedFollowing)]
            {
                frames.push(Frame { unit, start, end, exclude });
            }
        }
    }
    frames
}

fn calls() -> Vec<WindowCall> {
    let mut calls = Vec::new();
    let mut add = |kind, frame, output| calls.push(WindowCall { kind, frame, output, default: None });
    let whole = frames()[0];
    for kind in [WindowKind::RowNumber, WindowKind::Rank, WindowKind::DenseRank] {
        add(kind, whole, DataType::Int64);
    }
    add(WindowKind::Lag { input: 0, offset: 2 }, whole, DataType::Int64);
    add(WindowKind::Lead { input: 0, offset: 1 }, whole, DataType::Int64);
    let aggregate = |function, input| WindowKind::Aggregate { function, input };
    for frame in frames() {
        add(WindowKind::FirstValue { input: 0 }, frame, DataType::Int64);
        add(WindowKind::LastValue { input: 0 }, frame, DataType::Int64);
        for (n, from_last, ignore_nulls) in [(2, false, false), (1, true, true), (2, true, true), (3, false, true)] {
            add(WindowKind::NthValue { input: 0, n, from_last, ignore_nulls }, frame, DataType::Int64);
        }
        add(aggregate(AggregateKind::CountStar, None), frame, DataType::Int64);
        add(aggregate(AggregateKind::Count, Some(0)), frame, DataType::Int64);
        add(aggregate(AggregateKind::Sum, Some(0)), frame, DataType::Decimal128(38, 0));
        add(aggregate(AggregateKind::Min, Some(0)), frame, DataType::Int64);
        add(aggregate(AggregateKind::Max, Some(0)), frame, DataType::Int64);
        add(aggregate(AggregateKind::Sum, Some(1)), frame, DataType::Float64);
    }
    calls
}

fn naive(case: &Case, call: &WindowCall, row: usize) -> String {
    let (rows, place) = case.peers(row);
    let frame: Vec<usize> =
        (0..rows.len()).filter(|&o| case.in_frame(call.frame, &rows, place, o)).map(|o| rows[o]).collect();
    let integers = || frame.iter().filter_map(|&r| case.integers[r]);
    let shown = |value: Option<i64>| value.map_or("NULL".to_string(), |v| v.to_string());
    match call.kind {
        WindowKind::RowNumber => (place + 1).to_string(),
        WindowKind::Rank => (1 + rows.iter().filter(|&&r| case.compare_keys(r, row).is_lt()).count()).to_string(),
        WindowKind::DenseRank => {
            let mut before: Vec<_> =
                rows.iter().filter(|&&r| case.compare_keys(r, row).is_lt()).map(|&r| case.key[r]).collect();
            before.sort();
            before.dedup();
            (before.len() + 1).to_string()
        }
        WindowKind::Lag { offset, .. } => {
            shown(place.checked_sub(offset as usize).and_then(|p| case.integers[rows[p]]))
        }
        WindowKind::Lead { offset, .. } => shown(rows.get(place + offset as usize).and_then(|&r| case.integers[r])),
        WindowKind::FirstValue { .. } => shown(frame.first().and_then(|&r| case.integers[r])),
        WindowKind::LastValue { .. } => shown(frame.last().and_then(|&r| case.integers[r])),
        WindowKind::NthValue { n, from_last, ignore_nulls, .. } => {
            let mut values: Vec<_> = frame.iter().map(|&r| case.integers[r]).collect();
            values.retain(|value| value.is_some() || !ignore_nulls);
            if from_last {
                values.reverse();
            }
            shown(values.get(n as usize - 1).copied().flatten())
        }
        WindowKind::Aggregate { function, input } => match (function, input) {
            (AggregateKind::CountStar, _) => frame.len().to_string(),
            (AggregateKind::Count, _) => integers().count().to_string(),
            (AggregateKind::Sum, Some(0)) => shown((integers().count() > 0).then(|| integers().sum())),
            (AggregateKind::Min, _) => shown(integers().min()),
            (AggregateKind::Max, _) => shown(integers().max()),
            _ => {
                let mut sum = ExactSum::default();
                let values: Vec<f64> = frame.iter().filter_map(|&r| case.doubles[r]).collect();
                values.iter().for_each(|&v| sum.add(v, 1));
                if values.is_empty() { "NULL".into() } else { format!("{:?}", sum.value()) }
            }
        },
    }
}

fn shown(array: &ArrayRef, row: usize) -> String {
    if array.is_null(row) {
        return "NULL".into();
    }
    match array.data_type() {
        DataType::Int64 => array.as_primitive::<Int64Type>().value(row).to_string(),
        DataType::Float64 => format!("{:?}", array.as_primitive::<Float64Type>().value(row)),
        _ => array.as_primitive::<Decimal128Type>().value(row).to_string(),
    }
}

#[test]
fn every_function_equals_its_definition() {
    let seed: u64 = rand::rng().random();
    eprintln!("seed {seed}");
    let mut rng = StdRng::seed_from_u64(seed);
    for _ in 0..60 {
        let case = Case::random(&mut rng);
        let columns = case.columns();
        let inputs = [columns[2].clone(), columns[3].clone()];
        let plan = WindowPlan::new(calls(), vec![DataType::Int64, DataType::Float64]).unwrap();
        let rows = case.key.len();
        let results =
            compute_window(&plan, &columns[..1], &columns[1..2], &[case.field], &columns, &inputs, rows, &|| Ok(()))
                .unwrap();
        for (call, result) in calls().iter().zip(&results) {
            assert_eq!(result.data_type(), &call.output);
            for row in 0..rows {
                assert_eq!(shown(result, row), naive(&case, call, row), "{call:?} row {row}");
            }
        }
    }
}

/// A numeric as order key goes by bytes: same results as with integers.
#[test]
fn byte_keys_order_as_integers_do() {
    let seed: u64 = rand::rng().random();
    eprintln!("seed {seed}");
    let mut rng = StdRng::seed_from_u64(seed);
    for _ in 0..30 {
        let case = Case::random(&mut rng);
        let columns = case.columns();
        let inputs = [columns[2].clone(), columns[3].clone()];
        let calls: Vec<WindowCall> = calls()
            .into_iter()
            .filter(|c| {
                ![c.frame.start, c.frame.end]
                    .iter()
                    .any(|b| matches!(b, FrameBound::Preceding(_) | FrameBound::Following(_)))
                    || c.frame.unit != FrameUnit::Range
            })
            .collect();
        let plan = WindowPlan::new(calls, vec![DataType::Int64, DataType::Float64]).unwrap();
        let decimals: ArrayRef = Arc::new(Decimal128Array::from_iter(case.key.iter().map(|k| k.map(i128::from))));
        let rows = case.key.len();
        let run = |key: ArrayRef| {
            compute_window(&plan, &columns[..1], &[key], &[case.field], &columns, &inputs, rows, &|| Ok(())).unwrap()
        };
        assert_eq!(run(columns[1].clone()), run(decimals));
    }
}
