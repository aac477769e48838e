//! Results as PostgreSQL's `DataRow` messages, and the requests that are answered where they are read.

mod column;
mod frontend;
mod numeric;
#[cfg(test)]
mod tests;

use arrow_array::RecordBatch;
use arrow_ipc::reader::StreamReader;
use arrow_schema::Field;
use millrace_base::{Code, Error, Result};

use column::Column;
pub use frontend::{Codes, Execute, Request, VALUES_MAX, Values, request, without_numbers};

/// How a column's values are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Text,
    Binary,
}

impl Format {
    /// PostgreSQL's format code.
    pub fn from_code(code: u16) -> Result<Self> {
        match code {
            0 => Ok(Self::Text),
            1 => Ok(Self::Binary),
            other => Err(Error::new(Code::ProtocolViolation, format!("invalid format code: {other}"))),
        }
    }
}

/// Rows as the bytes of so many messages.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct DataRows {
    pub bytes: Vec<u8>,
    pub rows: u64,
}

/// Arrow's own name of columns whose texts are JSON.
const EXTENSION_KEY: &str = "ARROW:extension:name";
const JSON_EXTENSION: &str = "arrow.json";

fn is_json(field: &Field) -> bool {
    field.metadata().get(EXTENSION_KEY).is_some_and(|name| name == JSON_EXTENSION)
}

/// The most that a message's length can say.
const MESSAGE_BYTES_MAX: usize = i32::MAX as usize;

/// The rows of an Arrow IPC stream. `formats` has one entry a column, one for all of them, or none for text.
pub fn data_rows(ipc: &[u8], formats: &[Format]) -> Result<DataRows> {
    let unreadable = |e| Error::new(Code::ProtocolViolation, format!("rows that cannot be read: {e}"));
    let mut out = DataRows::default();
    for batch in StreamReader::try_new(ipc, None).map_err(unreadable)? {
        encode(&batch.map_err(unreadable)?, formats, &mut out)?;
    }
    Ok(out)
}

/// The rows of one batch.
pub fn batch_rows(batch: &RecordBatch, formats: &[Format]) -> Result<DataRows> {
    let mut out = DataRows::default();
    encode(batch, formats, &mut out)?;
    Ok(out)
}

fn encode(batch: &RecordBatch, formats: &[Format], out: &mut DataRows) -> Result<()> {
    let count = batch.num_columns();
    let schema = batch.schema();
    let columns: Vec<Column> = batch
        .columns()
        .iter()
        .enumerate()
        .map(|(at, array)| Column::new(array, format_of(formats, at, count)?, is_json(schema.field(at))))
        .collect::<Result<_>>()?;
    let fields = u16::try_from(count)
        .map_err(|_| Error::new(Code::ProtocolViolation, format!("a row of {count} columns cannot be sent")))?;
    for row in 0..batch.num_rows() {
        let start = out.bytes.len();
        out.bytes.push(b'D');
        out.bytes.extend_from_slice(&[0; 4]);
        out.bytes.extend_from_slice(&fields.to_be_bytes());
        for column in &columns {
            column.write(row, &mut out.bytes);
        }
        let len = out.bytes.len() - start - 1;
        if len > MESSAGE_BYTES_MAX {
            return Err(Error::new(Code::OutOfMemory, "a row is too large to be sent"));
        }
        out.bytes[start + 1..start + 5].copy_from_slice(&(len as i32).to_be_bytes());
    }
    out.rows += batch.num_rows() as u64;
    Ok(())
}

fn format_of(formats: &[Format], at: usize, count: usize) -> Result<Format> {
    match formats {
        [] => Ok(Format::Text),
        [one] => Ok(*one),
        all if all.len() == count => Ok(all[at]),
        all => {
            let message = format!("{} result formats were given for a query of {count} columns", all.len());
            Err(Error::new(Code::ProtocolViolation, message))
        }
    }
}
