//! One column's values as the fields of `DataRow` messages.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Decimal128Type, Float32Type, Float64Type, Int16Type, Int32Type, Int64Type, IntervalMonthDayNanoType,
    Time64MicrosecondType, TimestampMicrosecondType,
};
use arrow_array::{
    Array, ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, FixedSizeBinaryArray, Float32Array,
    Float64Array, Int16Array, Int32Array, Int64Array, IntervalMonthDayNanoArray, ListArray, StringArray, StructArray,
    Time64MicrosecondArray, TimestampMicrosecondArray,
};
use arrow_schema::{DataType, TimeUnit};
use millrace_base::{Code, Error, Result};
use millrace_expr::{shown_numeric, text_of};

use crate::Format;
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
    /// Their digits.
    SmallintText(Int16Array),
    IntegerText(Int32Array),
    BigintText(Int64Array),
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
    /// Arrays, with PostgreSQL's number of their elements' type. The elements of an array of arrays are one more dimension.
    List(ListArray, Box<Column>, u32),
    /// Rows: the fields with the numbers of their types.
    Record(StructArray, Vec<(Column, u32)>),
}

const JSONB_VERSION: u8 = 1;

impl Column {
    /// `json` says that texts are JSON.
    pub fn new(array: &ArrayRef, format: Format, json: bool) -> Result<Self> {
        if format == Format::Text {
            return Ok(match array.data_type() {
                DataType::Boolean => Self::BooleanText(array.as_boolean().clone()),
                DataType::Utf8 => Self::Text(array.as_string::<i32>().clone()),
                DataType::Int16 => Self::SmallintText(array.as_primitive::<Int16Type>().clone()),
                DataType::Int32 => Self::IntegerText(array.as_primitive::<Int32Type>().clone()),
                DataType::Int64 => Self::BigintText(array.as_primitive::<Int64Type>().clone()),
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
            DataType::List(_) => {
                let list = array.as_list::<i32>().clone();
                let element = Self::new(list.values(), format, false)?;
                let oid = oid_of(innermost(list.values().data_type()))?;
                Self::List(list, Box::new(element), oid)
            }
            DataType::Struct(_) => {
                let record = array.as_struct().clone();
                let field = |column: &ArrayRef| Ok((Self::new(column, format, false)?, oid_of(column.data_type())?));
                let fields = record.columns().iter().map(field).collect::<Result<_>>()?;
                Self::Record(record, fields)
            }
            // PostgreSQL has no maps: their text.
            DataType::Map(..) => Self::Text(text_of(array)?),
            DataType::Interval(_) => Self::Interval(array.as_primitive::<IntervalMonthDayNanoType>().clone()),
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
            Self::Smallint(a) | Self::SmallintText(a) => a,
            Self::Integer(a) | Self::IntegerText(a) => a,
            Self::Bigint(a) | Self::BigintText(a) => a,
            Self::Real(a) => a,
            Self::Double(a) => a,
            Self::Numeric(a, _, _) => a,
            Self::Bytea(a) => a,
            Self::Date(a) => a,
            Self::Time(a) => a,
            Self::Timestamp(a) => a,
            Self::Interval(a) => a,
            Self::Uuid(a) => a,
            Self::Jsonb(a) => a,
            Self::List(a, ..) => a,
            Self::Record(a, _) => a,
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
            Self::SmallintText(a) => digits(a.value(row).into(), out),
            Self::IntegerText(a) => digits(a.value(row).into(), out),
            Self::BigintText(a) => digits(a.value(row), out),
            Self::Smallint(a) => sized(&a.value(row).to_be_bytes(), out),
            Self::Integer(a) => sized(&a.value(row).to_be_bytes(), out),
            Self::Bigint(a) => sized(&a.value(row).to_be_bytes(), out),
            Self::Real(a) => sized(&a.value(row).to_be_bytes(), out),
            Self::Double(a) => sized(&a.value(row).to_be_bytes(), out),
            Self::Numeric(a, precision, scale) => {
                let (shown, scale) = shown_numeric(a.value(row), *precision, *scale);
                write_numeric(shown, scale, out);
            }
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
            Self::List(list, element, oid) => framed(out, |out| write_list(list, element, *oid, row, out)),
            Self::Record(_, fields) => framed(out, |out| {
                out.extend_from_slice(&(fields.len() as i32).to_be_bytes());
                for (field, oid) in fields {
                    out.extend_from_slice(&oid.to_be_bytes());
                    field.write(row, out);
                }
            }),
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

/// The most that a number has, its sign included.
const DIGITS_MAX: usize = 20;

fn digits(value: i64, out: &mut Vec<u8>) {
    let mut text = [0; DIGITS_MAX];
    let mut at = DIGITS_MAX;
    let mut rest = value.unsigned_abs();
    loop {
        at -= 1;
        text[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if value < 0 {
        at -= 1;
        text[at] = b'-';
    }
    sized(&text[at..], out);
}

/// What `write` adds, after its length.
fn framed(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    write(out);
    let len = (out.len() - start - 4) as i32;
    out[start..start + 4].copy_from_slice(&len.to_be_bytes());
}

/// Dimensions, whether there are NULLs, the type of the elements, each dimension's length and first number, the elements. PostgreSQL's
/// arrays are rectangular: of arrays of different lengths each shorter one is filled up with NULLs.
fn write_list(list: &ListArray, element: &Column, oid: u32, row: usize, out: &mut Vec<u8>) {
    let mut lengths = Vec::new();
    measure(list, element, row, 0, &mut lengths);
    if lengths.contains(&0) {
        lengths.clear();
    }
    out.extend_from_slice(&(lengths.len() as i32).to_be_bytes());
    let flag = out.len();
    out.extend_from_slice(&0i32.to_be_bytes());
    out.extend_from_slice(&oid.to_be_bytes());
    for length in &lengths {
        out.extend_from_slice(&(*length as i32).to_be_bytes());
        out.extend_from_slice(&1i32.to_be_bytes());
    }
    if !lengths.is_empty() && write_elements(list, element, Some(row), &lengths, out) {
        out[flag..flag + 4].copy_from_slice(&1i32.to_be_bytes());
    }
}

/// The greatest length of each dimension.
fn measure(list: &ListArray, element: &Column, row: usize, depth: usize, lengths: &mut Vec<usize>) {
    if lengths.len() == depth {
        lengths.push(0);
    }
    if list.is_null(row) {
        return;
    }
    let range = range_of(list, row);
    lengths[depth] = lengths[depth].max(range.len());
    if let Column::List(inner, below, _) = element {
        range.for_each(|at| measure(inner, below, at, depth + 1, lengths));
    }
}

/// Whether there was a NULL.
fn write_elements(
    list: &ListArray,
    element: &Column,
    row: Option<usize>,
    lengths: &[usize],
    out: &mut Vec<u8>,
) -> bool {
    let range = row.filter(|&row| list.is_valid(row)).map_or(0..0, |row| range_of(list, row));
    let mut nulls = false;
    for at in 0..lengths[0] {
        let place = range.clone().nth(at);
        match (element, place) {
            (Column::List(inner, below, _), place) if lengths.len() > 1 => {
                nulls |= write_elements(inner, below, place, &lengths[1..], out);
            }
            (_, Some(place)) => {
                nulls |= element.array().is_null(place);
                element.write(place, out);
            }
            (_, None) => {
                nulls = true;
                out.extend_from_slice(&NULL.to_be_bytes());
            }
        }
    }
    nulls
}

fn range_of(list: &ListArray, row: usize) -> std::ops::Range<usize> {
    let offsets = list.value_offsets();
    offsets[row] as usize..offsets[row + 1] as usize
}

fn innermost(data_type: &DataType) -> &DataType {
    match data_type {
        DataType::List(field) => innermost(field.data_type()),
        other => other,
    }
}

/// PostgreSQL's number of a type; as `sql/system/type-oids.ts`.
fn oid_of(data_type: &DataType) -> Result<u32> {
    Ok(match data_type {
        DataType::Boolean => 16,
        DataType::Binary => 17,
        DataType::Int64 => 20,
        DataType::Int16 => 21,
        DataType::Int32 => 23,
        DataType::Utf8 | DataType::Map(..) => 25,
        DataType::Float32 => 700,
        DataType::Float64 => 701,
        DataType::Date32 => 1082,
        DataType::Time64(_) => 1083,
        DataType::Timestamp(_, None) => 1114,
        DataType::Timestamp(_, Some(_)) => 1184,
        DataType::Interval(_) => 1186,
        DataType::Decimal128(..) => 1700,
        DataType::FixedSizeBinary(16) => 2950,
        DataType::Struct(_) => 2249,
        DataType::List(field) => match innermost(field.data_type()) {
            DataType::Boolean => 1000,
            DataType::Binary => 1001,
            DataType::Int16 => 1005,
            DataType::Int32 => 1007,
            DataType::Utf8 => 1009,
            DataType::Int64 => 1016,
            DataType::Float32 => 1021,
            DataType::Float64 => 1022,
            DataType::Timestamp(_, None) => 1115,
            DataType::Date32 => 1182,
            DataType::Time64(_) => 1183,
            DataType::Timestamp(_, Some(_)) => 1185,
            DataType::Interval(_) => 1187,
            DataType::Decimal128(..) => 1231,
            DataType::Struct(_) => 2287,
            DataType::FixedSizeBinary(16) => 2951,
            _ => 1009,
        },
        other => {
            let message = format!("no binary output function available for type {other}");
            return Err(Error::new(Code::UndefinedFunction, message));
        }
    })
}

/// A value has at most a gigabyte, so that its length fits.
fn sized(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&(bytes.len() as i32).to_be_bytes());
    out.extend_from_slice(bytes);
}
