//! One JSON value into one column, by the column's type. Strict: nothing is guessed, cut off or passed through a
//! double that is not one.

use std::borrow::Cow;
use std::fmt;

use arrow_cast::parse::parse_interval_month_day_nano;
use millrace_base::limits::VALUE_BYTES_MAX;
use millrace_kernels::jsonb::{self, JsonError};
use millrace_kernels::parse_uuid;
use millrace_plan::DataType;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Unexpected, Visitor};
use serde_json::value::RawValue;

use crate::column::{Column, Values};
use crate::numeric::parse_numeric;
use crate::time::{Reason, parse_date, parse_time, parse_timestamp, parse_timestamptz};

/// Appends exactly one value to the column, or fails; the caller cuts the row back.
pub struct ValueSeed<'a>(pub &'a mut Column);

impl<'de> DeserializeSeed<'de> for ValueSeed<'_> {
    type Value = ();

    #[inline]
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        match self.0.values {
            // The text of the number, untouched: serde_json's own doubles can be one bit off.
            Values::Numeric(_) | Values::Double(_) | Values::Real(_) => {
                let raw = <&RawValue>::deserialize(deserializer)?;
                let column = self.0;
                append_number(column, raw.get()).map_err(|reason| unfit(column, raw.get(), reason))
            }
            Values::Bytes { .. } if self.0.data_type == DataType::Jsonb => {
                let raw = <&RawValue>::deserialize(deserializer)?;
                append_json(self.0, raw.get())
            }
            _ => deserializer.deserialize_any(self),
        }
    }
}

/// JSON's null is NULL here, as in a column of any type.
fn append_json<E: Error>(column: &mut Column, raw: &str) -> Result<(), E> {
    if raw == "null" {
        return ValueSeed(column).visit_unit();
    }
    let Values::Bytes { ends, data } = &mut column.values else { return Err(E::custom("a column of another type")) };
    let parsed = jsonb::parse(raw, data).map_err(|error| match error {
        JsonError::Syntax => "it is not JSON",
        JsonError::Zero => "it has the character \\u0000",
        JsonError::Number => "a number is out of range",
        JsonError::Depth => "it is nested too deeply",
    });
    let fits = parsed.and_then(|()| i32::try_from(data.len()).map_err(|_| "the batch is too large"));
    match fits {
        Ok(end) => ends.push(end),
        Err(reason) => return Err(unfit(column, raw, reason)),
    }
    column.mark_valid();
    Ok(())
}

/// An object's key as a value of the map's key type.
struct KeySeed<'a>(&'a mut Column);

impl<'de> DeserializeSeed<'de> for KeySeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        let text = <Cow<'_, str>>::deserialize(deserializer)?;
        if matches!(self.0.data_type, DataType::Boolean) || self.0.data_type.is_number() {
            let mut json = serde_json::Deserializer::from_str(&text);
            let read = ValueSeed(self.0).deserialize(&mut json).and_then(|()| json.end());
            return read.map_err(D::Error::custom);
        }
        ValueSeed(self.0).visit_str(&text)
    }
}

fn append_number(column: &mut Column, raw: &str) -> Result<(), Reason> {
    const EXPECTED: Reason = "a number is expected";
    let text: Cow<'_, str> = match raw.as_bytes()[0] {
        b'n' => {
            return if column.nullable {
                column.push_null();
                Ok(())
            } else {
                Err("it must not be null")
            };
        }
        b'-' | b'0'..=b'9' => Cow::Borrowed(raw),
        b'"' => serde_json::from_str(raw).map_err(|_| EXPECTED)?,
        _ => return Err(EXPECTED),
    };
    let quoted = raw.starts_with('"');
    match (&mut column.values, column.data_type) {
        (Values::Numeric(values), DataType::Numeric { precision, scale }) => {
            values.push(parse_numeric(&text, precision, scale)?);
        }
        (Values::Double(values), _) => values.push(parse_double(&text, quoted)?),
        (Values::Real(values), _) => {
            let wide = parse_double(&text, quoted)?;
            let value: f32 = text.parse().unwrap_or(wide as f32);
            if wide.is_finite() && !value.is_finite() {
                return Err("it is out of range");
            }
            values.push(value);
        }
        _ => return Err(EXPECTED),
    }
    column.mark_valid();
    Ok(())
}

/// JSON has no NaN and no infinity: these three, and only these, come as strings.
fn parse_double(text: &str, quoted: bool) -> Result<f64, Reason> {
    if quoted {
        return match text {
            "NaN" => Ok(f64::NAN),
            "Infinity" => Ok(f64::INFINITY),
            "-Infinity" => Ok(f64::NEG_INFINITY),
            _ => Err("a number is expected"),
        };
    }
    let value: f64 = text.parse().map_err(|_| "a number is expected")?;
    if value.is_finite() { Ok(value) } else { Err("it is out of range") }
}

fn unfit<E: Error>(column: &Column, shown: &str, reason: Reason) -> E {
    let shown: String = shown.chars().take(80).collect();
    E::custom(format_args!("{shown} does not fit column \"{}\" of type {}: {reason}", column.name, column.data_type))
}

impl<'de> Visitor<'de> for ValueSeed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} for column \"{}\"", self.0.data_type, self.0.name)
    }

    #[inline]
    fn visit_unit<E: Error>(self) -> Result<(), E> {
        if !self.0.nullable {
            return Err(E::custom(format_args!("null in column \"{}\", which is not null", self.0.name)));
        }
        self.0.push_null();
        Ok(())
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        let Values::Boolean(values) = &mut self.0.values else {
            return Err(E::invalid_type(Unexpected::Bool(value), &self));
        };
        values.append(value);
        self.0.mark_valid();
        Ok(())
    }

    #[inline]
    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        let column = self.0;
        let fits = match (&mut column.values, column.data_type) {
            (Values::Smallint(values), _) => i16::try_from(value).map(|value| values.push(value)).is_ok(),
            // A date as a number counts days since 1970-01-01.
            (Values::Int32(values), _) => i32::try_from(value).map(|value| values.push(value)).is_ok(),
            (Values::Int64(values), DataType::Bigint) => {
                values.push(value);
                true
            }
            // A time of day as a number counts milliseconds since midnight.
            (Values::Int64(values), DataType::Time) => {
                let fits = (0..86_400_000).contains(&value);
                values.push(if fits { value * 1000 } else { 0 });
                fits
            }
            // A time as a number counts milliseconds since 1970, as Date.now() and Kafka do.
            (Values::Int64(values), _) => value.checked_mul(1000).map(|value| values.push(value)).is_some(),
            _ => return Err(E::invalid_type(Unexpected::Signed(value), &ValueSeed(column))),
        };
        if !fits {
            return Err(unfit(column, &value.to_string(), "it is out of range"));
        }
        column.mark_valid();
        Ok(())
    }

    #[inline]
    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        match i64::try_from(value) {
            Ok(value) => self.visit_i64(value),
            Err(_) if !matches!(self.0.values, Values::Smallint(_) | Values::Int32(_) | Values::Int64(_)) => {
                Err(E::invalid_type(Unexpected::Unsigned(value), &self))
            }
            Err(_) => Err(unfit(self.0, &value.to_string(), "it is out of range")),
        }
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        match self.0.values {
            // serde_json reads an integer beyond 64 bits as a double.
            Values::Smallint(_) | Values::Int32(_) | Values::Int64(_) if value.abs() >= 9_223_372_036_854_775_807.0 => {
                Err(unfit(self.0, &value.to_string(), "it is out of range"))
            }
            _ => Err(E::invalid_type(Unexpected::Float(value), &self)),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let column = self.0;
        let Values::Array { ends, element } = &mut column.values else {
            return Err(A::Error::invalid_type(Unexpected::Seq, &ValueSeed(column)));
        };
        while seq.next_element_seed(ValueSeed(element))?.is_some() {}
        ends.push(i32::try_from(element.len()).map_err(|_| A::Error::custom("the batch is too large"))?);
        column.mark_valid();
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let column = self.0;
        let row = column.len();
        match (&mut column.values, column.data_type) {
            (Values::Row(columns), DataType::Row { fields }) => {
                while let Some(name) = map.next_key::<Cow<'_, str>>()? {
                    let Some(at) = fields.iter().position(|field| field.name == name) else {
                        map.next_value::<IgnoredAny>()?;
                        continue;
                    };
                    columns[at].truncate(row);
                    map.next_value_seed(ValueSeed(&mut columns[at]))?;
                }
                columns.iter_mut().filter(|column| column.len() == row).for_each(Column::push_null);
            }
            (Values::Map { ends, keys, values }, _) => {
                while map.next_key_seed(KeySeed(keys))?.is_some() {
                    map.next_value_seed(ValueSeed(values))?;
                }
                ends.push(i32::try_from(keys.len()).map_err(|_| A::Error::custom("the batch is too large"))?);
            }
            _ => return Err(A::Error::invalid_type(Unexpected::Map, &ValueSeed(column))),
        }
        column.mark_valid();
        Ok(())
    }

    #[inline]
    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        let column = self.0;
        if let Err(reason) = append_text(column, text) {
            if reason.is_empty() {
                return Err(E::invalid_type(
                    Unexpected::Str(&text.chars().take(80).collect::<String>()),
                    &ValueSeed(column),
                ));
            }
            return Err(unfit(column, &format!("\"{}\"", text.chars().take(80).collect::<String>()), reason));
        }
        column.mark_valid();
        Ok(())
    }
}

/// The empty reason: a string is not what the type is written as.
const WRONG_TYPE: Reason = "";

#[inline]
fn append_text(column: &mut Column, text: &str) -> Result<(), Reason> {
    match (&mut column.values, column.data_type) {
        (Values::Bytes { ends, data }, data_type) => {
            if text.len() > VALUE_BYTES_MAX {
                return Err("the value is too large");
            }
            match data_type {
                DataType::Bytea => append_hex(text, data)?,
                _ => data.extend_from_slice(text.as_bytes()),
            }
            ends.push(i32::try_from(data.len()).map_err(|_| "the batch is too large")?);
        }
        (Values::Int32(values), DataType::Date) => values.push(parse_date(text)?),
        (Values::Int64(values), DataType::Time) => values.push(parse_time(text)?),
        (Values::Int64(values), DataType::Timestamp) => values.push(parse_timestamp(text)?),
        (Values::Int64(values), DataType::Timestamptz) => values.push(parse_timestamptz(text)?),
        (Values::Uuid(values), _) => values.push(parse_uuid(text).ok_or("it is not a uuid")?),
        (Values::Interval(values), _) => {
            values.push(parse_interval_month_day_nano(text).map_err(|_| "it is not an interval")?);
        }
        _ => return Err(WRONG_TYPE),
    }
    Ok(())
}

/// PostgreSQL's hex form of bytea: `\x` and two digits a byte.
fn append_hex(text: &str, data: &mut Vec<u8>) -> Result<(), Reason> {
    let digits = text.strip_prefix("\\x").ok_or("bytes are written \\x and two hexadecimal digits a byte")?.as_bytes();
    if digits.len() % 2 != 0 {
        return Err("there is an odd number of hexadecimal digits");
    }
    for pair in digits.chunks_exact(2) {
        let high = char::from(pair[0]).to_digit(16).ok_or("a hexadecimal digit is expected")?;
        let low = char::from(pair[1]).to_digit(16).ok_or("a hexadecimal digit is expected")?;
        data.push((high * 16 + low) as u8);
    }
    Ok(())
}
