//! Rows and maps: made of values, and one of their values. The binder alone calls these, as it knows their types.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use arrow_array::{Array, ArrayRef, Int32Array, MapArray};
use arrow_select::nullif::nullif;
use millrace_base::{Code, Error, Result};
use millrace_kernels::{canonical_map, comparable_bytes};
use millrace_plan::{ParameterType, ReturnRule};

use crate::nested::{map_of, row_of};
use crate::node::Call;
use crate::registry::{Entry, INTEGER, entry};
use crate::value::{Value, finish, shape};

pub(crate) fn table() -> Vec<Entry> {
    let any = || ParameterType::Any;
    let bound = || ReturnRule::Bound;
    vec![
        entry("row_construct", &[any()], bound(), construct).variadic(any()).infallible(),
        entry("row_field", &[any(), INTEGER], bound(), field).infallible(),
        entry("map_construct", &[any(), any()], bound(), map_construct),
        entry("map_value", &[any(), any()], bound(), map_value).infallible(),
    ]
}

fn internal(error: arrow_schema::ArrowError) -> Error {
    Error::internal(error.to_string())
}

fn not_of(what: &str) -> Error {
    Error::new(Code::ProtocolViolation, format!("expected {what}"))
}

fn construct(args: &[Value], call: &Call) -> Result<Value> {
    let (rows, scalar) = shape(args);
    let columns = args.iter().map(|arg| arg.clone().into_array(rows)).collect::<Result<_>>()?;
    Ok(finish(row_of(call.result, columns, None)?, scalar))
}

/// From 0.
fn field(args: &[Value], _: &Call) -> Result<Value> {
    let row = args[0].inner().as_struct_opt().ok_or_else(|| not_of("a row"))?;
    let place = usize::try_from(args[1].column::<Int32Type>()?.at(0)).ok();
    let column = place.filter(|place| *place < row.num_columns()).map(|place| row.column(place).clone());
    let column = column.ok_or_else(|| not_of("a field of the row"))?;
    let array = match row.nulls() {
        Some(nulls) => nullif(&column, &arrow_array::BooleanArray::new(!nulls.inner(), None)).map_err(internal)?,
        None => column,
    };
    Ok(args[0].with(array))
}

/// Of an array of keys and one of values.
fn map_construct(args: &[Value], call: &Call) -> Result<Value> {
    let (rows, scalar) = shape(args);
    let arrays = args.iter().map(|arg| arg.clone().into_array(rows)).collect::<Result<Vec<_>>>()?;
    let mut lists = arrays.iter().map(|array| array.as_list_opt::<i32>().ok_or_else(|| not_of("an array")));
    let (keys, values) = (lists.next().ok_or_else(|| not_of("keys"))??, lists.next().ok_or_else(|| not_of("values"))??);
    let nulls = arrow_buffer::NullBuffer::union(keys.nulls(), values.nulls());
    let (mut places, mut lengths) = ((Vec::new(), Vec::new()), Vec::new());
    for row in 0..rows {
        let range = |list: &arrow_array::ListArray| list.value_offsets()[row]..list.value_offsets()[row + 1];
        let (keys_at, values_at) = (range(keys), range(values));
        let present = nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row));
        if present && keys_at.len() != values_at.len() {
            return Err(Error::new(Code::InvalidParameterValue, "a map needs as many values as keys"));
        }
        if present && keys_at.clone().any(|at| keys.values().is_null(at as usize)) {
            return Err(Error::new(Code::NullValueNotAllowed, "a key of a map must not be null"));
        }
        lengths.push(if present { keys_at.len() } else { 0 });
        if present {
            places.0.extend(keys_at);
            places.1.extend(values_at);
        }
    }
    let take = |array: &ArrayRef, places: Vec<i32>| {
        arrow_select::take::take(array, &Int32Array::from(places), None).map_err(internal)
    };
    let columns = vec![take(keys.values(), places.0)?, take(values.values(), places.1)?];
    let map = map_of(call.result, arrow_buffer::OffsetBuffer::from_lengths(lengths), columns, nulls)?;
    Ok(finish(Arc::new(canonical_map(map.as_map())?), scalar))
}

/// The value of a key; NULL where the map has none of it.
fn map_value(args: &[Value], _: &Call) -> Result<Value> {
    let (rows, scalar) = shape(args);
    let map: &MapArray = args[0].inner().as_map_opt().ok_or_else(|| not_of("a map"))?;
    let (keys, wanted) = (comparable_bytes(map.keys())?, comparable_bytes(args[1].inner())?);
    let (map_step, key_step) = (usize::from(!args[0].is_scalar()), usize::from(!args[1].is_scalar()));
    let found: Int32Array = (0..rows)
        .map(|row| {
            let (at, key) = (row * map_step, row * key_step);
            if map.is_null(at) || wanted.is_null(key) {
                return None;
            }
            let range = map.value_offsets()[at]..map.value_offsets()[at + 1];
            range.into_iter().find(|&at| keys.value(at as usize) == wanted.value(key))
        })
        .collect();
    Ok(finish(arrow_select::take::take(map.values(), &found, None).map_err(internal)?, scalar))
}
