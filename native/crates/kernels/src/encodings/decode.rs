//! Reading Arrow arrays back.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::*;
use arrow_array::{
    ArrayRef, ArrowPrimitiveType, BooleanArray, FixedSizeBinaryArray, GenericByteArray, ListArray, MapArray,
    PrimitiveArray, StructArray, UInt32Array,
};
use arrow_buffer::{BooleanBuffer, Buffer, IntervalMonthDayNano, NullBuffer, OffsetBuffer};
use arrow_schema::{DataType, Fields, IntervalUnit, TimeUnit};

use super::bytes::{Malformed, Reader, Result};
use super::doubles::{Float, Floats};
use super::integers;
use super::strings::Texts;
use super::{ALL_NULL, ALL_VALID, DEPTH_MAX, ELEMENTS_MAX, NARROW, SOME_NULL, WIDE};

/// Reads an array of this type and length.
pub fn decode(reader: &mut Reader<'_>, data_type: &DataType, len: usize) -> Result<ArrayRef> {
    decode_at(reader, data_type, len, 0)
}

fn decode_at(reader: &mut Reader<'_>, data_type: &DataType, len: usize, depth: usize) -> Result<ArrayRef> {
    if depth > DEPTH_MAX {
        return Err(Malformed("is nested too deeply"));
    }
    let nulls = match reader.u8()? {
        ALL_VALID => None,
        ALL_NULL => return Ok(arrow_array::new_null_array(data_type, len)),
        SOME_NULL => {
            let bits = reader.take(len.div_ceil(8))?;
            Some(NullBuffer::new(BooleanBuffer::new(Buffer::from(bits), 0, len)))
        }
        _ => return Err(Malformed("has an unknown kind of validity")),
    };
    let count = len - nulls.as_ref().map_or(0, NullBuffer::null_count);
    decode_values(reader, data_type, Shape { len, count, nulls }, depth)
}

/// How the values that are there lie among the NULLs.
struct Shape {
    len: usize,
    count: usize,
    nulls: Option<NullBuffer>,
}

impl Shape {
    /// Puts values into their places; a NULL's place holds the default.
    fn spread<T: Copy + Default>(&self, values: Vec<T>) -> Vec<T> {
        let Some(nulls) = &self.nulls else { return values };
        let mut out = vec![T::default(); self.len];
        for (at, value) in nulls.valid_indices().zip(values) {
            out[at] = value;
        }
        out
    }

    fn primitive<T: ArrowPrimitiveType>(self, values: Vec<T::Native>, data_type: &DataType) -> ArrayRef {
        let values = self.spread(values);
        Arc::new(PrimitiveArray::<T>::new(values.into(), self.nulls).with_data_type(data_type.clone()))
    }

    /// Offsets of values with these lengths, and their sum; a NULL takes no space.
    fn offsets(&self, lengths: Vec<i64>) -> Result<(OffsetBuffer<i32>, usize)> {
        let mut total = 0usize;
        for &length in &lengths {
            let length = usize::try_from(length).map_err(|_| Malformed("has a list of negative length"))?;
            total =
                total.checked_add(length).filter(|&t| t <= ELEMENTS_MAX).ok_or(Malformed("has too many elements"))?;
        }
        let lengths = self.spread(lengths);
        Ok((OffsetBuffer::from_lengths(lengths.into_iter().map(|length| length as usize)), total))
    }

    /// Where the row of each value is among the values, for `take`: NULL where there is none.
    fn places(&self) -> Option<UInt32Array> {
        let nulls = self.nulls.as_ref()?;
        let mut before = 0..;
        Some(nulls.iter().map(|valid| if valid { before.next() } else { None }).collect())
    }
}

/// A type of fewer than 64 bits.
pub(super) trait Narrow: TryFrom<i64> {
    fn cut(value: i64) -> Self;
}

macro_rules! narrow {
    ($($type:ty),*) => {
        $(impl Narrow for $type {
            #[inline]
            fn cut(value: i64) -> Self {
                value as $type
            }
        })*
    };
}

narrow!(i8, i16, i32, u32);

pub(super) fn narrowed<T: Narrow>(values: Vec<i64>) -> Result<Vec<T>> {
    // The ends tell of all, and neither loop has a branch a value.
    let (least, most) = values.iter().fold((0, 0), |(least, most), &v| (v.min(least), v.max(most)));
    if T::try_from(least).is_err() || T::try_from(most).is_err() {
        return Err(Malformed("has a value outside its type"));
    }
    Ok(values.iter().map(|&value| T::cut(value)).collect())
}

fn ints<T: ArrowPrimitiveType>(reader: &mut Reader<'_>, data_type: &DataType, shape: Shape) -> Result<ArrayRef>
where
    T::Native: Narrow,
{
    let values = narrowed(integers::decode(reader, shape.count)?)?;
    Ok(shape.primitive::<T>(values, data_type))
}

fn floats<T: ArrowPrimitiveType>(reader: &mut Reader<'_>, data_type: &DataType, shape: Shape) -> Result<ArrayRef>
where
    T::Native: Float,
{
    let values = Floats::read(reader, shape.count)?.to_vec()?;
    Ok(shape.primitive::<T>(values, data_type))
}

fn decode_values(reader: &mut Reader<'_>, data_type: &DataType, shape: Shape, depth: usize) -> Result<ArrayRef> {
    let count = shape.count;
    Ok(match data_type {
        DataType::Boolean => {
            let bits = BooleanBuffer::new(Buffer::from(reader.take(count.div_ceil(8))?), 0, count);
            match &shape.nulls {
                None => Arc::new(BooleanArray::new(bits, None)),
                Some(_) => {
                    let values = shape.spread(bits.iter().collect());
                    Arc::new(BooleanArray::new(values.into(), shape.nulls))
                }
            }
        }
        DataType::Int8 => ints::<Int8Type>(reader, data_type, shape)?,
        DataType::Int16 => ints::<Int16Type>(reader, data_type, shape)?,
        DataType::Int32 => ints::<Int32Type>(reader, data_type, shape)?,
        DataType::UInt32 => ints::<UInt32Type>(reader, data_type, shape)?,
        DataType::Date32 => ints::<Date32Type>(reader, data_type, shape)?,
        DataType::Int64 => shape.primitive::<Int64Type>(integers::decode(reader, count)?, data_type),
        DataType::UInt64 => {
            let values = integers::decode(reader, count)?.into_iter().map(|v| v as u64).collect();
            shape.primitive::<UInt64Type>(values, data_type)
        }
        DataType::Time64(TimeUnit::Microsecond) => {
            shape.primitive::<Time64MicrosecondType>(integers::decode(reader, count)?, data_type)
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            shape.primitive::<TimestampMicrosecondType>(integers::decode(reader, count)?, data_type)
        }
        DataType::Float32 => floats::<Float32Type>(reader, data_type, shape)?,
        DataType::Float64 => floats::<Float64Type>(reader, data_type, shape)?,
        DataType::Decimal128(_, _) => {
            let values = match reader.u8()? {
                NARROW => integers::decode(reader, count)?.into_iter().map(i128::from).collect(),
                WIDE => {
                    let high = integers::decode(reader, count)?;
                    let low = integers::decode(reader, count)?;
                    high.into_iter().zip(low).map(|(h, l)| (i128::from(h) << 64) | i128::from(l as u64)).collect()
                }
                _ => return Err(Malformed("has an unknown encoding of decimals")),
            };
            shape.primitive::<Decimal128Type>(values, data_type)
        }
        DataType::Interval(IntervalUnit::MonthDayNano) => {
            let months: Vec<i32> = narrowed(integers::decode(reader, count)?)?;
            let days: Vec<i32> = narrowed(integers::decode(reader, count)?)?;
            let nanos = integers::decode(reader, count)?;
            let parts = months.into_iter().zip(days).zip(nanos);
            let values = parts.map(|((m, d), n)| IntervalMonthDayNano::new(m, d, n)).collect();
            shape.primitive::<IntervalMonthDayNanoType>(values, data_type)
        }
        DataType::Utf8 => {
            let (offsets, bytes) = decode_texts(reader, &shape, true)?;
            // SAFETY: every value by itself is UTF-8 (`Texts::read` has just checked it), and the offsets are where
            // values begin and end. Benefit: the values of a dictionary are checked once, not once a row.
            Arc::new(unsafe { GenericByteArray::<Utf8Type>::new_unchecked(offsets, bytes, shape.nulls) })
        }
        DataType::Binary => {
            let (offsets, bytes) = decode_texts(reader, &shape, false)?;
            let array = GenericByteArray::<BinaryType>::try_new(offsets, bytes, shape.nulls);
            Arc::new(array.map_err(|_| Malformed("has byte strings out of bounds"))?)
        }
        DataType::FixedSizeBinary(width) => decode_fixed(reader, *width, shape)?,
        DataType::List(field) => {
            let (offsets, total) = shape.offsets(integers::decode(reader, count)?)?;
            let values = decode_at(reader, field.data_type(), total, depth + 1)?;
            let array = ListArray::try_new(field.clone(), offsets, values, shape.nulls);
            Arc::new(array.map_err(|_| Malformed("has lists out of bounds"))?)
        }
        DataType::Map(field, sorted) => {
            let (offsets, total) = shape.offsets(integers::decode(reader, count)?)?;
            let entries = decode_at(reader, field.data_type(), total, depth + 1)?;
            let entries = entries.as_struct_opt().ok_or(Malformed("has entries of another type"))?.clone();
            let array = MapArray::try_new(field.clone(), offsets, entries, shape.nulls, *sorted);
            Arc::new(array.map_err(|_| Malformed("has entries out of bounds"))?)
        }
        DataType::Struct(fields) => decode_struct(reader, fields, shape, depth)?,
        _ => return Err(Malformed("is of a type that is not stored")),
    })
}

fn decode_struct(reader: &mut Reader<'_>, fields: &Fields, shape: Shape, depth: usize) -> Result<ArrayRef> {
    let places = shape.places();
    let mut columns = Vec::with_capacity(fields.len());
    for field in fields {
        let column = decode_at(reader, field.data_type(), shape.count, depth + 1)?;
        columns.push(match &places {
            None => column,
            Some(places) => arrow_select::take::take(&column, places, None)
                .map_err(|_| Malformed("has fields that cannot be picked"))?,
        });
    }
    if fields.is_empty() {
        return Ok(Arc::new(StructArray::new_empty_fields(shape.len, shape.nulls)));
    }
    let array = StructArray::try_new(fields.clone(), columns, shape.nulls);
    Ok(Arc::new(array.map_err(|_| Malformed("has fields out of bounds"))?))
}

fn decode_fixed(reader: &mut Reader<'_>, width: i32, shape: Shape) -> Result<ArrayRef> {
    let texts = Texts::read(reader, shape.count, false)?;
    if !texts.entries.lengths_are(width) {
        return Err(Malformed("has values of another size"));
    }
    let (_, bytes) = texts.expand()?;
    let size = width as usize;
    let spread = match &shape.nulls {
        None => bytes,
        Some(nulls) => {
            let mut out = vec![0; size * shape.len];
            for (at, value) in nulls.valid_indices().zip(bytes.chunks_exact(size.max(1))) {
                out[at * size..(at + 1) * size].copy_from_slice(value);
            }
            out
        }
    };
    let array = FixedSizeBinaryArray::try_new(width, spread.into(), shape.nulls);
    Ok(Arc::new(array.map_err(|_| Malformed("has values of another size"))?))
}

fn decode_texts(reader: &mut Reader<'_>, shape: &Shape, utf8: bool) -> Result<(OffsetBuffer<i32>, Buffer)> {
    let (offsets, bytes) = Texts::read(reader, shape.count, utf8)?.expand()?;
    let offsets = match &shape.nulls {
        None => OffsetBuffer::new(offsets.into()),
        Some(_) => {
            let lengths: Vec<usize> = offsets.windows(2).map(|pair| (pair[1] - pair[0]) as usize).collect();
            OffsetBuffer::from_lengths(shape.spread(lengths))
        }
    };
    Ok((offsets, bytes.into()))
}
