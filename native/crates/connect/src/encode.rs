//! Arrow rows → JSON objects. Exact: NUMERIC and BIGINT are JSON numbers with all their digits; times are ISO 8601
//! with microseconds; bytes are `\x…`; NaN and the infinities, which JSON lacks, are strings. What is written here
//! is read back equal by `decode.rs`.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Decimal128Type, Float32Type, Float64Type, Int16Type, Int32Type, Int64Type, IntervalMonthDayNano,
    IntervalMonthDayNanoType, Time64MicrosecondType, TimestampMicrosecondType,
};
use arrow_array::{Array, ArrowPrimitiveType, RecordBatch};
use millrace_base::{Error, Result};
use millrace_kernels::jsonb::{self, Json};
use millrace_kernels::write_uuid;
use millrace_plan::{DataType, Field};

use crate::numeric::write_numeric;
use crate::time::{write_date, write_time, write_timestamp};

/// Writes some of a batch's columns as one object a row.
pub struct JsonEncoder {
    members: Vec<Member>,
}

struct Member {
    column: usize,
    data_type: DataType,
    /// `"name":`, escaped once.
    label: Vec<u8>,
}

impl JsonEncoder {
    /// `columns` are indexes into `fields`, which describe the batches.
    pub fn new(fields: &[Field], columns: &[usize]) -> Result<Self> {
        let members = columns.iter().map(|&column| {
            let field = fields.get(column).ok_or_else(|| Error::internal(format!("there is no column {column}")))?;
            let mut label = Vec::new();
            write_text(&field.name, &mut label);
            label.push(b':');
            Ok(Member { column, data_type: field.data_type, label })
        });
        Ok(Self { members: members.collect::<Result<_>>()? })
    }

    /// Checks the batch once, so that rows can be written without further checks.
    pub fn bind<'a>(&'a self, batch: &'a RecordBatch) -> Result<BoundEncoder<'a>> {
        let columns = self.members.iter().map(|member| {
            let array = batch.columns().get(member.column);
            match array {
                Some(array) if *array.data_type() == member.data_type.to_arrow() => Ok((member, &**array)),
                Some(array) => Err(Error::internal(format!(
                    "column {} is {}, not {}",
                    member.column,
                    array.data_type(),
                    member.data_type
                ))),
                None => Err(Error::internal(format!("the batch has no column {}", member.column))),
            }
        });
        Ok(BoundEncoder { columns: columns.collect::<Result<_>>()? })
    }
}

pub struct BoundEncoder<'a> {
    columns: Vec<(&'a Member, &'a dyn Array)>,
}

impl BoundEncoder<'_> {
    pub fn write_row(&self, row: usize, out: &mut Vec<u8>) {
        out.push(b'{');
        for (index, (member, array)) in self.columns.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            out.extend_from_slice(&member.label);
            write_value(*array, member.data_type, row, out);
        }
        out.push(b'}');
    }
}

fn write_value(array: &dyn Array, data_type: DataType, row: usize, out: &mut Vec<u8>) {
    if array.is_null(row) {
        out.extend_from_slice(b"null");
        return;
    }
    match data_type {
        DataType::Boolean => out.extend_from_slice(if array.as_boolean().value(row) { b"true" } else { b"false" }),
        DataType::Smallint => write_json(&value::<Int16Type>(array, row), out),
        DataType::Integer => write_json(&value::<Int32Type>(array, row), out),
        DataType::Bigint => write_json(&value::<Int64Type>(array, row), out),
        DataType::Real => {
            let value = value::<Float32Type>(array, row);
            if value.is_finite() { write_json(&value, out) } else { write_not_finite(f64::from(value), out) }
        }
        DataType::Double => {
            let value = value::<Float64Type>(array, row);
            if value.is_finite() { write_json(&value, out) } else { write_not_finite(value, out) }
        }
        DataType::Numeric { scale, .. } => write_numeric(value::<Decimal128Type>(array, row), scale as i8, out),
        DataType::Text => write_text(array.as_string::<i32>().value(row), out),
        DataType::Bytea => write_bytes(array.as_binary::<i32>().value(row), out),
        DataType::Date => quoted(out, |out| write_date(i64::from(value::<Date32Type>(array, row)), out)),
        DataType::Time => quoted(out, |out| write_time(value::<Time64MicrosecondType>(array, row), out)),
        DataType::Timestamp => quoted(out, |out| write_timestamp(value::<TimestampMicrosecondType>(array, row), out)),
        DataType::Timestamptz => quoted(out, |out| {
            write_timestamp(value::<TimestampMicrosecondType>(array, row), out);
            out.push(b'Z');
        }),
        DataType::Uuid => {
            let mut text = String::new();
            write_uuid(array.as_fixed_size_binary().value(row), &mut text);
            quoted(out, |out| out.extend_from_slice(text.as_bytes()));
        }
        DataType::Jsonb => {
            let mut text = String::new();
            jsonb::write_compact(Json::new(array.as_binary::<i32>().value(row)), &mut text);
            out.extend_from_slice(text.as_bytes());
        }
        DataType::Array { element } => {
            let values = array.as_list::<i32>().value(row);
            out.push(b'[');
            for at in 0..values.len() {
                if at > 0 {
                    out.push(b',');
                }
                write_value(&values, *element, at, out);
            }
            out.push(b']');
        }
        DataType::Row { fields } => {
            let columns = array.as_struct().columns();
            out.push(b'{');
            for (at, (field, column)) in fields.iter().zip(columns).enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                write_text(&field.name, out);
                out.push(b':');
                write_value(column, field.data_type, row, out);
            }
            out.push(b'}');
        }
        DataType::Map { key, value } => {
            let entries = array.as_map().value(row);
            out.push(b'{');
            for at in 0..entries.len() {
                if at > 0 {
                    out.push(b',');
                }
                write_key(entries.column(0), *key, at, out);
                out.push(b':');
                write_value(entries.column(1), *value, at, out);
            }
            out.push(b'}');
        }
        DataType::Interval => {
            let text = interval_text(value::<IntervalMonthDayNanoType>(array, row));
            quoted(out, |out| out.extend_from_slice(text.as_bytes()));
        }
    }
}

/// An object's names are strings, whatever the keys are.
fn write_key(array: &dyn Array, data_type: DataType, row: usize, out: &mut Vec<u8>) {
    let mut key = Vec::new();
    write_value(array, data_type, row, &mut key);
    if key.first() == Some(&b'"') {
        return out.extend_from_slice(&key);
    }
    write_text(&String::from_utf8_lossy(&key), out);
}

fn value<T: ArrowPrimitiveType>(array: &dyn Array, row: usize) -> T::Native {
    array.as_primitive::<T>().value(row)
}

fn write_json<T: serde::Serialize>(value: &T, out: &mut Vec<u8>) {
    serde_json::to_writer(out, value).expect("a plain value is written to memory");
}

fn write_text(text: &str, out: &mut Vec<u8>) {
    write_json(&text, out);
}

fn write_not_finite(value: f64, out: &mut Vec<u8>) {
    out.extend_from_slice(match value {
        value if value.is_nan() => b"\"NaN\"",
        value if value > 0.0 => b"\"Infinity\"",
        _ => b"\"-Infinity\"",
    });
}

fn write_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.extend_from_slice(b"\"\\\\x");
    for byte in bytes {
        out.push(DIGITS[usize::from(byte >> 4)]);
        out.push(DIGITS[usize::from(byte & 15)]);
    }
    out.push(b'"');
}

fn quoted(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    out.push(b'"');
    write(out);
    out.push(b'"');
}

/// Each part with its unit and sign, which PostgreSQL and the decoder read: `1 mons -2 days 3.5 secs`.
fn interval_text(interval: IntervalMonthDayNano) -> String {
    let mut parts = Vec::new();
    if interval.months != 0 {
        parts.push(format!("{} mons", interval.months));
    }
    if interval.days != 0 {
        parts.push(format!("{} days", interval.days));
    }
    let micros = interval.nanoseconds / 1000;
    if micros != 0 || parts.is_empty() {
        let sign = if micros < 0 { "-" } else { "" };
        let micros = micros.unsigned_abs();
        parts.push(format!("{sign}{}.{:06} secs", micros / 1_000_000, micros % 1_000_000));
    }
    parts.join(" ")
}

#[cfg(test)]
mod tests {
    use millrace_plan::ColumnDef;

    use super::*;
    use crate::decode::JsonDecoder;

    fn columns() -> Vec<ColumnDef> {
        use DataType::*;
        let numeric = Numeric { precision: 38, scale: 4 };
        [
            ("b", Boolean),
            ("s", Smallint),
            ("i", Integer),
            ("l", Bigint),
            ("r", Real),
            ("d", Double),
            ("n", numeric),
            ("t \"q\"", Text),
            ("x", Bytea),
            ("day", Date),
            ("at", Time),
            ("ts", Timestamp),
            ("tz", Timestamptz),
            ("v", Interval),
        ]
        .into_iter()
        .map(|(name, data_type)| ColumnDef { name: name.to_owned(), data_type, nullable: true, default: None })
        .collect()
    }

    #[test]
    fn what_is_written_is_read_back_and_written_the_same() {
        let rows = [
            r#"{"b":true,"s":-1,"i":2147483647,"l":9007199254740993,"r":0.1,"d":1e-7,"n":-99999999999999.0001,"t \"q\"":"é\n\"\\\u0001","x":"\\x00ff","day":"2026-03-01","at":"23:59:59.999999","ts":"1969-12-31T23:59:59.000001","tz":"2026-03-01T10:00:00.120000Z","v":"1 mons -2 days -3.500000 secs"}"#,
            r#"{"b":false,"s":0,"i":0,"l":0,"r":0.0,"d":"NaN","n":0.0000,"t \"q\"":"","x":"\\x","day":"0001-01-01","at":"00:00:00.000000","ts":"+010000-01-01T00:00:00.000000","tz":"1970-01-01T00:00:00.000000Z","v":"0.000000 secs"}"#,
            r#"{"b":null,"s":null,"i":null,"l":null,"r":null,"d":null,"n":null,"t \"q\"":null,"x":null,"day":null,"at":null,"ts":null,"tz":null,"v":null}"#,
        ];
        let columns = columns();
        let mut decoder = JsonDecoder::new(&columns).unwrap();
        for row in rows {
            decoder.push(row.as_bytes()).unwrap();
        }
        let batch = decoder.finish();
        let fields: Vec<Field> = columns.iter().map(ColumnDef::field).collect();
        let encoder = JsonEncoder::new(&fields, &(0..fields.len()).collect::<Vec<_>>()).unwrap();
        let bound = encoder.bind(&batch).unwrap();
        for (row, want) in rows.iter().enumerate() {
            let mut out = Vec::new();
            bound.write_row(row, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), *want);
        }
    }

    #[test]
    fn a_batch_of_other_types_is_refused() {
        let columns = columns();
        let batch = JsonDecoder::new(&columns[..2]).unwrap().finish();
        let mut fields: Vec<Field> = columns[..2].iter().map(ColumnDef::field).collect();
        fields[1].data_type = DataType::Text;
        assert!(JsonEncoder::new(&fields, &[1]).unwrap().bind(&batch).is_err());
        assert!(JsonEncoder::new(&fields, &[2]).is_err());
    }
}
