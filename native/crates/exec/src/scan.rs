//! The rows of a relation, as the snapshot gives them.

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use millrace_base::{Error, Result};
use millrace_plan::Rel;

use crate::operator::{Operator, Query, anonymous_schema, batch_of};

pub(crate) struct Scan<'a> {
    batches: Box<dyn Iterator<Item = Result<RecordBatch>> + Send + 'a>,
    schema: SchemaRef,
}

impl<'a> Scan<'a> {
    /// `rel` is a scan.
    pub fn new(query: &'a Query<'a>, rel: &Rel) -> Result<Self> {
        let Rel::Scan { relation, columns, as_of } = rel else {
            return Err(Error::internal("a scan of what is none"));
        };
        let batches = match as_of {
            None => query.snapshot.scan(*relation, columns)?,
            Some(as_of) => query.snapshot.scan_as_of(*relation, columns, as_of)?,
        };
        Ok(Self { batches, schema: anonymous_schema(&query.types(rel)?) })
    }
}

impl Operator for Scan<'_> {
    fn next(&mut self) -> Result<Option<RecordBatch>> {
        let Some(batch) = self.batches.next().transpose()? else { return Ok(None) };
        let fits = batch.num_columns() == self.schema.fields().len()
            && batch.columns().iter().zip(self.schema.fields()).all(|(c, f)| c.data_type() == f.data_type());
        if !fits {
            return Err(Error::internal("a stored batch does not have the relation's types"));
        }
        batch_of(&self.schema, batch.columns().to_vec(), batch.num_rows()).map(Some)
    }
}
