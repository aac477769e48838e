//! Filters over encoded integers and over codes of a dictionary.

use arrow_buffer::bit_iterator::BitIndexIterator;
use arrow_buffer::{BooleanBuffer, BooleanBufferBuilder, MutableBuffer, NullBuffer};

use crate::cpu::wide;
use crate::encodings::integers::{Frame, Integers};
use crate::encodings::pack::{CHUNK, Lane, Sink, unpack};

/// A frame's bytes were measured when it was read.
const MEASURED: &str = "a frame has as many bytes as its values take";

/// Values from `low` to `high`, both included, or all others: what a comparison with a constant asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    pub low: i64,
    pub high: i64,
    /// Whether values outside are wanted instead.
    pub outside: bool,
}

impl Range {
    const NONE: Range = Range { low: 1, high: 0, outside: false };

    pub fn of(low: i64, high: i64) -> Self {
        Self { low, high, outside: false }
    }

    pub fn equal(value: i64) -> Self {
        Self::of(value, value)
    }

    pub fn not_equal(value: i64) -> Self {
        Self { outside: true, ..Self::equal(value) }
    }

    pub fn less(value: i64) -> Self {
        value.checked_sub(1).map_or(Self::NONE, |high| Self::of(i64::MIN, high))
    }

    pub fn less_or_equal(value: i64) -> Self {
        Self::of(i64::MIN, value)
    }

    pub fn greater(value: i64) -> Self {
        value.checked_add(1).map_or(Self::NONE, |low| Self::of(low, i64::MAX))
    }

    pub fn greater_or_equal(value: i64) -> Self {
        Self::of(value, i64::MAX)
    }

    #[inline]
    pub fn contains(&self, value: i64) -> bool {
        (self.low <= value && value <= self.high) != self.outside
    }

    /// The differences from `base` that are in the range, on the circle of 64 bits: `high` may be below `low`. Also right
    /// where values wrap around, as they do in the sum of base and difference.
    fn around(&self, base: i64) -> Option<(u64, u64)> {
        let low = self.low.wrapping_sub(base) as u64;
        (self.low <= self.high).then(|| (low, low.wrapping_add(self.high.wrapping_sub(self.low) as u64)))
    }

    /// The differences from `base` that are in the range, if any is: every value is `base` plus one below 2^64.
    fn of_deltas(&self, frame: &Frame<'_>) -> Option<(u64, u64)> {
        let most = if frame.width == 0 { 0 } else { u64::MAX >> (64 - frame.width) };
        let low = i128::from(self.low) - i128::from(frame.base);
        let high = (i128::from(self.high) - i128::from(frame.base)).min(i128::from(most));
        let low = low.max(0);
        (low <= high).then_some((low as u64, high as u64))
    }
}

/// How many values are in the range.
pub fn count_in(values: &Integers<'_>, range: Range) -> usize {
    let inside = Range { outside: false, ..range };
    let count = match values {
        Integers::Constant { value, count } => usize::from(inside.contains(*value)) * count,
        Integers::Runs { heads, lengths } => {
            let wanted = heads.iter().zip(lengths).filter(|(head, _)| inside.contains(**head));
            wanted.map(|(_, &length)| length as usize).sum()
        }
        Integers::Frame(frame) if is_wide(frame) => match inside.around(frame.base) {
            None => 0,
            Some((low, high)) => count_deltas(*frame, low, high),
        },
        Integers::Frame(frame) if fits(frame) => match inside.of_deltas(frame) {
            None => 0,
            Some((low, high)) => count_deltas(*frame, low, high),
        },
        Integers::Dictionary { entries, codes } => match codes_in(entries, inside) {
            None => 0,
            Some((low, high)) => count_deltas(*codes, low, high),
        },
        Integers::Delta { first, deltas } => match even_places(*first, *deltas, inside) {
            Some(places) => places.len(),
            None => count_plain(&values.to_vec(), inside),
        },
        Integers::Frame(_) => count_plain(&values.to_vec(), inside),
    };
    if range.outside { values.len() - count } else { count }
}

/// One bit a value: whether it is in the range.
pub fn in_range(values: &Integers<'_>, range: Range) -> BooleanBuffer {
    let inside = Range { outside: false, ..range };
    let bits = match values {
        Integers::Constant { value, count } => constant(inside.contains(*value), *count),
        Integers::Runs { heads, lengths } => {
            let mut bits = BooleanBufferBuilder::new(values.len());
            heads.iter().zip(lengths).for_each(|(&head, &n)| bits.append_n(n as usize, inside.contains(head)));
            bits.finish()
        }
        Integers::Frame(frame) if is_wide(frame) => match inside.around(frame.base) {
            None => constant(false, frame.count),
            Some((low, high)) => select_deltas(*frame, low, high),
        },
        Integers::Frame(frame) if fits(frame) => match inside.of_deltas(frame) {
            None => constant(false, frame.count),
            Some((low, high)) => select_deltas(*frame, low, high),
        },
        Integers::Dictionary { entries, codes } => match codes_in(entries, inside) {
            None => constant(false, codes.count),
            Some((low, high)) => select_deltas(*codes, low, high),
        },
        Integers::Delta { first, deltas } => match even_places(*first, *deltas, inside) {
            Some(places) => {
                let mut bits = BooleanBufferBuilder::new(values.len());
                bits.append_n(places.start, false);
                bits.append_n(places.len(), true);
                bits.append_n(values.len() - places.end, false);
                bits.finish()
            }
            None => select_plain(&values.to_vec(), inside),
        },
        Integers::Frame(_) => select_plain(&values.to_vec(), inside),
    };
    if range.outside { !&bits } else { bits }
}

/// One bit a code: whether its entry is wanted.
pub fn select_codes(codes: &Integers<'_>, wanted: &[bool]) -> BooleanBuffer {
    let first = wanted.iter().position(|&w| w);
    let last = wanted.iter().rposition(|&w| w);
    let (Some(first), Some(last)) = (first, last) else { return constant(false, codes.len()) };
    if wanted[first..=last].iter().all(|&w| w) {
        return in_range(codes, Range::of(first as i64, last as i64));
    }
    let codes = codes.to_vec();
    BooleanBuffer::collect_bool(codes.len(), |at| wanted[codes[at] as usize])
}

/// Puts the bits of the values that are there into the places of their rows; a NULL is not selected.
pub fn spread(selected: BooleanBuffer, nulls: Option<&NullBuffer>) -> BooleanBuffer {
    let Some(nulls) = nulls else { return selected };
    let mut bits = BooleanBufferBuilder::new(nulls.len());
    bits.append_n(nulls.len(), false);
    let valid = BitIndexIterator::new(nulls.validity(), nulls.offset(), nulls.len());
    valid.zip(selected.iter()).filter(|(_, selected)| *selected).for_each(|(row, _)| bits.set_bit(row, true));
    bits.finish()
}

fn constant(value: bool, count: usize) -> BooleanBuffer {
    if value { BooleanBuffer::new_set(count) } else { BooleanBuffer::new_unset(count) }
}

/// Whether the differences come in 64 bits.
fn is_wide(frame: &Frame<'_>) -> bool {
    frame.width > 32
}

/// Whether no value wraps around; it is so in everything that was written here.
fn fits(frame: &Frame<'_>) -> bool {
    let most = if frame.width == 0 { 0 } else { u64::MAX >> (64 - frame.width) };
    frame.base.checked_add_unsigned(most).is_some()
        || frame.base.checked_add_unsigned(crate::encodings::integers::greatest(*frame)).is_some()
}

/// The codes of the entries in the range: entries are in order.
fn codes_in(entries: &[i64], range: Range) -> Option<(u64, u64)> {
    let from = entries.partition_point(|&entry| entry < range.low);
    let to = entries.partition_point(|&entry| entry <= range.high);
    (from < to).then(|| (from as u64, to as u64 - 1))
}

/// The places of the values in the range where all steps are equal, go up, and stay in the type: they are neighbours.
fn even_places(first: i64, deltas: Frame<'_>, range: Range) -> Option<std::ops::Range<usize>> {
    let (first, step, count) = (i128::from(first), i128::from(deltas.base), deltas.count as i128 + 1);
    if deltas.width != 0 || step <= 0 || i64::try_from(first + step * (count - 1)).is_err() {
        return None;
    }
    // How many values are below a bound.
    let below = |bound: i128| (bound - first + step - 1).div_euclid(step).clamp(0, count) as usize;
    let start = below(range.low.into());
    Some(start..below(i128::from(range.high) + 1).max(start))
}

/// A range as differences from zero on the circle of 64 bits; none has a first and a last.
fn plain_ends(range: Range) -> Option<(u64, u64)> {
    (range.low <= range.high).then_some((range.low as u64, range.high as u64))
}

wide! {
    fn count_plain(values: &[i64], range: Range) -> usize {
        let Some((low, high)) = plain_ends(range) else { return 0 };
        let mut sink = Count { low, high, count: 0 };
        sink.wide(values);
        sink.count
    }
}

wide! {
    fn select_plain(values: &[i64], range: Range) -> BooleanBuffer {
        let Some((low, high)) = plain_ends(range) else { return constant(false, values.len()) };
        let mut sink = Select::new(low, high, values.len());
        for chunk in values.chunks(CHUNK) {
            sink.wide(chunk);
        }
        sink.finish(values.len())
    }
}

struct Count {
    low: u64,
    high: u64,
    count: usize,
}

impl Sink for Count {
    #[inline(always)]
    fn narrow(&mut self, values: &[impl Lane<Value = u32>]) {
        if self.low > u64::from(u32::MAX) {
            return;
        }
        let (low, width) = (self.low as u32, (self.high.min(u64::from(u32::MAX)) - self.low) as u32);
        let mut found = 0u32;
        for value in values {
            found += u32::from(value.value().wrapping_sub(low) <= width);
        }
        self.count += found as usize;
    }

    #[inline(always)]
    fn wide(&mut self, values: &[impl Lane<Value = u64>]) {
        let (low, width) = (self.low, self.high.wrapping_sub(self.low));
        let mut found = 0u64;
        for value in values {
            found += u64::from(value.value().wrapping_sub(low) <= width);
        }
        self.count += found as usize;
    }
}

wide! {
    fn count_deltas(frame: Frame<'_>, low: u64, high: u64) -> usize {
        let mut sink = Count { low, high, count: 0 };
        unpack(frame.packed, frame.count, frame.width, &mut sink).expect(MEASURED);
        sink.count
    }
}

struct Select {
    low: u64,
    high: u64,
    bytes: Vec<u8>,
    /// Of `bytes` so many are filled.
    filled: usize,
}

impl Select {
    fn new(low: u64, high: u64, count: usize) -> Self {
        Self { low, high, bytes: vec![0; count.div_ceil(8)], filled: 0 }
    }

    fn finish(self, count: usize) -> BooleanBuffer {
        BooleanBuffer::new(MutableBuffer::from(self.bytes).into(), 0, count)
    }

    /// Eight answers, each a byte of 0 or 1, become one byte: the product moves bit `8 * i` to bit `56 + i`.
    #[inline(always)]
    fn push(&mut self, answers: &[u8]) {
        let gather = |eight: [u8; 8]| (u64::from_le_bytes(eight).wrapping_mul(0x0102_0408_1020_4080) >> 56) as u8;
        let (whole, rest) = answers.as_chunks::<8>();
        let bytes = &mut self.bytes[self.filled..self.filled + answers.len().div_ceil(8)];
        self.filled += bytes.len();
        for (byte, &eight) in bytes.iter_mut().zip(whole) {
            *byte = gather(eight);
        }
        if !rest.is_empty() {
            let mut eight = [0; 8];
            eight[..rest.len()].copy_from_slice(rest);
            bytes[whole.len()] = gather(eight);
        }
    }
}

impl Sink for Select {
    #[inline(always)]
    fn narrow(&mut self, values: &[impl Lane<Value = u32>]) {
        let mut answers = [0u8; CHUNK];
        if self.low <= u64::from(u32::MAX) {
            let (low, width) = (self.low as u32, (self.high.min(u64::from(u32::MAX)) - self.low) as u32);
            for (answer, value) in answers.iter_mut().zip(values) {
                *answer = u8::from(value.value().wrapping_sub(low) <= width);
            }
        }
        self.push(&answers[..values.len()]);
    }

    #[inline(always)]
    fn wide(&mut self, values: &[impl Lane<Value = u64>]) {
        let mut answers = [0u8; CHUNK];
        let (low, width) = (self.low, self.high.wrapping_sub(self.low));
        for (answer, value) in answers.iter_mut().zip(values) {
            *answer = u8::from(value.value().wrapping_sub(low) <= width);
        }
        self.push(&answers[..values.len()]);
    }
}

wide! {
    fn select_deltas(frame: Frame<'_>, low: u64, high: u64) -> BooleanBuffer {
        // Chunks are multiples of eight values, so every byte of answers is whole but the last.
        let mut sink = Select::new(low, high, frame.count);
        unpack(frame.packed, frame.count, frame.width, &mut sink).expect(MEASURED);
        sink.finish(frame.count)
    }
}
