//! JSONB as values of expressions: to and from text, and PostgreSQL's casts to scalars.

use millrace_base::{Code, Error, Result};
use millrace_kernels::jsonb::{Json, JsonError, Kind, parse, write_text};
use millrace_plan::DataType;

use crate::cast::cast;
use crate::value::{Present, Value, build_bool, build_bytes, build_text};

pub(crate) fn jsonb_from_text(value: &Value) -> Result<Value> {
    let texts = value.texts()?;
    build_bytes(std::slice::from_ref(value), |row, out| read(texts.at(row), out))
}

/// Appends the value of a JSON text.
pub(crate) fn read(text: &str, out: &mut Vec<u8>) -> Result<()> {
    parse(text, out).map_err(|error| match error {
        JsonError::Syntax => {
            let shown: String = text.chars().take(100).collect();
            Error::new(Code::InvalidTextRepresentation, "invalid input syntax for type json")
                .with_detail(format!("The text begins with: {shown}"))
        }
        JsonError::Zero => Error::new(Code::UntranslatableCharacter, "unsupported Unicode escape sequence")
            .with_detail("\\u0000 cannot be converted to text."),
        JsonError::Number => Error::new(Code::NumericValueOutOfRange, "value overflows numeric format"),
        JsonError::Depth => Error::new(Code::StatementTooComplex, "the JSON value is nested too deeply"),
    })
}

pub(crate) fn jsonb_to_text(value: &Value) -> Result<Value> {
    let bytes = value.bytes()?;
    build_text(std::slice::from_ref(value), |row, out| {
        write_text(Json::new(bytes.at(row)), out);
        Ok(Present::Yes)
    })
}

pub(crate) fn name_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Null => "null",
        Kind::String => "string",
        Kind::Number => "number",
        Kind::Boolean => "boolean",
        Kind::Array => "array",
        Kind::Object => "object",
    }
}

/// To boolean or a number.
pub(crate) fn jsonb_to_scalar(value: &Value, to: DataType) -> Result<Value> {
    let bytes = value.bytes()?;
    let args = std::slice::from_ref(value);
    let refuse = |kind: Kind| {
        let kind = match kind {
            Kind::Array | Kind::Object => "array or object",
            Kind::Number => "numeric",
            other => name_of(other),
        };
        Error::new(Code::InvalidParameterValue, format!("cannot cast jsonb {kind} to type {}", family(to)))
    };
    if to == DataType::Boolean {
        return build_bool(args, |row| {
            let json = Json::new(bytes.at(row));
            json.boolean().ok_or_else(|| refuse(json.kind()))
        });
    }
    let texts = build_text(args, |row, out| {
        let json = Json::new(bytes.at(row));
        out.push_str(&json.number().ok_or_else(|| refuse(json.kind()))?);
        Ok(Present::Yes)
    })?;
    if matches!(to, DataType::Smallint | DataType::Integer | DataType::Bigint) {
        // A fraction is rounded, as NUMERIC's is.
        let wide = DataType::Numeric { precision: 38, scale: 10 };
        return cast(&cast(&texts, DataType::Text, wide)?, wide, to);
    }
    cast(&texts, DataType::Text, to)
}

fn family(kind: DataType) -> String {
    if matches!(kind, DataType::Numeric { .. }) { "numeric".into() } else { kind.to_string() }
}
