//! The physical side of an Arrow column: all SQL types come down to six layouts, and every kernel that must look at
//! single values (hashing, stores, sums) works on those instead of on some twenty array types.

use std::sync::Arc;

use arrow_array::{
    Array, ArrayRef, BinaryArray, BooleanArray, StringArray, cast::AsArray, make_array, types::IntervalMonthDayNanoType,
};
use arrow_buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::{DataType, IntervalUnit};
use millrace_base::{Error, Result};

use crate::interval::{canonical_intervals, is_interval, pack_interval, unpack_interval};
use crate::nested::{bytes_of_fixed, bytes_of_nested, fixed_of_bytes, is_nested, nested_of_bytes, normalized_nested};
use crate::{arrow_error, out_of_range};

/// Values without their logical type. What lies under a NULL is arbitrary.
#[derive(Debug, Clone)]
pub enum Words {
    Bits(BooleanBuffer),
    W2(ScalarBuffer<i16>),
    W4(ScalarBuffer<i32>),
    W8(ScalarBuffer<i64>),
    W16(ScalarBuffer<i128>),
    Bytes(OffsetBuffer<i32>, Buffer),
}

#[derive(Debug, Clone)]
pub struct RawColumn {
    pub words: Words,
    pub nulls: Option<NullBuffer>,
}

impl RawColumn {
    /// A view of the array; only intervals and nested values are copied.
    pub fn of(array: &dyn Array) -> Result<Self> {
        let words = match array.data_type() {
            DataType::Boolean => Words::Bits(array.as_boolean().values().clone()),
            DataType::Utf8 => {
                let a = array.as_string::<i32>();
                Words::Bytes(a.offsets().clone(), a.values().clone())
            }
            DataType::Binary => {
                let a = array.as_binary::<i32>();
                Words::Bytes(a.offsets().clone(), a.values().clone())
            }
            DataType::Interval(IntervalUnit::MonthDayNano) => {
                let a = array.as_primitive::<IntervalMonthDayNanoType>();
                Words::W16(a.values().iter().map(|v| pack_interval(*v)).collect())
            }
            DataType::Int16 => Words::W2(scalars(array)),
            DataType::Int32 | DataType::Date32 | DataType::Float32 => Words::W4(scalars(array)),
            DataType::Int64 | DataType::Float64 | DataType::Time64(_) | DataType::Timestamp(..) => {
                Words::W8(scalars(array))
            }
            DataType::Decimal128(..) => Words::W16(scalars(array)),
            DataType::FixedSizeBinary(_) => {
                let (offsets, values) = bytes_of_fixed(array.as_fixed_size_binary())?;
                Words::Bytes(offsets, values)
            }
            nested if is_nested(nested) => {
                let (offsets, values) = bytes_of_nested(array)?;
                Words::Bytes(offsets, values)
            }
            other => return Err(Error::internal(format!("no kernel for columns of {other}"))),
        };
        Ok(Self { words, nulls: array.nulls().filter(|n| n.null_count() > 0).cloned() })
    }

    pub fn all(arrays: &[ArrayRef]) -> Result<Vec<Self>> {
        arrays.iter().map(|a| Self::of(a.as_ref())).collect()
    }

    #[inline]
    pub fn is_null(&self, row: usize) -> bool {
        self.nulls.as_ref().is_some_and(|n| n.is_null(row))
    }

    /// A variable-length value. Fixed-width columns have none.
    #[inline]
    pub fn bytes(&self, row: usize) -> &[u8] {
        match &self.words {
            Words::Bytes(offsets, data) => &data[offsets[row] as usize..offsets[row + 1] as usize],
            _ => &[],
        }
    }

    /// Whether two rows hold the same bits, or both NULL.
    #[inline]
    pub fn same(&self, row: usize, other: &RawColumn, other_row: usize) -> bool {
        match (self.is_null(row), other.is_null(other_row)) {
            (true, true) => return true,
            (false, false) => {}
            _ => return false,
        }
        match (&self.words, &other.words) {
            (Words::Bits(a), Words::Bits(b)) => a.value(row) == b.value(other_row),
            (Words::W2(a), Words::W2(b)) => a[row] == b[other_row],
            (Words::W4(a), Words::W4(b)) => a[row] == b[other_row],
            (Words::W8(a), Words::W8(b)) => a[row] == b[other_row],
            (Words::W16(a), Words::W16(b)) => a[row] == b[other_row],
            (Words::Bytes(..), Words::Bytes(..)) => self.bytes(row) == other.bytes(other_row),
            _ => false,
        }
    }
}

fn scalars<T: arrow_buffer::ArrowNativeType>(array: &dyn Array) -> ScalarBuffer<T> {
    let data = array.to_data();
    ScalarBuffer::new(data.buffers()[0].clone(), data.offset(), data.len())
}

fn rebuild(data_type: &DataType, len: usize, buffer: Buffer, nulls: Option<NullBuffer>) -> Result<ArrayRef> {
    let data = arrow::array::ArrayData::builder(data_type.clone())
        .len(len)
        .add_buffer(buffer)
        .nulls(nulls)
        .build()
        .map_err(arrow_error)?;
    Ok(make_array(data))
}

pub(crate) fn array_of_bits(values: BooleanBuffer, nulls: Option<NullBuffer>) -> ArrayRef {
    Arc::new(BooleanArray::new(values, nulls))
}

pub(crate) fn array_of_words<T: arrow_buffer::ArrowNativeType>(
    data_type: &DataType,
    values: Vec<T>,
    nulls: Option<NullBuffer>,
) -> Result<ArrayRef> {
    rebuild(data_type, values.len(), Buffer::from_vec(values), nulls)
}

/// Decimals and intervals.
pub fn array_of_i128(data_type: &DataType, values: Vec<i128>, nulls: Option<NullBuffer>) -> Result<ArrayRef> {
    match data_type {
        DataType::Interval(_) => {
            let values: Vec<_> = values.into_iter().map(unpack_interval).collect();
            Ok(Arc::new(arrow_array::PrimitiveArray::<IntervalMonthDayNanoType>::new(values.into(), nulls)))
        }
        _ => array_of_words(data_type, values, nulls),
    }
}

pub(crate) fn array_of_bytes(
    data_type: &DataType,
    lengths: impl Iterator<Item = usize>,
    values: Vec<u8>,
    nulls: Option<NullBuffer>,
) -> Result<ArrayRef> {
    if i32::try_from(values.len()).is_err() {
        return Err(out_of_range("the size of a column of text"));
    }
    if let DataType::FixedSizeBinary(width) = data_type {
        return fixed_of_bytes(*width, lengths, &values, nulls);
    }
    let offsets = OffsetBuffer::from_lengths(lengths);
    Ok(match data_type {
        nested if is_nested(nested) => nested_of_bytes(nested, offsets, Buffer::from_vec(values), nulls.as_ref())?,
        DataType::Binary => {
            Arc::new(BinaryArray::try_new(offsets, Buffer::from_vec(values), nulls).map_err(arrow_error)?)
        }
        _ => Arc::new(StringArray::try_new(offsets, Buffer::from_vec(values), nulls).map_err(arrow_error)?),
    })
}

/// The bits of a double in an order that integers have; its own inverse.
#[inline]
fn flip64(bits: i64) -> i64 {
    bits ^ (((bits >> 63) as u64) >> 1) as i64
}

#[inline]
fn flip32(bits: i32) -> i32 {
    bits ^ (((bits >> 31) as u32) >> 1) as i32
}

/// -0 becomes 0 and every NaN the one NaN that sorts last: SQL holds them equal.
#[inline]
fn canonical64(bits: i64) -> i64 {
    let value = f64::from_bits(bits as u64);
    if value.is_nan() { f64::NAN.to_bits() as i64 & i64::MAX } else { (value + 0.0).to_bits() as i64 }
}

#[inline]
fn canonical32(bits: i32) -> i32 {
    let value = f32::from_bits(bits as u32);
    if value.is_nan() { f32::NAN.to_bits() as i32 & i32::MAX } else { (value + 0.0).to_bits() as i32 }
}

/// Whether one integer of eight bytes can stand for each value, as `sortable_i64` gives it: all types but numeric, text,
/// bytea, interval, uuid and the nested ones.
pub fn is_sortable(data_type: &DataType) -> bool {
    use DataType as T;
    !is_nested(data_type)
        && !matches!(data_type, T::Decimal128(..) | T::Utf8 | T::Binary | T::Interval(_) | T::FixedSizeBinary(_))
}

/// The values as integers in SQL's order, equal exactly when SQL holds the values equal. `None` for types that are not
/// sortable so. Without a copy for bigint and times.
pub fn sortable_i64(array: &dyn Array) -> Result<Option<ScalarBuffer<i64>>> {
    if !is_sortable(array.data_type()) {
        return Ok(None);
    }
    let raw = RawColumn::of(array)?;
    let float = array.data_type().is_floating();
    Ok(Some(match raw.words {
        Words::Bits(bits) => bits.iter().map(i64::from).collect(),
        Words::W2(v) => v.iter().map(|&v| i64::from(v)).collect(),
        Words::W4(v) if float => v.iter().map(|&v| i64::from(flip32(canonical32(v)))).collect(),
        Words::W4(v) => v.iter().map(|&v| i64::from(v)).collect(),
        Words::W8(v) if float => v.iter().map(|&v| flip64(canonical64(v))).collect(),
        Words::W8(v) => v,
        Words::W16(_) | Words::Bytes(..) => return Ok(None),
    }))
}

/// As `sortable_i64`, of one value.
#[inline]
pub(crate) fn sortable_of_word(data_type: &DataType, word: i64) -> i64 {
    match data_type {
        DataType::Float32 => i64::from(flip32(canonical32(word as i32))),
        DataType::Float64 => flip64(canonical64(word)),
        _ => word,
    }
}

/// The inverse of `sortable_i64`.
pub fn array_of_sortable(data_type: &DataType, values: Vec<i64>, nulls: Option<NullBuffer>) -> Result<ArrayRef> {
    match data_type {
        DataType::Boolean => Ok(array_of_bits(values.iter().map(|&v| v != 0).collect(), nulls)),
        DataType::Int16 => array_of_words(data_type, values.iter().map(|&v| v as i16).collect(), nulls),
        DataType::Int32 | DataType::Date32 => {
            array_of_words(data_type, values.iter().map(|&v| v as i32).collect::<Vec<_>>(), nulls)
        }
        DataType::Float32 => {
            array_of_words(data_type, values.iter().map(|&v| flip32(v as i32)).collect::<Vec<_>>(), nulls)
        }
        DataType::Float64 => array_of_words(data_type, values.iter().map(|&v| flip64(v)).collect::<Vec<_>>(), nulls),
        _ => array_of_words(data_type, values, nulls),
    }
}

/// The column with floats and intervals made canonical, so that equal values have equal bits; other types as they are.
pub fn normalized(array: &ArrayRef) -> Result<ArrayRef> {
    if is_interval(array.data_type()) {
        return Ok(canonical_intervals(array));
    }
    if is_nested(array.data_type()) {
        return normalized_nested(array);
    }
    let nulls = array.nulls().cloned();
    match (RawColumn::of(array.as_ref())?.words, array.data_type()) {
        (Words::W4(v), DataType::Float32) => {
            array_of_words(array.data_type(), v.iter().map(|&v| canonical32(v)).collect::<Vec<_>>(), nulls)
        }
        (Words::W8(v), DataType::Float64) => {
            array_of_words(array.data_type(), v.iter().map(|&v| canonical64(v)).collect::<Vec<_>>(), nulls)
        }
        _ => Ok(array.clone()),
    }
}
