//! Bit packing: values below 2^width. Widths of 8, 16, 32 and 64 bits are plain little-endian lanes. Other widths are
//! packed in chunks of 1,024 values of which every 32nd (every 16th above 32 bits) lie in one lane, so that one shift
//! and one mask unpack a whole vector of neighbours; the values behind the last whole chunk lie one after the other.

use super::bytes::{Malformed, Result};

/// Values of a chunk.
pub const CHUNK: usize = 1024;
/// Bytes of one word in every lane.
pub(super) const ROW_BYTES: usize = 128;

/// Bits that the largest value needs.
pub fn width_of(max: u64) -> u8 {
    (64 - max.leading_zeros()) as u8
}

/// Bytes that `count` values of `width` bits take.
pub fn packed_bytes(count: usize, width: u8) -> usize {
    // A chunk of 1,024 values takes 128 bytes a bit, which is what they take one after the other.
    (count * usize::from(width)).div_ceil(8)
}

/// Rounds a width up to a whole lane where that costs at most a quarter more: lanes are read faster.
pub fn lane_width(width: u8) -> u8 {
    let lane = match width {
        0 => 0,
        1..=8 => 8,
        9..=16 => 16,
        17..=32 => 32,
        _ => 64,
    };
    if u32::from(lane) * 4 <= u32::from(width) * 5 { lane } else { width }
}

/// A value of a lane, as it lies in the bytes or in a chunk that was unpacked.
pub trait Lane: Copy {
    type Value;
    fn value(self) -> Self::Value;
}

macro_rules! lane {
    ($lane:ty, $value:ty, $read:expr) => {
        impl Lane for $lane {
            type Value = $value;
            #[inline(always)]
            fn value(self) -> $value {
                #[allow(clippy::redundant_closure_call, reason = "a closure names the argument")]
                $read(self)
            }
        }
    };
}

lane!(u8, u32, u32::from);
lane!([u8; 2], u32, |bytes| u32::from(u16::from_le_bytes(bytes)));
lane!([u8; 4], u32, u32::from_le_bytes);
lane!(u32, u32, std::convert::identity);
lane!([u8; 8], u64, u64::from_le_bytes);
lane!(u64, u64, std::convert::identity);
lane!(i64, u64, i64::cast_unsigned);

/// Takes unpacked values, a chunk at a time and in order. Slices and not iterators, whose adapters are functions of their own
/// where the compiler does not inline them, and are then compiled without the vectors of their caller.
pub trait Sink {
    /// Values so small that a chunk of them adds up to less than 2^32.
    #[inline(always)]
    fn small(&mut self, values: &[impl Lane<Value = u32>]) {
        self.narrow(values);
    }
    /// Values of at most 32 bits.
    fn narrow(&mut self, values: &[impl Lane<Value = u32>]);
    fn wide(&mut self, values: &[impl Lane<Value = u64>]);
}

/// Values of so many bits are small: 2^10 of them are a chunk.
const SMALL_WIDTH_MAX: u8 = 22;

macro_rules! vertical {
    ($word:ty, $pack:ident, $unpack:ident) => {
        fn $pack(values: &[i64; CHUNK], base: i64, width: u8, out: &mut Vec<u8>) {
            const BITS: usize = <$word>::BITS as usize;
            const LANES: usize = CHUNK / BITS;
            let width = usize::from(width);
            let mut words = [[0 as $word; LANES]; BITS];
            for (row, values) in values.as_chunks::<LANES>().0.iter().enumerate() {
                let (at, shift) = (row * width / BITS, row * width % BITS);
                for lane in 0..LANES {
                    words[at][lane] |= (values[lane].wrapping_sub(base) as $word) << shift;
                }
                if shift + width > BITS {
                    for lane in 0..LANES {
                        words[at + 1][lane] |= (values[lane].wrapping_sub(base) as $word) >> (BITS - shift);
                    }
                }
            }
            words[..width].iter().flatten().for_each(|word| out.extend_from_slice(&word.to_le_bytes()));
        }

        /// `packed` holds one chunk.
        pub(super) fn $unpack(packed: &[u8], width: u8, out: &mut [$word; CHUNK]) {
            const BITS: usize = <$word>::BITS as usize;
            const LANES: usize = CHUNK / BITS;
            #[inline(always)]
            fn word(row: &[u8; ROW_BYTES], lane: usize) -> $word {
                <$word>::from_le_bytes(row.as_chunks::<{ BITS / 8 }>().0[lane])
            }
            let width = usize::from(width);
            let mask = <$word>::MAX >> (BITS - width);
            let rows = packed.as_chunks::<ROW_BYTES>().0;
            for (row, out) in out.as_chunks_mut::<LANES>().0.iter_mut().enumerate() {
                let (at, shift) = (row * width / BITS, row * width % BITS);
                let low = &rows[at];
                if shift + width <= BITS {
                    for lane in 0..LANES {
                        out[lane] = (word(low, lane) >> shift) & mask;
                    }
                } else {
                    let high = &rows[at + 1];
                    for lane in 0..LANES {
                        out[lane] = ((word(low, lane) >> shift) | (word(high, lane) << (BITS - shift))) & mask;
                    }
                }
            }
        }
    };
}

vertical!(u32, pack_narrow, unpack_narrow);
vertical!(u64, pack_wide, unpack_wide);

macro_rules! fastest {
    ($name:ident, $unpack:ident, $word:ty) => {
        #[inline(always)]
        fn $name(packed: &[u8], width: u8, out: &mut [$word; CHUNK]) {
            #[cfg(target_arch = "x86_64")]
            if crate::cpu::has_vectors() {
                // SAFETY: the features that the function is compiled for have just been found.
                return unsafe { super::lanes::$unpack(packed, width, out) };
            }
            $unpack(packed, width, out);
        }
    };
}

fastest!(narrow_chunk, unpack_narrow, u32);
fastest!(wide_chunk, unpack_wide, u64);

/// Appends the differences of the values from `base`, which must be below 2^width.
pub fn pack(values: &[i64], base: i64, width: u8, out: &mut Vec<u8>) {
    out.reserve(packed_bytes(values.len(), width));
    let deltas = values.iter().map(|value| value.wrapping_sub(base) as u64);
    match width {
        0 => {}
        8 => out.extend(deltas.map(|v| v as u8)),
        16 => deltas.for_each(|v| out.extend_from_slice(&(v as u16).to_le_bytes())),
        32 => deltas.for_each(|v| out.extend_from_slice(&(v as u32).to_le_bytes())),
        64 => deltas.for_each(|v| out.extend_from_slice(&v.to_le_bytes())),
        _ => {
            let (chunks, tail) = values.as_chunks::<CHUNK>();
            for chunk in chunks {
                if width < 32 { pack_narrow(chunk, base, width, out) } else { pack_wide(chunk, base, width, out) }
            }
            pack_tail(tail, base, width, out);
        }
    }
}

fn pack_tail(values: &[i64], base: i64, width: u8, out: &mut Vec<u8>) {
    let (mut word, mut filled) = (0u128, 0u32);
    for value in values {
        word |= u128::from(value.wrapping_sub(base) as u64) << filled;
        filled += u32::from(width);
        while filled >= 8 {
            out.push(word as u8);
            word >>= 8;
            filled -= 8;
        }
    }
    if filled > 0 {
        out.push(word as u8);
    }
}

/// Hands all `count` values to the sink. Compiled into its callers, with the vectors that they use.
#[inline(always)]
pub fn unpack(bytes: &[u8], count: usize, width: u8, sink: &mut impl Sink) -> Result<()> {
    if width > 64 || bytes.len() != packed_bytes(count, width) {
        return Err(Malformed("has packed values of another length"));
    }
    match width {
        0 => {
            for from in (0..count).step_by(CHUNK) {
                sink.small(&[0u8; CHUNK][..CHUNK.min(count - from)]);
            }
        }
        8 => bytes.chunks(CHUNK).for_each(|chunk| sink.small(chunk)),
        16 => bytes.as_chunks::<2>().0.chunks(CHUNK).for_each(|chunk| sink.small(chunk)),
        32 => bytes.as_chunks::<4>().0.chunks(CHUNK).for_each(|chunk| sink.narrow(chunk)),
        64 => bytes.as_chunks::<8>().0.chunks(CHUNK).for_each(|chunk| sink.wide(chunk)),
        1..=31 => {
            let mut values = [0u32; CHUNK];
            let (whole, tail) = bytes.split_at(count / CHUNK * ROW_BYTES * usize::from(width));
            for chunk in whole.chunks_exact(ROW_BYTES * usize::from(width)) {
                narrow_chunk(chunk, width, &mut values);
                if width <= SMALL_WIDTH_MAX { sink.small(&values) } else { sink.narrow(&values) }
            }
            let rest = &mut values[..count % CHUNK];
            rest.iter_mut().enumerate().for_each(|(at, value)| *value = value_in_tail(tail, at, width) as u32);
            sink.narrow(rest);
        }
        _ => {
            let mut values = [0u64; CHUNK];
            let (whole, tail) = bytes.split_at(count / CHUNK * ROW_BYTES * usize::from(width));
            for chunk in whole.chunks_exact(ROW_BYTES * usize::from(width)) {
                wide_chunk(chunk, width, &mut values);
                sink.wide(&values);
            }
            let rest = &mut values[..count % CHUNK];
            rest.iter_mut().enumerate().for_each(|(at, value)| *value = value_in_tail(tail, at, width));
            sink.wide(rest);
        }
    }
    Ok(())
}

fn value_in_tail(bytes: &[u8], index: usize, width: u8) -> u64 {
    let bit = index * usize::from(width);
    let (at, shift) = (bit / 8, bit % 8);
    // A value lies within nine bytes; near the end there are fewer, and the rest counts as zeros.
    let word = match bytes.get(at..at + 16) {
        Some(window) => u128::from_le_bytes(window.try_into().expect("16 bytes")),
        None => {
            let mut window = [0; 16];
            window[..bytes.len() - at].copy_from_slice(&bytes[at..]);
            u128::from_le_bytes(window)
        }
    };
    ((word >> shift) & ((1u128 << width) - 1)) as u64
}

/// One of `count` values. `bytes` must be `packed_bytes(count, width)` long, and `index` below `count`.
pub fn value_at(bytes: &[u8], count: usize, width: u8, index: usize) -> u64 {
    let word = |at: usize| u32::from_le_bytes(bytes[at * 4..at * 4 + 4].try_into().expect("4 bytes"));
    let long = |at: usize| u64::from_le_bytes(bytes[at * 8..at * 8 + 8].try_into().expect("8 bytes"));
    match width {
        0 => 0,
        8 => u64::from(bytes[index]),
        16 => u64::from(u16::from_le_bytes([bytes[index * 2], bytes[index * 2 + 1]])),
        32 => u64::from(word(index)),
        64 => long(index),
        _ => {
            let (chunk, within) = (index / CHUNK, index % CHUNK);
            let words = ROW_BYTES * usize::from(width);
            if chunk == count / CHUNK {
                return value_in_tail(&bytes[chunk * words..], within, width);
            }
            let mask = u64::MAX >> (64 - width);
            let (lanes, bits) = if width < 32 { (32, 32) } else { (16, 64) };
            let (row, lane) = (within / lanes, within % lanes);
            let (at, shift) = (row * usize::from(width) / bits, row * usize::from(width) % bits);
            let place = |at: usize| chunk * words * 8 / bits + at * lanes + lane;
            let spills = shift + usize::from(width) > bits;
            let value = if width < 32 {
                let high = if spills { u64::from(word(place(at + 1))) << 32 } else { 0 };
                (u64::from(word(place(at))) | high) >> shift
            } else {
                let high = if spills { long(place(at + 1)) << (64 - shift) } else { 0 };
                (long(place(at)) >> shift) | high
            };
            value & mask
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Values(Vec<u64>);

    impl Sink for Values {
        fn narrow(&mut self, values: &[impl Lane<Value = u32>]) {
            self.0.extend(values.iter().map(|value| u64::from(value.value())));
        }

        fn wide(&mut self, values: &[impl Lane<Value = u64>]) {
            self.0.extend(values.iter().map(|value| value.value()));
        }
    }

    #[test]
    fn every_width_comes_back() {
        for width in 0..=64u8 {
            for count in [0usize, 1, 7, 64, 129, 1023, 1024, 1025, 3000] {
                let mask = if width == 0 { 0 } else { u64::MAX >> (64 - width) };
                let value = |i: u64| i.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_right(7) & mask;
                let values: Vec<u64> = (0..count as u64).map(value).collect();
                let shifted: Vec<i64> = values.iter().map(|&v| v.wrapping_sub(99) as i64).collect();
                let mut bytes = Vec::new();
                pack(&shifted, -99, width, &mut bytes);
                assert_eq!(bytes.len(), packed_bytes(count, width));
                let mut back = Values(Vec::new());
                unpack(&bytes, count, width, &mut back).unwrap();
                assert_eq!(back.0, values, "width {width}");
                for index in (0..count).step_by(3) {
                    assert_eq!(value_at(&bytes, count, width, index), values[index], "width {width} index {index}");
                }
                assert!(width == 0 || count == 0 || unpack(&bytes[1..], count, width, &mut back).is_err());
            }
        }
    }

    #[test]
    fn lanes_are_chosen_where_they_cost_little() {
        assert_eq!([1, 6, 7, 12, 13, 25, 26, 50, 52].map(lane_width), [1, 6, 8, 12, 16, 25, 32, 50, 64]);
    }
}
