//! Which keys one side of a join has, for the other side's scan to leave out rows that cannot match: one bit a key where
//! keys lie close together, else a Bloom filter, which lets some strangers pass. NULL is never a member.

use arrow_array::{Array, ArrayRef};
use arrow_buffer::BooleanBuffer;
use millrace_base::Result;

use crate::hash::mix;
use crate::raw::sortable_i64;

/// Bits of a dense set a key, at most; and in all.
const DENSE_BITS_PER_KEY: u64 = 64;
const DENSE_BITS_MAX: u64 = 1 << 28;
/// Bits of a Bloom filter a key.
const BLOOM_BITS_PER_KEY: usize = 16;

#[derive(Debug)]
pub struct Member {
    least: i64,
    most: i64,
    set: Set,
}

#[derive(Debug)]
enum Set {
    Dense(Vec<u64>),
    /// Three bits of one word a key.
    Bloom {
        words: Vec<u64>,
        shift: u32,
    },
}

/// A word's number and its bits.
#[inline]
fn bloom(key: i64, shift: u32) -> (usize, u64) {
    let hash = mix(key as u64, 0x9e6c_63d0_876a_9a47);
    let bits = 1u64 << (hash & 63) | 1u64 << (hash >> 6 & 63) | 1u64 << (hash >> 12 & 63);
    ((hash >> shift) as usize, bits)
}

impl Member {
    /// `None` for a column of a type that is not integers, and when it has no value: then nothing can match anyway.
    pub fn of(keys: &ArrayRef) -> Result<Option<Self>> {
        let Some(values) = sortable_i64(keys.as_ref())? else { return Ok(None) };
        let nulls = keys.nulls().filter(|n| n.null_count() > 0);
        let present = || (0..values.len()).filter(|&row| nulls.is_none_or(|n| n.is_valid(row))).map(|row| values[row]);
        let Some((least, most)) = present().fold(None, |ends: Option<(i64, i64)>, key| {
            let (least, most) = ends.unwrap_or((key, key));
            Some((least.min(key), most.max(key)))
        }) else {
            return Ok(None);
        };
        let span = most.wrapping_sub(least) as u64;
        let set = if span < (values.len() as u64 * DENSE_BITS_PER_KEY + (1 << 16)).min(DENSE_BITS_MAX) {
            let mut bits = vec![0u64; (span / 64 + 1) as usize];
            for key in present() {
                let at = key.wrapping_sub(least) as usize;
                bits[at / 64] |= 1 << (at % 64);
            }
            Set::Dense(bits)
        } else {
            let words = (values.len() * BLOOM_BITS_PER_KEY / 64).next_power_of_two().max(2);
            let shift = 64 - words.trailing_zeros();
            let mut words = vec![0u64; words];
            for key in present() {
                let (at, bits) = bloom(key, shift);
                words[at] |= bits;
            }
            Set::Bloom { words, shift }
        };
        Ok(Some(Self { least, most, set }))
    }

    /// Least and greatest member, as `sortable_i64` gives them.
    pub fn ends(&self) -> (i64, i64) {
        (self.least, self.most)
    }

    #[inline]
    pub fn may_hold(&self, key: i64) -> bool {
        if key < self.least || key > self.most {
            return false;
        }
        match &self.set {
            Set::Dense(bits) => {
                let at = key.wrapping_sub(self.least) as usize;
                bits[at / 64] >> (at % 64) & 1 == 1
            }
            Set::Bloom { words, shift } => {
                let (at, bits) = bloom(key, *shift);
                words[at] & bits == bits
            }
        }
    }

    /// One bit a row: whether its key may be a member.
    pub fn select(&self, keys: &ArrayRef) -> Result<BooleanBuffer> {
        let Some(values) = sortable_i64(keys.as_ref())? else { return Ok(BooleanBuffer::new_set(keys.len())) };
        let bits = BooleanBuffer::collect_bool(values.len(), |row| self.may_hold(values[row]));
        Ok(match keys.nulls().filter(|n| n.null_count() > 0) {
            None => bits,
            Some(nulls) => &bits & nulls.inner(),
        })
    }

    pub fn bytes(&self) -> usize {
        match &self.set {
            Set::Dense(words) | Set::Bloom { words, .. } => words.len() * 8,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{Int64Array, StringArray};

    use super::*;

    #[test]
    fn members_pass_and_most_strangers_do_not() {
        for step in [1i64, 1_000_003, 1 << 40] {
            let keys: ArrayRef =
                Arc::new((0..10_000).map(|i| (i % 5 != 0).then_some((i - 5000) * step)).collect::<Int64Array>());
            let member = Member::of(&keys).unwrap().unwrap();
            let selected = member.select(&keys).unwrap();
            assert_eq!(selected.count_set_bits(), 8000, "NULLs are no members");
            let others: ArrayRef =
                Arc::new((0..10_000).map(|i| Some((i - 5000) * step + step / 2 + 1)).collect::<Int64Array>());
            let passed = member.select(&others).unwrap().count_set_bits();
            assert!(step == 1 || passed < 300, "{passed} of 10000 with step {step}");
        }
        let nothing: ArrayRef = Arc::new(Int64Array::from(vec![None, None]));
        assert!(Member::of(&nothing).unwrap().is_none());
        let texts: ArrayRef = Arc::new(StringArray::from(vec!["a"]));
        assert!(Member::of(&texts).unwrap().is_none());
    }
}
