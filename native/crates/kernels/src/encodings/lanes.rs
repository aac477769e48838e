//! A chunk's values unpacked with 256-bit vectors. The same loops in `pack` are not made into vectors by the compiler, and
//! take four times as long (`examples/bench_encodings.rs`).

use std::arch::x86_64::*;

use super::pack::{CHUNK, ROW_BYTES};

/// Bytes of a vector.
const VECTOR: usize = 32;

macro_rules! unpack {
    ($name:ident, $word:ty, $splat:ident, $right:ident, $left:ident) => {
        /// As the function of the same name in `pack`.
        #[target_feature(enable = "avx2")]
        pub fn $name(packed: &[u8], width: u8, out: &mut [$word; CHUNK]) {
            const BITS: usize = <$word>::BITS as usize;
            const LANES: usize = CHUNK / BITS;
            let width = usize::from(width);
            let mask = $splat((<$word>::MAX >> (BITS - width)).cast_signed());
            let rows = packed.as_chunks::<ROW_BYTES>().0;
            for (row, out) in out.as_chunks_mut::<LANES>().0.iter_mut().enumerate() {
                let (at, shift) = (row * width / BITS, row * width % BITS);
                let right = _mm_cvtsi32_si128(shift as i32);
                let (out, _) = out.as_chunks_mut::<{ VECTOR / size_of::<$word>() }>();
                let low = rows[at].as_chunks::<VECTOR>().0;
                if shift + width <= BITS {
                    for (out, low) in out.iter_mut().zip(low) {
                        store(out, _mm256_and_si256($right(load(low), right), mask));
                    }
                } else {
                    let left = _mm_cvtsi32_si128((BITS - shift) as i32);
                    let high = rows[at + 1].as_chunks::<VECTOR>().0;
                    for (out, (low, high)) in out.iter_mut().zip(low.iter().zip(high)) {
                        let both = _mm256_or_si256($right(load(low), right), $left(load(high), left));
                        store(out, _mm256_and_si256(both, mask));
                    }
                }
            }
        }
    };
}

unpack!(unpack_narrow, u32, _mm256_set1_epi32, _mm256_srl_epi32, _mm256_sll_epi32);
unpack!(unpack_wide, u64, _mm256_set1_epi64x, _mm256_srl_epi64, _mm256_sll_epi64);

#[target_feature(enable = "avx2")]
#[inline]
fn load(bytes: &[u8; VECTOR]) -> __m256i {
    // SAFETY: so many bytes are there, and the load asks for no alignment.
    unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) }
}

#[target_feature(enable = "avx2")]
#[inline]
fn store<T: Copy, const N: usize>(out: &mut [T; N], value: __m256i) {
    const { assert!(size_of::<[T; N]>() == VECTOR, "a vector fills them all") }
    // SAFETY: so many bytes are there, any bits are an integer, and the store asks for no alignment.
    unsafe { _mm256_storeu_si256(out.as_mut_ptr().cast(), value) }
}

#[cfg(test)]
mod tests {
    use super::super::pack;
    use super::*;

    /// Whatever the bytes and the width, and without what the test of packing depends on.
    #[test]
    fn vectors_and_words_give_the_same() {
        if !crate::cpu::has_vectors() {
            return;
        }
        let mut state = 1u64;
        let bytes: Vec<u8> = std::iter::repeat_with(|| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 56) as u8
        })
        .take(63 * ROW_BYTES)
        .collect();
        for width in 1..=63u8 {
            let packed = &bytes[..ROW_BYTES * usize::from(width)];
            if width < 32 {
                let (mut one, mut other) = ([0; CHUNK], [1; CHUNK]);
                pack::unpack_narrow(packed, width, &mut one);
                // SAFETY: the processor has the vectors.
                unsafe { unpack_narrow(packed, width, &mut other) };
                assert_eq!(one, other, "width {width}");
            }
            let (mut one, mut other) = ([0; CHUNK], [1; CHUNK]);
            pack::unpack_wide(packed, width, &mut one);
            // SAFETY: the processor has the vectors.
            unsafe { unpack_wide(packed, width, &mut other) };
            assert_eq!(one, other, "width {width}");
        }
    }
}
