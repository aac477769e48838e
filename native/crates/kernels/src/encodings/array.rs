//! Writing Arrow arrays: validity, then the values that are not NULL, by type.

use std::borrow::Cow;

use arrow_array::builder::BooleanBufferBuilder;
use arrow_array::cast::AsArray;
use arrow_array::types::*;
use arrow_array::{Array, ArrayRef, UInt32Array};
use arrow_buffer::{BooleanBuffer, IntervalMonthDayNano, NullBuffer, OffsetBuffer};
use arrow_schema::{DataType, IntervalUnit, TimeUnit};

use super::bytes::{Malformed, Result};
use super::{ALL_NULL, ALL_VALID, DEPTH_MAX, ELEMENTS_MAX, NARROW, SOME_NULL, WIDE};
use super::{doubles, integers, strings};

/// Appends an array. The reader must know its type and length.
pub fn encode(array: &dyn Array, out: &mut Vec<u8>) -> Result<()> {
    encode_at(array, out, 0)
}

fn encode_at(array: &dyn Array, out: &mut Vec<u8>, depth: usize) -> Result<()> {
    if depth > DEPTH_MAX {
        return Err(Malformed("is nested too deeply"));
    }
    let nulls = array.logical_nulls().filter(|nulls| nulls.null_count() > 0);
    match &nulls {
        None => out.push(ALL_VALID),
        Some(nulls) if nulls.null_count() == array.len() => {
            out.push(ALL_NULL);
            return Ok(());
        }
        Some(nulls) => {
            out.push(SOME_NULL);
            put_bits(nulls.inner(), out);
        }
    }
    encode_values(array, nulls.as_ref(), out, depth)
}

fn put_bits(bits: &BooleanBuffer, out: &mut Vec<u8>) {
    let mut builder = BooleanBufferBuilder::new(bits.len());
    builder.append_buffer(bits);
    let packed = builder.finish();
    out.extend_from_slice(&packed.values()[..bits.len().div_ceil(8)]);
}

/// The values that are not NULL.
fn present<'a, T: ArrowPrimitiveType>(array: &'a dyn Array, nulls: Option<&NullBuffer>) -> Cow<'a, [T::Native]> {
    let values = array.as_primitive::<T>().values();
    match nulls {
        None => Cow::Borrowed(values),
        Some(nulls) => Cow::Owned(nulls.valid_indices().map(|at| values[at]).collect()),
    }
}

/// The places of the values that are not NULL.
fn places(len: usize, nulls: Option<&NullBuffer>) -> Cow<'static, [u32]> {
    match nulls {
        None => (0..len as u32).collect(),
        Some(nulls) => nulls.valid_indices().map(|at| at as u32).collect(),
    }
}

fn ints<T: ArrowPrimitiveType>(array: &dyn Array, nulls: Option<&NullBuffer>, out: &mut Vec<u8>)
where
    T::Native: Into<i64>,
{
    let values: Vec<i64> = present::<T>(array, nulls).iter().map(|&value| value.into()).collect();
    integers::encode(&values, out);
}

fn longs<T: ArrowPrimitiveType<Native = i64>>(array: &dyn Array, nulls: Option<&NullBuffer>, out: &mut Vec<u8>) {
    integers::encode(&present::<T>(array, nulls), out);
}

fn encode_values(array: &dyn Array, nulls: Option<&NullBuffer>, out: &mut Vec<u8>, depth: usize) -> Result<()> {
    match array.data_type() {
        DataType::Boolean => {
            let values = array.as_boolean().values();
            match nulls {
                None => put_bits(values, out),
                Some(nulls) => put_bits(&nulls.valid_indices().map(|at| values.value(at)).collect(), out),
            }
        }
        DataType::Int8 => ints::<Int8Type>(array, nulls, out),
        DataType::Int16 => ints::<Int16Type>(array, nulls, out),
        DataType::Int32 => ints::<Int32Type>(array, nulls, out),
        DataType::UInt32 => ints::<UInt32Type>(array, nulls, out),
        DataType::Date32 => ints::<Date32Type>(array, nulls, out),
        DataType::Int64 => longs::<Int64Type>(array, nulls, out),
        DataType::Time64(TimeUnit::Microsecond) => longs::<Time64MicrosecondType>(array, nulls, out),
        DataType::Timestamp(TimeUnit::Microsecond, _) => longs::<TimestampMicrosecondType>(array, nulls, out),
        DataType::UInt64 => {
            let values: Vec<i64> = present::<UInt64Type>(array, nulls).iter().map(|&v| v as i64).collect();
            integers::encode(&values, out);
        }
        DataType::Float32 => doubles::encode(&present::<Float32Type>(array, nulls), out),
        DataType::Float64 => doubles::encode(&present::<Float64Type>(array, nulls), out),
        DataType::Decimal128(_, _) => encode_decimals(&present::<Decimal128Type>(array, nulls), out),
        DataType::Interval(IntervalUnit::MonthDayNano) => {
            let values = present::<IntervalMonthDayNanoType>(array, nulls);
            let part = |get: fn(&IntervalMonthDayNano) -> i64| -> Vec<i64> { values.iter().map(get).collect() };
            integers::encode(&part(|v| i64::from(v.months)), out);
            integers::encode(&part(|v| i64::from(v.days)), out);
            integers::encode(&part(|v| v.nanoseconds), out);
        }
        DataType::Utf8 => {
            let array = array.as_string::<i32>();
            texts(array.len(), nulls, |at| array.value(at).as_bytes(), out);
        }
        DataType::Binary => {
            let array = array.as_binary::<i32>();
            texts(array.len(), nulls, |at| array.value(at), out);
        }
        DataType::FixedSizeBinary(_) => {
            let array = array.as_fixed_size_binary();
            texts(array.len(), nulls, |at| array.value(at), out);
        }
        DataType::List(_) => {
            let array = array.as_list::<i32>();
            encode_lists(array.offsets(), array.values(), nulls, out, depth)?;
        }
        DataType::Map(_, _) => {
            let array = array.as_map();
            encode_lists(array.offsets(), array.entries(), nulls, out, depth)?;
        }
        DataType::Struct(_) => {
            let places = nulls.map(|_| UInt32Array::from(places(array.len(), nulls).into_owned()));
            for column in array.as_struct().columns() {
                match &places {
                    None => encode_at(column, out, depth + 1)?,
                    Some(places) => encode_at(&taken(column, places)?, out, depth + 1)?,
                }
            }
        }
        _ => return Err(Malformed("is of a type that is not stored")),
    }
    Ok(())
}

fn encode_decimals(values: &[i128], out: &mut Vec<u8>) {
    if let Some(narrow) = values.iter().map(|&value| i64::try_from(value).ok()).collect::<Option<Vec<i64>>>() {
        out.push(NARROW);
        integers::encode(&narrow, out);
    } else {
        out.push(WIDE);
        let high: Vec<i64> = values.iter().map(|&value| (value >> 64) as i64).collect();
        let low: Vec<i64> = values.iter().map(|&value| value as i64).collect();
        integers::encode(&high, out);
        integers::encode(&low, out);
    }
}

fn texts<'a>(len: usize, nulls: Option<&NullBuffer>, value: impl Fn(usize) -> &'a [u8], out: &mut Vec<u8>) {
    let values: Vec<&[u8]> = match nulls {
        None => (0..len).map(value).collect(),
        Some(nulls) => nulls.valid_indices().map(value).collect(),
    };
    strings::encode(&values, out);
}

fn taken(array: &dyn Array, places: &UInt32Array) -> Result<ArrayRef> {
    arrow_select::take::take(array, places, None).map_err(|_| Malformed("has values that cannot be picked"))
}

fn encode_lists(
    offsets: &OffsetBuffer<i32>,
    values: &dyn Array,
    nulls: Option<&NullBuffer>,
    out: &mut Vec<u8>,
    depth: usize,
) -> Result<()> {
    let places = places(offsets.len() - 1, nulls);
    let range = |at: u32| offsets[at as usize] as usize..offsets[at as usize + 1] as usize;
    let lengths: Vec<i64> = places.iter().map(|&at| range(at).len() as i64).collect();
    if lengths.iter().sum::<i64>() > ELEMENTS_MAX as i64 {
        return Err(Malformed("has too many elements"));
    }
    integers::encode(&lengths, out);
    if nulls.is_none() {
        let (from, to) = (offsets[0] as usize, offsets[offsets.len() - 1] as usize);
        return encode_at(&values.slice(from, to - from), out, depth + 1);
    }
    let elements: UInt32Array = places.iter().flat_map(|&at| range(at).start as u32..range(at).end as u32).collect();
    encode_at(&taken(values, &elements)?, out, depth + 1)
}
