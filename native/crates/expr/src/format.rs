//! Values as text, exactly as PostgreSQL prints them (ISO date style, UTC).

use std::fmt::Write;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Decimal128Type, Float32Type, Float64Type, Int16Type, Int32Type, Int64Type, IntervalMonthDayNano,
    IntervalMonthDayNanoType, Time64MicrosecondType, TimestampMicrosecondType,
};
use arrow_array::{Array, ArrayRef, StringArray};
use arrow_schema::{DataType as Arrow, Field, TimeUnit};
use millrace_base::{Error, Result};
use millrace_plan::{DataType, RowField, RowFields, TypeRef, UUID_BYTES};

use crate::calendar::{date_of, split};
use crate::decimal;
use crate::functions::digest::write_hex;
use crate::functions::uuid::uuid_to_text;
use crate::interval::{clock, microseconds};
use crate::nested::nested_to_text;
use crate::value::{Present, Value, build_text};

const WRITES: &str = "writing to a string";

/// The text of a column's values, as a cast gives it; NULL stays NULL.
pub fn text_of(column: &ArrayRef) -> Result<StringArray> {
    let value = Value::array(column.clone());
    let text = match sql_type(column.data_type()) {
        nested if nested.is_nested() => nested_to_text(&value, nested)?,
        _ => to_text(&value)?,
    };
    let text = text.into_array(column.len())?;
    text.as_string_opt::<i32>().cloned().ok_or_else(|| Error::internal("a text that is none"))
}

/// The SQL type of a column that is known by its layout alone; of JSONB, which is text outside, it makes text.
fn sql_type(layout: &Arrow) -> DataType {
    match layout {
        Arrow::Boolean => DataType::Boolean,
        Arrow::Int16 => DataType::Smallint,
        Arrow::Int32 => DataType::Integer,
        Arrow::Int64 => DataType::Bigint,
        Arrow::Float32 => DataType::Real,
        Arrow::Float64 => DataType::Double,
        Arrow::Decimal128(precision, scale) => DataType::Numeric { precision: *precision, scale: *scale as u8 },
        Arrow::Binary => DataType::Bytea,
        Arrow::Date32 => DataType::Date,
        Arrow::Time64(_) => DataType::Time,
        Arrow::Timestamp(_, None) => DataType::Timestamp,
        Arrow::Timestamp(_, Some(_)) => DataType::Timestamptz,
        Arrow::Interval(_) => DataType::Interval,
        Arrow::FixedSizeBinary(UUID_BYTES) => DataType::Uuid,
        Arrow::List(element) => DataType::array(sql_type(element.data_type())),
        Arrow::Struct(fields) => {
            let field = |f: &Arc<Field>| RowField { name: f.name().clone(), data_type: sql_type(f.data_type()) };
            DataType::Row { fields: RowFields::new(fields.iter().map(field).collect()) }
        }
        Arrow::Map(entries, _) => match entries.data_type() {
            Arrow::Struct(parts) if parts.len() == 2 => DataType::Map {
                key: TypeRef::new(sql_type(parts[0].data_type())),
                value: TypeRef::new(sql_type(parts[1].data_type())),
            },
            _ => DataType::Text,
        },
        _ => DataType::Text,
    }
}

/// The text of every value; NULL stays NULL.
pub(crate) fn to_text(value: &Value) -> Result<Value> {
    let args = std::slice::from_ref(value);
    macro_rules! each {
        ($t:ty, $write:expr) => {{
            let column = value.column::<$t>()?;
            build_text(args, |i, out| {
                $write(column.at(i), out);
                Ok(Present::Yes)
            })
        }};
    }
    fn number<N: std::fmt::Display>(n: N, out: &mut String) {
        write!(out, "{n}").expect(WRITES);
    }
    match value.inner().data_type() {
        Arrow::Utf8 => Ok(value.clone()),
        Arrow::Boolean => {
            let values = value.inner().as_boolean();
            let step = usize::from(!value.is_scalar());
            build_text(args, |i, out| {
                out.push_str(if values.value(i * step) { "true" } else { "false" });
                Ok(Present::Yes)
            })
        }
        Arrow::Int16 => each!(Int16Type, number),
        Arrow::Int32 => each!(Int32Type, number),
        Arrow::Int64 => each!(Int64Type, number),
        Arrow::Float32 => each!(Float32Type, write_real),
        Arrow::Float64 => each!(Float64Type, write_double),
        Arrow::Decimal128(precision, scale) => each!(Decimal128Type, |v, out: &mut String| {
            let (shown, scale) = decimal::shown(v, *precision, *scale);
            decimal::write(shown, scale, out);
        }),
        Arrow::Binary => {
            let bytes = value.bytes()?;
            build_text(args, |i, out| {
                out.push_str("\\x");
                write_hex(bytes.at(i), out);
                Ok(Present::Yes)
            })
        }
        Arrow::Date32 => each!(Date32Type, |v: i32, out: &mut String| {
            let era = write_date(i64::from(v), out);
            out.push_str(era);
        }),
        Arrow::Time64(TimeUnit::Microsecond) => each!(Time64MicrosecondType, write_time),
        Arrow::Timestamp(TimeUnit::Microsecond, zone) => {
            let suffix = if zone.is_some() { "+00" } else { "" };
            each!(TimestampMicrosecondType, |v, out: &mut String| write_timestamp(v, suffix, out))
        }
        Arrow::FixedSizeBinary(UUID_BYTES) => uuid_to_text(value),
        Arrow::Interval(_) => each!(IntervalMonthDayNanoType, write_interval),
        other => Err(Error::internal(format!("no text of {other}"))),
    }
}

/// The shortest digits that read back as the same double.
pub(crate) fn write_double(value: f64, out: &mut String) {
    write_float(value, format!("{value:e}"), 15, out);
}

pub(crate) fn write_real(value: f32, out: &mut String) {
    write_float(f64::from(value), format!("{value:e}"), 6, out);
}

/// `shortest` is Rust's `d.ddde±x`; PostgreSQL writes it plainly while -4 ≤ exponent < `plain`.
fn write_float(value: f64, shortest: String, plain: i32, out: &mut String) {
    if value.is_nan() {
        return out.push_str("NaN");
    }
    if value.is_infinite() {
        return out.push_str(if value > 0.0 { "Infinity" } else { "-Infinity" });
    }
    let (mantissa, exponent) = shortest.split_once('e').expect("the format writes an exponent");
    let exponent: i32 = exponent.parse().expect("an exponent is an integer");
    if !(-4..plain).contains(&exponent) {
        let sign = if exponent < 0 { '-' } else { '+' };
        return write!(out, "{mantissa}e{sign}{:02}", exponent.abs()).expect(WRITES);
    }
    let (sign, digits) = mantissa.strip_prefix('-').map_or(("", mantissa), |m| ("-", m));
    let digits: String = digits.chars().filter(|c| *c != '.').collect();
    out.push_str(sign);
    if exponent < 0 {
        out.push_str("0.");
        out.extend(std::iter::repeat_n('0', (-exponent - 1) as usize));
        out.push_str(&digits);
        return;
    }
    let whole = exponent as usize + 1;
    if digits.len() <= whole {
        out.push_str(&digits);
        out.extend(std::iter::repeat_n('0', whole - digits.len()));
    } else {
        out.push_str(&digits[..whole]);
        out.push('.');
        out.push_str(&digits[whole..]);
    }
}

/// Writes the date and gives what follows at the very end: an era, for years before 1.
fn write_date(days: i64, out: &mut String) -> &'static str {
    let date = date_of(days);
    let (year, era) = if date.year > 0 { (date.year, "") } else { (1 - date.year, " BC") };
    write!(out, "{year:04}-{:02}-{:02}", date.month, date.day).expect(WRITES);
    era
}

fn write_fraction(microseconds: i64, out: &mut String) {
    if microseconds != 0 {
        let digits = format!("{microseconds:06}");
        out.push('.');
        out.push_str(digits.trim_end_matches('0'));
    }
}

pub(crate) fn write_time(time: i64, out: &mut String) {
    let (hours, minutes, rest) = clock(time);
    write!(out, "{hours:02}:{minutes:02}:{:02}", rest / 1_000_000).expect(WRITES);
    write_fraction(rest % 1_000_000, out);
}

pub(crate) fn write_timestamp(timestamp: i64, suffix: &str, out: &mut String) {
    let (days, time) = split(timestamp);
    let era = write_date(days, out);
    out.push(' ');
    write_time(time, out);
    out.push_str(suffix);
    out.push_str(era);
}

/// PostgreSQL's default style: `1 year 2 mons -3 days +04:05:06.789`.
pub(crate) fn write_interval(interval: IntervalMonthDayNano, out: &mut String) {
    let start = out.len();
    let mut negative_before = false;
    let parts = [
        (i64::from(interval.months / 12), "year"),
        (i64::from(interval.months % 12), "mon"),
        (i64::from(interval.days), "day"),
    ];
    for (count, unit) in parts {
        if count == 0 {
            continue;
        }
        if out.len() > start {
            out.push(' ');
        }
        let plus = if negative_before && count > 0 { "+" } else { "" };
        write!(out, "{plus}{count} {unit}{}", if count == 1 { "" } else { "s" }).expect(WRITES);
        negative_before = count < 0;
    }
    let time = microseconds(interval);
    if time != 0 || out.len() == start {
        if out.len() > start {
            out.push(' ');
        }
        out.push_str(if time < 0 {
            "-"
        } else if negative_before {
            "+"
        } else {
            ""
        });
        let (hours, minutes, rest) = clock(time.abs());
        write!(out, "{hours:02}:{minutes:02}:{:02}", rest / 1_000_000).expect(WRITES);
        write_fraction(rest % 1_000_000, out);
    }
}
