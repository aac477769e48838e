//! Errors of evaluation with PostgreSQL's codes and words, and the way from Arrow's and DataFusion's errors to ours.

use arrow_schema::ArrowError;
use datafusion_common::DataFusionError;
use millrace_base::{Code, Error};
use millrace_plan::DataType;

pub(crate) fn out_of_range(kind: DataType) -> Error {
    match kind {
        DataType::Numeric { precision, scale } => numeric_overflow(precision, scale),
        DataType::Real | DataType::Double => overflow(),
        other => Error::new(Code::NumericValueOutOfRange, format!("{other} out of range")),
    }
}

pub(crate) fn numeric_overflow(precision: u8, scale: u8) -> Error {
    Error::new(Code::NumericValueOutOfRange, "numeric field overflow").with_detail(format!(
        "A field with precision {precision}, scale {scale} must round to an absolute value less than 10^{}.",
        i32::from(precision) - i32::from(scale)
    ))
}

pub(crate) fn overflow() -> Error {
    Error::new(Code::NumericValueOutOfRange, "value out of range: overflow")
}

pub(crate) fn underflow() -> Error {
    Error::new(Code::NumericValueOutOfRange, "value out of range: underflow")
}

pub(crate) fn division_by_zero() -> Error {
    Error::new(Code::DivisionByZero, "division by zero")
}

pub(crate) fn timestamp_out_of_range() -> Error {
    Error::new(Code::DatetimeFieldOverflow, "timestamp out of range")
}

pub(crate) fn date_out_of_range() -> Error {
    Error::new(Code::DatetimeFieldOverflow, "date out of range")
}

pub(crate) fn interval_out_of_range() -> Error {
    Error::new(Code::DatetimeFieldOverflow, "interval out of range")
}

pub(crate) fn invalid_text(kind: DataType, text: &str) -> Error {
    let code = match kind {
        DataType::Date | DataType::Time | DataType::Timestamp | DataType::Timestamptz | DataType::Interval => {
            Code::InvalidDatetimeFormat
        }
        _ => Code::InvalidTextRepresentation,
    };
    // PostgreSQL's input functions name the types in their short form.
    let name = match kind {
        DataType::Time => "time".to_string(),
        DataType::Timestamp => "timestamp".to_string(),
        DataType::Numeric { .. } => "numeric".to_string(),
        other => other.to_string(),
    };
    Error::new(code, format!("invalid input syntax for type {name}: \"{text}\""))
}

pub(crate) fn field_out_of_range(text: &str) -> Error {
    Error::new(Code::DatetimeFieldOverflow, format!("date/time field value out of range: \"{text}\""))
}

pub(crate) fn invalid_regex(cause: &regex::Error) -> Error {
    let text = cause.to_string();
    let reason = text.lines().last().unwrap_or_default().trim().trim_start_matches("error: ").to_string();
    Error::new(Code::InvalidRegularExpression, format!("invalid regular expression: {reason}"))
}

pub(crate) fn parameter(message: impl Into<String>) -> Error {
    Error::new(Code::InvalidParameterValue, message)
}

/// An error of an Arrow kernel that computed a value of type `kind`.
pub(crate) fn from_arrow(error: ArrowError, kind: DataType) -> Error {
    match error {
        ArrowError::DivideByZero => division_by_zero(),
        ArrowError::ArithmeticOverflow(_) => out_of_range(kind),
        ArrowError::CastError(_) | ArrowError::ParseError(_) => {
            Error::new(Code::InvalidTextRepresentation, format!("invalid input for type {kind}"))
        }
        ArrowError::OffsetOverflowError(_) => {
            Error::new(Code::OutOfMemory, "the texts of one batch are longer than 2 GiB")
        }
        other => Error::internal(other.to_string()),
    }
}

/// An error of a library function: what is left after type checks is a bad argument.
pub(crate) fn from_library(function: &str, error: DataFusionError) -> Error {
    match error.find_root() {
        DataFusionError::ArrowError(arrow, _) => match arrow.as_ref() {
            ArrowError::DivideByZero => division_by_zero(),
            ArrowError::ArithmeticOverflow(message) => Error::new(Code::NumericValueOutOfRange, message.clone()),
            other => bad_argument(function, &other.to_string()),
        },
        other => bad_argument(function, &other.to_string()),
    }
}

fn bad_argument(function: &str, text: &str) -> Error {
    if text.to_ascii_lowercase().contains("regex") {
        let reason = text.lines().last().unwrap_or_default().trim().trim_start_matches("error: ");
        return Error::new(Code::InvalidRegularExpression, format!("invalid regular expression: {reason}"));
    }
    let first = text.lines().next().unwrap_or_default();
    parameter(format!("invalid argument of {function}: {}", first.trim_end_matches('.')))
}
