//! Sums of doubles that do not depend on order. A view adds and takes away values in the order in which changes come,
//! its query adds them in another; both must give the same bits. So sums are exact: a double of ordinary size is an
//! integer multiple of 2^-120 and is summed in a 256-bit integer; the others (tiny, huge, NaN, infinite) are counted
//! apart by exponent. Rounding happens once, at the end, to nearest even: the result is the double next to the true sum.
//! Rejected: compensated (Kahan, Neumaier) sums, which are better than naive ones but still depend on order.

use std::collections::BTreeMap;

use arrow_buffer::i256;

/// The weight of the lowest bit of the fixed-point sum is 2^-120.
const FIXED_BITS: i32 = 120;
/// Values below 2^95 leave room for 2^40 of them.
const EXPONENT_MAX: i32 = 95;
const LIMBS: usize = 36;
/// The lowest bit of the limbs: below that of the smallest double.
const LIMB_BITS_BELOW: i32 = 1088;
/// Bytes of the three counts of odd values, and of a mantissa with its exponent.
const ODD_HEAD: usize = 24;
const ODD_PART: usize = 20;

/// Mantissa and exponent: value = mantissa * 2^exponent.
#[inline]
fn split(value: f64) -> (i64, i32) {
    let bits = value.to_bits();
    let exponent = ((bits >> 52) & 0x7ff) as i32;
    let fraction = (bits & ((1 << 52) - 1)) as i64;
    let (mantissa, exponent) = if exponent == 0 { (fraction, -1074) } else { (fraction | (1 << 52), exponent - 1075) };
    (if (bits >> 63) == 1 { -mantissa } else { mantissa }, exponent)
}

/// The value as a multiple of 2^-120, if it is one of ordinary size.
#[inline]
pub fn fixed_of_float(value: f64) -> Option<i256> {
    if !value.is_finite() {
        return None;
    }
    let (mantissa, exponent) = split(value);
    let shift = exponent + FIXED_BITS;
    if shift >= 0 {
        // Integer width of the value: 53 bits of mantissa above its exponent.
        if exponent + 53 > EXPONENT_MAX {
            return None;
        }
        return Some(shift_left(mantissa, shift as u32));
    }
    if shift > -53 && mantissa.trailing_zeros() as i32 >= -shift {
        return Some(i256::from_i128(i128::from(mantissa >> -shift)));
    }
    (mantissa == 0).then_some(i256::ZERO)
}

/// `value << shift` for shifts below 180, without a loop over limbs.
#[inline]
fn shift_left(value: i64, shift: u32) -> i256 {
    let wide = i128::from(value);
    if shift < 64 {
        return i256::from_i128(wide << shift);
    }
    if shift < 128 {
        return i256::from_parts((wide << shift) as u128, wide >> (128 - shift));
    }
    i256::from_parts(0, wide << (shift - 128))
}

/// Rounded to the nearest double.
pub fn fixed_to_float(value: i256) -> f64 {
    let negative = value.is_negative();
    let magnitude = if negative { value.wrapping_neg() } else { value };
    let (low, high) = magnitude.to_parts();
    let limbs = [low as u64, (low >> 64) as u64, high as u64, (high >> 64) as u64];
    let rounded = round(&limbs, FIXED_BITS);
    if negative { -rounded } else { rounded }
}

/// The double next to `limbs * 2^-below`: the top 64 bits with a sticky bit for the rest convert with one rounding.
fn round(limbs: &[u64], below: i32) -> f64 {
    let Some(top) = limbs.iter().rposition(|&l| l != 0) else { return 0.0 };
    let zeros = limbs[top].leading_zeros();
    let mut head = limbs[top] << zeros;
    let mut sticky = false;
    if top > 0 {
        if zeros > 0 {
            head |= limbs[top - 1] >> (64 - zeros);
            sticky = limbs[top - 1] << zeros != 0;
        } else {
            sticky = limbs[top - 1] != 0;
        }
        sticky |= limbs[..top - 1].iter().any(|&l| l != 0);
    }
    let exponent = top as i32 * 64 - zeros as i32 - below;
    // A subnormal sum is an exact multiple of the smallest double, so the two scalings cannot round twice.
    scale((head | u64::from(sticky)) as f64, exponent)
}

/// `value * 2^exponent` for a value of up to 64 bits.
#[inline]
fn scale(value: f64, exponent: i32) -> f64 {
    if (-1022..900).contains(&exponent) {
        return value * f64::from_bits(((exponent + 1023) as u64) << 52);
    }
    let half = exponent / 2;
    value * 2f64.powi(half) * 2f64.powi(exponent - half)
}

/// The values outside the fixed-point range; most sums have none.
#[derive(Debug, Clone, Default, PartialEq)]
struct Odd {
    nans: i64,
    infinities: i64,
    negative_infinities: i64,
    /// Sum of mantissas by exponent.
    mantissas: BTreeMap<i32, i128>,
}

#[derive(Debug, Clone, Default)]
pub struct ExactSum {
    fixed: i256,
    odd: Option<Box<Odd>>,
}

impl ExactSum {
    /// Adds `value` `weight` times; a negative weight takes it away.
    #[inline]
    pub fn add(&mut self, value: f64, weight: i64) {
        match fixed_of_float(value) {
            Some(fixed) if weight == 1 => self.fixed = self.fixed.wrapping_add(fixed),
            Some(fixed) if weight == -1 => self.fixed = self.fixed.wrapping_sub(fixed),
            Some(fixed) => {
                self.fixed = self.fixed.wrapping_add(fixed.wrapping_mul(i256::from_i128(i128::from(weight))));
            }
            None => self.add_odd(value, weight),
        }
    }

    #[cold]
    fn add_odd(&mut self, value: f64, weight: i64) {
        let odd = self.odd.get_or_insert_default();
        if value.is_nan() {
            odd.nans += weight;
        } else if value == f64::INFINITY {
            odd.infinities += weight;
        } else if value == f64::NEG_INFINITY {
            odd.negative_infinities += weight;
        } else {
            let (mantissa, exponent) = split(value);
            let sum = odd.mantissas.entry(exponent).or_default();
            *sum += i128::from(mantissa) * i128::from(weight);
            if *sum == 0 {
                odd.mantissas.remove(&exponent);
            }
        }
        if *odd.as_ref() == Odd::default() {
            self.odd = None;
        }
    }

    /// The fixed-point part, and the bytes of what does not fit there.
    pub(crate) fn parts(&self) -> (i256, Option<Vec<u8>>) {
        let odd = self.odd.as_ref().map(|odd| {
            let mut bytes = Vec::with_capacity(ODD_HEAD + odd.mantissas.len() * ODD_PART);
            [odd.nans, odd.infinities, odd.negative_infinities]
                .iter()
                .for_each(|n| bytes.extend_from_slice(&n.to_le_bytes()));
            for (exponent, mantissa) in &odd.mantissas {
                bytes.extend_from_slice(&exponent.to_le_bytes());
                bytes.extend_from_slice(&mantissa.to_le_bytes());
            }
            bytes
        });
        (self.fixed, odd)
    }

    /// The sum of what `parts` gave; None for other bytes.
    pub(crate) fn from_parts(fixed: i256, odd: Option<&[u8]>) -> Option<Self> {
        let Some(bytes) = odd else { return Some(Self { fixed, odd: None }) };
        let (head, rest) = bytes.split_at_checked(ODD_HEAD)?;
        if rest.len() % ODD_PART != 0 {
            return None;
        }
        let count = |at: usize| Some(i64::from_le_bytes(head.get(at * 8..at * 8 + 8)?.try_into().ok()?));
        let mut odd =
            Odd { nans: count(0)?, infinities: count(1)?, negative_infinities: count(2)?, mantissas: BTreeMap::new() };
        for part in rest.chunks(ODD_PART) {
            let (exponent, mantissa) = part.split_at(4);
            odd.mantissas
                .insert(i32::from_le_bytes(exponent.try_into().ok()?), i128::from_le_bytes(mantissa.try_into().ok()?));
        }
        Some(Self { fixed, odd: Some(Box::new(odd)) })
    }

    /// Adds what another sum holds.
    pub fn merge(&mut self, other: &Self) {
        self.fixed = self.fixed.wrapping_add(other.fixed);
        let Some(more) = &other.odd else { return };
        let odd = self.odd.get_or_insert_default();
        odd.nans += more.nans;
        odd.infinities += more.infinities;
        odd.negative_infinities += more.negative_infinities;
        for (&exponent, &mantissa) in &more.mantissas {
            let sum = odd.mantissas.entry(exponent).or_default();
            *sum += mantissa;
            if *sum == 0 {
                odd.mantissas.remove(&exponent);
            }
        }
        if *odd.as_ref() == Odd::default() {
            self.odd = None;
        }
    }

    pub fn value(&self) -> f64 {
        let Some(odd) = &self.odd else { return fixed_to_float(self.fixed) };
        match (odd.nans != 0, odd.infinities != 0, odd.negative_infinities != 0) {
            (true, ..) | (_, true, true) => return f64::NAN,
            (_, true, _) => return f64::INFINITY,
            (.., true) => return f64::NEG_INFINITY,
            _ => {}
        }
        let mut limbs = [0u64; LIMBS];
        let (low, high) = self.fixed.to_parts();
        add_limbs(&mut limbs, low as i128 & i128::from(u64::MAX), LIMB_BITS_BELOW - FIXED_BITS);
        add_limbs(&mut limbs, (low >> 64) as i128, LIMB_BITS_BELOW - FIXED_BITS + 64);
        add_limbs(&mut limbs, high, LIMB_BITS_BELOW - FIXED_BITS + 128);
        for (&exponent, &sum) in &odd.mantissas {
            add_limbs(&mut limbs, sum, exponent + LIMB_BITS_BELOW);
        }
        let negative = limbs[LIMBS - 1] >> 63 == 1;
        if negative {
            let mut carry = true;
            for limb in &mut limbs {
                (*limb, carry) = (!*limb).overflowing_add(u64::from(carry));
            }
        }
        let rounded = round(&limbs, LIMB_BITS_BELOW);
        if negative { -rounded } else { rounded }
    }

    /// Whether some value was infinite or NaN: such a sum is not an overflow.
    pub fn has_special(&self) -> bool {
        self.odd.as_ref().is_some_and(|o| o.nans != 0 || o.infinities != 0 || o.negative_infinities != 0)
    }
}

/// Adds `value * 2^shift` to a two's complement number, sign-extended to its end.
fn add_limbs(limbs: &mut [u64; LIMBS], value: i128, shift: i32) {
    let (first, bits) = (shift as usize / 64, shift as u32 % 64);
    let sign = if value < 0 { u64::MAX } else { 0 };
    let (low, high) = (value as u64, (value >> 64) as u64);
    let parts = if bits == 0 {
        [low, high, sign]
    } else {
        [low << bits, (high << bits) | (low >> (64 - bits)), (sign << bits) | (high >> (64 - bits))]
    };
    let mut carry = false;
    for (i, limb) in limbs.iter_mut().enumerate().skip(first) {
        let part = parts.get(i - first).copied().unwrap_or(sign);
        let (sum, over) = limb.overflowing_add(part);
        let (sum, over_carry) = sum.overflowing_add(u64::from(carry));
        *limb = sum;
        carry = over || over_carry;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{Rng, SeedableRng, rngs::StdRng, seq::SliceRandom};

    fn sum(values: &[f64]) -> f64 {
        let mut sum = ExactSum::default();
        values.iter().for_each(|&v| sum.add(v, 1));
        sum.value()
    }

    #[test]
    fn sums_are_correctly_rounded() {
        assert_eq!(sum(&[0.1; 10]), 1.0);
        assert_eq!(sum(&[1e100, 1.0, -1e100]), 1.0);
        assert_eq!(sum(&[1e-320, 1e-320]), 2e-320);
        assert_eq!(sum(&[f64::MAX, f64::MAX, -f64::MAX]), f64::MAX);
        assert_eq!(sum(&[f64::MAX, f64::MAX]), f64::INFINITY);
        assert_eq!(sum(&[9007199254740992.0, 1.0]), 9007199254740992.0, "a tie goes to even");
        assert_eq!(sum(&[9007199254740992.0, 1.0, 1e-300]), 9007199254740994.0, "a tie broken by a tiny value");
        assert_eq!(sum(&[-0.1, -0.2]), -(0.1 + 0.2_f64).min(0.30000000000000004));
        assert!(sum(&[f64::INFINITY, f64::NEG_INFINITY]).is_nan());
        assert_eq!(sum(&[f64::INFINITY, 1.0]), f64::INFINITY);
        assert_eq!(sum(&[]), 0.0);
    }

    #[test]
    fn one_value_comes_back_as_it_is() {
        let seed: u64 = rand::rng().random();
        eprintln!("seed {seed}");
        let mut rng = StdRng::seed_from_u64(seed);
        for _ in 0..100_000 {
            let value = f64::from_bits(rng.random());
            if value.is_finite() {
                assert_eq!(sum(&[value]), value);
            }
        }
    }

    #[test]
    fn order_and_retraction_do_not_matter() {
        let seed: u64 = rand::rng().random();
        eprintln!("seed {seed}");
        let mut rng = StdRng::seed_from_u64(seed);
        for _ in 0..300 {
            let exponents = rng.random_range(1..300);
            let mut values: Vec<f64> = (0..rng.random_range(1..60))
                .map(|_| rng.random_range(-1.0..1.0) * 2f64.powi(rng.random_range(-exponents..exponents)))
                .collect();
            let expected = sum(&values);
            values.shuffle(&mut rng);
            assert_eq!(sum(&values), expected);
            let mut churned = ExactSum::default();
            for &v in &values {
                churned.add(v * 3.7, 2);
                churned.add(v, 1);
            }
            for &v in &values {
                churned.add(v * 3.7, -2);
            }
            assert_eq!(churned.value(), expected);
        }
    }
}
