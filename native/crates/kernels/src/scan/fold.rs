//! Sums and extremes of encoded integers.

use crate::cpu::wide;
use crate::encodings::integers::{Frame, Integers};
use crate::encodings::pack::{Lane, Sink, unpack};

/// A frame's bytes were measured when it was read.
const MEASURED: &str = "a frame has as many bytes as its values take";

/// The sum of all values. It cannot overflow: there are fewer than 2^64 values of 64 bits.
pub fn sum(values: &Integers<'_>) -> i128 {
    match values {
        Integers::Constant { value, count } => i128::from(*value) * *count as i128,
        Integers::Frame(frame) => i128::from(frame.base) * frame.count as i128 + sum_of_frame(*frame) as i128,
        Integers::Runs { heads, lengths } => {
            heads.iter().zip(lengths).map(|(&head, &length)| i128::from(head) * i128::from(length)).sum()
        }
        Integers::Dictionary { entries, codes } => {
            let mut counts = vec![0; entries.len()];
            count_codes(*codes, &mut counts);
            entries.iter().zip(counts).map(|(&entry, count)| i128::from(entry) * i128::from(count)).sum()
        }
        Integers::Delta { first, deltas } => {
            even_steps(*first, *deltas).unwrap_or_else(|| sum_of_deltas(*first, *deltas))
        }
    }
}

/// The sum where every step is the same and none leaves the range of the type.
fn even_steps(first: i64, deltas: Frame<'_>) -> Option<i128> {
    let (step, steps) = (i128::from(deltas.base), deltas.count as i128);
    let even = deltas.width == 0 && i64::try_from(i128::from(first) + step * steps).is_ok();
    even.then(|| i128::from(first) * (steps + 1) + step * (steps * (steps + 1) / 2))
}

/// The least and the greatest value; `None` when there are none.
pub fn min_max(values: &Integers<'_>) -> Option<(i64, i64)> {
    if values.is_empty() {
        return None;
    }
    let ends = |values: &[i64]| {
        let first = values[0];
        values.iter().fold((first, first), |(min, max), &value| (min.min(value), max.max(value)))
    };
    Some(match values {
        Integers::Constant { value, .. } => (*value, *value),
        Integers::Frame(frame) => {
            let (least, most) = ends_of_frame(*frame);
            let value = |delta: u64| frame.base.wrapping_add(delta as i64);
            // Bytes that were not written here could wrap around.
            match frame.base.checked_add_unsigned(most) {
                Some(max) => (value(least), max),
                None => ends(&values.to_vec()),
            }
        }
        Integers::Runs { heads, .. } => ends(heads),
        // Every entry is of some value where this was written; else all are looked at.
        Integers::Dictionary { entries, codes } => {
            let (least, most) = ends_of_frame(*codes);
            (entries[least as usize], entries[most as usize])
        }
        Integers::Delta { first, deltas } if deltas.base >= 0 && monotone(*first, *deltas) => {
            (*first, first.wrapping_add(step_sum(*deltas)))
        }
        Integers::Delta { .. } => ends(&values.to_vec()),
    })
}

/// Whether adding up the deltas never leaves the range of the type.
fn monotone(first: i64, deltas: Frame<'_>) -> bool {
    let steps = i128::from(deltas.base) * deltas.count as i128 + sum_of_frame(deltas) as i128;
    i64::try_from(i128::from(first) + steps).is_ok()
}

fn step_sum(deltas: Frame<'_>) -> i64 {
    (i128::from(deltas.base) * deltas.count as i128 + sum_of_frame(deltas) as i128) as i64
}

#[derive(Default)]
struct Sum(u128);

impl Sink for Sum {
    #[inline(always)]
    fn small(&mut self, values: &[impl Lane<Value = u32>]) {
        let mut sum = 0u32;
        for value in values {
            sum += value.value();
        }
        self.0 += u128::from(sum);
    }

    #[inline(always)]
    fn narrow(&mut self, values: &[impl Lane<Value = u32>]) {
        let mut sum = 0u64;
        for value in values {
            sum += u64::from(value.value());
        }
        self.0 += u128::from(sum);
    }

    #[inline(always)]
    fn wide(&mut self, values: &[impl Lane<Value = u64>]) {
        // The halves of a chunk's values add up without overflow.
        let (mut low, mut high) = (0u64, 0u64);
        for value in values {
            let value = value.value();
            low += value & 0xffff_ffff;
            high += value >> 32;
        }
        self.0 += u128::from(low) + (u128::from(high) << 32);
    }
}

wide! {
    /// The sum of the differences from the base.
    fn sum_of_frame(frame: Frame<'_>) -> u128 {
        let mut sink = Sum::default();
        unpack(frame.packed, frame.count, frame.width, &mut sink).expect(MEASURED);
        sink.0
    }
}

struct Ends {
    least: u64,
    most: u64,
}

impl Sink for Ends {
    #[inline(always)]
    fn narrow(&mut self, values: &[impl Lane<Value = u32>]) {
        let (mut least, mut most) = (u32::MAX, 0);
        for value in values {
            let value = value.value();
            least = value.min(least);
            most = value.max(most);
        }
        self.least = self.least.min(u64::from(least));
        self.most = self.most.max(u64::from(most));
    }

    #[inline(always)]
    fn wide(&mut self, values: &[impl Lane<Value = u64>]) {
        let (mut least, mut most) = (self.least, self.most);
        for value in values {
            let value = value.value();
            least = value.min(least);
            most = value.max(most);
        }
        (self.least, self.most) = (least, most);
    }
}

wide! {
    /// The least and the greatest difference from the base.
    fn ends_of_frame(frame: Frame<'_>) -> (u64, u64) {
        let mut sink = Ends { least: u64::MAX, most: 0 };
        unpack(frame.packed, frame.count, frame.width, &mut sink).expect(MEASURED);
        (sink.least, sink.most)
    }
}

struct Counts<'a>(&'a mut [u32]);

impl Sink for Counts<'_> {
    #[inline(always)]
    fn narrow(&mut self, values: &[impl Lane<Value = u32>]) {
        values.iter().for_each(|code| self.0[code.value() as usize] += 1);
    }

    #[inline(always)]
    fn wide(&mut self, values: &[impl Lane<Value = u64>]) {
        values.iter().for_each(|code| self.0[code.value() as usize] += 1);
    }
}

fn count_codes(codes: Frame<'_>, counts: &mut [u32]) {
    unpack(codes.packed, codes.count, codes.width, &mut Counts(counts)).expect(MEASURED);
}

struct Running {
    base: i64,
    value: i64,
    sum: i128,
}

impl Running {
    #[inline(always)]
    fn add(&mut self, deltas: impl Iterator<Item = i64>) {
        let mut value = self.value;
        for delta in deltas {
            value = value.wrapping_add(self.base).wrapping_add(delta);
            self.sum += i128::from(value);
        }
        self.value = value;
    }
}

impl Sink for Running {
    #[inline(always)]
    fn narrow(&mut self, values: &[impl Lane<Value = u32>]) {
        self.add(values.iter().map(|value| i64::from(value.value())));
    }

    #[inline(always)]
    fn wide(&mut self, values: &[impl Lane<Value = u64>]) {
        self.add(values.iter().map(|value| value.value() as i64));
    }
}

wide! {
    fn sum_of_deltas(first: i64, deltas: Frame<'_>) -> i128 {
        let mut sink = Running { base: deltas.base, value: first, sum: i128::from(first) };
        unpack(deltas.packed, deltas.count, deltas.width, &mut sink).expect(MEASURED);
        sink.sum
    }
}
