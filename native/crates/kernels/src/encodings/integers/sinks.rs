//! What the packed values of a frame become: values, codes, differences added up, entries looked up, the greatest.

use std::borrow::Cow;

use super::Frame;
use crate::cpu::wide;
use crate::encodings::pack::{Lane, Sink, unpack};

/// Appends what `each` makes of the values.
#[inline(always)]
fn append<L: Lane, T: Copy>(out: &mut Vec<T>, values: &[L], each: impl Fn(L::Value) -> T) {
    out.reserve(values.len());
    for (slot, &value) in out.spare_capacity_mut()[..values.len()].iter_mut().zip(values) {
        slot.write(each(value.value()));
    }
    // SAFETY: so many slots behind the end have just been written.
    unsafe { out.set_len(out.len() + values.len()) };
}

struct Codes {
    base: u32,
    values: Vec<u32>,
}

impl Sink for Codes {
    #[inline(always)]
    fn narrow(&mut self, values: &[impl Lane<Value = u32>]) {
        let base = self.base;
        append(&mut self.values, values, |value| base.wrapping_add(value));
    }

    #[inline(always)]
    fn wide(&mut self, values: &[impl Lane<Value = u64>]) {
        let base = self.base;
        append(&mut self.values, values, |value| base.wrapping_add(value as u32));
    }
}

wide! {
    pub(super) fn unpack_codes(frame: Frame<'_>) -> Vec<u32> {
        let mut sink = Codes { base: frame.base as u32, values: Vec::with_capacity(frame.count) };
        unpack(frame.packed, frame.count, frame.width, &mut sink).expect(MEASURED);
        sink.values
    }
}

/// Adds up values until a number of them has come.
struct FirstOf {
    left: usize,
    sum: u64,
}

impl Sink for FirstOf {
    #[inline(always)]
    fn narrow(&mut self, values: &[impl Lane<Value = u32>]) {
        let count = self.left.min(values.len());
        self.left -= count;
        for value in &values[..count] {
            self.sum = self.sum.wrapping_add(value.value().into());
        }
    }

    #[inline(always)]
    fn wide(&mut self, values: &[impl Lane<Value = u64>]) {
        let count = self.left.min(values.len());
        self.left -= count;
        for value in &values[..count] {
            self.sum = self.sum.wrapping_add(value.value());
        }
    }
}

wide! {
    /// The value behind so many deltas.
    pub(super) fn nth(first: i64, deltas: Frame<'_>, index: usize) -> i64 {
        let mut sink = FirstOf { left: index, sum: 0 };
        unpack(deltas.packed, deltas.count, deltas.width, &mut sink).expect(MEASURED);
        first.wrapping_add(deltas.base.wrapping_mul(index as i64)).wrapping_add(sink.sum as i64)
    }
}

struct Based {
    base: i64,
    values: Vec<i64>,
}

impl Sink for Based {
    #[inline(always)]
    fn narrow(&mut self, values: &[impl Lane<Value = u32>]) {
        let base = self.base;
        append(&mut self.values, values, |value| base.wrapping_add(i64::from(value)));
    }

    #[inline(always)]
    fn wide(&mut self, values: &[impl Lane<Value = u64>]) {
        let base = self.base;
        append(&mut self.values, values, |value| base.wrapping_add(value as i64));
    }
}

/// A frame's bytes were measured when it was read.
const MEASURED: &str = "a frame has as many bytes as its values take";

wide! {
    pub(super) fn unpack_frame(frame: Frame<'_>) -> Vec<i64> {
        let mut sink = Based { base: frame.base, values: Vec::with_capacity(frame.count) };
        unpack(frame.packed, frame.count, frame.width, &mut sink).expect(MEASURED);
        sink.values
    }
}

wide! {
    /// The deltas, behind a zero.
    pub(super) fn unpack_deltas(frame: Frame<'_>) -> Vec<i64> {
        let mut values = Vec::with_capacity(frame.count + 1);
        values.push(0);
        let mut sink = Based { base: frame.base, values };
        unpack(frame.packed, frame.count, frame.width, &mut sink).expect(MEASURED);
        sink.values
    }
}

struct LookedUp<'a> {
    entries: Cow<'a, [i64]>,
    values: Vec<i64>,
}

impl Sink for LookedUp<'_> {
    #[inline(always)]
    fn narrow(&mut self, values: &[impl Lane<Value = u32>]) {
        let entries = &*self.entries;
        append(&mut self.values, values, |code| entries[code as usize]);
    }

    #[inline(always)]
    fn wide(&mut self, values: &[impl Lane<Value = u64>]) {
        let entries = &*self.entries;
        append(&mut self.values, values, |code| entries[code as usize]);
    }
}

wide! {
    pub(super) fn look_up(codes: Frame<'_>, entries: &[i64]) -> Vec<i64> {
        let mut sink = LookedUp { entries: entries.into(), values: Vec::with_capacity(codes.count) };
        unpack(codes.packed, codes.count, codes.width, &mut sink).expect(MEASURED);
        sink.values
    }
}

struct Greatest(u64);

impl Sink for Greatest {
    #[inline(always)]
    fn narrow(&mut self, values: &[impl Lane<Value = u32>]) {
        let mut most = 0;
        for value in values {
            most = value.value().max(most);
        }
        self.0 = self.0.max(u64::from(most));
    }

    #[inline(always)]
    fn wide(&mut self, values: &[impl Lane<Value = u64>]) {
        let mut most = self.0;
        for value in values {
            most = value.value().max(most);
        }
        self.0 = most;
    }
}

wide! {
    /// The greatest difference from the base.
    pub(crate) fn greatest(frame: Frame<'_>) -> u64 {
        let mut sink = Greatest(0);
        unpack(frame.packed, frame.count, frame.width, &mut sink).expect(MEASURED);
        sink.0
    }
}
