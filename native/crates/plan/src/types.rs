//! SQL types and their Arrow layout.

use arrow_schema::{DataType as Arrow, Field as ArrowField, IntervalUnit, Schema, TimeUnit};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::nested::{RowField, RowFields, TypeRef};

pub const UUID_BYTES: i32 = 16;

/// Whether this NUMERIC was declared without (p, s): its values print without the zeros after their last digit.
/// `isPlainNumeric` of `sql/types` is the same.
pub fn is_plain_numeric(precision: u8, scale: u8) -> bool {
    (precision, scale) == (38, 17)
}

/// A SQL type. `numeric` holds at most 38 digits; times are in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, TS)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum DataType {
    Boolean,
    Smallint,
    Integer,
    Bigint,
    Real,
    Double,
    Numeric {
        precision: u8,
        scale: u8,
    },
    Text,
    Bytea,
    Date,
    Time,
    Timestamp,
    Timestamptz,
    Interval,
    Uuid,
    /// JSON in the layout of `millrace_kernels::jsonb`, whose bytes are equal and ordered as the values are.
    Jsonb,
    /// Of any length; an array of arrays is one of rows that may have different lengths.
    Array {
        #[ts(as = "Box<DataType>")]
        element: TypeRef,
    },
    Row {
        #[ts(as = "Vec<RowField>")]
        fields: RowFields,
    },
    /// Keys are unique, not NULL and in their order.
    Map {
        #[ts(as = "Box<DataType>")]
        key: TypeRef,
        #[ts(as = "Box<DataType>")]
        value: TypeRef,
    },
}

impl DataType {
    /// The Arrow layout in which values of this type are stored, computed and handed out.
    pub fn to_arrow(self) -> Arrow {
        match self {
            DataType::Boolean => Arrow::Boolean,
            DataType::Smallint => Arrow::Int16,
            DataType::Integer => Arrow::Int32,
            DataType::Bigint => Arrow::Int64,
            DataType::Real => Arrow::Float32,
            DataType::Double => Arrow::Float64,
            DataType::Numeric { precision, scale } => Arrow::Decimal128(precision, scale as i8),
            DataType::Text => Arrow::Utf8,
            DataType::Bytea => Arrow::Binary,
            DataType::Date => Arrow::Date32,
            DataType::Time => Arrow::Time64(TimeUnit::Microsecond),
            DataType::Timestamp => Arrow::Timestamp(TimeUnit::Microsecond, None),
            DataType::Timestamptz => Arrow::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            DataType::Interval => Arrow::Interval(IntervalUnit::MonthDayNano),
            DataType::Uuid => Arrow::FixedSizeBinary(UUID_BYTES),
            DataType::Jsonb => Arrow::Binary,
            DataType::Array { element } => Arrow::List(ArrowField::new_list_field(element.to_arrow(), true).into()),
            DataType::Row { fields } => Arrow::Struct(row_fields(fields.iter())),
            DataType::Map { key, value } => {
                let entries = vec![
                    ArrowField::new("key", key.to_arrow(), false),
                    ArrowField::new("value", value.to_arrow(), true),
                ];
                Arrow::Map(ArrowField::new("entries", Arrow::Struct(entries.into()), false).into(), false)
            }
        }
    }

    pub fn array(element: DataType) -> DataType {
        DataType::Array { element: TypeRef::new(element) }
    }

    /// Whether it holds values of other types.
    pub fn is_nested(self) -> bool {
        matches!(self, DataType::Array { .. } | DataType::Row { .. } | DataType::Map { .. })
    }

    /// Whether the type is, or has within it, one of which `test` is true.
    pub fn any(self, test: &dyn Fn(DataType) -> bool) -> bool {
        test(self)
            || match self {
                DataType::Array { element } => element.any(test),
                DataType::Row { fields } => fields.iter().any(|field| field.data_type.any(test)),
                DataType::Map { key, value } => key.any(test) || value.any(test),
                _ => false,
            }
    }

    pub fn is_integer(self) -> bool {
        matches!(self, DataType::Smallint | DataType::Integer | DataType::Bigint)
    }

    pub fn is_float(self) -> bool {
        matches!(self, DataType::Real | DataType::Double)
    }

    pub fn is_number(self) -> bool {
        self.is_integer() || self.is_float() || matches!(self, DataType::Numeric { .. })
    }
}

impl std::fmt::Display for DataType {
    /// PostgreSQL's name of the type.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            DataType::Double => f.write_str("double precision"),
            DataType::Timestamp => f.write_str("timestamp without time zone"),
            DataType::Timestamptz => f.write_str("timestamp with time zone"),
            DataType::Time => f.write_str("time without time zone"),
            DataType::Numeric { precision, scale } => write!(f, "numeric({precision},{scale})"),
            DataType::Array { element } => write!(f, "{element}[]", element = **element),
            DataType::Row { fields } => {
                f.write_str("row(")?;
                for (at, field) in fields.iter().enumerate() {
                    write!(f, "{}{} {}", if at == 0 { "" } else { ", " }, field.name, field.data_type)?;
                }
                f.write_str(")")
            }
            DataType::Map { key, value } => write!(f, "map({}, {})", **key, **value),
            other => f.write_str(&format!("{other:?}").to_lowercase()),
        }
    }
}

fn row_fields<'a>(fields: impl Iterator<Item = &'a RowField>) -> arrow_schema::Fields {
    fields.map(|field| ArrowField::new(&field.name, field.data_type.to_arrow(), true)).collect()
}

/// A column of a result or a relation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct Field {
    pub name: String,
    pub data_type: DataType,
    pub nullable: bool,
}

pub fn arrow_field(field: &Field) -> ArrowField {
    ArrowField::new(&field.name, field.data_type.to_arrow(), field.nullable)
}

pub fn arrow_schema(fields: &[Field]) -> Schema {
    Schema::new(fields.iter().map(arrow_field).collect::<Vec<_>>())
}
