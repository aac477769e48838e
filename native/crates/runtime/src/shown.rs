//! The layout in which values leave and enter the process where it is not the engine's own: JSONB is JSON text outside, which
//! any reader of Arrow understands, and bytes in an order of their own inside. Nobody outside can write those bytes.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{
    Array, ArrayRef, BinaryArray, ListArray, MapArray, StringArray, StructArray, builder::BinaryBuilder,
};
use arrow_schema::{DataType as Arrow, Field, Fields, Schema, SchemaRef};
use millrace_base::{Code, Error, Result};
use millrace_kernels::jsonb::{Json, JsonError, parse, write_text};
use millrace_plan::DataType;

/// The metadata of a column whose type its Arrow layout does not tell: the SQL type as JSON.
const TYPE_KEY: &str = "millrace:type";

/// Arrow's own name of columns whose texts are JSON.
const EXTENSION_KEY: &str = "ARROW:extension:name";
const JSON_EXTENSION: &str = "arrow.json";

/// A column of a result. What `shown_schema` needs to know about it goes along as its metadata.
pub fn result_field(name: &str, data_type: DataType) -> Field {
    let field = Field::new(name, data_type.to_arrow(), true);
    if !data_type.any(&|t| t == DataType::Jsonb) {
        return field;
    }
    let json = serde_json::to_string(&data_type).expect("a type is plain data");
    field.with_metadata(HashMap::from([(TYPE_KEY.to_owned(), json)]))
}

/// How the columns of a result are shown; `None` for one that is shown as it is.
pub struct Shown {
    types: Vec<Option<DataType>>,
    pub schema: SchemaRef,
}

impl Shown {
    pub fn of(schema: &SchemaRef) -> Self {
        let type_of = |field: &Field| field.metadata().get(TYPE_KEY).and_then(|json| serde_json::from_str(json).ok());
        let types: Vec<Option<DataType>> = schema.fields().iter().map(|field| type_of(field)).collect();
        let fields = schema.fields().iter().zip(&types).map(|(field, data_type)| match data_type {
            Some(DataType::Jsonb) => {
                let json = HashMap::from([(EXTENSION_KEY.to_owned(), JSON_EXTENSION.to_owned())]);
                Arc::new(Field::new(field.name(), Arrow::Utf8, true).with_metadata(json))
            }
            Some(data_type) => Arc::new(Field::new(field.name(), layout(*data_type), true)),
            None => field.clone(),
        });
        let schema = Arc::new(Schema::new(fields.collect::<Fields>()));
        Self { types, schema }
    }

    pub fn columns(&self, columns: &[ArrayRef]) -> Result<Vec<ArrayRef>> {
        let shown = columns.iter().zip(&self.types).map(|(column, data_type)| match data_type {
            Some(data_type) => show(column, *data_type),
            None => Ok(column.clone()),
        });
        shown.collect()
    }

    pub fn is_identity(&self) -> bool {
        self.types.iter().all(Option::is_none)
    }
}

/// The Arrow type of values of this type outside.
fn layout(data_type: DataType) -> Arrow {
    match (data_type, data_type.to_arrow()) {
        (DataType::Jsonb, _) => Arrow::Utf8,
        (DataType::Array { element }, Arrow::List(field)) => Arrow::List(with_type(&field, layout(*element))),
        (DataType::Row { fields }, Arrow::Struct(inner)) => {
            Arrow::Struct(inner.iter().zip(fields.iter()).map(|(f, own)| with_type(f, layout(own.data_type))).collect())
        }
        (DataType::Map { key, value }, Arrow::Map(entries, sorted)) => {
            let Arrow::Struct(parts) = entries.data_type() else { return entries.data_type().clone() };
            let parts: Fields =
                [with_type(&parts[0], layout(*key)), with_type(&parts[1], layout(*value))].into_iter().collect();
            Arrow::Map(with_type(&entries, Arrow::Struct(parts)), sorted)
        }
        (_, arrow) => arrow,
    }
}

fn with_type(field: &Field, data_type: Arrow) -> Arc<Field> {
    Arc::new(field.clone().with_data_type(data_type))
}

fn internal(error: arrow_schema::ArrowError) -> Error {
    Error::internal(format!("nested values do not fit their type: {error}"))
}

fn show(array: &ArrayRef, data_type: DataType) -> Result<ArrayRef> {
    walk(array, &layout(data_type), data_type, "", &|array, data_type, _| match data_type {
        DataType::Jsonb => {
            let texts = array.as_binary::<i32>().iter().map(|value| {
                value.map(|bytes| {
                    let mut text = String::new();
                    write_text(Json::new(bytes), &mut text);
                    text
                })
            });
            Ok(Arc::new(texts.collect::<StringArray>()))
        }
        _ => Ok(array.clone()),
    })
}

type Change<'a> = &'a dyn Fn(&ArrayRef, DataType, &str) -> Result<ArrayRef>;

/// The column in `layout`, with `change` applied to what is in it and to what has another shape. The fields within may have
/// other names outside; the entries of maps come into their order.
fn walk(array: &ArrayRef, layout: &Arrow, data_type: DataType, name: &str, change: Change<'_>) -> Result<ArrayRef> {
    Ok(match (data_type, layout, array.data_type()) {
        (DataType::Array { element }, Arrow::List(field), Arrow::List(_)) => {
            let list = array.as_list::<i32>();
            let values = walk(list.values(), field.data_type(), *element, "element", change)?;
            let list = ListArray::try_new(field.clone(), list.offsets().clone(), values, list.nulls().cloned());
            Arc::new(list.map_err(internal)?)
        }
        (DataType::Row { fields }, Arrow::Struct(inner), Arrow::Struct(found))
            if found.len() == fields.len() && found.iter().zip(fields.iter()).all(|(a, b)| *a.name() == b.name) =>
        {
            let row = array.as_struct();
            let columns = row.columns().iter().zip(inner.iter()).zip(fields.iter());
            let columns =
                columns.map(|((column, field), own)| walk(column, field.data_type(), own.data_type, &own.name, change));
            let row = StructArray::try_new(inner.clone(), columns.collect::<Result<_>>()?, row.nulls().cloned());
            Arc::new(row.map_err(internal)?)
        }
        (DataType::Map { key, value }, Arrow::Map(entries, sorted), Arrow::Map(..)) => {
            let Arrow::Struct(parts) = entries.data_type() else { return change(array, data_type, name) };
            let map = array.as_map();
            let columns = vec![
                walk(map.keys(), parts[0].data_type(), *key, "key", change)?,
                walk(map.values(), parts[1].data_type(), *value, "value", change)?,
            ];
            let inner = StructArray::try_new(parts.clone(), columns, None).map_err(internal)?;
            let nulls = map.nulls().cloned();
            let map = MapArray::try_new(entries.clone(), map.offsets().clone(), inner, nulls, *sorted);
            Arc::new(millrace_kernels::canonical_map(&map.map_err(internal)?)?)
        }
        _ => change(array, data_type, name)?,
    })
}

/// A nested or JSONB column that came from outside, in the engine's layout. `scalar` brings in values of other types.
pub fn taken_in(array: &ArrayRef, data_type: DataType, name: &str, scalar: Change<'_>) -> Result<ArrayRef> {
    let change = |array: &ArrayRef, data_type: DataType, name: &str| match data_type {
        DataType::Jsonb => json(array, name),
        _ => scalar(array, data_type, name),
    };
    walk(array, &data_type.to_arrow(), data_type, name, &change)
}

fn json(array: &ArrayRef, name: &str) -> Result<ArrayRef> {
    let texts = match array.data_type() {
        Arrow::Utf8 => array.clone(),
        Arrow::Null | Arrow::LargeUtf8 | Arrow::Utf8View => {
            arrow::compute::cast(array, &Arrow::Utf8).map_err(internal)?
        }
        other => {
            let message = format!("column \"{name}\" is of type jsonb but the rows have Arrow type {other}");
            return Err(Error::new(Code::DatatypeMismatch, message).with_hint("Give JSON as text."));
        }
    };
    let texts = texts.as_string::<i32>();
    let mut out = BinaryBuilder::with_capacity(texts.len(), texts.value_data().len());
    let mut bytes = Vec::new();
    for text in texts {
        let Some(text) = text else {
            out.append_null();
            continue;
        };
        bytes.clear();
        parse(text, &mut bytes).map_err(|error| invalid(error, name))?;
        out.append_value(&bytes);
    }
    let array: BinaryArray = out.finish();
    Ok(Arc::new(array))
}

fn invalid(error: JsonError, name: &str) -> Error {
    let (code, message) = match error {
        JsonError::Syntax => (Code::InvalidTextRepresentation, "invalid input syntax for type json"),
        JsonError::Zero => (Code::UntranslatableCharacter, "unsupported Unicode escape sequence"),
        JsonError::Number => (Code::NumericValueOutOfRange, "value overflows numeric format"),
        JsonError::Depth => (Code::StatementTooComplex, "the JSON value is nested too deeply"),
    };
    Error::new(code, format!("{message} in column \"{name}\""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use millrace_plan::{RowField, RowFields, TypeRef};

    #[test]
    fn jsonb_is_text_outside_at_every_depth() {
        let json: ArrayRef = Arc::new(StringArray::from(vec![Some("{\"b\":1,\"a\":[]}"), None]));
        let inside = taken_in(&json, DataType::Jsonb, "c", &|array, _, _| Ok(array.clone())).unwrap();
        assert_eq!(inside.data_type(), &Arrow::Binary);
        let row = DataType::Row {
            fields: RowFields::new(vec![RowField { name: "j".into(), data_type: DataType::array(DataType::Jsonb) }]),
        };
        let map = DataType::Map { key: TypeRef::new(DataType::Text), value: TypeRef::new(row) };
        let schema: SchemaRef = Arc::new(Schema::new(vec![result_field("c", map), result_field("d", DataType::Text)]));
        let shown = Shown::of(&schema);
        assert!(!shown.is_identity());
        let text = shown.schema.field(0).data_type().to_string();
        assert!(!text.contains("Binary") && text.contains("Utf8"), "{text}");
        let column = shown.columns(&[arrow_array::new_null_array(&map.to_arrow(), 2)]).unwrap();
        assert_eq!(column[0].data_type(), shown.schema.field(0).data_type());
        let back = Shown::of(&Arc::new(Schema::new(vec![result_field("c", DataType::Jsonb)])));
        let texts = back.columns(&[inside]).unwrap();
        assert_eq!(texts[0].as_string::<i32>().value(0), "{\"a\": [], \"b\": 1}");
        assert!(texts[0].is_null(1));
    }

    #[test]
    fn bytes_and_broken_texts_are_refused() {
        let bytes: ArrayRef = Arc::new(BinaryArray::from(vec![&b"\x07"[..]]));
        let scalar: Change<'_> = &|array, _, _| Ok(array.clone());
        assert_eq!(taken_in(&bytes, DataType::Jsonb, "c", scalar).unwrap_err().code, Code::DatatypeMismatch);
        let text: ArrayRef = Arc::new(StringArray::from(vec!["{"]));
        assert_eq!(taken_in(&text, DataType::Jsonb, "c", scalar).unwrap_err().code, Code::InvalidTextRepresentation);
    }
}
