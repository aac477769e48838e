//! The model's rows: plain values, to and from Arrow columns.

use std::sync::Arc;

use arrow_array::builder::{BinaryBuilder, BooleanBuilder, Decimal128Builder, Float64Builder, StringBuilder};
use arrow_array::cast::AsArray;
use arrow_array::types::{
    Decimal128Type, Float64Type, Int32Type, Int64Type, TimestampMicrosecondType as Timestamp, UInt64Type,
};
use arrow_array::{Array, ArrayRef, Int32Array, Int64Array, RecordBatch, TimestampMicrosecondArray};
use arrow_schema::{DataType as Arrow, SchemaRef};
use millrace_plan::DataType;

use crate::chance::Dice;

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Value {
    Null,
    Int(i64),
    /// The bits of a double: what was stored comes back bit by bit.
    Double(u64),
    Bool(bool),
    Text(String),
    Bytes(Vec<u8>),
}

pub type Row = Vec<Value>;

pub const NUMERIC: DataType = DataType::Numeric { precision: 20, scale: 4 };

/// The column types that relations are made of.
pub const TYPES: [DataType; 8] = [
    DataType::Bigint,
    DataType::Integer,
    DataType::Text,
    DataType::Double,
    DataType::Boolean,
    DataType::Bytea,
    DataType::Timestamptz,
    NUMERIC,
];

/// A value of this type; mostly small ones, so that keys meet and dictionaries form.
pub fn any_value(data_type: DataType, dice: &mut Dice) -> Value {
    if dice.percent(12) {
        return Value::Null;
    }
    let wide = dice.percent(15);
    match data_type {
        DataType::Double => {
            let value = if wide { dice.next() as i64 as f64 * 1e-3 } else { dice.below(9) as f64 / 4.0 };
            Value::Double(value.to_bits())
        }
        DataType::Boolean => Value::Bool(dice.percent(50)),
        DataType::Text if wide => {
            let len = dice.below(1500);
            Value::Text((0..len).map(|_| char::from(b'a' + dice.below(26) as u8)).collect())
        }
        DataType::Text => Value::Text((*dice.pick(&["", "a", "b", "Zürich", "a longer text than the others"])).into()),
        DataType::Bytea => {
            let len = if wide { dice.below(900) } else { dice.below(4) };
            Value::Bytes((0..len).map(|_| dice.next() as u8).collect())
        }
        DataType::Integer => Value::Int(if wide { i64::from(dice.next() as i32) } else { dice.below(12) as i64 }),
        DataType::Bigint if wide => Value::Int(dice.next() as i64),
        _ => Value::Int(dice.below(1000) as i64),
    }
}

fn int(value: &Value) -> Option<i64> {
    match value {
        Value::Int(v) => Some(*v),
        Value::Null => None,
        other => unreachable!("{other:?} in a column of integers"),
    }
}

fn column<'a>(data_type: &Arrow, values: impl Iterator<Item = &'a Value>) -> ArrayRef {
    match data_type {
        Arrow::Int64 => Arc::new(values.map(int).collect::<Int64Array>()),
        Arrow::Int32 => Arc::new(values.map(|v| int(v).map(|v| v as i32)).collect::<Int32Array>()),
        Arrow::Timestamp(_, zone) => {
            let array: TimestampMicrosecondArray = values.map(int).collect();
            Arc::new(array.with_timezone_opt(zone.clone()))
        }
        Arrow::Decimal128(precision, scale) => {
            let mut out = Decimal128Builder::new();
            values.for_each(|v| out.append_option(int(v).map(i128::from)));
            let array = out.finish().with_precision_and_scale(*precision, *scale);
            Arc::new(array.expect("a precision that Arrow knows"))
        }
        Arrow::Float64 => {
            let mut out = Float64Builder::new();
            values.for_each(|v| {
                out.append_option(if let Value::Double(b) = v { Some(f64::from_bits(*b)) } else { None })
            });
            Arc::new(out.finish())
        }
        Arrow::Boolean => {
            let mut out = BooleanBuilder::new();
            values.for_each(|v| out.append_option(if let Value::Bool(b) = v { Some(*b) } else { None }));
            Arc::new(out.finish())
        }
        Arrow::Utf8 => {
            let mut out = StringBuilder::new();
            values.for_each(|v| out.append_option(if let Value::Text(t) = v { Some(t) } else { None }));
            Arc::new(out.finish())
        }
        Arrow::Binary => {
            let mut out = BinaryBuilder::new();
            values.for_each(|v| out.append_option(if let Value::Bytes(b) = v { Some(b) } else { None }));
            Arc::new(out.finish())
        }
        other => unreachable!("no column is of type {other}"),
    }
}

pub fn to_batch(schema: &SchemaRef, rows: &[&Row]) -> RecordBatch {
    let columns = schema.fields().iter().enumerate();
    let columns = columns.map(|(at, field)| column(field.data_type(), rows.iter().map(|row| &row[at]))).collect();
    RecordBatch::try_new(schema.clone(), columns).expect("columns of one length and the schema's types")
}

fn value_at(array: &ArrayRef, row: usize) -> Value {
    if array.is_null(row) {
        return Value::Null;
    }
    match array.data_type() {
        Arrow::Int64 => Value::Int(array.as_primitive::<Int64Type>().value(row)),
        Arrow::UInt64 => Value::Int(array.as_primitive::<UInt64Type>().value(row) as i64),
        Arrow::Int32 => Value::Int(array.as_primitive::<Int32Type>().value(row).into()),
        Arrow::Timestamp(..) => Value::Int(array.as_primitive::<Timestamp>().value(row)),
        // Only small ones are stored; one that does not fit is wrong, and must not wrap around to the right one.
        Arrow::Decimal128(..) => {
            let value = array.as_primitive::<Decimal128Type>().value(row);
            i64::try_from(value).map_or_else(|_| Value::Text(value.to_string()), Value::Int)
        }
        Arrow::Float64 => Value::Double(array.as_primitive::<Float64Type>().value(row).to_bits()),
        Arrow::Boolean => Value::Bool(array.as_boolean().value(row)),
        Arrow::Utf8 => Value::Text(array.as_string::<i32>().value(row).into()),
        Arrow::Binary => Value::Bytes(array.as_binary::<i32>().value(row).into()),
        other => Value::Text(format!("a column of type {other}")),
    }
}

pub fn from_batch(batch: &RecordBatch) -> Vec<Row> {
    (0..batch.num_rows()).map(|row| batch.columns().iter().map(|array| value_at(array, row)).collect()).collect()
}
