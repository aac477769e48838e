//! One column under construction. Unlike Arrow's builders it can be cut back, so that a row which fails halfway
//! leaves no trace in the columns before.

use std::sync::Arc;

use arrow::buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow_array::{
    ArrayRef, BinaryArray, BooleanArray, Decimal128Array, FixedSizeBinaryArray, Float32Array, Float64Array, Int16Array,
    Int32Array, Int64Array, IntervalMonthDayNanoArray, ListArray, MapArray, PrimitiveArray, StringArray, StructArray,
    builder::BooleanBufferBuilder,
    types::{Date32Type, IntervalMonthDayNano, Time64MicrosecondType, TimestampMicrosecondType},
};
use arrow_schema::DataType as Arrow;
use millrace_kernels::{Uuid, canonical_map};
use millrace_plan::{DataType, RowField, UUID_BYTES};

pub struct Column {
    pub name: String,
    pub data_type: DataType,
    pub nullable: bool,
    pub values: Values,
    valid: BooleanBufferBuilder,
}

pub enum Values {
    Boolean(BooleanBufferBuilder),
    Smallint(Vec<i16>),
    /// integer and date
    Int32(Vec<i32>),
    /// bigint and the times
    Int64(Vec<i64>),
    Real(Vec<f32>),
    Double(Vec<f64>),
    Numeric(Vec<i128>),
    /// text, bytea and jsonb
    Bytes {
        ends: Vec<i32>,
        data: Vec<u8>,
    },
    Interval(Vec<IntervalMonthDayNano>),
    Uuid(Vec<Uuid>),
    Array {
        ends: Vec<i32>,
        element: Box<Column>,
    },
    Row(Vec<Column>),
    Map {
        ends: Vec<i32>,
        keys: Box<Column>,
        values: Box<Column>,
    },
}

impl Column {
    pub fn new(name: &str, data_type: DataType, nullable: bool) -> Self {
        let values = match data_type {
            DataType::Boolean => Values::Boolean(BooleanBufferBuilder::new(0)),
            DataType::Smallint => Values::Smallint(Vec::new()),
            DataType::Integer | DataType::Date => Values::Int32(Vec::new()),
            DataType::Bigint | DataType::Time | DataType::Timestamp | DataType::Timestamptz => {
                Values::Int64(Vec::new())
            }
            DataType::Real => Values::Real(Vec::new()),
            DataType::Double => Values::Double(Vec::new()),
            DataType::Numeric { .. } => Values::Numeric(Vec::new()),
            DataType::Text | DataType::Bytea | DataType::Jsonb => Values::Bytes { ends: vec![0], data: Vec::new() },
            DataType::Interval => Values::Interval(Vec::new()),
            DataType::Uuid => Values::Uuid(Vec::new()),
            DataType::Array { element } => {
                Values::Array { ends: vec![0], element: Box::new(Self::new(&format!("{name}[]"), *element, true)) }
            }
            DataType::Row { fields } => {
                let column = |field: &RowField| Self::new(&format!("{name}.{}", field.name), field.data_type, true);
                Values::Row(fields.iter().map(column).collect())
            }
            DataType::Map { key, value } => Values::Map {
                ends: vec![0],
                keys: Box::new(Self::new(&format!("{name}[]"), *key, false)),
                values: Box::new(Self::new(&format!("{name}[]"), *value, true)),
            },
        };
        Self { name: name.to_owned(), data_type, nullable, values, valid: BooleanBufferBuilder::new(0) }
    }

    #[inline]
    pub fn len(&self) -> usize {
        self.valid.len()
    }

    #[inline]
    pub fn mark_valid(&mut self) {
        self.valid.append(true);
    }

    pub fn push_null(&mut self) {
        match &mut self.values {
            Values::Boolean(values) => values.append(false),
            Values::Smallint(values) => values.push(0),
            Values::Int32(values) => values.push(0),
            Values::Int64(values) => values.push(0),
            Values::Real(values) => values.push(0.0),
            Values::Double(values) => values.push(0.0),
            Values::Numeric(values) => values.push(0),
            Values::Bytes { ends, data } => ends.push(data.len() as i32),
            Values::Interval(values) => values.push(IntervalMonthDayNano::ZERO),
            Values::Uuid(values) => values.push(Uuid::default()),
            Values::Array { ends, element } => ends.push(element.len() as i32),
            Values::Row(columns) => columns.iter_mut().for_each(Self::push_null),
            Values::Map { ends, keys, .. } => ends.push(keys.len() as i32),
        }
        self.valid.append(false);
    }

    /// Cuts back to `rows` rows; a value that was half written goes too.
    pub fn truncate(&mut self, rows: usize) {
        match &mut self.values {
            Values::Boolean(values) => values.truncate(rows),
            Values::Smallint(values) => values.truncate(rows),
            Values::Int32(values) => values.truncate(rows),
            Values::Int64(values) => values.truncate(rows),
            Values::Real(values) => values.truncate(rows),
            Values::Double(values) => values.truncate(rows),
            Values::Numeric(values) => values.truncate(rows),
            Values::Bytes { ends, data } => {
                ends.truncate(rows + 1);
                data.truncate(ends.last().copied().unwrap_or(0) as usize);
            }
            Values::Interval(values) => values.truncate(rows),
            Values::Uuid(values) => values.truncate(rows),
            Values::Array { ends, element } => {
                ends.truncate(rows + 1);
                element.truncate(ends.last().copied().unwrap_or(0) as usize);
            }
            Values::Row(columns) => columns.iter_mut().for_each(|column| column.truncate(rows)),
            Values::Map { ends, keys, values } => {
                ends.truncate(rows + 1);
                let end = ends.last().copied().unwrap_or(0) as usize;
                keys.truncate(end);
                values.truncate(end);
            }
        }
        self.valid.truncate(rows);
    }

    /// Hands out the column and starts a new one.
    pub fn finish(&mut self) -> ArrayRef {
        let rows = self.len();
        let valid = std::mem::replace(&mut self.valid, BooleanBufferBuilder::new(rows)).build();
        let nulls = Some(NullBuffer::new(valid)).filter(|nulls| nulls.null_count() > 0);
        match &mut self.values {
            Values::Boolean(values) => {
                let values = std::mem::replace(values, BooleanBufferBuilder::new(rows)).build();
                Arc::new(BooleanArray::new(values, nulls))
            }
            Values::Smallint(values) => Arc::new(Int16Array::new(taken(values), nulls)),
            Values::Int32(values) => match self.data_type {
                DataType::Date => Arc::new(PrimitiveArray::<Date32Type>::new(taken(values), nulls)),
                _ => Arc::new(Int32Array::new(taken(values), nulls)),
            },
            Values::Int64(values) => match self.data_type {
                DataType::Time => Arc::new(PrimitiveArray::<Time64MicrosecondType>::new(taken(values), nulls)),
                DataType::Timestamp | DataType::Timestamptz => Arc::new(
                    PrimitiveArray::<TimestampMicrosecondType>::new(taken(values), nulls)
                        .with_data_type(self.data_type.to_arrow()),
                ),
                _ => Arc::new(Int64Array::new(taken(values), nulls)),
            },
            Values::Real(values) => Arc::new(Float32Array::new(taken(values), nulls)),
            Values::Double(values) => Arc::new(Float64Array::new(taken(values), nulls)),
            Values::Numeric(values) => {
                Arc::new(Decimal128Array::new(taken(values), nulls).with_data_type(self.data_type.to_arrow()))
            }
            Values::Bytes { ends, data } => {
                let mut next = Vec::with_capacity(ends.len());
                next.push(0);
                let ends = OffsetBuffer::new(std::mem::replace(ends, next).into());
                let data = std::mem::replace(data, Vec::with_capacity(data.len()));
                match self.data_type {
                    DataType::Bytea | DataType::Jsonb => Arc::new(BinaryArray::new(ends, data.into(), nulls)),
                    // SAFETY: a text column takes only `&str` values, and `truncate` cuts between values.
                    _ => Arc::new(unsafe { StringArray::new_unchecked(ends, data.into(), nulls) }),
                }
            }
            Values::Interval(values) => Arc::new(IntervalMonthDayNanoArray::new(taken(values), nulls)),
            Values::Uuid(values) => {
                let bytes = std::mem::take(values).into_flattened();
                Arc::new(FixedSizeBinaryArray::new(UUID_BYTES, Buffer::from_vec(bytes), nulls))
            }
            Values::Array { ends, element } => {
                let Arrow::List(field) = self.data_type.to_arrow() else { unreachable!("arrays are Arrow's lists") };
                let ends = OffsetBuffer::new(std::mem::replace(ends, vec![0]).into());
                Arc::new(ListArray::new(field, ends, element.finish(), nulls))
            }
            Values::Row(columns) => {
                let Arrow::Struct(fields) = self.data_type.to_arrow() else { unreachable!("rows are Arrow's structs") };
                let columns = columns.iter_mut().map(Self::finish).collect();
                Arc::new(StructArray::new(fields, columns, nulls))
            }
            Values::Map { ends, keys, values } => {
                let Arrow::Map(field, sorted) = self.data_type.to_arrow() else {
                    unreachable!("maps are Arrow's maps")
                };
                let Arrow::Struct(fields) = field.data_type() else { unreachable!("a map has entries") };
                let entries = StructArray::new(fields.clone(), vec![keys.finish(), values.finish()], None);
                let ends = OffsetBuffer::new(std::mem::replace(ends, vec![0]).into());
                let map = MapArray::new(field, ends, entries, nulls, sorted);
                Arc::new(canonical_map(&map).expect("the keys are of a type that has an order"))
            }
        }
    }
}

/// The next batch is likely to be as large as this one.
fn taken<T: arrow::datatypes::ArrowNativeType>(values: &mut Vec<T>) -> ScalarBuffer<T> {
    let next = Vec::with_capacity(values.len());
    ScalarBuffer::from(std::mem::replace(values, next))
}
