//! What never changes about a table: its columns, and how keys become comparable bytes.

use arrow_array::{ArrayRef, BooleanArray, RecordBatch, RecordBatchOptions};
use arrow_row::{RowConverter, Rows, SortField};
use arrow_schema::{DataType, SchemaRef};
use arrow_select::filter::filter_record_batch;
use millrace_base::{Code, Error, Result};

pub struct Layout {
    pub schema: SchemaRef,
    /// Columns of the key; all columns for a table without a primary key.
    pub key_columns: Vec<usize>,
    pub has_primary_key: bool,
    keys: RowConverter,
}

/// One commit's changes of a table, ready to be applied.
pub struct Change {
    pub keys: Rows,
    /// The keys that lose a row, then the keys that get one, as rows of `keys`.
    pub deleted: Vec<usize>,
    pub inserted: Vec<usize>,
    /// The rows of `inserted`.
    pub rows: RecordBatch,
}

impl Layout {
    pub fn new(schema: SchemaRef, primary_key: &[u32]) -> Result<Self> {
        let has_primary_key = !primary_key.is_empty();
        let key_columns: Vec<usize> = if has_primary_key {
            primary_key.iter().map(|&c| c as usize).collect()
        } else {
            (0..schema.fields().len()).collect()
        };
        if let Some(c) = key_columns.iter().find(|&&c| c >= schema.fields().len()) {
            let found = format!("a table of {} columns has column {c} in its key", schema.fields().len());
            return Err(Error::new(Code::DataCorrupted, found));
        }
        let fields = key_columns.iter().map(|&c| SortField::new(schema.field(c).data_type().clone())).collect();
        let keys = RowConverter::new(fields).map_err(|e| Error::internal(format!("key encoding: {e}")))?;
        Ok(Self { schema, key_columns, has_primary_key, keys })
    }

    pub fn all_columns(&self) -> Vec<usize> {
        (0..self.schema.fields().len()).collect()
    }

    /// The keys of rows with all columns.
    pub fn keys_of(&self, batch: &RecordBatch) -> Result<Rows> {
        let columns: Vec<ArrayRef> = self.key_columns.iter().map(|&c| batch.column(c).clone()).collect();
        self.encode(&columns)
    }

    /// Keys from the key's columns.
    pub fn encode(&self, columns: &[ArrayRef]) -> Result<Rows> {
        if !self.has_primary_key {
            return self.encode_as_they_are(columns);
        }
        // Equal keys may have different bytes: -0 and 0, one month and 30 days.
        let equal = |column: &ArrayRef| match column.data_type() {
            DataType::Float32 | DataType::Float64 | DataType::Interval(_) => millrace_kernels::normalized(column),
            nested if nested.is_nested() => millrace_kernels::normalized(column),
            _ => Ok(column.clone()),
        };
        self.encode_as_they_are(&columns.iter().map(equal).collect::<Result<Vec<_>>>()?)
    }

    fn encode_as_they_are(&self, columns: &[ArrayRef]) -> Result<Rows> {
        self.keys.convert_columns(columns).map_err(|e| Error::internal(format!("key encoding: {e}")))
    }

    pub fn change(&self, batch: &RecordBatch, weights: Option<&[i64]>) -> Result<Change> {
        let keys = self.keys_of(batch)?;
        let Some(weights) = weights else {
            let inserted = (0..batch.num_rows()).collect();
            return Ok(Change { keys, deleted: Vec::new(), inserted, rows: batch.clone() });
        };
        let chosen = |sign: i64| (0..weights.len()).filter(|&row| weights[row].signum() == sign).collect();
        let keep: BooleanArray = weights.iter().map(|&w| Some(w > 0)).collect();
        Ok(Change { keys, deleted: chosen(-1), inserted: chosen(1), rows: filter(batch, &keep)? })
    }
}

pub fn filter(batch: &RecordBatch, keep: &BooleanArray) -> Result<RecordBatch> {
    filter_record_batch(batch, keep).map_err(|e| Error::internal(format!("could not filter rows: {e}")))
}

/// Columns that were read from a segment, as rows of the table.
pub fn rows_of(schema: &SchemaRef, read: &RecordBatch) -> Result<RecordBatch> {
    let options = RecordBatchOptions::new().with_row_count(Some(read.num_rows()));
    RecordBatch::try_new_with_options(schema.clone(), read.columns().to_vec(), &options)
        .map_err(|e| Error::new(Code::DataCorrupted, format!("a segment's columns are not the table's: {e}")))
}

/// Rows without columns, for who only counts them.
pub fn rows_without_columns(schema: &SchemaRef, rows: usize) -> Result<RecordBatch> {
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(schema.clone(), Vec::new(), &options)
        .map_err(|e| Error::internal(format!("rows without columns: {e}")))
}
