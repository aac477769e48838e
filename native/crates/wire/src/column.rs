//! One column's values as the fields of `DataRow` messages.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Decimal128Type, Float32Type, Float64Type, Int16Type, Int32Type, Int64Type, IntervalMonthDayNanoType,
    Time64MicrosecondType, TimestampMicrosecondType,
};
use arrow_array::{
    Array, ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, FixedSizeBinaryArray, Float32Array,
    Float64Array, Int16Array, Int32Array, Int64Array, IntervalMonthDayNanoArray, StringArray, Time64MicrosecondArray,
    TimestampMicrosecondArray,
};
use arrow_schema::{DataType, TimeUnit};
use millrace_base::{Code, Error, Result};
use millrace_expr::{shown_numeric, text_of};

use crate::Format;
use crate::array::Arrays;
use crate::numeric::write_numeric;

/// Days from 1970-01-01 to 2000-01-01, from which PostgreSQL counts.
const EPOCH_DAYS: i32 = 10_957;
const EPOCH_MICROSECONDS: i64 = EPOCH_DAYS as i64 * 86_400_000_000;
const NULL: i32 = -1;

pub enum Column {
    /// What a type's text is made of, or text itself, which is sent alike in both formats.
    Text(StringArray),
    /// `t` and `f`.
    BooleanText(BooleanArray),
    Boolean(BooleanArray),
    Smallint(Int16Array),
    Integer(Int32Array),
    Bigint(Int64Array),
    Real(Float32Array),
    Double(Float64Array),
    Numeric(Decimal128Array, u8, i8),
    Bytea(BinaryArray),
    Date(Date32Array),
    Time(Time64MicrosecondArray),
    Timestamp(TimestampMicrosecondArray),
    Interval(IntervalMonthDayNanoArray),
    Uuid(FixedSizeBinaryArray),
    /// JSON text, after the version of its binary form.
    Jsonb(StringArray),
    Array(Box<Arrays>),
}

const JSONB_VERSION: u8 = 1;

impl Column {
    /// `json` says that texts are JSON.
    pub fn new(array: &ArrayRef, format: Format, json: bool) -> Result<Self> {
        if format == Format::Text {
            return Ok(match array.data_type() {
                DataType::Boolean => Self::BooleanText(array.as_boolean().clone()),
                DataType::Utf8 => Self::Text(array.as_string::<i32>().clone()),
                _ => Self::Text(text_of(array)?),
            });
        }
        Ok(match array.data_type() {
            DataType::Utf8 if json => Self::Jsonb(array.as_string::<i32>().clone()),
            DataType::FixedSizeBinary(16) => Self::Uuid(array.as_fixed_size_binary().clone()),
            DataType::Utf8 => Self::Text(array.as_string::<i32>().clone()),
            DataType::Boolean => Self::Boolean(array.as_boolean().clone()),
            DataType::Int16 => Self::Smallint(array.as_primitive::<Int16Type>().clone()),
            DataType::Int32 => Self::Integer(array.as_primitive::<Int32Type>().clone()),
            DataType::Int64 => Self::Bigint(array.as_primitive::<Int64Type>().clone()),
            DataType::Float32 => Self::Real(array.as_primitive::<Float32Type>().clone()),
            DataType::Float64 => Self::Double(array.as_primitive::<Float64Type>().clone()),
            DataType::Decimal128(precision, scale) => {
                Self::Numeric(array.as_primitive::<Decimal128Type>().clone(), *precision, *scale)
            }
            DataType::Binary => Self::Bytea(array.as_binary::<i32>().clone()),
            DataType::Date32 => Self::Date(array.as_primitive::<Date32Type>().clone()),
            DataType::Time64(TimeUnit::Microsecond) => {
                Self::Time(array.as_primitive::<Time64MicrosecondType>().clone())
            }
            DataType::Timestamp(TimeUnit::Microsecond, _) => {
                Self::Timestamp(array.as_primitive::<TimestampMicrosecondType>().clone())
            }
            DataType::Interval(_) => Self::Interval(array.as_primitive::<IntervalMonthDayNanoType>().clone()),
            DataType::List(_) => Self::Array(Box::new(Arrays::new(array.as_list())?)),
            other => {
                let message = format!("no binary output function available for type {other}");
                return Err(Error::new(Code::UndefinedFunction, message));
            }
        })
    }

    pub fn array(&self) -> &dyn Array {
        match self {
            Self::Text(a) => a,
            Self::BooleanText(a) | Self::Boolean(a) => a,
            Self::Smallint(a) => a,
            Self::Integer(a) => a,
            Self::Bigint(a) => a,
            Self::Real(a) => a,
            Self::Double(a) => a,
            Self::Numeric(a, _, _) => a,
            Self::Array(a) => a.lists(),
            Self::Bytea(a) => a,
            Self::Date(a) => a,
            Self::Time(a) => a,
            Self::Timestamp(a) => a,
            Self::Interval(a) => a,
            Self::Uuid(a) => a,
            Self::Jsonb(a) => a,
        }
    }

    /// The field's length and bytes.
    pub fn write(&self, row: usize, out: &mut Vec<u8>) {
        if self.array().is_null(row) {
            return out.extend_from_slice(&NULL.to_be_bytes());
        }
        match self {
            Self::Text(a) => sized(a.value(row).as_bytes(), out),
            Self::BooleanText(a) => sized(if a.value(row) { b"t" } else { b"f" }, out),
            Self::Boolean(a) => sized(&[u8::from(a.value(row))], out),
            Self::Smallint(a) => sized(&a.value(row).to_be_bytes(), out),
            Self::Integer(a) => sized(&a.value(row).to_be_bytes(), out),
            Self::Bigint(a) => sized(&a.value(row).to_be_bytes(), out),
            Self::Real(a) => sized(&a.value(row).to_be_bytes(), out),
            Self::Double(a) => sized(&a.value(row).to_be_bytes(), out),
            Self::Numeric(a, precision, scale) => {
                let (shown, scale) = shown_numeric(a.value(row), *precision, *scale);
                write_numeric(shown, scale, out);
            }
            Self::Array(a) => a.write(row, out),
            Self::Bytea(a) => sized(a.value(row), out),
            // Wrapping: what lies outside PostgreSQL's range would be an error there, and wrong here either way.
            Self::Date(a) => sized(&a.value(row).wrapping_sub(EPOCH_DAYS).to_be_bytes(), out),
            Self::Time(a) => sized(&a.value(row).to_be_bytes(), out),
            Self::Timestamp(a) => sized(&a.value(row).wrapping_sub(EPOCH_MICROSECONDS).to_be_bytes(), out),
            Self::Uuid(a) => sized(a.value(row), out),
            Self::Jsonb(a) => {
                let text = a.value(row).as_bytes();
                out.extend_from_slice(&(text.len() as i32 + 1).to_be_bytes());
                out.push(JSONB_VERSION);
                out.extend_from_slice(text);
            }
            Self::Interval(a) => {
                let value = a.value(row);
                out.extend_from_slice(&16i32.to_be_bytes());
                out.extend_from_slice(&(value.nanoseconds / 1000).to_be_bytes());
                out.extend_from_slice(&value.days.to_be_bytes());
                out.extend_from_slice(&value.months.to_be_bytes());
            }
        }
    }
}

/// A value has at most a gigabyte, so that its length fits.
fn sized(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&(bytes.len() as i32).to_be_bytes());
    out.extend_from_slice(bytes);
}
