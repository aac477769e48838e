//! CAST between all types, with PostgreSQL's rounding (doubles half to even, NUMERICs half away from zero), range
//! checks and errors. Arrow's casts are used where they agree; they turn an overflow into NULL or wrap elsewhere.

use std::sync::Arc;

use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_array::types::*;
use millrace_base::{Code, Error, Result};
use millrace_plan::DataType;

use crate::calendar::DAY;
use crate::decimal;
use crate::fault;
use crate::format::to_text;
use crate::functions::digest::{read_escape, read_hex};
use crate::functions::uuid::uuid_from_text;
use crate::interval::{interval, microseconds, time_of_day};
use crate::jsonb::{jsonb_from_text, jsonb_to_scalar, jsonb_to_text};
use crate::nested::{cast_nested, nested_from_text, nested_to_text};
use crate::parse::{self, Unreadable};
use crate::value::{Value, build, build_bool, build_bytes};

/// Whether the cast exists. `from` to itself always does.
pub(crate) fn is_possible(from: DataType, to: DataType) -> bool {
    use DataType as T;
    if from == to || to == T::Text || from == T::Text {
        return true;
    }
    match (from, to) {
        (T::Boolean, to) => to == T::Integer,
        (from, T::Boolean) => matches!(from, T::Integer | T::Jsonb),
        (from, to) if from.is_number() => to.is_number(),
        (T::Date, to) => matches!(to, T::Timestamp | T::Timestamptz),
        (T::Timestamp | T::Timestamptz, to) => matches!(to, T::Date | T::Time | T::Timestamp | T::Timestamptz),
        (T::Time, to) => to == T::Interval,
        (T::Interval, to) => to == T::Time,
        (T::Jsonb, to) => to.is_number() || to == T::Boolean,
        (T::Array { element: from }, T::Array { element: to }) => is_possible(*from, *to),
        (T::Row { fields: from }, T::Row { fields: to }) => {
            from.len() == to.len() && from.iter().zip(to.iter()).all(|(a, b)| is_possible(a.data_type, b.data_type))
        }
        (T::Map { key: from_key, value: from }, T::Map { key: to_key, value: to }) => {
            from_key == to_key && is_possible(*from, *to)
        }
        _ => false,
    }
}

/// Whether no value of `from` can fail to be cast.
pub(crate) fn is_total(from: DataType, to: DataType) -> bool {
    use DataType as T;
    let rank = |t: DataType| [T::Smallint, T::Integer, T::Bigint].iter().position(|&i| i == t);
    match (rank(from), rank(to)) {
        (Some(from), Some(to)) => from <= to,
        (Some(_), None) => matches!(to, T::Text | T::Real | T::Double | T::Boolean),
        _ => from == to || to == T::Text || (from == T::Real && to == T::Double) || from == T::Boolean,
    }
}

pub(crate) fn cast(value: &Value, from: DataType, to: DataType) -> Result<Value> {
    use DataType as T;
    if from == to {
        return Ok(value.clone());
    }
    let one = std::slice::from_ref(value);
    match (from, to) {
        (T::Jsonb, T::Text) => jsonb_to_text(value),
        (from, T::Text) if from.is_nested() => nested_to_text(value, from),
        (_, T::Text) => to_text(value),
        (T::Text, to) => from_text(value, to),
        (T::Boolean, T::Integer) | (T::Smallint | T::Integer | T::Bigint, T::Real | T::Double) => arrow(value, to),
        (T::Integer, T::Boolean) => {
            let column = value.column::<Int32Type>()?;
            build_bool(one, |i| Ok(column.at(i) != 0))
        }
        (T::Smallint | T::Integer | T::Bigint, T::Smallint | T::Integer | T::Bigint) => narrow(value, to),
        (T::Smallint | T::Integer | T::Bigint, T::Numeric { precision, scale }) => {
            let wide = arrow(value, T::Bigint)?;
            let column = wide.column::<Int64Type>()?;
            build::<Decimal128Type>(one, to, |i| decimal::rescale(i128::from(column.at(i)), 0, precision, scale))
        }
        (T::Real | T::Double, T::Smallint | T::Integer | T::Bigint) => round_to_integer(value, to),
        (T::Real, T::Double) => arrow(value, to),
        (T::Double, T::Real) => {
            let column = value.column::<Float64Type>()?;
            build::<Float32Type>(one, to, |i| to_real(column.at(i)))
        }
        (T::Real | T::Double, T::Numeric { precision, scale }) => {
            // PostgreSQL keeps the 6 or 15 digits that the type promises.
            let digits = if from == T::Real { 5 } else { 14 };
            let wide = arrow(value, T::Double)?;
            let column = wide.column::<Float64Type>()?;
            build::<Decimal128Type>(one, to, |i| {
                let text = format!("{:.digits$e}", column.at(i));
                decimal::parse(&text, precision, scale)?.ok_or_else(|| not_finite(column.at(i)))
            })
        }
        (T::Numeric { scale, .. }, T::Smallint | T::Integer | T::Bigint) => {
            let unit = decimal::power_of_ten(u32::from(scale));
            let column = value.column::<Decimal128Type>()?;
            let whole = build::<Int64Type>(one, T::Bigint, |i| {
                i64::try_from(decimal::divide_rounded(column.at(i), unit)).map_err(|_| fault::out_of_range(to))
            })?;
            narrow(&whole, to)
        }
        (T::Numeric { scale, .. }, T::Double) => {
            let column = value.column::<Decimal128Type>()?;
            build::<Float64Type>(one, to, |i| Ok(decimal::to_double(column.at(i), scale as i8)))
        }
        (T::Numeric { scale, .. }, T::Real) => {
            let column = value.column::<Decimal128Type>()?;
            build::<Float32Type>(one, to, |i| {
                let mut text = String::new();
                decimal::write(column.at(i), scale as i8, &mut text);
                Ok(text.parse::<f32>().expect("a printed decimal is a number"))
            })
        }
        (T::Numeric { .. }, T::Numeric { precision, scale }) => decimal::cast(value, precision, scale),
        (T::Date, T::Timestamp | T::Timestamptz) => {
            let column = value.column::<Date32Type>()?;
            build::<TimestampMicrosecondType>(one, to, |i| {
                i64::from(column.at(i)).checked_mul(DAY).ok_or_else(fault::timestamp_out_of_range)
            })
        }
        (T::Timestamp | T::Timestamptz, T::Date) => {
            let column = value.column::<TimestampMicrosecondType>()?;
            build::<Date32Type>(one, to, |i| Ok(column.at(i).div_euclid(DAY) as i32))
        }
        (T::Timestamp | T::Timestamptz, T::Time) => {
            let column = value.column::<TimestampMicrosecondType>()?;
            build::<Time64MicrosecondType>(one, to, |i| Ok(time_of_day(column.at(i))))
        }
        (T::Timestamp | T::Timestamptz, T::Timestamp | T::Timestamptz) => {
            // The session's zone is UTC, so only the type changes.
            let array = value.inner().as_primitive::<TimestampMicrosecondType>().clone();
            Ok(value.with(Arc::new(array.with_data_type(to.to_arrow()))))
        }
        (T::Time, T::Interval) => {
            let column = value.column::<Time64MicrosecondType>()?;
            build::<IntervalMonthDayNanoType>(one, to, |i| interval(0, 0, column.at(i)))
        }
        (T::Interval, T::Time) => {
            let column = value.column::<IntervalMonthDayNanoType>()?;
            build::<Time64MicrosecondType>(one, to, |i| Ok(time_of_day(microseconds(column.at(i)))))
        }
        (T::Jsonb, to) => jsonb_to_scalar(value, to),
        (from, to) => cast_nested(value, from, to),
    }
}

pub(crate) fn cannot(from: DataType, to: DataType) -> Error {
    Error::new(Code::CannotCoerce, format!("cannot cast type {from} to {to}"))
}

fn not_finite(value: f64) -> Error {
    let what = if value.is_nan() { "NaN" } else { "infinity" };
    Error::new(Code::NumericValueOutOfRange, format!("cannot convert {what} to numeric"))
}

/// Arrow's cast, where it can neither fail nor round otherwise than PostgreSQL.
fn arrow(value: &Value, to: DataType) -> Result<Value> {
    let array = arrow_cast::cast(value.inner(), &to.to_arrow()).map_err(|e| fault::from_arrow(e, to))?;
    Ok(value.with(array))
}

fn narrow(value: &Value, to: DataType) -> Result<Value> {
    let array = arrow_cast::cast(value.inner(), &to.to_arrow()).map_err(|e| fault::from_arrow(e, to))?;
    // Arrow's safe cast turns what does not fit into NULL.
    if array.null_count() > value.inner().null_count() {
        return Err(fault::out_of_range(to));
    }
    Ok(value.with(array))
}

fn round_to_integer(value: &Value, to: DataType) -> Result<Value> {
    let wide = arrow(value, DataType::Double)?;
    let column = wide.column::<Float64Type>()?;
    let one = std::slice::from_ref(value);
    // The bounds are exact doubles; the upper one is the first value that is too large.
    let (low, high) = match to {
        DataType::Smallint => (f64::from(i16::MIN), f64::from(i16::MAX) + 1.0),
        DataType::Integer => (f64::from(i32::MIN), f64::from(i32::MAX) + 1.0),
        _ => (i64::MIN as f64, 9_223_372_036_854_775_808.0),
    };
    let rounded = |i: usize| {
        let rounded = column.at(i).round_ties_even();
        if rounded >= low && rounded < high { Ok(rounded) } else { Err(fault::out_of_range(to)) }
    };
    match to {
        DataType::Smallint => build::<Int16Type>(one, to, |i| rounded(i).map(|v| v as i16)),
        DataType::Integer => build::<Int32Type>(one, to, |i| rounded(i).map(|v| v as i32)),
        _ => build::<Int64Type>(one, to, |i| rounded(i).map(|v| v as i64)),
    }
}

fn to_real(value: f64) -> Result<f32> {
    let real = value as f32;
    if real.is_infinite() && value.is_finite() {
        return Err(fault::overflow());
    }
    if real == 0.0 && value != 0.0 { Err(fault::underflow()) } else { Ok(real) }
}

fn from_text(value: &Value, to: DataType) -> Result<Value> {
    use DataType as T;
    let one = std::slice::from_ref(value);
    let texts = value.texts()?;
    let dated = |text: &str, cause: Unreadable| match cause {
        Unreadable::Syntax => fault::invalid_text(to, text),
        Unreadable::Range => fault::field_out_of_range(text),
    };
    macro_rules! integer {
        ($t:ty, $n:ty) => {
            build::<$t>(one, to, |i| {
                let text = texts.at(i);
                text.trim().parse::<$n>().map_err(|e| not_integer(e.kind(), text, to))
            })
        };
    }
    match to {
        T::Boolean => build_bool(one, |i| boolean(texts.at(i)).ok_or_else(|| fault::invalid_text(to, texts.at(i)))),
        T::Smallint => integer!(Int16Type, i16),
        T::Integer => integer!(Int32Type, i32),
        T::Bigint => integer!(Int64Type, i64),
        T::Real => build::<Float32Type>(one, to, |i| {
            let (text, trimmed) = (texts.at(i), texts.at(i).trim());
            let parsed = readable_float(trimmed).then(|| trimmed.parse::<f32>().ok()).flatten();
            in_float_range(parsed.map(f64::from), text, to)?;
            parsed.ok_or_else(|| fault::invalid_text(to, text))
        }),
        T::Double => build::<Float64Type>(one, to, |i| {
            let (text, trimmed) = (texts.at(i), texts.at(i).trim());
            let parsed = readable_float(trimmed).then(|| trimmed.parse::<f64>().ok()).flatten();
            in_float_range(parsed, text, to)
        }),
        T::Numeric { precision, scale } => build::<Decimal128Type>(one, to, |i| {
            decimal::parse(texts.at(i).trim(), precision, scale)?.ok_or_else(|| fault::invalid_text(to, texts.at(i)))
        }),
        T::Text => Ok(value.clone()),
        T::Bytea => build_bytes(one, |i, out| match texts.at(i).strip_prefix("\\x") {
            Some(hex) => read_hex(hex, out),
            None => read_escape(texts.at(i), out),
        }),
        T::Date => build::<Date32Type>(one, to, |i| parse::date(texts.at(i)).map_err(|e| dated(texts.at(i), e))),
        T::Time => {
            build::<Time64MicrosecondType>(one, to, |i| parse::time(texts.at(i)).map_err(|e| dated(texts.at(i), e)))
        }
        T::Timestamp => build::<TimestampMicrosecondType>(one, to, |i| {
            parse::timestamp(texts.at(i)).map_err(|e| dated(texts.at(i), e))
        }),
        T::Timestamptz => build::<TimestampMicrosecondType>(one, to, |i| {
            parse::timestamptz(texts.at(i)).map_err(|e| dated(texts.at(i), e))
        }),
        T::Interval => build::<IntervalMonthDayNanoType>(one, to, |i| {
            let (months, days, time) = parse::interval(texts.at(i)).map_err(|e| dated(texts.at(i), e))?;
            interval(months, days, time)
        }),
        T::Uuid => uuid_from_text(value),
        T::Jsonb => jsonb_from_text(value),
        T::Array { .. } | T::Row { .. } | T::Map { .. } => nested_from_text(value, to),
    }
}

fn not_integer(kind: &std::num::IntErrorKind, text: &str, to: DataType) -> Error {
    use std::num::IntErrorKind::{NegOverflow, PosOverflow};
    if matches!(kind, PosOverflow | NegOverflow) {
        let message = format!("value \"{text}\" is out of range for type {to}");
        return Error::new(Code::NumericValueOutOfRange, message);
    }
    fault::invalid_text(to, text)
}

/// Rust reads more spellings of infinity and NaN than PostgreSQL, but no hexadecimal; only the words need a look.
fn readable_float(text: &str) -> bool {
    let lower = text.trim_start_matches(['+', '-']).to_ascii_lowercase();
    lower.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        || matches!(lower.as_str(), "infinity" | "inf")
        || text.eq_ignore_ascii_case("nan")
}

/// A number that is too large or too small for the type reads as infinity or zero in Rust and fails in PostgreSQL.
fn in_float_range(parsed: Option<f64>, text: &str, to: DataType) -> Result<f64> {
    let value = parsed.ok_or_else(|| fault::invalid_text(to, text))?;
    let has_digit = |text: &str, from: char| {
        let mantissa = text.split(['e', 'E']).next().unwrap_or_default();
        mantissa.chars().any(|c| (from..='9').contains(&c))
    };
    if (value.is_infinite() && has_digit(text, '0')) || (value == 0.0 && has_digit(text, '1')) {
        let message = format!("\"{}\" is out of range for type {to}", text.trim());
        return Err(Error::new(Code::NumericValueOutOfRange, message));
    }
    Ok(value)
}

/// PostgreSQL takes any unambiguous beginning of these words.
fn boolean(text: &str) -> Option<bool> {
    let text = text.trim().to_ascii_lowercase();
    let begins = |word: &str, least: usize| text.len() >= least && word.starts_with(&text);
    if begins("true", 1) || begins("yes", 1) || text == "on" || text == "1" {
        Some(true)
    } else if begins("false", 1) || begins("no", 1) || begins("off", 2) || text == "0" {
        Some(false)
    } else {
        None
    }
}
