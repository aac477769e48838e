//! JSONB of values of any type: to_jsonb, jsonb_build_array, jsonb_build_object. The compiler gives these functions their
//! arguments as JSONB (`jsonb_of`), as only it knows their types.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, BinaryArray, BooleanArray, StringArray, builder::BinaryBuilder};
use arrow_buffer::{NullBuffer, OffsetBuffer};
use millrace_base::Result;
use millrace_kernels::jsonb::{Builder, Json};
use millrace_plan::{DataType, ParameterType};

use super::jsonb_read::invalid;
use crate::cast::cast;
use crate::node::Call;
use crate::registry::{Entry, entry, gives};
use crate::value::{Value, finish, shape};

pub(crate) fn table() -> Vec<Entry> {
    let json = || gives(DataType::Jsonb);
    let any = || ParameterType::Any;
    vec![
        entry("to_jsonb", &[any()], json(), |a, _| Ok(a[0].clone())),
        entry("jsonb_build_array", &[], json(), build_array).variadic(any()),
        entry("jsonb_build_object", &[], json(), build_object).variadic(any()),
    ]
}

/// The values as JSONB; NULL stays NULL.
pub(crate) fn jsonb_of(value: &Value, kind: DataType) -> Result<Value> {
    if kind == DataType::Jsonb {
        return Ok(value.clone());
    }
    let column = Column::of(value.inner(), kind)?;
    let mut out = BinaryBuilder::new();
    let mut bytes = Vec::new();
    for row in 0..value.inner().len() {
        if value.inner().is_null(row) {
            out.append_null();
            continue;
        }
        bytes.clear();
        column.write(row, &mut bytes)?;
        out.append_value(&bytes);
    }
    let array: BinaryArray = out.finish();
    Ok(value.with(Arc::new(array)))
}

/// A column that is ready to be written as JSON.
struct Column {
    nulls: Option<NullBuffer>,
    values: Values,
}

enum Values {
    Json(BinaryArray),
    Boolean(BooleanArray),
    Number(StringArray),
    Text(StringArray),
    Array(OffsetBuffer<i32>, Box<Column>),
    Row(Vec<(String, Column)>),
    Map(OffsetBuffer<i32>, StringArray, Box<Column>),
}

impl Column {
    fn of(array: &ArrayRef, kind: DataType) -> Result<Self> {
        let texts = |array: &ArrayRef, kind| -> Result<StringArray> {
            let texts = cast(&Value::array(array.clone()), kind, DataType::Text)?.into_array(array.len())?;
            Ok(texts.as_string::<i32>().clone())
        };
        let values = match kind {
            DataType::Jsonb => Values::Json(array.as_binary::<i32>().clone()),
            DataType::Boolean => Values::Boolean(array.as_boolean().clone()),
            number if number.is_number() => Values::Number(texts(array, kind)?),
            DataType::Array { element } => {
                let list = array.as_list::<i32>();
                Values::Array(list.offsets().clone(), Box::new(Self::of(list.values(), *element)?))
            }
            DataType::Row { fields } => {
                let columns = array.as_struct().columns().iter().zip(fields.iter());
                let named = columns.map(|(column, f)| Ok((f.name.clone(), Self::of(column, f.data_type)?)));
                Values::Row(named.collect::<Result<_>>()?)
            }
            DataType::Map { key, value } => {
                let map = array.as_map();
                let items = Box::new(Self::of(map.values(), *value)?);
                Values::Map(map.offsets().clone(), texts(map.keys(), *key)?, items)
            }
            other => Values::Text(texts(array, other)?),
        };
        // In JSON a time stands after a T, as ISO 8601 has it.
        let values = match (values, kind) {
            (Values::Text(texts), DataType::Timestamp | DataType::Timestamptz) => {
                Values::Text(texts.iter().map(|text| text.map(iso_8601)).collect())
            }
            (values, _) => values,
        };
        Ok(Self { nulls: array.nulls().cloned(), values })
    }

    fn write(&self, row: usize, out: &mut Vec<u8>) -> Result<()> {
        if self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
            Builder::null(out);
            return Ok(());
        }
        let one = |column: &Self, row: usize| -> Result<Vec<u8>> {
            let mut bytes = Vec::new();
            column.write(row, &mut bytes)?;
            Ok(bytes)
        };
        match &self.values {
            Values::Json(values) => out.extend_from_slice(Json::new(values.value(row)).bytes()),
            Values::Boolean(values) => Builder::boolean(values.value(row), out),
            Values::Number(texts) => {
                let text = texts.value(row);
                // JSON has no such numbers.
                if text.ends_with(|c: char| c.is_ascii_digit()) {
                    if !Builder::number(text, out) {
                        return Err(invalid("a number is out of the range of JSON"));
                    }
                } else {
                    Builder::string(text, out);
                }
            }
            Values::Text(texts) => Builder::string(texts.value(row), out),
            Values::Array(offsets, elements) => {
                let rows = offsets[row] as usize..offsets[row + 1] as usize;
                let parts = rows.map(|at| one(elements, at)).collect::<Result<Vec<_>>>()?;
                Builder::array(parts.iter().map(Vec::as_slice), out);
            }
            Values::Row(columns) => {
                let members = columns.iter().map(|(name, column)| Ok((name.as_bytes().to_vec(), one(column, row)?)));
                Builder::object(members.collect::<Result<_>>()?, out);
            }
            Values::Map(offsets, keys, items) => {
                let rows = offsets[row] as usize..offsets[row + 1] as usize;
                let members = rows.map(|at| Ok((keys.value(at).as_bytes().to_vec(), one(items, at)?)));
                Builder::object(members.collect::<Result<_>>()?, out);
            }
        }
        Ok(())
    }
}

/// `2024-01-01 00:00:00+00` as `2024-01-01T00:00:00+00:00`.
fn iso_8601(text: &str) -> String {
    let mut out = text.replacen(' ', "T", 1);
    if out.ends_with("+00") {
        out.push_str(":00");
    }
    out
}

fn rows_of(args: &[Value], call: &Call, build: impl Fn(usize, &mut Vec<u8>) -> Result<()>) -> Result<Value> {
    let (rows, scalar) = if args.is_empty() { (call.rows, false) } else { shape(args) };
    let mut out = BinaryBuilder::new();
    let mut bytes = Vec::new();
    for row in 0..rows {
        bytes.clear();
        build(row, &mut bytes)?;
        out.append_value(&bytes);
    }
    let array: BinaryArray = out.finish();
    Ok(finish(Arc::new(array), scalar))
}

const NULL: &[u8] = &[1];

/// JSON's null for NULL.
fn bytes_at(value: &Value, row: usize) -> &[u8] {
    let array = value.inner().as_binary::<i32>();
    let at = if value.is_scalar() { 0 } else { row };
    if array.is_null(at) { NULL } else { array.value(at) }
}

fn build_array(args: &[Value], call: &Call) -> Result<Value> {
    rows_of(args, call, |row, out| {
        Builder::array(args.iter().map(|arg| bytes_at(arg, row)), out);
        Ok(())
    })
}

/// Keys and values in turn; the keys come as text.
fn build_object(args: &[Value], call: &Call) -> Result<Value> {
    if args.len() % 2 == 1 {
        return Err(invalid("argument list must have even number of elements")
            .with_hint("The arguments of jsonb_build_object() must consist of alternating keys and values."));
    }
    rows_of(args, call, |row, out| {
        let mut members = Vec::with_capacity(args.len() / 2);
        for (pair, at) in args.chunks(2).zip(0..) {
            let keys = pair[0].inner().as_string::<i32>();
            let place = if pair[0].is_scalar() { 0 } else { row };
            if keys.is_null(place) {
                return Err(invalid(format!("argument {}: key must not be null", 2 * at + 1)));
            }
            members.push((keys.value(place).as_bytes().to_vec(), bytes_at(&pair[1], row).to_vec()));
        }
        Builder::object(members, out);
        Ok(())
    })
}
