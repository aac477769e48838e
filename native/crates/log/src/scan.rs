//! Reading a stream's or table's rows as of an epoch. A scan holds no lock: a stream's frames never change, and a
//! table's rows are taken when the scan begins.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use arrow_select::concat::concat_batches;
use millrace_base::{Epoch, Error, Result, limits::BATCH_ROWS};

use crate::body::decode_rows;
use crate::journal::Journal;
use crate::recovered::EntryRef;

/// Rows in commit order, one batch a commit.
pub struct LogScan {
    source: ScanSource,
    schema: SchemaRef,
}

pub(crate) enum ScanSource {
    Stream { journal: Arc<Journal>, entries: std::vec::IntoIter<EntryRef>, schema: SchemaRef, projection: Vec<usize> },
    Table { epoch: Epoch, batches: std::vec::IntoIter<RecordBatch> },
}

impl LogScan {
    pub(crate) fn new(source: ScanSource, schema: SchemaRef) -> Self {
        Self { source, schema }
    }

    /// The chosen columns' schema.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The same rows in batches of at least `BATCH_ROWS` rows where there are so many: single-row commits would
    /// otherwise cost each operator a call a row.
    pub fn batches(self) -> impl Iterator<Item = Result<RecordBatch>> + Send {
        Coalesced { schema: self.schema.clone(), scan: Some(self) }
    }
}

impl Iterator for LogScan {
    type Item = Result<(Epoch, RecordBatch)>;

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.source {
            ScanSource::Table { epoch, batches } => batches.next().map(|batch| Ok((*epoch, batch))),
            ScanSource::Stream { journal, entries, schema, projection } => {
                let entry = entries.next()?;
                let read = || {
                    let body = journal.read_body(&entry.frame)?;
                    let batch = decode_rows(&body, &entry.at, schema.clone(), Some(projection))?;
                    Ok((entry.frame.epoch, batch))
                };
                Some(read())
            }
        }
    }
}

struct Coalesced {
    schema: SchemaRef,
    scan: Option<LogScan>,
}

impl Iterator for Coalesced {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        let scan = self.scan.as_mut()?;
        let mut waiting: Vec<RecordBatch> = Vec::new();
        let mut rows = 0;
        while rows < BATCH_ROWS {
            match scan.next() {
                Some(Ok((_, batch))) => {
                    rows += batch.num_rows();
                    waiting.push(batch);
                }
                Some(Err(error)) => {
                    self.scan = None;
                    return Some(Err(error));
                }
                None => {
                    self.scan = None;
                    break;
                }
            }
        }
        match waiting.len() {
            0 => None,
            1 => waiting.pop().map(Ok),
            _ => Some(
                concat_batches(&self.schema, &waiting)
                    .map_err(|e| Error::internal(format!("could not merge rows: {e}"))),
            ),
        }
    }
}
