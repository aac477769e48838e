//! A column as it is encoded: what kernels compute on without unpacking, and from which single values are picked.

use arrow_array::types::*;
use arrow_array::{ArrayRef, ArrowPrimitiveType, FixedSizeBinaryArray, GenericByteArray, PrimitiveArray, UInt32Array};
use arrow_buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer};
use arrow_schema::{DataType, TimeUnit};
use std::sync::Arc;

use super::bytes::{Malformed, Reader, Result};
use super::decode::narrowed;
use super::doubles::Floats;
use super::integers::Integers;
use super::strings::Texts;
use super::{ALL_NULL, ALL_VALID, NARROW, SOME_NULL};

/// A column of some rows.
pub struct Encoded<'a> {
    pub rows: usize,
    /// Which rows have a value; `None` when all have.
    pub nulls: Option<NullBuffer>,
    /// Of the rows that have a value, in order.
    pub values: Values<'a>,
    data_type: &'a DataType,
    bytes: &'a [u8],
}

pub enum Values<'a> {
    /// No row has one.
    None,
    /// Integers, dates, times, timestamps and decimals of at most 64 bits.
    Integers(Integers<'a>),
    Doubles(Floats<'a, f64>),
    Reals(Floats<'a, f32>),
    Texts(Texts<'a>),
    /// A type whose values are only read whole.
    Other,
}

impl<'a> Encoded<'a> {
    /// Looks at an encoded array of this type and length.
    pub fn new(bytes: &'a [u8], data_type: &'a DataType, rows: usize) -> Result<Self> {
        let mut reader = Reader::new(bytes);
        let nulls = match reader.u8()? {
            ALL_VALID => None,
            ALL_NULL => Some(NullBuffer::new_null(rows)),
            SOME_NULL => {
                let bits = reader.take(rows.div_ceil(8))?;
                Some(NullBuffer::new(BooleanBuffer::new(Buffer::from(bits), 0, rows)))
            }
            _ => return Err(Malformed("has an unknown kind of validity")),
        };
        let count = rows - nulls.as_ref().map_or(0, NullBuffer::null_count);
        let values = if count == 0 && rows > 0 { Values::None } else { values(&mut reader, data_type, count)? };
        if !matches!(values, Values::Other | Values::None) {
            reader.finish()?;
        }
        Ok(Self { rows, nulls, values, data_type, bytes })
    }

    pub fn data_type(&self) -> &DataType {
        self.data_type
    }

    /// The whole column.
    pub fn decode(&self) -> Result<ArrayRef> {
        let mut reader = Reader::new(self.bytes);
        let array = super::decode(&mut reader, self.data_type, self.rows)?;
        reader.finish()?;
        Ok(array)
    }

    /// The values of some rows, each below `rows`, in the order given.
    pub fn take(&self, rows: &[u32]) -> Result<ArrayRef> {
        if let Values::Other = self.values {
            let places = UInt32Array::from(rows.to_vec());
            let whole = self.decode()?;
            return arrow_select::take::take(&whole, &places, None)
                .map_err(|_| Malformed("has values that cannot be picked"));
        }
        if let Values::None = self.values {
            return Ok(arrow_array::new_null_array(self.data_type, rows.len()));
        }
        let Some(nulls) = &self.nulls else {
            let places: Vec<usize> = rows.iter().map(|&row| row as usize).collect();
            return self.pick(&places, None);
        };
        let valid: NullBuffer = rows.iter().map(|&row| nulls.is_valid(row as usize)).collect::<Vec<bool>>().into();
        // A row's value is the one behind as many as rows before it have. A NULL takes any.
        let ranks = ranks(nulls.inner(), rows);
        let last = self.rows - nulls.null_count() - 1;
        let places: Vec<usize> = ranks.into_iter().map(|rank| rank.min(last)).collect();
        self.pick(&places, Some(valid))
    }

    fn pick(&self, places: &[usize], nulls: Option<NullBuffer>) -> Result<ArrayRef> {
        let data_type = self.data_type;
        Ok(match &self.values {
            Values::Doubles(values) => primitive::<Float64Type>(values.take(places)?, nulls, data_type),
            Values::Reals(values) => primitive::<Float32Type>(values.take(places)?, nulls, data_type),
            Values::Integers(values) => {
                let values = values.take(places);
                match data_type {
                    DataType::Int8 => primitive::<Int8Type>(narrowed(values)?, nulls, data_type),
                    DataType::Int16 => primitive::<Int16Type>(narrowed(values)?, nulls, data_type),
                    DataType::Int32 => primitive::<Int32Type>(narrowed(values)?, nulls, data_type),
                    DataType::UInt32 => primitive::<UInt32Type>(narrowed(values)?, nulls, data_type),
                    DataType::Date32 => primitive::<Date32Type>(narrowed(values)?, nulls, data_type),
                    DataType::UInt64 => {
                        primitive::<UInt64Type>(values.into_iter().map(|v| v as u64).collect(), nulls, data_type)
                    }
                    DataType::Time64(_) => primitive::<Time64MicrosecondType>(values, nulls, data_type),
                    DataType::Timestamp(_, _) => primitive::<TimestampMicrosecondType>(values, nulls, data_type),
                    DataType::Decimal128(_, _) => {
                        primitive::<Decimal128Type>(values.into_iter().map(i128::from).collect(), nulls, data_type)
                    }
                    _ => primitive::<Int64Type>(values, nulls, data_type),
                }
            }
            Values::Texts(texts) => {
                let (offsets, bytes) = texts.take(places)?;
                let wrong = |_| Malformed("has texts that cannot be picked");
                match data_type {
                    DataType::FixedSizeBinary(width) => {
                        let array = FixedSizeBinaryArray::try_new(*width, bytes.into(), nulls);
                        Arc::new(array.map_err(wrong)?)
                    }
                    DataType::Utf8 => {
                        let offsets = OffsetBuffer::new(offsets.into());
                        Arc::new(GenericByteArray::<Utf8Type>::try_new(offsets, bytes.into(), nulls).map_err(wrong)?)
                    }
                    _ => {
                        let offsets = OffsetBuffer::new(offsets.into());
                        Arc::new(GenericByteArray::<BinaryType>::try_new(offsets, bytes.into(), nulls).map_err(wrong)?)
                    }
                }
            }
            Values::None | Values::Other => unreachable!("taken whole"),
        })
    }
}

fn primitive<T: ArrowPrimitiveType>(
    values: Vec<T::Native>,
    nulls: Option<NullBuffer>,
    data_type: &DataType,
) -> ArrayRef {
    Arc::new(PrimitiveArray::<T>::new(values.into(), nulls).with_data_type(data_type.clone()))
}

/// For each row, how many bits before its own are set. Rows mostly ascend, so counting goes on from the row before.
fn ranks(bits: &BooleanBuffer, rows: &[u32]) -> Vec<usize> {
    let (mut at, mut rank) = (0, 0);
    let counted = |&row: &u32| {
        let row = row as usize;
        if row < at {
            (at, rank) = (0, 0);
        }
        rank += bits.slice(at, row - at).count_set_bits();
        at = row;
        rank
    };
    rows.iter().map(counted).collect()
}

fn values<'a>(reader: &mut Reader<'a>, data_type: &DataType, count: usize) -> Result<Values<'a>> {
    Ok(match data_type {
        DataType::Int8
        | DataType::Int16
        | DataType::Int32
        | DataType::Int64
        | DataType::UInt32
        | DataType::UInt64
        | DataType::Date32
        | DataType::Time64(TimeUnit::Microsecond)
        | DataType::Timestamp(TimeUnit::Microsecond, _) => Values::Integers(Integers::read(reader, count)?),
        DataType::Decimal128(_, _) => match reader.u8()? {
            NARROW => Values::Integers(Integers::read(reader, count)?),
            _ => Values::Other,
        },
        DataType::Float64 => Values::Doubles(Floats::read(reader, count)?),
        DataType::Float32 => Values::Reals(Floats::read(reader, count)?),
        DataType::Utf8 => Values::Texts(Texts::read(reader, count, true)?),
        DataType::Binary => Values::Texts(Texts::read(reader, count, false)?),
        DataType::FixedSizeBinary(width) => {
            let texts = Texts::read(reader, count, false)?;
            if texts.entries.lengths_are(*width) {
                Values::Texts(texts)
            } else {
                return Err(Malformed("has values of another size"));
            }
        }
        _ => Values::Other,
    })
}
