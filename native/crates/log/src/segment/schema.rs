//! A segment's columns in its footer: Arrow's types as plain data, so that reading them cannot fail in ways of its own.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_schema::{DataType, Field, IntervalUnit, Schema, SchemaRef, TimeUnit};
use millrace_base::{Error, Result};
use serde::{Deserialize, Serialize};

/// Depth of nested types, as for the encodings.
const DEPTH_MAX: usize = 32;
/// Bytes of one value of a type of fixed size.
const FIXED_BYTES_MAX: i32 = 1024;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredField {
    name: String,
    data_type: StoredType,
    nullable: bool,
    metadata: BTreeMap<String, String>,
}

/// New types are added at the end: the place of a variant is what is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
enum StoredType {
    Boolean,
    Int8,
    Int16,
    Int32,
    Int64,
    UInt32,
    UInt64,
    Float32,
    Float64,
    Decimal { precision: u8, scale: i8 },
    Date,
    Time,
    Timestamp { zone: Option<String> },
    Interval,
    Text,
    Bytes,
    FixedBytes { width: i32 },
    List(Box<StoredField>),
    Map { entries: Box<StoredField>, sorted: bool },
    Struct(Vec<StoredField>),
}

pub fn stored(schema: &Schema) -> Result<Vec<StoredField>> {
    schema.fields().iter().map(|field| stored_field(field, 0)).collect()
}

fn stored_field(field: &Field, depth: usize) -> Result<StoredField> {
    if depth > DEPTH_MAX {
        return Err(Error::internal(format!("column \"{}\" is nested too deeply to be stored", field.name())));
    }
    let nested = |field: &Field| stored_field(field, depth + 1);
    let data_type = match field.data_type() {
        DataType::Boolean => StoredType::Boolean,
        DataType::Int8 => StoredType::Int8,
        DataType::Int16 => StoredType::Int16,
        DataType::Int32 => StoredType::Int32,
        DataType::Int64 => StoredType::Int64,
        DataType::UInt32 => StoredType::UInt32,
        DataType::UInt64 => StoredType::UInt64,
        DataType::Float32 => StoredType::Float32,
        DataType::Float64 => StoredType::Float64,
        DataType::Decimal128(precision, scale) => StoredType::Decimal { precision: *precision, scale: *scale },
        DataType::Date32 => StoredType::Date,
        DataType::Time64(TimeUnit::Microsecond) => StoredType::Time,
        DataType::Timestamp(TimeUnit::Microsecond, zone) => {
            StoredType::Timestamp { zone: zone.as_ref().map(|zone| zone.to_string()) }
        }
        DataType::Interval(IntervalUnit::MonthDayNano) => StoredType::Interval,
        DataType::Utf8 => StoredType::Text,
        DataType::Binary => StoredType::Bytes,
        DataType::FixedSizeBinary(width) if *width <= FIXED_BYTES_MAX => StoredType::FixedBytes { width: *width },
        DataType::List(element) => StoredType::List(Box::new(nested(element)?)),
        DataType::Map(entries, sorted) => StoredType::Map { entries: Box::new(nested(entries)?), sorted: *sorted },
        DataType::Struct(fields) => StoredType::Struct(fields.iter().map(|f| nested(f)).collect::<Result<_>>()?),
        other => return Err(Error::internal(format!("columns of type {other} are not stored"))),
    };
    let metadata = field.metadata().iter().map(|(key, value)| (key.clone(), value.clone())).collect();
    Ok(StoredField { name: field.name().clone(), data_type, nullable: field.is_nullable(), metadata })
}

/// `None` for types that cannot be.
pub fn restored(fields: &[StoredField]) -> Option<SchemaRef> {
    let fields: Option<Vec<Field>> = fields.iter().map(|field| restored_field(field, 0)).collect();
    Some(Arc::new(Schema::new(fields?)))
}

fn restored_field(field: &StoredField, depth: usize) -> Option<Field> {
    if depth > DEPTH_MAX {
        return None;
    }
    let nested = |field: &StoredField| Some(Arc::new(restored_field(field, depth + 1)?));
    let data_type = match &field.data_type {
        StoredType::Boolean => DataType::Boolean,
        StoredType::Int8 => DataType::Int8,
        StoredType::Int16 => DataType::Int16,
        StoredType::Int32 => DataType::Int32,
        StoredType::Int64 => DataType::Int64,
        StoredType::UInt32 => DataType::UInt32,
        StoredType::UInt64 => DataType::UInt64,
        StoredType::Float32 => DataType::Float32,
        StoredType::Float64 => DataType::Float64,
        StoredType::Decimal { precision, scale } if (1..=38).contains(precision) && *scale <= *precision as i8 => {
            DataType::Decimal128(*precision, *scale)
        }
        StoredType::Decimal { .. } => return None,
        StoredType::Date => DataType::Date32,
        StoredType::Time => DataType::Time64(TimeUnit::Microsecond),
        StoredType::Timestamp { zone } => {
            DataType::Timestamp(TimeUnit::Microsecond, zone.as_ref().map(|zone| zone.as_str().into()))
        }
        StoredType::Interval => DataType::Interval(IntervalUnit::MonthDayNano),
        StoredType::Text => DataType::Utf8,
        StoredType::Bytes => DataType::Binary,
        StoredType::FixedBytes { width } if (0..=FIXED_BYTES_MAX).contains(width) => DataType::FixedSizeBinary(*width),
        StoredType::FixedBytes { .. } => return None,
        StoredType::List(element) => DataType::List(nested(element)?),
        StoredType::Map { entries, sorted } => match &entries.data_type {
            StoredType::Struct(parts) if parts.len() == 2 => DataType::Map(nested(entries)?, *sorted),
            _ => return None,
        },
        StoredType::Struct(fields) => DataType::Struct(fields.iter().map(nested).collect::<Option<Vec<_>>>()?.into()),
    };
    let metadata = field.metadata.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
    Some(Field::new(&field.name, data_type, field.nullable).with_metadata(metadata))
}
