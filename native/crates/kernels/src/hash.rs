//! Hashes of rows, column by column. Only for tables in memory: nothing stored or sent depends on them.

use std::hash::{BuildHasher, Hasher};

use crate::raw::{RawColumn, Words};

const SEED: u64 = 0x9e37_79b9_7f4a_7c15;
const NULL: u64 = 0xd6e8_feb8_6659_fd93;

/// Folded multiplication: all bits of the result depend on all bits of the input.
#[inline]
pub fn mix(value: u64, state: u64) -> u64 {
    let product = u128::from(value ^ SEED) * u128::from(state ^ 0xa076_1d64_78bd_642f);
    (product as u64) ^ ((product >> 64) as u64)
}

/// One hash a row, over all columns.
pub fn hash_columns(columns: &[RawColumn], rows: usize) -> Vec<u64> {
    let mut hashes = vec![SEED; rows];
    let state = ahash::RandomState::with_seeds(SEED, NULL, 3, 4);
    for column in columns {
        let nulls = column.nulls.as_ref();
        match &column.words {
            Words::Bits(v) => fold(&mut hashes, nulls, |i| u64::from(v.value(i))),
            Words::W2(v) => fold(&mut hashes, nulls, |i| v[i] as u64),
            Words::W4(v) => fold(&mut hashes, nulls, |i| v[i] as u64),
            Words::W8(v) => fold(&mut hashes, nulls, |i| v[i] as u64),
            Words::W16(v) => fold(&mut hashes, nulls, |i| mix(v[i] as u64, (v[i] >> 64) as u64)),
            Words::Bytes(..) => fold(&mut hashes, nulls, |i| {
                let mut hasher = state.build_hasher();
                hasher.write(column.bytes(i));
                hasher.finish()
            }),
        }
    }
    hashes
}

#[inline]
fn fold(hashes: &mut [u64], nulls: Option<&arrow_buffer::NullBuffer>, word: impl Fn(usize) -> u64) {
    match nulls {
        None => hashes.iter_mut().enumerate().for_each(|(i, h)| *h = mix(word(i), *h)),
        Some(nulls) => hashes.iter_mut().enumerate().for_each(|(i, h)| {
            *h = mix(if nulls.is_null(i) { NULL } else { word(i) }, *h);
        }),
    }
}
