//! Doubles and reals. Most are decimals that someone wrote with a few digits: such a value is an integer over a power
//! of ten, and integers pack well (ALP: Afroozeh, Kuffo and Boncz, "ALP: Adaptive Lossless floating-Point Compression",
//! SIGMOD 2024). Every bit comes back: a value for which the division does not give its own bits is kept as it is.

use super::bytes::{Malformed, Reader, Result, put_u32};
use super::integers::{self, Integers};
use crate::cpu::wide;

const DECIMAL: u8 = 0;
const BITS: u8 = 1;

/// Powers of ten that a double holds exactly.
const POWERS: [f64; 16] = [1.0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];
/// Added to a double below 2^51, this leaves the nearest integer in the lowest bits: 1.5 * 2^52.
const ROUNDER: f64 = 6_755_399_441_055_744.0;
const INTEGER_MAX: f64 = 2_251_799_813_685_248.0;
/// How many values decide which power is used.
const SAMPLE: usize = 256;

/// `f64` or `f32`.
pub trait Float: Copy + Default + 'static {
    fn widen(self) -> f64;
    fn narrow(value: f64) -> Self;
    fn bits(self) -> i64;
    /// `None` for bits that the type does not have.
    fn of_bits(bits: i64) -> Option<Self>;
}

impl Float for f64 {
    #[inline(always)]
    fn widen(self) -> f64 {
        self
    }

    #[inline(always)]
    fn narrow(value: f64) -> Self {
        value
    }

    #[inline(always)]
    fn bits(self) -> i64 {
        self.to_bits() as i64
    }

    #[inline(always)]
    fn of_bits(bits: i64) -> Option<Self> {
        Some(f64::from_bits(bits as u64))
    }
}

impl Float for f32 {
    #[inline(always)]
    fn widen(self) -> f64 {
        f64::from(self)
    }

    #[inline(always)]
    fn narrow(value: f64) -> Self {
        value as f32
    }

    #[inline(always)]
    fn bits(self) -> i64 {
        i64::from(self.to_bits())
    }

    #[inline(always)]
    fn of_bits(bits: i64) -> Option<Self> {
        u32::try_from(bits).ok().map(f32::from_bits)
    }
}

/// The nearest integer to the value times the power, and whether that gives the value back.
#[inline(always)]
fn scale<T: Float>(value: T, power: f64) -> (i64, bool) {
    let lifted = value.widen() * power + ROUNDER;
    let rounded = lifted - ROUNDER;
    let integer = (lifted.to_bits() as i64).wrapping_sub(ROUNDER.to_bits() as i64);
    // NaN and infinity are not below the limit; the sign of a zero is lost by the rounding and so is not given back.
    let exact = (rounded.abs() < INTEGER_MAX) & (T::narrow(rounded / power).bits() == value.bits());
    (integer, exact)
}

#[inline(always)]
fn unscale<T: Float>(integer: i64, power: f64) -> T {
    let lifted = f64::from_bits(integer.wrapping_add(ROUNDER.to_bits() as i64) as u64);
    T::narrow((lifted - ROUNDER) / power)
}

/// The smallest power with which nearly all of a sample become integers.
fn choose<T: Float>(values: &[T]) -> Option<usize> {
    let step = (values.len() / SAMPLE).max(1);
    let sample: Vec<T> = values.iter().copied().step_by(step).take(SAMPLE).collect();
    let misses = |power: f64| sample.iter().filter(|&&value| !scale(value, power).1).count();
    (0..POWERS.len()).find(|&at| misses(POWERS[at]) * 20 <= sample.len())
}

pub fn encode<T: Float>(values: &[T], out: &mut Vec<u8>) {
    if values.is_empty() {
        return;
    }
    match choose(values) {
        Some(power) => encode_decimal(values, power, out),
        None => {
            out.push(BITS);
            let bits: Vec<i64> = values.iter().map(|value| value.bits()).collect();
            integers::encode(&bits, out);
        }
    }
}

wide! {
    /// Returns how many values the scaling does not give back.
    fn scale_all<T: Float>(values: &[T], power: f64, out: &mut [i64]) -> usize {
        let mut misses = 0;
        for (&value, out) in values.iter().zip(out) {
            let (integer, exact) = scale(value, power);
            *out = integer;
            misses += usize::from(!exact);
        }
        misses
    }
}

fn encode_decimal<T: Float>(values: &[T], power: usize, out: &mut Vec<u8>) {
    let mut decimals = vec![0; values.len()];
    let misses = scale_all(values, POWERS[power], &mut decimals);
    out.push(DECIMAL);
    out.push(power as u8);
    put_u32(out, misses as u32);
    if misses > 0 {
        let mut before = 0;
        for (at, (&value, decimal)) in values.iter().zip(&mut decimals).enumerate() {
            if scale(value, POWERS[power]).1 {
                before = *decimal;
            } else {
                put_u32(out, at as u32);
                out.extend_from_slice(&value.bits().to_le_bytes());
                // In the place of an exception its neighbour widens no range.
                *decimal = before;
            }
        }
    }
    integers::encode(&decimals, out);
}

wide! {
    fn unscale_all<T: Float>(integers: Vec<i64>, power: f64) -> Vec<T> {
        integers.into_iter().map(|integer| unscale(integer, power)).collect()
    }
}

/// Floating-point numbers as they are written.
pub enum Floats<'a, T> {
    /// Integers over a power of ten, and the places where that is not the value.
    Decimals {
        integers: Integers<'a>,
        power: f64,
        exceptions: Vec<(u32, T)>,
    },
    Bits(Integers<'a>),
}

impl<'a, T: Float> Floats<'a, T> {
    pub fn read(reader: &mut Reader<'a>, count: usize) -> Result<Self> {
        if count == 0 {
            return Ok(Self::Bits(Integers::Constant { value: 0, count: 0 }));
        }
        match reader.u8()? {
            BITS => Ok(Self::Bits(Integers::read(reader, count)?)),
            DECIMAL => {
                let power = *POWERS.get(usize::from(reader.u8()?)).ok_or(Malformed("has an unknown power of ten"))?;
                let exceptions = reader.u32()? as usize;
                let exceptions = reader.take(exceptions.checked_mul(12).ok_or(Malformed("ends too early"))?)?;
                let exceptions = exceptions.as_chunks::<12>().0.iter().map(|exception| {
                    let (at, bits) = exception.split_at(4);
                    let at = u32::from_le_bytes(at.try_into().expect("4 bytes"));
                    let value = T::of_bits(i64::from_le_bytes(bits.try_into().expect("8 bytes")));
                    let value = value.filter(|_| (at as usize) < count);
                    Ok((at, value.ok_or(Malformed("has an exception that cannot be"))?))
                });
                let exceptions: Vec<(u32, T)> = exceptions.collect::<Result<_>>()?;
                if !exceptions.is_sorted_by(|a, b| a.0 < b.0) {
                    return Err(Malformed("has exceptions out of order"));
                }
                Ok(Self::Decimals { integers: Integers::read(reader, count)?, power, exceptions })
            }
            _ => Err(Malformed("has an unknown encoding of doubles")),
        }
    }

    pub fn to_vec(&self) -> Result<Vec<T>> {
        match self {
            Self::Bits(bits) => of_bits(bits.to_vec()),
            Self::Decimals { integers, power, exceptions } => {
                let mut values = unscale_all(integers.to_vec(), *power);
                exceptions.iter().for_each(|&(at, value)| values[at as usize] = value);
                Ok(values)
            }
        }
    }

    /// Some of the values.
    pub fn take(&self, places: &[usize]) -> Result<Vec<T>> {
        match self {
            Self::Bits(bits) => of_bits(bits.take(places)),
            Self::Decimals { integers, power, exceptions } => {
                let mut values: Vec<T> = unscale_all(integers.take(places), *power);
                if !exceptions.is_empty() {
                    for (&place, value) in places.iter().zip(&mut values) {
                        if let Ok(found) = exceptions.binary_search_by_key(&(place as u32), |&(at, _)| at) {
                            *value = exceptions[found].1;
                        }
                    }
                }
                Ok(values)
            }
        }
    }
}

fn of_bits<T: Float>(bits: Vec<i64>) -> Result<Vec<T>> {
    bits.into_iter().map(|bits| T::of_bits(bits).ok_or(Malformed("has a value outside its type"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<T: Float>(values: &[T]) -> usize {
        let mut bytes = Vec::new();
        encode(values, &mut bytes);
        let mut reader = Reader::new(&bytes);
        let read = Floats::<T>::read(&mut reader, values.len()).unwrap();
        reader.finish().unwrap();
        let bits = |values: &[T]| values.iter().map(|v| v.bits()).collect::<Vec<_>>();
        assert_eq!(bits(&read.to_vec().unwrap()), bits(values));
        let places: Vec<usize> = (0..values.len()).rev().step_by(2).collect();
        let taken: Vec<T> = places.iter().map(|&at| values[at]).collect();
        assert_eq!(bits(&read.take(&places).unwrap()), bits(&taken));
        bytes.len()
    }

    #[test]
    fn prices_take_two_bytes_and_odd_values_keep_every_bit() {
        let prices: Vec<f64> = (0..10_000).map(|i| f64::from(i * 7919 % 50_000) / 100.0).collect();
        assert!(check(&prices) < 2 * 10_000 + 64);
        let reals: Vec<f32> = prices.iter().map(|&price| price as f32).collect();
        assert!(check(&reals) < 2 * 10_000 + 64);
        let mut odd = prices[..100].to_vec();
        odd.extend([f64::NAN, -0.0, f64::INFINITY, f64::MIN_POSITIVE, f64::from_bits(0x7ff8_0000_0000_0001)]);
        odd.extend([9_007_199_254_740_993.0, -4.5e15, 2_251_799_813_685_248.0, 2_251_799_813_685_247.5]);
        check(&odd);
        check(&odd.iter().map(|&value| value as f32).collect::<Vec<_>>());
        check(&[1.0 / 3.0, std::f64::consts::PI, 1e300, -1e-300]);
        check::<f64>(&[]);
        check(&[f32::NAN, -0.0, 1.5]);
    }
}
