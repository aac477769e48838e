//! SQL types and their Arrow layout.

use arrow_schema::{DataType as Arrow, Field as ArrowField, IntervalUnit, Schema, TimeUnit};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

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
    Numeric { precision: u8, scale: u8 },
    Text,
    Bytea,
    Date,
    Time,
    Timestamp,
    Timestamptz,
    Interval,
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
            other => f.write_str(&format!("{other:?}").to_lowercase()),
        }
    }
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
