//! Casts to, from and between nested types, by casts of the child columns.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, BooleanArray, ListArray, MapArray, StringArray, StructArray};
use arrow_buffer::{NullBuffer, OffsetBuffer};
use arrow_schema::{DataType as Arrow, Field};
use millrace_base::{Code, Error, Result};
use millrace_plan::DataType;

use super::array_text::{array_from_text, write_array_element};
use super::row_text::{fields_from_text, write_field};
use crate::cast::{cannot, cast};
use crate::value::{Present, Value, build_text};

fn internal(error: arrow_schema::ArrowError) -> Error {
    Error::internal(error.to_string())
}

fn cast_child(child: &ArrayRef, from: DataType, to: DataType) -> Result<ArrayRef> {
    let rows = child.len();
    cast(&Value::array(child.clone()), from, to)?.into_array(rows)
}

/// Between two nested types of one kind.
pub(crate) fn cast_nested(value: &Value, from: DataType, to: DataType) -> Result<Value> {
    let array: ArrayRef = match (from, to) {
        (DataType::Array { element: from }, DataType::Array { element: to_element }) => {
            let list = value.inner().as_list::<i32>();
            let values = cast_child(list.values(), *from, *to_element)?;
            list_of(to, list.offsets().clone(), values, list.nulls().cloned())?
        }
        (DataType::Row { fields: from }, DataType::Row { fields: to_fields }) => {
            let row = value.inner().as_struct();
            let columns = row.columns().iter().zip(from.iter().zip(to_fields.iter()));
            let columns = columns.map(|(column, (from, to))| cast_child(column, from.data_type, to.data_type));
            row_of(to, columns.collect::<Result<_>>()?, row.nulls().cloned())?
        }
        (DataType::Map { key, value: from }, DataType::Map { key: to_key, value: to_value }) if key == to_key => {
            let map = value.inner().as_map();
            let columns = vec![map.keys().clone(), cast_child(map.values(), *from, *to_value)?];
            map_of(to, map.offsets().clone(), columns, map.nulls().cloned())?
        }
        _ => return Err(cannot(from, to)),
    };
    Ok(value.with(array))
}

pub(crate) fn list_of(
    kind: DataType,
    offsets: OffsetBuffer<i32>,
    values: ArrayRef,
    nulls: Option<NullBuffer>,
) -> Result<ArrayRef> {
    let Arrow::List(field) = kind.to_arrow() else { return Err(Error::internal(format!("{kind} is no array"))) };
    Ok(Arc::new(ListArray::try_new(field, offsets, values, nulls).map_err(internal)?))
}

pub(crate) fn row_of(kind: DataType, columns: Vec<ArrayRef>, nulls: Option<NullBuffer>) -> Result<ArrayRef> {
    let Arrow::Struct(fields) = kind.to_arrow() else { return Err(Error::internal(format!("{kind} is no row"))) };
    Ok(Arc::new(StructArray::try_new(fields, columns, nulls).map_err(internal)?))
}

/// `columns` are the keys and the values.
pub(crate) fn map_of(
    kind: DataType,
    offsets: OffsetBuffer<i32>,
    columns: Vec<ArrayRef>,
    nulls: Option<NullBuffer>,
) -> Result<ArrayRef> {
    let Arrow::Map(field, sorted) = kind.to_arrow() else { return Err(Error::internal(format!("{kind} is no map"))) };
    let Arrow::Struct(fields) = Field::data_type(&field) else { return Err(Error::internal("a map without entries")) };
    let entries = StructArray::try_new(fields.clone(), columns, None).map_err(internal)?;
    Ok(Arc::new(MapArray::try_new(field, offsets, entries, nulls, sorted).map_err(internal)?))
}

/// The texts of all values within; PostgreSQL shortens booleans there.
fn texts_within(values: &ArrayRef, kind: DataType) -> Result<StringArray> {
    if kind == DataType::Boolean {
        let values: &BooleanArray = values.as_boolean();
        return Ok(values.iter().map(|value| value.map(|v| if v { "t" } else { "f" })).collect());
    }
    Ok(cast_child(values, kind, DataType::Text)?.as_string::<i32>().clone())
}

/// An array with its elements as texts.
pub(crate) fn element_texts(value: &Value, element: DataType) -> Result<Value> {
    let list = value.inner().as_list::<i32>();
    let texts: ArrayRef = Arc::new(texts_within(list.values(), element)?);
    let kind = DataType::array(DataType::Text);
    Ok(value.with(list_of(kind, list.offsets().clone(), texts, list.nulls().cloned())?))
}

pub(crate) fn nested_to_text(value: &Value, from: DataType) -> Result<Value> {
    let args = std::slice::from_ref(value);
    let step = usize::from(!value.is_scalar());
    match from {
        DataType::Array { element } => {
            let list = value.inner().as_list::<i32>();
            let texts = texts_within(list.values(), *element)?;
            let nested = matches!(*element, DataType::Array { .. });
            build_text(args, |row, out| {
                let bounds = &list.value_offsets()[row * step..];
                out.push('{');
                for at in bounds[0]..bounds[1] {
                    out.push_str(if at > bounds[0] { "," } else { "" });
                    match texts.is_valid(at as usize).then(|| texts.value(at as usize)) {
                        None => out.push_str("NULL"),
                        Some(text) if nested => out.push_str(text),
                        Some(text) => write_array_element(text, out),
                    }
                }
                out.push('}');
                Ok(Present::Yes)
            })
        }
        DataType::Row { fields } => {
            let columns = value.inner().as_struct().columns().iter().zip(fields.iter());
            let texts =
                columns.map(|(column, field)| texts_within(column, field.data_type)).collect::<Result<Vec<_>>>()?;
            build_text(args, |row, out| {
                out.push('(');
                for (at, column) in texts.iter().enumerate() {
                    out.push_str(if at > 0 { "," } else { "" });
                    if column.is_valid(row * step) {
                        write_field(column.value(row * step), out);
                    }
                }
                out.push(')');
                Ok(Present::Yes)
            })
        }
        DataType::Map { key, value: kind } => {
            let map = value.inner().as_map();
            let (keys, values) = (texts_within(map.keys(), *key)?, texts_within(map.values(), *kind)?);
            build_text(args, |row, out| {
                let bounds = &map.value_offsets()[row * step..];
                out.push('{');
                for at in bounds[0]..bounds[1] {
                    out.push_str(if at > bounds[0] { "," } else { "" });
                    let at = at as usize;
                    write_array_element(keys.value(at), out);
                    out.push('=');
                    if values.is_valid(at) { write_array_element(values.value(at), out) } else { out.push_str("NULL") }
                }
                out.push('}');
                Ok(Present::Yes)
            })
        }
        other => Err(cannot(other, DataType::Text)),
    }
}

pub(crate) fn nested_from_text(value: &Value, to: DataType) -> Result<Value> {
    let texts = value.inner().as_string::<i32>();
    let nulls = texts.nulls().cloned();
    let array = match to {
        DataType::Array { element } => {
            let nested = matches!(*element, DataType::Array { .. });
            let mut elements: Vec<Option<String>> = Vec::new();
            let mut lengths = Vec::with_capacity(texts.len());
            for text in texts {
                let found = text.map(|text| array_from_text(text, nested)).transpose()?.unwrap_or_default();
                lengths.push(found.len());
                elements.extend(found);
            }
            let elements: ArrayRef = Arc::new(StringArray::from(elements));
            let values = cast_child(&elements, DataType::Text, *element)?;
            list_of(to, OffsetBuffer::from_lengths(lengths), values, nulls)?
        }
        DataType::Row { fields } => {
            let mut columns: Vec<Vec<Option<String>>> = vec![Vec::with_capacity(texts.len()); fields.len()];
            for text in texts {
                let found = text.map(|text| fields_from_text(text, fields.len())).transpose()?;
                let found = found.unwrap_or_else(|| vec![None; fields.len()]);
                columns.iter_mut().zip(found).for_each(|(column, field)| column.push(field));
            }
            let columns = columns.into_iter().zip(fields.iter()).map(|(column, field)| {
                let column: ArrayRef = Arc::new(StringArray::from(column));
                cast_child(&column, DataType::Text, field.data_type)
            });
            row_of(to, columns.collect::<Result<_>>()?, nulls)?
        }
        other => {
            let message = format!("text is not read as type {other}");
            return Err(Error::new(Code::FeatureNotSupported, message).with_hint("Write MAP[…] or give a JSON object."));
        }
    };
    Ok(value.with(array))
}
