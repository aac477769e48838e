//! The rows of a table that a statement may change: the newest ones, or those that a transaction sees.

use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch};
use millrace_base::Result;
use millrace_log::TableState;

pub type Rows<'a> = Box<dyn Iterator<Item = Result<RecordBatch>> + Send + 'a>;

pub trait TargetRows {
    fn has_primary_key(&self) -> bool;
    fn key_columns(&self) -> &[usize];
    /// The keys of `batch`'s rows as comparable bytes.
    fn keys_of(&self, batch: &RecordBatch) -> Result<Vec<Box<[u8]>>>;
    /// For each row of `batch` whether its key is there.
    fn contains(&self, batch: &RecordBatch) -> Result<Vec<bool>>;
    /// The rows that have the keys of `batch`'s rows, each once.
    fn matching(&self, batch: &RecordBatch) -> Result<RecordBatch>;
    /// The rows that have these keys: one array a key column.
    fn find(&self, keys: &[ArrayRef]) -> Result<RecordBatch>;
    fn latest(&self) -> Result<Rows<'_>>;
}

impl TargetRows for Arc<TableState> {
    fn has_primary_key(&self) -> bool {
        TableState::has_primary_key(self)
    }

    fn key_columns(&self) -> &[usize] {
        TableState::key_columns(self)
    }

    fn keys_of(&self, batch: &RecordBatch) -> Result<Vec<Box<[u8]>>> {
        TableState::keys_of(self, batch)
    }

    fn contains(&self, batch: &RecordBatch) -> Result<Vec<bool>> {
        TableState::contains(self, batch)
    }

    fn matching(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        TableState::matching(self, batch)
    }

    fn find(&self, keys: &[ArrayRef]) -> Result<RecordBatch> {
        TableState::find(self, keys)
    }

    fn latest(&self) -> Result<Rows<'_>> {
        Ok(Box::new(TableState::latest(self)?))
    }
}
