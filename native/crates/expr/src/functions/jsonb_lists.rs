//! What is in a JSONB array or object, as arrays: behind the table functions `jsonb_array_elements`, `jsonb_each` and
//! `jsonb_object_keys`.

use std::sync::Arc;

use arrow_array::builder::{BinaryBuilder, StringBuilder};
use arrow_array::{Array, ArrayRef};
use arrow_buffer::{NullBuffer, OffsetBuffer};
use millrace_base::{Code, Error, Result};
use millrace_kernels::jsonb::{Json, Kind, write_text};
use millrace_plan::{DataType, ReturnRule};

use crate::nested::{list_of, row_of};
use crate::node::Call;
use crate::registry::{Entry, JSONB, entry};
use crate::value::{Value, finish, shape, strict_nulls};

pub(crate) fn table() -> Vec<Entry> {
    let bound = || ReturnRule::Bound;
    vec![
        entry("jsonb_elements_of", &[JSONB], bound(), |a, c| elements(a, c, "jsonb_array_elements")),
        entry("jsonb_element_texts_of", &[JSONB], bound(), |a, c| elements(a, c, "jsonb_array_elements_text")),
        entry("jsonb_members_of", &[JSONB], bound(), |a, c| members(a, c, "jsonb_each")),
        entry("jsonb_member_texts_of", &[JSONB], bound(), |a, c| members(a, c, "jsonb_each_text")),
        entry("jsonb_keys_of", &[JSONB], bound(), |a, c| members(a, c, "jsonb_object_keys")),
    ]
}

/// Values as JSONB or as text, where JSON's null is NULL.
enum Values {
    Json(BinaryBuilder),
    Text(StringBuilder),
}

impl Values {
    fn new(kind: DataType) -> Self {
        if kind == DataType::Jsonb { Self::Json(BinaryBuilder::new()) } else { Self::Text(StringBuilder::new()) }
    }

    fn push(&mut self, value: Json<'_>) {
        match self {
            Self::Json(out) => out.append_value(value.bytes()),
            Self::Text(out) if value.kind() == Kind::Null => out.append_null(),
            Self::Text(out) => match value.string() {
                Some(text) => out.append_value(text),
                None => {
                    let mut text = String::new();
                    write_text(value, &mut text);
                    out.append_value(text);
                }
            },
        }
    }

    fn finish(self) -> ArrayRef {
        match self {
            Self::Json(mut out) => Arc::new(out.finish()),
            Self::Text(mut out) => Arc::new(out.finish()),
        }
    }
}

fn element_type(call: &Call) -> Result<DataType> {
    match call.result {
        DataType::Array { element } => Ok(*element),
        other => Err(Error::new(Code::ProtocolViolation, format!("{other} is no array"))),
    }
}

fn lists(args: &[Value], mut row: impl FnMut(Json<'_>) -> Result<usize>) -> Result<(Vec<usize>, Option<NullBuffer>)> {
    let (rows, _) = shape(args);
    let bytes = args[0].bytes()?;
    let nulls = strict_nulls(args, rows).filter(|n| n.null_count() > 0);
    let there = |i: usize| nulls.as_ref().is_none_or(|n| n.is_valid(i));
    let lengths = (0..rows).map(|i| if there(i) { row(Json::new(bytes.at(i))) } else { Ok(0) });
    Ok((lengths.collect::<Result<_>>()?, nulls))
}

fn elements(args: &[Value], call: &Call, name: &str) -> Result<Value> {
    let mut values = Values::new(element_type(call)?);
    let (lengths, nulls) = lists(args, |json| match json.kind() {
        Kind::Array => {
            json.elements().for_each(|element| values.push(element));
            Ok(json.len())
        }
        Kind::Object => Err(refused(format!("cannot call {name} on a non-array"))),
        _ => Err(refused(format!("cannot call {name} on a scalar"))),
    })?;
    let list = list_of(call.result, OffsetBuffer::from_lengths(lengths), values.finish(), nulls)?;
    Ok(finish(list, args[0].is_scalar()))
}

fn refused(message: String) -> Error {
    Error::new(Code::InvalidParameterValue, message)
}

/// Rows (key, value), or keys alone.
fn members(args: &[Value], call: &Call, name: &str) -> Result<Value> {
    let element = element_type(call)?;
    let value_type = match element {
        DataType::Row { fields } if fields.len() == 2 => Some(fields[1].data_type),
        _ => None,
    };
    let (mut keys, mut values) = (StringBuilder::new(), Values::new(value_type.unwrap_or(DataType::Text)));
    let (lengths, nulls) = lists(args, |json| {
        if json.kind() != Kind::Object {
            let what = match (json.kind(), name) {
                (Kind::Array, "jsonb_object_keys") => "an array".to_string(),
                (_, "jsonb_object_keys") => "a scalar".to_string(),
                _ => "a non-object".to_string(),
            };
            return Err(refused(format!("cannot call {name} on {what}")));
        }
        for (key, value) in json.members() {
            keys.append_value(key);
            if value_type.is_some() {
                values.push(value);
            }
        }
        Ok(json.len())
    })?;
    let keys: ArrayRef = Arc::new(keys.finish());
    let items = if value_type.is_some() { row_of(element, vec![keys, values.finish()], None)? } else { keys };
    debug_assert_eq!(items.data_type(), &element.to_arrow());
    Ok(finish(list_of(call.result, OffsetBuffer::from_lengths(lengths), items, nulls)?, args[0].is_scalar()))
}
