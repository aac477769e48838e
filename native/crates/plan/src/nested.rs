//! The types within arrays, rows and maps, interned: each distinct one is kept once, for as long as the process runs. So
//! `DataType` stays a small `Copy` value, which every operator, kernel and expression passes around freely, and two
//! types compare without a walk over the heap of each. What it costs is a few hundred bytes a distinct nested type.

use std::collections::HashSet;
use std::hash::Hash;
use std::ops::Deref;
use std::sync::LazyLock;

use parking_lot::Mutex;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use ts_rs::TS;

use crate::types::DataType;

/// Types within types at most: storage, encodings and the encoders of JSON all walk them.
pub const TYPE_DEPTH_MAX: usize = 12;
/// Fields of a row at most, as columns of a relation.
const ROW_FIELDS_MAX: usize = 1600;

/// A type within another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TypeRef(&'static DataType);

/// The fields of a row type, at least one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RowFields(&'static [RowField]);

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct RowField {
    pub name: String,
    pub data_type: DataType,
}

impl TypeRef {
    pub fn new(data_type: DataType) -> Self {
        static TYPES: LazyLock<Mutex<HashSet<&'static DataType>>> = LazyLock::new(Mutex::default);
        Self(interned(&TYPES, Box::new(data_type)))
    }
}

impl RowFields {
    pub fn new(fields: Vec<RowField>) -> Self {
        static FIELDS: LazyLock<Mutex<HashSet<&'static [RowField]>>> = LazyLock::new(Mutex::default);
        Self(interned(&FIELDS, fields.into_boxed_slice()))
    }
}

fn interned<T: ?Sized + Eq + Hash>(pool: &Mutex<HashSet<&'static T>>, value: Box<T>) -> &'static T {
    let mut pool = pool.lock();
    if let Some(found) = pool.get(value.as_ref()) {
        return found;
    }
    let kept: &'static T = Box::leak(value);
    pool.insert(kept);
    kept
}

impl Deref for TypeRef {
    type Target = DataType;

    fn deref(&self) -> &DataType {
        self.0
    }
}

impl Deref for RowFields {
    type Target = [RowField];

    fn deref(&self) -> &[RowField] {
        self.0
    }
}

/// Levels of types, of a scalar one: 0.
fn depth(data_type: &DataType) -> usize {
    match data_type {
        DataType::Array { element } => 1 + depth(element),
        DataType::Row { fields } => 1 + fields.iter().map(|field| depth(&field.data_type)).max().unwrap_or(0),
        DataType::Map { key, value } => 1 + depth(key).max(depth(value)),
        _ => 0,
    }
}

fn check_depth<E: serde::de::Error>(data_type: &DataType) -> Result<(), E> {
    if depth(data_type) < TYPE_DEPTH_MAX { Ok(()) } else { Err(E::custom("a type is nested too deeply")) }
}

impl Serialize for TypeRef {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for TypeRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let data_type = DataType::deserialize(deserializer)?;
        check_depth(&data_type)?;
        Ok(Self::new(data_type))
    }
}

impl Serialize for RowFields {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for RowFields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let fields = Vec::<RowField>::deserialize(deserializer)?;
        if fields.is_empty() || fields.len() > ROW_FIELDS_MAX {
            return Err(D::Error::custom("a row type has between 1 and 1600 fields"));
        }
        fields.iter().try_for_each(|field| check_depth(&field.data_type))?;
        let mut names = HashSet::new();
        if !fields.iter().all(|field| names.insert(field.name.as_str())) {
            return Err(D::Error::custom("a row type has two fields of one name"));
        }
        Ok(Self::new(fields))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(data_type: DataType) -> Result<DataType, serde_json::Error> {
        serde_json::from_str(&serde_json::to_string(&data_type).unwrap())
    }

    #[test]
    fn equal_types_are_one_and_cross_the_boundary() {
        let field = |name: &str, data_type| RowField { name: name.into(), data_type };
        let row = DataType::Row {
            fields: RowFields::new(vec![field("a", DataType::Uuid), field("b", DataType::array(DataType::Jsonb))]),
        };
        let map = DataType::Map { key: TypeRef::new(DataType::Text), value: TypeRef::new(row) };
        for data_type in [row, map, DataType::array(map)] {
            assert_eq!(round_trip(data_type).unwrap(), data_type);
        }
        let (DataType::Array { element: a }, DataType::Array { element: b }) =
            (DataType::array(map), DataType::array(map))
        else {
            unreachable!()
        };
        assert!(std::ptr::eq(a.0, b.0));
        assert_eq!(DataType::array(map).to_string(), "map(text, row(a uuid, b jsonb[]))[]");
    }

    #[test]
    fn types_from_outside_have_limits() {
        let mut data_type = DataType::Integer;
        for _ in 0..TYPE_DEPTH_MAX {
            data_type = DataType::array(data_type);
        }
        assert!(round_trip(data_type).is_ok());
        assert!(round_trip(DataType::array(data_type)).is_err());
        for fields in ["[]", r#"[{"name":"a","data_type":{"type":"text"}},{"name":"a","data_type":{"type":"text"}}]"#] {
            let json = format!(r#"{{"type":"row","fields":{fields}}}"#);
            assert!(serde_json::from_str::<DataType>(&json).is_err(), "{json}");
        }
    }
}
