//! A view's rows and its operators' state as plain batches, and these as bytes: what a checkpoint holds. An operator that
//! is loaded goes on as the one that was saved would have.

use std::sync::Arc;

use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::StreamWriter;
use arrow_array::types::Int64Type;
use arrow_array::{Array, ArrayRef, Int64Array, RecordBatch, cast::AsArray};
use arrow_schema::{DataType, SchemaRef};
use millrace_base::{Code, Error, Result};
use millrace_kernels::arrow_error;

use crate::change::{ChangeBatch, batch_of, schema_of};

/// State that outlives a step.
pub(crate) trait Kept {
    /// The state as batches.
    fn save(&self) -> Result<Vec<RecordBatch>>;
    /// Brings what `save` gave into an operator that has seen nothing.
    fn load(&mut self, saved: Vec<RecordBatch>) -> Result<()>;
}

/// A view between two steps.
#[derive(Debug)]
pub struct SavedView {
    pub(crate) rows: Vec<RecordBatch>,
    /// By operator with state, as the tree of operators lists them.
    pub(crate) operators: Vec<Vec<RecordBatch>>,
}

impl SavedView {
    pub fn encode(&self) -> Result<Vec<u8>> {
        let mut out = Vec::new();
        out.extend_from_slice(&(self.operators.len() as u32).to_le_bytes());
        for batches in std::iter::once(&self.rows).chain(&self.operators) {
            out.extend_from_slice(&(batches.len() as u32).to_le_bytes());
            for batch in batches {
                let start = out.len();
                out.extend_from_slice(&[0; 8]);
                let mut writer = StreamWriter::try_new(&mut out, &batch.schema()).map_err(arrow_error)?;
                writer.write(batch).map_err(arrow_error)?;
                writer.finish().map_err(arrow_error)?;
                drop(writer);
                let bytes = (out.len() - start - 8) as u64;
                out[start..start + 8].copy_from_slice(&bytes.to_le_bytes());
            }
        }
        Ok(out)
    }

    /// Reads what `encode` gave. The bytes are to be checked before: they are taken for what was written.
    pub fn decode(mut bytes: &[u8]) -> Result<Self> {
        let operators = u32::from_le_bytes(take(&mut bytes)?);
        let mut batches = || -> Result<Vec<RecordBatch>> {
            let count = u32::from_le_bytes(take(&mut bytes)?);
            (0..count)
                .map(|_| {
                    let len = u64::from_le_bytes(take(&mut bytes)?);
                    let (stream, rest) =
                        usize::try_from(len).ok().and_then(|len| bytes.split_at_checked(len)).ok_or_else(unfit)?;
                    bytes = rest;
                    let mut reader = StreamReader::try_new(stream, None).map_err(|_| unfit())?;
                    reader.next().ok_or_else(unfit)?.map_err(|_| unfit())
                })
                .collect()
        };
        let rows = batches()?;
        let operators = (0..operators).map(|_| batches()).collect::<Result<_>>()?;
        if !bytes.is_empty() {
            return Err(unfit());
        }
        Ok(Self { rows, operators })
    }
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Result<[u8; N]> {
    let (head, rest) = bytes.split_first_chunk::<N>().ok_or_else(unfit)?;
    *bytes = rest;
    Ok(*head)
}

pub(crate) fn unfit() -> Error {
    Error::new(Code::DataCorrupted, "the saved state of a view is of another form")
}

/// Columns of any types as a batch.
pub(crate) fn plain(columns: Vec<ArrayRef>) -> Result<RecordBatch> {
    let types: Vec<DataType> = columns.iter().map(|c| c.data_type().clone()).collect();
    let rows = columns.first().map_or(0, |c| c.len());
    batch_of(&schema_of(&types), columns, rows)
}

/// Rows with how often each is there as their last column.
pub(crate) fn weighted(mut columns: Vec<ArrayRef>, weights: Vec<i64>) -> Result<RecordBatch> {
    columns.push(Arc::new(Int64Array::from(weights)));
    plain(columns)
}

/// The last column of integers, taken off.
pub(crate) fn split_integers(columns: &mut Vec<ArrayRef>) -> Result<Vec<i64>> {
    let last = columns.pop().ok_or_else(unfit)?;
    let last = last.as_primitive_opt::<Int64Type>().filter(|a| a.null_count() == 0).ok_or_else(unfit)?;
    Ok(last.values().to_vec())
}

/// What `weighted` gave, of rows of this schema.
pub(crate) fn change_of(columns: Vec<ArrayRef>, weights: Vec<i64>, schema: &SchemaRef) -> Result<ChangeBatch> {
    let fits = columns.len() == schema.fields().len()
        && columns.iter().zip(schema.fields()).all(|(c, f)| c.data_type() == f.data_type())
        && weights.iter().all(|&w| w > 0);
    if !fits {
        return Err(unfit());
    }
    let rows = batch_of(schema, columns, weights.len())?;
    let weights = weights.iter().any(|&w| w != 1).then(|| weights.into());
    Ok(ChangeBatch { rows, weights })
}
