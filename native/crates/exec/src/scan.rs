//! The rows of a relation, as the snapshot gives them.

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use millrace_base::{Error, RelationId, Result};
use millrace_plan::Rel;

use crate::operator::{Operator, Query, anonymous_schema, batch_of};

pub(crate) struct Scan<'a> {
    batches: Box<dyn Iterator<Item = Result<RecordBatch>> + Send + 'a>,
    schema: SchemaRef,
}

impl<'a> Scan<'a> {
    pub fn new(query: &'a Query<'a>, relation: RelationId, columns: &[u32]) -> Result<Self> {
        let types = query.types(&Rel::Scan { relation, columns: columns.to_vec() })?;
        Ok(Self { batches: query.snapshot.scan(relation, columns)?, schema: anonymous_schema(&types) })
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
