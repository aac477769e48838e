//! Arrays of texts joined to one and cut from one.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, StringArray};
use arrow_buffer::{NullBuffer, OffsetBuffer};
use millrace_base::Result;
use millrace_plan::{DataType, ParameterType};

use super::array::Lists;
use crate::nested::list_of;
use crate::node::Call;
use crate::registry::{Entry, TEXT, entry, gives};
use crate::value::{Present, Value, build_text, finish, shape};

pub(crate) fn table() -> Vec<Entry> {
    let array = || ParameterType::Array;
    let texts = || gives(DataType::array(DataType::Text));
    vec![
        // The compiler gives the array's elements as texts.
        entry("array_to_string", &[array(), TEXT], gives(DataType::Text), |a, _| join(a)).infallible(),
        entry("array_to_string", &[array(), TEXT, TEXT], gives(DataType::Text), |a, _| join(a)).infallible(),
        entry("string_to_array", &[TEXT, TEXT], texts(), split).infallible(),
        entry("string_to_array", &[TEXT, TEXT, TEXT], texts(), split).infallible(),
    ]
}

/// NULL elements are left out, or written as the third argument.
fn join(args: &[Value]) -> Result<Value> {
    let lists = Lists::of(&args[0])?;
    let elements = lists.list.values().as_string::<i32>();
    let separator = args[1].texts()?;
    let shown = args.get(2).map(Value::texts).transpose()?;
    let null_at = |row: usize| {
        let array = args[2].inner();
        array.is_null(if args[2].is_scalar() { 0 } else { row })
    };
    build_text(&args[..2], |row, out| {
        let mut first = true;
        for at in lists.range(row) {
            let text = match (elements.is_valid(at), &shown) {
                (true, _) => elements.value(at),
                (false, Some(shown)) if !null_at(row) => shown.at(row),
                _ => continue,
            };
            out.push_str(if first { "" } else { separator.at(row) });
            out.push_str(text);
            first = false;
        }
        Ok(Present::Yes)
    })
}

/// By a separator; by an empty one not at all, by NULL into characters.
fn split(args: &[Value], call: &Call) -> Result<Value> {
    let (rows, scalar) = shape(args);
    let at = |value: &Value, row: usize| -> Option<String> {
        let (array, row) = (value.inner().as_string::<i32>(), if value.is_scalar() { 0 } else { row });
        array.is_valid(row).then(|| array.value(row).to_owned())
    };
    let (mut elements, mut lengths, mut valid) = (Vec::new(), Vec::new(), Vec::new());
    for row in 0..rows {
        let text = at(&args[0], row);
        let parts: Vec<String> = match (&text, at(&args[1], row)) {
            (None, _) => Vec::new(),
            (Some(text), _) if text.is_empty() => Vec::new(),
            (Some(text), None) => text.chars().map(String::from).collect(),
            (Some(text), Some(separator)) if separator.is_empty() => vec![text.clone()],
            (Some(text), Some(separator)) => text.split(&separator).map(str::to_owned).collect(),
        };
        let null = args.get(2).and_then(|null| at(null, row));
        valid.push(text.is_some());
        lengths.push(parts.len());
        elements.extend(parts.into_iter().map(|part| (Some(&part) != null.as_ref()).then_some(part)));
    }
    let elements: ArrayRef = Arc::new(StringArray::from(elements));
    let nulls = Some(NullBuffer::from(valid)).filter(|nulls| nulls.null_count() > 0);
    Ok(finish(list_of(call.result, OffsetBuffer::from_lengths(lengths), elements, nulls)?, scalar))
}
