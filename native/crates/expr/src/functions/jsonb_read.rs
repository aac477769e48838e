//! Reading JSONB: fields, elements, paths, containment.

use arrow_array::ListArray;
use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use millrace_base::{Code, Error, Result};
use millrace_kernels::jsonb::{Json, Kind, write_text};
use millrace_plan::DataType;

use crate::jsonb::name_of;
use crate::registry::{Entry, INTEGER, JSONB, TEXT, entry, gives, text_array};
use crate::value::{Present, Value, build, build_bool, build_json, build_text};

pub(crate) fn table() -> Vec<Entry> {
    let json = || gives(DataType::Jsonb);
    let text = || gives(DataType::Text);
    let boolean = || gives(DataType::Boolean);
    let paths = || [JSONB, text_array()];
    vec![
        // The functions behind `->`, `->>`, `#>`, `#>>`, `@>`, `<@`, `?`, `?|` and `?&`.
        entry("jsonb_object_field", &[JSONB, TEXT], json(), |a, _| found(a, field)).infallible(),
        entry("jsonb_array_element", &[JSONB, INTEGER], json(), |a, _| found(a, element)).infallible(),
        entry("jsonb_object_field_text", &[JSONB, TEXT], text(), |a, _| found_text(a, field)).infallible(),
        entry("jsonb_array_element_text", &[JSONB, INTEGER], text(), |a, _| found_text(a, element)).infallible(),
        entry("jsonb_extract_path", &paths(), json(), |a, _| found(a, path)).infallible(),
        entry("jsonb_extract_path_text", &paths(), text(), |a, _| found_text(a, path)).infallible(),
        entry("jsonb_extract_path", &[JSONB], json(), |a, _| found(a, steps)).variadic(TEXT).infallible(),
        entry("jsonb_extract_path_text", &[JSONB], text(), |a, _| found_text(a, steps)).variadic(TEXT).infallible(),
        entry("jsonb_contains", &[JSONB, JSONB], boolean(), |a, _| contains(&a[0], &a[1], a)).infallible(),
        entry("jsonb_contained", &[JSONB, JSONB], boolean(), |a, _| contains(&a[1], &a[0], a)).infallible(),
        entry("jsonb_exists", &[JSONB, TEXT], boolean(), |a, _| exists(a)).infallible(),
        entry("jsonb_exists_any", &paths(), boolean(), |a, _| exists_many(a, false)).infallible(),
        entry("jsonb_exists_all", &paths(), boolean(), |a, _| exists_many(a, true)).infallible(),
        entry("jsonb_typeof", &[JSONB], text(), |a, _| type_of(a)).infallible(),
        entry("jsonb_array_length", &[JSONB], gives(DataType::Integer), |a, _| array_length(a)),
        entry("jsonb_pretty", &[JSONB], text(), |a, _| pretty(a)).infallible(),
    ]
}

/// Finds the value of a row in its JSON.
type Find = for<'a> fn(&'a [Value], usize, Json<'a>) -> Option<Json<'a>>;

fn found(args: &[Value], find: Find) -> Result<Value> {
    let bytes = args[0].bytes()?;
    build_json(args, |row, out| match find(args, row, Json::new(bytes.at(row))) {
        Some(value) => {
            out.extend_from_slice(value.bytes());
            Ok(Present::Yes)
        }
        None => Ok(Present::Null),
    })
}

/// A string without its quotes; JSON's null is NULL.
fn found_text(args: &[Value], find: Find) -> Result<Value> {
    let bytes = args[0].bytes()?;
    build_text(args, |row, out| match find(args, row, Json::new(bytes.at(row))) {
        None => Ok(Present::Null),
        Some(value) if value.kind() == Kind::Null => Ok(Present::Null),
        Some(value) => {
            match value.string() {
                Some(text) => out.push_str(text),
                None => write_text(value, out),
            }
            Ok(Present::Yes)
        }
    })
}

fn field<'a>(args: &'a [Value], row: usize, json: Json<'a>) -> Option<Json<'a>> {
    json.field(args[1].texts().ok()?.at(row))
}

fn element<'a>(args: &'a [Value], row: usize, json: Json<'a>) -> Option<Json<'a>> {
    let at = i64::from(args[1].column::<Int32Type>().ok()?.at(row));
    // To PostgreSQL a scalar on the outside is an array of one element.
    let scalar = !matches!(json.kind(), Kind::Array | Kind::Object);
    if scalar && matches!(at, 0 | -1) { Some(json) } else { json.element(at) }
}

fn path<'a>(args: &'a [Value], row: usize, json: Json<'a>) -> Option<Json<'a>> {
    path_at(&args[1], row).iter().try_fold(json, |json, step| json.step(step.as_deref()?))
}

fn steps<'a>(args: &'a [Value], row: usize, json: Json<'a>) -> Option<Json<'a>> {
    args[1..].iter().try_fold(json, |json, step| json.step(step.texts().ok()?.at(row)))
}

/// The texts of an array of a row.
pub(super) fn path_at(value: &Value, row: usize) -> Vec<Option<String>> {
    let list: &ListArray = value.inner().as_list::<i32>();
    let texts = list.value(if value.is_scalar() { 0 } else { row });
    texts.as_string::<i32>().iter().map(|text| text.map(str::to_owned)).collect()
}

fn contains(outer: &Value, inner: &Value, args: &[Value]) -> Result<Value> {
    let (outer, inner) = (outer.bytes()?, inner.bytes()?);
    build_bool(args, |row| Ok(Json::new(outer.at(row)).contains(Json::new(inner.at(row)))))
}

fn exists(args: &[Value]) -> Result<Value> {
    let (bytes, keys) = (args[0].bytes()?, args[1].texts()?);
    build_bool(args, |row| Ok(Json::new(bytes.at(row)).has_key(keys.at(row))))
}

fn exists_many(args: &[Value], all: bool) -> Result<Value> {
    let bytes = args[0].bytes()?;
    build_bool(args, |row| {
        let json = Json::new(bytes.at(row));
        let mut found = path_at(&args[1], row).into_iter().flatten().map(|key| json.has_key(&key));
        Ok(if all { found.all(|has| has) } else { found.any(|has| has) })
    })
}

fn type_of(args: &[Value]) -> Result<Value> {
    let bytes = args[0].bytes()?;
    build_text(args, |row, out| {
        out.push_str(name_of(Json::new(bytes.at(row)).kind()));
        Ok(Present::Yes)
    })
}

fn array_length(args: &[Value]) -> Result<Value> {
    let bytes = args[0].bytes()?;
    build::<Int32Type>(args, DataType::Integer, |row| {
        let json = Json::new(bytes.at(row));
        match json.kind() {
            Kind::Array => Ok(json.len() as i32),
            Kind::Object => Err(invalid("cannot get array length of a non-array")),
            _ => Err(invalid("cannot get array length of a scalar")),
        }
    })
}

pub(super) fn invalid(message: impl Into<String>) -> Error {
    Error::new(Code::InvalidParameterValue, message)
}

fn pretty(args: &[Value]) -> Result<Value> {
    let bytes = args[0].bytes()?;
    build_text(args, |row, out| {
        write_pretty(Json::new(bytes.at(row)), 0, out);
        Ok(Present::Yes)
    })
}

fn write_pretty(json: Json<'_>, depth: usize, out: &mut String) {
    let line = |depth: usize, out: &mut String| {
        out.push('\n');
        out.extend(std::iter::repeat_n(' ', depth * 4));
    };
    let comma = |at: usize, out: &mut String| out.push_str(if at > 0 { "," } else { "" });
    match json.kind() {
        Kind::Array => {
            out.push('[');
            for (at, element) in json.elements().enumerate() {
                comma(at, out);
                line(depth + 1, out);
                write_pretty(element, depth + 1, out);
            }
            line(depth, out);
            out.push(']');
        }
        Kind::Object => {
            out.push('{');
            for (at, (key, member)) in json.members().enumerate() {
                comma(at, out);
                line(depth + 1, out);
                millrace_kernels::jsonb::write_string(key, out);
                out.push_str(": ");
                write_pretty(member, depth + 1, out);
            }
            line(depth, out);
            out.push('}');
        }
        _ => write_text(json, out),
    }
}
