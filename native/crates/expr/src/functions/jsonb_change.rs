//! JSONB made of other JSONB: put together, without some of it, with a part replaced.

use arrow_array::types::Int32Type;
use millrace_base::{Code, Error, Result};
use millrace_kernels::jsonb::{Builder, Json, Kind};
use millrace_plan::DataType;

use super::jsonb_read::{invalid, path_at};
use crate::registry::{BOOLEAN, Entry, INTEGER, JSONB, TEXT, entry, gives, text_array};
use crate::value::{Present, Value, build_json};

pub(crate) fn table() -> Vec<Entry> {
    let json = || gives(DataType::Jsonb);
    vec![
        // The functions behind `||`, `-` and `#-`.
        entry("jsonb_concat", &[JSONB, JSONB], json(), |a, _| concat(a)).infallible(),
        entry("jsonb_delete", &[JSONB, TEXT], json(), |a, _| {
            delete_keys(a, |v, row| Ok(vec![v.texts()?.at(row).into()]))
        }),
        entry("jsonb_delete", &[JSONB, INTEGER], json(), |a, _| delete_element(a)),
        entry("jsonb_delete", &[JSONB, text_array()], json(), |a, _| {
            delete_keys(a, |v, row| Ok(path_at(v, row).into_iter().flatten().collect()))
        }),
        entry("jsonb_delete_path", &[JSONB, text_array()], json(), |a, _| delete_path(a)),
        entry("jsonb_set", &[JSONB, text_array(), JSONB], json(), |a, _| set(a)),
        entry("jsonb_set", &[JSONB, text_array(), JSONB, BOOLEAN], json(), |a, _| set(a)),
        entry("jsonb_strip_nulls", &[JSONB], json(), |a, _| strip_nulls(a)).infallible(),
    ]
}

fn each(args: &[Value], mut change: impl FnMut(usize, Json<'_>, &mut Vec<u8>) -> Result<()>) -> Result<Value> {
    let bytes = args[0].bytes()?;
    build_json(args, |row, out| change(row, Json::new(bytes.at(row)), out).map(|()| Present::Yes))
}

fn members_of(json: Json<'_>) -> Vec<(Vec<u8>, Vec<u8>)> {
    json.members().map(|(key, value)| (key.as_bytes().to_vec(), value.bytes().to_vec())).collect()
}

fn concat(args: &[Value]) -> Result<Value> {
    let right = args[1].bytes()?;
    each(args, |row, left, out| {
        let right = Json::new(right.at(row));
        match (left.kind(), right.kind()) {
            (Kind::Object, Kind::Object) => {
                let mut members = members_of(left);
                members.extend(members_of(right));
                Builder::object(members, out);
            }
            _ => Builder::array(parts(left).chain(parts(right)), out),
        }
        Ok(())
    })
}

/// An array's elements; anything else is an element itself.
fn parts(json: Json<'_>) -> Box<dyn Iterator<Item = &[u8]> + '_> {
    if json.kind() == Kind::Array {
        Box::new(json.elements().map(Json::bytes))
    } else {
        Box::new(std::iter::once(json.bytes()))
    }
}

fn delete_keys(args: &[Value], keys: impl Fn(&Value, usize) -> Result<Vec<String>>) -> Result<Value> {
    each(args, |row, json, out| {
        let keys = keys(&args[1], row)?;
        let named = |text: &str| keys.iter().any(|key| key == text);
        match json.kind() {
            Kind::Object => {
                let kept = json.members().filter(|(key, _)| !named(key));
                Builder::object(kept.map(|(k, v)| (k.as_bytes().to_vec(), v.bytes().to_vec())).collect(), out);
            }
            Kind::Array => {
                let kept = json.elements().filter(|element| !element.string().is_some_and(named));
                Builder::array(kept.map(Json::bytes), out);
            }
            _ => return Err(invalid("cannot delete from scalar")),
        }
        Ok(())
    })
}

fn delete_element(args: &[Value]) -> Result<Value> {
    let places = args[1].column::<Int32Type>()?;
    each(args, |row, json, out| {
        match json.kind() {
            Kind::Object => return Err(invalid("cannot delete from object using integer index")),
            Kind::Array => {}
            _ => return Err(invalid("cannot delete from scalar")),
        }
        let (len, at) = (json.len() as i64, i64::from(places.at(row)));
        let at = if at < 0 { at + len } else { at };
        let kept = json.elements().enumerate().filter(|(place, _)| *place as i64 != at);
        Builder::array(kept.map(|(_, element)| element.bytes()), out);
        Ok(())
    })
}

/// What becomes of the value at the end of a path.
enum Change<'a> {
    Delete,
    Set { value: &'a [u8], create: bool },
}

fn delete_path(args: &[Value]) -> Result<Value> {
    each(args, |row, json, out| {
        let path = path_at(&args[1], row);
        if !matches!(json.kind(), Kind::Array | Kind::Object) {
            return Err(invalid("cannot delete path in scalar"));
        }
        out.extend(changed(json, &path, 0, &Change::Delete)?);
        Ok(())
    })
}

fn set(args: &[Value]) -> Result<Value> {
    let values = args[2].bytes()?;
    let create = args.get(3).map(|value| value.booleans(value.inner().len())).transpose()?;
    each(args, |row, json, out| {
        let path = path_at(&args[1], row);
        if !matches!(json.kind(), Kind::Array | Kind::Object) {
            return Err(invalid("cannot set path in scalar"));
        }
        let create = create.as_ref().is_none_or(|create| create.value(if create.len() == 1 { 0 } else { row }));
        out.extend(changed(json, &path, 0, &Change::Set { value: values.at(row), create })?);
        Ok(())
    })
}

fn changed(json: Json<'_>, path: &[Option<String>], level: usize, change: &Change<'_>) -> Result<Vec<u8>> {
    if path.is_empty() || !matches!(json.kind(), Kind::Array | Kind::Object) {
        return Ok(json.bytes().to_vec());
    }
    let last = level + 1 == path.len();
    let null = || Error::new(Code::NullValueNotAllowed, format!("path element at position {} is null", level + 1));
    let step = path[level].as_deref().ok_or_else(null)?;
    // The value at this step; none where it is deleted.
    let within = |value: Json<'_>| -> Result<Option<Vec<u8>>> {
        match change {
            _ if !last => changed(value, path, level + 1, change).map(Some),
            Change::Delete => Ok(None),
            Change::Set { value, .. } => Ok(Some(value.to_vec())),
        }
    };
    let added = match change {
        Change::Set { value, create: true } if last => Some(value.to_vec()),
        _ => None,
    };
    let mut out = Vec::new();
    if json.kind() == Kind::Object {
        let mut members = Vec::with_capacity(json.len() + 1);
        for (key, value) in json.members() {
            let value = if key == step { within(value)? } else { Some(value.bytes().to_vec()) };
            members.extend(value.map(|value| (key.as_bytes().to_vec(), value)));
        }
        if json.field(step).is_none() {
            members.extend(added.map(|value| (step.as_bytes().to_vec(), value)));
        }
        Builder::object(members, &mut out);
        return Ok(out);
    }
    let at: i64 = step.trim().parse().map_err(|_| {
        let message = format!("path element at position {} is not an integer: \"{step}\"", level + 1);
        Error::new(Code::InvalidTextRepresentation, message)
    })?;
    let place = if at < 0 { at + json.len() as i64 } else { at };
    let mut elements = Vec::with_capacity(json.len() + 1);
    for (number, element) in json.elements().enumerate() {
        elements.extend(if number as i64 == place { within(element)? } else { Some(element.bytes().to_vec()) });
    }
    if let (None, Some(value)) = (json.element(at), added) {
        elements.insert(if at < 0 { 0 } else { elements.len() }, value);
    }
    Builder::array(elements.iter().map(Vec::as_slice), &mut out);
    Ok(out)
}

fn strip_nulls(args: &[Value]) -> Result<Value> {
    each(args, |_, json, out| {
        out.extend(stripped(json));
        Ok(())
    })
}

/// Without members that are null, at every depth; elements stay.
fn stripped(json: Json<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    match json.kind() {
        Kind::Object => {
            let kept = json.members().filter(|(_, value)| value.kind() != Kind::Null);
            Builder::object(kept.map(|(key, value)| (key.as_bytes().to_vec(), stripped(value))).collect(), &mut out);
        }
        Kind::Array => {
            let elements: Vec<Vec<u8>> = json.elements().map(stripped).collect();
            Builder::array(elements.iter().map(Vec::as_slice), &mut out);
        }
        _ => out.extend_from_slice(json.bytes()),
    }
    out
}
