//! From sums and counts to the columns of SUM, AVG and COUNT, with the errors that SQL wants. GROUP BY and window
//! frames end here both.

use std::sync::Arc;

use arrow_array::{ArrayRef, Decimal128Array, Float32Array, Float64Array, Int64Array};
use arrow_buffer::{NullBuffer, i256};
use arrow_schema::DataType;
use millrace_base::{Error, Result};

use crate::{arrow_error, out_of_range};

/// How a number's values are added up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SumClass {
    /// Integers, and decimals of which 2^32 rows cannot leave 128 bits.
    Narrow,
    /// Longer decimals.
    Wide,
    Float,
}

const NARROW_DIGITS_MAX: u8 = 28;

impl SumClass {
    pub fn of(argument: &DataType) -> Result<Self> {
        match argument {
            DataType::Int16 | DataType::Int32 | DataType::Int64 => Ok(Self::Narrow),
            DataType::Decimal128(p, _) if *p <= NARROW_DIGITS_MAX => Ok(Self::Narrow),
            DataType::Decimal128(..) => Ok(Self::Wide),
            DataType::Float32 | DataType::Float64 => Ok(Self::Float),
            other => Err(Error::internal(format!("no sum of {other}"))),
        }
    }
}

pub(crate) fn scale_of(data_type: &DataType) -> i8 {
    if let DataType::Decimal128(_, scale) = data_type { *scale } else { 0 }
}

fn nulls_of(counts: &[i64]) -> Option<NullBuffer> {
    let nulls: NullBuffer = counts.iter().map(|&c| c != 0).collect();
    (nulls.null_count() > 0).then_some(nulls)
}

pub(crate) fn finish_counts(counts: Vec<i64>) -> ArrayRef {
    Arc::new(Int64Array::from(counts))
}

/// SUM of integers and decimals; NULL where nothing was added.
pub(crate) fn finish_sums(sums: impl Iterator<Item = i256>, counts: &[i64], output: &DataType) -> Result<ArrayRef> {
    match output {
        DataType::Int64 => {
            let values: Vec<i64> = sums
                .map(|s| s.to_i128().and_then(|s| i64::try_from(s).ok()).ok_or_else(|| out_of_range("bigint")))
                .collect::<Result<_>>()?;
            Ok(Arc::new(Int64Array::new(values.into(), nulls_of(counts))))
        }
        DataType::Decimal128(precision, scale) => {
            let values: Vec<i128> = sums.map(|s| decimal(s, *precision)).collect::<Result<_>>()?;
            decimals(values, counts, *precision, *scale)
        }
        other => Err(Error::internal(format!("a sum of integers as {other}"))),
    }
}

/// AVG of integers and decimals: rounded half away from zero to the scale of `output`.
pub(crate) fn finish_averages(
    sums: impl Iterator<Item = i256>,
    counts: &[i64],
    scale_from: i8,
    output: &DataType,
) -> Result<ArrayRef> {
    let DataType::Decimal128(precision, scale) = output else {
        return Err(Error::internal(format!("an average of integers as {output}")));
    };
    let digits = u32::try_from(scale - scale_from).map_err(|_| Error::internal("an average with too few digits"))?;
    let factor = 10i128.checked_pow(digits).ok_or_else(|| out_of_range("numeric"))?;
    let values: Vec<i128> = sums
        .zip(counts)
        .map(|(sum, &count)| if count == 0 { Ok(0) } else { decimal(divide(sum, factor, count)?, *precision) })
        .collect::<Result<_>>()?;
    decimals(values, counts, *precision, *scale)
}

fn divide(sum: i256, factor: i128, count: i64) -> Result<i256> {
    if let Some(scaled) = sum.to_i128().and_then(|s| s.checked_mul(factor)) {
        let count = i128::from(count);
        let (quotient, rest) = (scaled / count, scaled % count);
        let away = if rest.abs() * 2 >= count.abs() { scaled.signum() * count.signum() } else { 0 };
        return Ok(i256::from_i128(quotient + away));
    }
    let overflow = || out_of_range("numeric");
    let scaled = sum.checked_mul(i256::from_i128(factor)).ok_or_else(overflow)?;
    divide_rounded(scaled, i256::from_i128(i128::from(count))).ok_or_else(overflow)
}

/// Rounded half away from zero; nothing where the divisor is 0.
pub(crate) fn divide_rounded(value: i256, divisor: i256) -> Option<i256> {
    let (quotient, rest) = (value.checked_div(divisor)?, value.checked_rem(divisor)?);
    let twice = rest.wrapping_abs().wrapping_add(rest.wrapping_abs());
    let away = if twice < divisor.wrapping_abs() {
        i256::ZERO
    } else if value.is_negative() != divisor.is_negative() {
        i256::MINUS_ONE
    } else {
        i256::ONE
    };
    Some(quotient.wrapping_add(away))
}

fn decimal(value: i256, precision: u8) -> Result<i128> {
    let limit = 10i128.pow(u32::from(precision.min(38)));
    value.to_i128().filter(|v| *v < limit && *v > -limit).ok_or_else(|| out_of_range("numeric"))
}

fn decimals(values: Vec<i128>, counts: &[i64], precision: u8, scale: i8) -> Result<ArrayRef> {
    let array = Decimal128Array::new(values.into(), nulls_of(counts));
    Ok(Arc::new(array.with_precision_and_scale(precision, scale).map_err(arrow_error)?))
}

/// SUM and AVG of floats from exact sums. `special[i]` excuses an infinite sum.
pub(crate) fn finish_floats(
    sums: impl Iterator<Item = (f64, bool)>,
    counts: &[i64],
    average: bool,
    output: &DataType,
) -> Result<ArrayRef> {
    let single = output == &DataType::Float32;
    let mut values = Vec::with_capacity(counts.len());
    for ((sum, special), &count) in sums.zip(counts) {
        let value = if average && count != 0 { sum / count as f64 } else { sum };
        let overflow = !special && (value.is_infinite() || (single && (value as f32).is_infinite()));
        if overflow {
            return Err(out_of_range(if single { "real" } else { "double precision" }));
        }
        values.push(value);
    }
    let nulls = nulls_of(counts);
    Ok(if single {
        Arc::new(Float32Array::new(values.into_iter().map(|v| v as f32).collect(), nulls))
    } else {
        Arc::new(Float64Array::new(values.into(), nulls))
    })
}
