//! NUMERIC: exact decimals of at most 38 digits. Results are rounded half away from zero, as PostgreSQL rounds
//! NUMERIC, and a value with too many digits is SQLSTATE 22003.

use arrow_array::cast::AsArray;
use arrow_array::types::Decimal128Type;
use arrow_array::{Array, Decimal128Array};
use arrow_buffer::i256;
use arrow_schema::DataType as Arrow;
use millrace_base::{Error, Result};
use millrace_plan::{BinaryOp, DataType, is_plain_numeric};

use crate::fault;
use crate::value::{Value, build, finish, shape, strict_nulls};

pub(crate) fn power_of_ten(exponent: u32) -> i128 {
    10i128.checked_pow(exponent).unwrap_or(i128::MAX)
}

fn wide_power_of_ten(exponent: u32) -> i256 {
    i256::from_i128(10).wrapping_pow(exponent)
}

/// The scale of a NUMERIC value's array.
pub(crate) fn scale_of(value: &Value) -> i8 {
    if let Arrow::Decimal128(_, scale) = value.inner().data_type() { *scale } else { 0 }
}

/// `value` if it has at most `precision` digits.
pub(crate) fn fit(value: i128, precision: u8, scale: u8) -> Result<i128> {
    if value.unsigned_abs() < power_of_ten(u32::from(precision)).unsigned_abs() {
        Ok(value)
    } else {
        Err(fault::numeric_overflow(precision, scale))
    }
}

/// `value / divisor`, rounded half away from zero.
pub(crate) fn divide_rounded(value: i128, divisor: i128) -> i128 {
    let (quotient, rest) = (value / divisor, value % divisor);
    // `rest >= divisor - rest` is `2 * rest >= divisor` without the overflow.
    if rest.unsigned_abs() >= divisor.unsigned_abs() - rest.unsigned_abs() {
        quotient + if (value < 0) == (divisor < 0) { 1 } else { -1 }
    } else {
        quotient
    }
}

fn divide_rounded_wide(value: i256, divisor: i256) -> Option<i256> {
    let quotient = value.checked_div(divisor)?;
    let rest = value.checked_rem(divisor)?.wrapping_abs();
    let away = if value.is_negative() == divisor.is_negative() { i256::ONE } else { i256::MINUS_ONE };
    Some(if rest >= divisor.wrapping_abs().wrapping_sub(rest) { quotient.wrapping_add(away) } else { quotient })
}

/// The same number at another scale.
pub(crate) fn rescale(value: i128, from: i8, precision: u8, scale: u8) -> Result<i128> {
    let by = i32::from(scale) - i32::from(from);
    let value = if by >= 0 {
        let factor = power_of_ten(by as u32);
        value.checked_mul(factor).ok_or_else(|| fault::numeric_overflow(precision, scale))?
    } else {
        divide_rounded(value, power_of_ten(by.unsigned_abs()))
    };
    fit(value, precision, scale)
}

fn narrow(value: Option<i256>, precision: u8, scale: u8) -> Result<i128> {
    let value = value.and_then(i256::to_i128).ok_or_else(|| fault::numeric_overflow(precision, scale))?;
    fit(value, precision, scale)
}

/// `+ - * / %` of two NUMERICs of any scale, as the NUMERIC `result`.
pub(crate) fn arithmetic(operator: BinaryOp, args: &[Value], result: DataType) -> Result<Value> {
    let DataType::Numeric { precision, scale } = result else {
        return Err(Error::internal("NUMERIC arithmetic gives NUMERIC"));
    };
    let (a, b) = (args[0].column::<Decimal128Type>()?, args[1].column::<Decimal128Type>()?);
    let (left, right) = (scale_of(&args[0]), scale_of(&args[1]));
    let wider = left.max(right);
    let (up_left, up_right) = (power_of_ten((wider - left) as u32), power_of_ten((wider - right) as u32));
    let quick = match operator {
        BinaryOp::Add if wider == scale as i8 => quick(args, result, (up_left, up_right), |l, r, (ul, ur)| {
            i128::from(l) * i128::from(ul) + i128::from(r) * i128::from(ur)
        })?,
        BinaryOp::Subtract if wider == scale as i8 => quick(args, result, (up_left, up_right), |l, r, (ul, ur)| {
            i128::from(l) * i128::from(ul) - i128::from(r) * i128::from(ur)
        })?,
        BinaryOp::Multiply if i32::from(left) + i32::from(right) == i32::from(scale) => {
            quick(args, result, (1, 1), |l, r, _| i128::from(l) * i128::from(r))?
        }
        _ => None,
    };
    if let Some(value) = quick {
        return Ok(value);
    }
    match operator {
        BinaryOp::Add | BinaryOp::Subtract => build::<Decimal128Type>(args, result, |i| {
            let (l, r) = (a.at(i), b.at(i));
            let exact = l.checked_mul(up_left).zip(r.checked_mul(up_right)).and_then(|(l, r)| match operator {
                BinaryOp::Add => l.checked_add(r),
                _ => l.checked_sub(r),
            });
            match exact {
                Some(exact) => rescale(exact, wider, precision, scale),
                None => {
                    let l = i256::from_i128(l).wrapping_mul(i256::from_i128(up_left));
                    let r = i256::from_i128(r).wrapping_mul(i256::from_i128(up_right));
                    let sum = if operator == BinaryOp::Add { l.wrapping_add(r) } else { l.wrapping_sub(r) };
                    rescale_wide(sum, i32::from(wider), precision, scale)
                }
            }
        }),
        BinaryOp::Multiply => build::<Decimal128Type>(args, result, |i| {
            let (l, r) = (a.at(i), b.at(i));
            match l.checked_mul(r) {
                Some(product) if i32::from(left) + i32::from(right) <= 38 => {
                    rescale(product, left + right, precision, scale)
                }
                _ => {
                    let product = i256::from_i128(l).wrapping_mul(i256::from_i128(r));
                    rescale_wide(product, i32::from(left) + i32::from(right), precision, scale)
                }
            }
        }),
        BinaryOp::Divide => {
            // l·10^-left / (r·10^-right) = quotient·10^-scale, so the dividend is scaled by scale + right - left.
            let by = i32::from(scale) + i32::from(right) - i32::from(left);
            let (up, down) = (by.max(0) as u32, (-by).max(0) as u32);
            build::<Decimal128Type>(args, result, |i| {
                let (l, r) = (a.at(i), b.at(i));
                if r == 0 {
                    return Err(fault::division_by_zero());
                }
                let small = (up <= 38).then(|| l.checked_mul(power_of_ten(up))).flatten();
                let divisor = (down <= 38).then(|| r.checked_mul(power_of_ten(down))).flatten();
                if let (Some(dividend), Some(divisor)) = (small, divisor) {
                    return fit(divide_rounded(dividend, divisor), precision, scale);
                }
                let dividend = i256::from_i128(l).checked_mul(wide_power_of_ten(up));
                let divisor = i256::from_i128(r).checked_mul(wide_power_of_ten(down));
                let quotient = dividend.zip(divisor).and_then(|(l, r)| divide_rounded_wide(l, r));
                narrow(quotient, precision, scale)
            })
        }
        BinaryOp::Modulo => build::<Decimal128Type>(args, result, |i| {
            let (l, r) = (a.at(i), b.at(i));
            if r == 0 {
                return Err(fault::division_by_zero());
            }
            let l = i256::from_i128(l).wrapping_mul(i256::from_i128(up_left));
            let r = i256::from_i128(r).wrapping_mul(i256::from_i128(up_right));
            rescale_wide(l.wrapping_rem(r), i32::from(wider), precision, scale)
        }),
        other => Err(Error::internal(format!("{other:?} is not arithmetic"))),
    }
}

/// The same where all numbers are of at most 64 bits and no result has too many digits, which is nearly always so:
/// without a branch a row. `None` where it is not so; what lies under a NULL counts too.
fn quick(
    args: &[Value],
    result: DataType,
    ups: (i128, i128),
    compute: impl Fn(i64, i64, (i64, i64)) -> i128,
) -> Result<Option<Value>> {
    let DataType::Numeric { precision, .. } = result else { return Ok(None) };
    let (Ok(up_left), Ok(up_right)) = (i64::try_from(ups.0), i64::try_from(ups.1)) else { return Ok(None) };
    let (a, b) = (args[0].column::<Decimal128Type>()?, args[1].column::<Decimal128Type>()?);
    let (rows, scalar) = shape(args);
    let limit = power_of_ten(u32::from(precision));
    let mut fits = true;
    let mut values: Vec<i128> = Vec::with_capacity(rows);
    values.extend((0..rows).map(|row| {
        let (l, r) = (a.at(row), b.at(row));
        let (short_l, short_r) = (l as i64, r as i64);
        let value = compute(short_l, short_r, (up_left, up_right));
        fits &= i128::from(short_l) == l && i128::from(short_r) == r && value < limit && value > -limit;
        value
    }));
    if !fits {
        return Ok(None);
    }
    let nulls = strict_nulls(args, rows).filter(|n| n.null_count() > 0);
    let array = Decimal128Array::new(values.into(), nulls).with_data_type(result.to_arrow());
    Ok(Some(finish(std::sync::Arc::new(array), scalar)))
}

fn rescale_wide(value: i256, from: i32, precision: u8, scale: u8) -> Result<i128> {
    let by = i32::from(scale) - from;
    let scaled = if by >= 0 {
        value.checked_mul(wide_power_of_ten(by as u32))
    } else {
        divide_rounded_wide(value, wide_power_of_ten(by.unsigned_abs()))
    };
    narrow(scaled, precision, scale)
}

/// Every value of a NUMERIC at another precision and scale.
pub(crate) fn cast(value: &Value, precision: u8, scale: u8) -> Result<Value> {
    let from = scale_of(value);
    let column = value.column::<Decimal128Type>()?;
    if let Arrow::Decimal128(p, s) = value.inner().data_type()
        && *s == scale as i8
        && *p <= precision
    {
        let array = value.inner().as_primitive::<Decimal128Type>().clone();
        let array =
            array.with_precision_and_scale(precision, scale as i8).map_err(|e| Error::internal(e.to_string()))?;
        return Ok(value.with(std::sync::Arc::new(array)));
    }
    build::<Decimal128Type>(std::slice::from_ref(value), DataType::Numeric { precision, scale }, |i| {
        rescale(column.at(i), from, precision, scale)
    })
}

/// What is shown of a NUMERIC and at which scale: of one that was declared without a scale, not the zeros after its last digit.
pub fn shown(value: i128, precision: u8, scale: i8) -> (i128, i8) {
    let (mut value, mut scale) = (value, scale);
    if is_plain_numeric(precision, scale as u8) {
        while scale > 0 && value % 10 == 0 {
            value /= 10;
            scale -= 1;
        }
    }
    (value, scale)
}

/// As PostgreSQL prints it: exactly `scale` digits after the point.
pub(crate) fn write(value: i128, scale: i8, out: &mut String) {
    use std::fmt::Write;
    let digits = value.unsigned_abs();
    if value < 0 {
        out.push('-');
    }
    let one = power_of_ten(scale.max(0) as u32).unsigned_abs();
    write!(out, "{}", digits / one).expect("writing to a string");
    if scale > 0 {
        write!(out, ".{:0width$}", digits % one, width = scale as usize).expect("writing to a string");
    }
}

/// Reads `[+-]digits[.digits][e[+-]digits]` and rounds to `scale`. `Ok(None)`: not a number.
pub(crate) fn parse(text: &str, precision: u8, scale: u8) -> Result<Option<i128>> {
    let (negative, digits) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    let (mantissa, exponent) = match digits.find(['e', 'E']) {
        Some(at) => match digits[at + 1..].parse::<i32>() {
            Ok(exponent) => (&digits[..at], exponent),
            Err(_) => return Ok(None),
        },
        None => (digits, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.len() + fraction.len() == 0 || !whole.bytes().chain(fraction.bytes()).all(|b| b.is_ascii_digit()) {
        return Ok(None);
    }
    // The digit at position p (from the point, leftwards 0, 1, …) counts 10^p; keep those with p >= -scale.
    let point = whole.len() as i64 + i64::from(exponent);
    let keep = point + i64::from(scale);
    let all = whole.bytes().chain(fraction.bytes());
    let too_large = || fault::numeric_overflow(precision, scale);
    let mut value: i128 = 0;
    let mut seen = 0i64;
    for (position, byte) in all.enumerate() {
        let digit = i128::from(byte - b'0');
        if position as i64 >= keep {
            if position as i64 == keep && digit >= 5 {
                value = value.checked_add(1).ok_or_else(too_large)?;
            }
            seen = keep;
            break;
        }
        value = value.checked_mul(10).and_then(|v| v.checked_add(digit)).ok_or_else(too_large)?;
        seen = position as i64 + 1;
    }
    let missing = keep - seen;
    if missing > 0 && value != 0 {
        let factor = u32::try_from(missing).ok().and_then(|m| 10i128.checked_pow(m)).ok_or_else(too_large)?;
        value = value.checked_mul(factor).ok_or_else(too_large)?;
    }
    fit(if negative { -value } else { value }, precision, scale).map(Some)
}

/// The nearest double.
pub(crate) fn to_double(value: i128, scale: i8) -> f64 {
    // Both are exact doubles, so the division rounds once.
    if value.unsigned_abs() < 1 << 53 && scale <= 22 {
        return value as f64 / power_of_ten(scale as u32) as f64;
    }
    let mut text = String::new();
    write(value, scale, &mut text);
    text.parse().expect("a printed decimal is a number")
}
