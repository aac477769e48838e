//! What a partition keeps beside its rows: prefix sums and counts (exact, so that differences are too) and trees of
//! extremes. All are rebuilt from the first changed position on, which for rows at the end is an append.

use arrow_array::ArrayRef;
use arrow_buffer::i256;
use arrow_schema::DataType;
use millrace_base::Result;

use super::key::OrderKey;
use super::plan::{Measure, MeasureKind};
use crate::exact::{ExactSum, fixed_of_float, fixed_to_float};
use crate::extreme::{SharedBytes, WideKey, wide_key};
use crate::sums::SumClass;

/// The caller's columns, by row id. `input` is an index of the plan's inputs.
pub trait WindowValues {
    fn is_valid(&self, input: usize, row: u32) -> bool;
    /// As `sortable_i64`.
    fn sortable(&self, input: usize, row: u32) -> i64;
    fn wide(&self, input: usize, row: u32) -> i128;
    fn float(&self, input: usize, row: u32) -> f64;
    fn bytes(&self, input: usize, row: u32) -> &[u8];
    /// A column of the listed rows; `NO_ROW` gives NULL.
    fn gather(&self, input: usize, rows: &[u32]) -> Result<ArrayRef>;
}

/// `prefix[i]` is over the first i rows.
#[derive(Debug)]
pub(crate) struct Prefix<T> {
    pub sums: Vec<T>,
    pub counts: Vec<u32>,
}

impl<T: Default + Copy> Prefix<T> {
    fn new() -> Self {
        Self { sums: vec![T::default()], counts: vec![0] }
    }

    #[inline]
    fn rebuild(&mut self, from: usize, rows: &[u32], mut next: impl FnMut(u32) -> Option<T>, add: impl Fn(T, T) -> T) {
        self.sums.truncate(from + 1);
        self.counts.truncate(from + 1);
        let (mut sum, mut count) = (self.sums[from], self.counts[from]);
        for &row in &rows[from..] {
            if let Some(value) = next(row) {
                sum = add(sum, value);
                count += 1;
            }
            self.sums.push(sum);
            self.counts.push(count);
        }
    }

    #[inline]
    fn count(&self, start: usize, end: usize) -> i64 {
        i64::from(self.counts[end] - self.counts[start])
    }
}

#[derive(Debug)]
pub(crate) enum MeasureState {
    Count(Vec<u32>),
    Narrow(Prefix<i128>),
    Wide(Prefix<i256>),
    /// `odd[i]`: how many of the first i values do not fit fixed point; empty while there is none.
    Float {
        prefix: Prefix<i256>,
        odd: Vec<u32>,
    },
    Words(Tree<i64>),
    WideKeys(Tree<WideKey>),
    Bytes(Tree<SharedBytes>),
    Peers(Vec<u32>),
}

impl MeasureState {
    pub fn new(measure: Measure, input_types: &[DataType]) -> Self {
        let tree = |greatest| match input_types[measure.input] {
            DataType::Utf8 | DataType::Binary => MeasureState::Bytes(Tree::new(greatest)),
            DataType::Decimal128(..) | DataType::Interval(_) => MeasureState::WideKeys(Tree::new(greatest)),
            _ => MeasureState::Words(Tree::new(greatest)),
        };
        match measure.kind {
            MeasureKind::Count => MeasureState::Count(vec![0]),
            MeasureKind::Sum(SumClass::Narrow) => MeasureState::Narrow(Prefix::new()),
            MeasureKind::Sum(SumClass::Wide) => MeasureState::Wide(Prefix::new()),
            MeasureKind::Sum(SumClass::Float) => MeasureState::Float { prefix: Prefix::new(), odd: Vec::new() },
            MeasureKind::Least => tree(false),
            MeasureKind::Greatest => tree(true),
            MeasureKind::Peers => MeasureState::Peers(vec![0]),
        }
    }

    /// Makes the state that of `rows`, which differ from the last ones from position `from` on.
    pub fn rebuild<K: OrderKey>(
        &mut self,
        measure: Measure,
        data_type: Option<&DataType>,
        from: usize,
        rows: &[u32],
        keys: &[K],
        values: &impl WindowValues,
    ) {
        let input = measure.input;
        let valid = |row: u32| values.is_valid(input, row);
        match self {
            MeasureState::Count(counts) => {
                counts.truncate(from + 1);
                let mut count = counts[from];
                for &row in &rows[from..] {
                    count += u32::from(valid(row));
                    counts.push(count);
                }
            }
            MeasureState::Narrow(prefix) => {
                if matches!(data_type, Some(DataType::Decimal128(..))) {
                    prefix.rebuild(from, rows, |r| valid(r).then(|| values.wide(input, r)), i128::wrapping_add);
                } else {
                    let next = |r| valid(r).then(|| i128::from(values.sortable(input, r)));
                    prefix.rebuild(from, rows, next, i128::wrapping_add);
                }
            }
            MeasureState::Wide(prefix) => {
                let next = |r| valid(r).then(|| i256::from_i128(values.wide(input, r)));
                prefix.rebuild(from, rows, next, i256::wrapping_add);
            }
            MeasureState::Float { prefix, odd } => {
                let mut found = Vec::new();
                let mut position = from;
                let next = |r| {
                    position += 1;
                    valid(r).then(|| {
                        fixed_of_float(values.float(input, r)).unwrap_or_else(|| {
                            found.push(position);
                            i256::ZERO
                        })
                    })
                };
                prefix.rebuild(from, rows, next, i256::wrapping_add);
                if !odd.is_empty() || !found.is_empty() {
                    odd.truncate(from + 1);
                    odd.resize(from + 1, 0);
                    let mut count = odd[from];
                    let mut found = found.into_iter().peekable();
                    for position in from + 1..=rows.len() {
                        count += u32::from(found.next_if_eq(&position).is_some());
                        odd.push(count);
                    }
                }
            }
            MeasureState::Words(tree) => {
                tree.rebuild(from, rows, |r| valid(r).then(|| values.sortable(input, r)));
            }
            MeasureState::WideKeys(tree) => {
                let data_type = data_type.expect("an extreme has an argument");
                tree.rebuild(from, rows, |r| valid(r).then(|| wide_key(data_type, values.wide(input, r))));
            }
            MeasureState::Bytes(tree) => {
                tree.rebuild(from, rows, |r| valid(r).then(|| values.bytes(input, r).into()));
            }
            MeasureState::Peers(peers) => {
                peers.truncate(from + 1);
                let mut count = peers[from];
                for at in from..rows.len() {
                    count += u32::from(at == 0 || keys[at] != keys[at - 1]);
                    peers.push(count);
                }
            }
        }
    }

    #[inline]
    pub fn count(&self, start: usize, end: usize) -> i64 {
        match self {
            MeasureState::Count(counts) => i64::from(counts[end] - counts[start]),
            MeasureState::Narrow(p) => p.count(start, end),
            MeasureState::Wide(p) => p.count(start, end),
            MeasureState::Float { prefix, .. } => prefix.count(start, end),
            _ => 0,
        }
    }

    /// The sum of a frame of integers or decimals.
    #[inline]
    pub fn exact(&self, start: usize, end: usize) -> i256 {
        match self {
            MeasureState::Narrow(p) => i256::from_i128(p.sums[end].wrapping_sub(p.sums[start])),
            MeasureState::Wide(p) => p.sums[end].wrapping_sub(p.sums[start]),
            _ => i256::ZERO,
        }
    }

    /// The sum of a frame of floats, and whether infinities or NaNs are in it.
    #[inline]
    pub fn float(
        &self,
        input: usize,
        start: usize,
        end: usize,
        rows: &[u32],
        values: &impl WindowValues,
    ) -> (f64, bool) {
        let MeasureState::Float { prefix, odd } = self else { return (0.0, false) };
        if odd.is_empty() || odd[end] == odd[start] {
            return (fixed_to_float(prefix.sums[end].wrapping_sub(prefix.sums[start])), false);
        }
        let mut sum = ExactSum::default();
        for &row in &rows[start..end] {
            if values.is_valid(input, row) {
                sum.add(values.float(input, row), 1);
            }
        }
        (sum.value(), sum.has_special())
    }
}

const FANOUT: usize = 16;

/// The best value of any range: level 0 has the rows' values, each level above the best of blocks of the one below.
#[derive(Debug)]
pub(crate) struct Tree<K> {
    greatest: bool,
    levels: Vec<Vec<Option<K>>>,
}

impl<K: Ord + Clone> Tree<K> {
    fn new(greatest: bool) -> Self {
        Self { greatest, levels: vec![Vec::new()] }
    }

    fn better<'a>(&self, a: Option<&'a K>, b: Option<&'a K>) -> Option<&'a K> {
        match (a, b) {
            (Some(a), Some(b)) => Some(if (b > a) == self.greatest && a != b { b } else { a }),
            (a, b) => a.or(b),
        }
    }

    fn best<'a>(&self, values: &'a [Option<K>]) -> Option<&'a K> {
        values.iter().fold(None, |best, v| self.better(best, v.as_ref()))
    }

    fn rebuild(&mut self, from: usize, rows: &[u32], value: impl Fn(u32) -> Option<K>) {
        self.levels[0].truncate(from);
        self.levels[0].extend(rows[from..].iter().map(|&r| value(r)));
        let mut first = from;
        let mut level = 0;
        while self.levels[level].len() > FANOUT {
            first /= FANOUT;
            if level + 1 == self.levels.len() {
                self.levels.push(Vec::new());
                first = 0;
            }
            let blocks: Vec<Option<K>> =
                self.levels[level][first * FANOUT..].chunks(FANOUT).map(|b| self.best(b).cloned()).collect();
            self.levels[level + 1].truncate(first);
            self.levels[level + 1].extend(blocks);
            level += 1;
        }
        self.levels.truncate(level + 1);
    }

    pub fn of_pieces(&self, pieces: &[(usize, usize)]) -> Option<&K> {
        pieces.iter().fold(None, |best, &(start, end)| self.better(best, self.query(start, end)))
    }

    pub fn query(&self, start: usize, end: usize) -> Option<&K> {
        let (mut low, mut high) = (start, end);
        let mut best = None;
        for (level, values) in self.levels.iter().enumerate() {
            if high <= low {
                break;
            }
            let (up_low, up_high) = (low.div_ceil(FANOUT), high / FANOUT);
            if level + 1 == self.levels.len() || up_low >= up_high {
                return self.better(best, self.best(&values[low..high]));
            }
            best = self.better(best, self.best(&values[low..up_low * FANOUT]));
            best = self.better(best, self.best(&values[up_high * FANOUT..high]));
            (low, high) = (up_low, up_high);
        }
        best
    }
}
