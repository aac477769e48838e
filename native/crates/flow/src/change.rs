//! A batch of changes: rows with weights. The weights are left out where all are +1, which for append-only inputs is
//! always; nothing then pays for retractions.

use std::sync::Arc;

use arrow_array::{
    Array, ArrayRef, BooleanArray, Int64Array, RecordBatch, RecordBatchOptions, UInt32Array, cast::AsArray,
    types::Int64Type,
};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use millrace_base::Result;
use millrace_kernels::{arrow_error, consolidate};

/// None = every weight +1.
#[derive(Debug, Clone)]
pub struct ChangeBatch {
    pub rows: RecordBatch,
    pub weights: Option<Arc<[i64]>>,
}

/// The anonymous schema (c0, c1, …) of these types.
pub(crate) fn schema_of(types: &[DataType]) -> SchemaRef {
    let fields = types.iter().enumerate().map(|(i, t)| Field::new(format!("c{i}"), t.clone(), true));
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

pub(crate) fn batch_of(schema: &SchemaRef, columns: Vec<ArrayRef>, rows: usize) -> Result<RecordBatch> {
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(schema.clone(), columns, &options).map_err(arrow_error)
}

/// The listed rows of each column.
pub(crate) fn take_columns(columns: &[ArrayRef], rows: &[u32]) -> Result<Vec<ArrayRef>> {
    let indices = UInt32Array::from(rows.to_vec());
    columns.iter().map(|c| arrow_select::take::take(c, &indices, None).map_err(arrow_error)).collect()
}

impl ChangeBatch {
    pub fn len(&self) -> usize {
        self.rows.num_rows()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    #[inline]
    pub(crate) fn weight(&self, row: usize) -> i64 {
        self.weights.as_ref().map_or(1, |w| w[row])
    }

    /// Whether something is taken away, so that rows may cancel out.
    pub(crate) fn retracts(&self) -> bool {
        self.weights.as_ref().is_some_and(|w| w.iter().any(|&w| w < 0))
    }

    /// The listed rows with their weights.
    pub(crate) fn take(&self, rows: &[u32]) -> Result<Self> {
        let columns = take_columns(self.rows.columns(), rows)?;
        let weights = self.weights.as_ref().map(|w| rows.iter().map(|&r| w[r as usize]).collect());
        Ok(Self { rows: batch_of(&self.rows.schema(), columns, rows.len())?, weights })
    }

    /// The rows for which `keep` is true; None if there are none.
    pub(crate) fn filter(self, keep: &BooleanArray) -> Result<Option<Self>> {
        let kept = keep.true_count();
        if kept == 0 {
            return Ok(None);
        }
        if kept == self.len() {
            return Ok(Some(self));
        }
        let filter = arrow_select::filter::FilterBuilder::new(keep).optimize().build();
        let columns =
            self.rows.columns().iter().map(|c| filter.filter(c).map_err(arrow_error)).collect::<Result<_>>()?;
        let weights = match &self.weights {
            None => None,
            Some(weights) => {
                let kept = filter.filter(&Int64Array::from(weights.to_vec())).map_err(arrow_error)?;
                Some(Arc::from(kept.as_primitive::<Int64Type>().values().as_ref()))
            }
        };
        Ok(Some(Self { rows: batch_of(&self.rows.schema(), columns, kept)?, weights }))
    }

    /// Equal rows added up; rows that come to nothing are gone. Without retractions there is nothing to do.
    pub(crate) fn consolidated(self) -> Result<Self> {
        let Some(weights) = self.weights.as_ref().filter(|_| self.retracts()) else { return Ok(self) };
        match consolidate(self.rows.columns(), weights)? {
            None => Ok(self),
            Some((rows, weights)) => {
                let kept = self.take(&rows)?;
                let weights = weights.iter().any(|&w| w != 1).then(|| weights.into());
                Ok(Self { rows: kept.rows, weights })
            }
        }
    }

    /// All in one batch; None for no rows.
    pub(crate) fn concat(mut batches: Vec<Self>) -> Result<Option<Self>> {
        batches.retain(|b| !b.is_empty());
        if batches.len() < 2 {
            return Ok(batches.pop());
        }
        let schema = batches[0].rows.schema();
        let rows = batches.iter().map(Self::len).sum();
        let columns = (0..schema.fields().len())
            .map(|column| {
                let parts: Vec<&dyn Array> = batches.iter().map(|b| b.rows.column(column).as_ref()).collect();
                arrow_select::concat::concat(&parts).map_err(arrow_error)
            })
            .collect::<Result<_>>()?;
        let weights = batches.iter().any(|b| b.weights.is_some()).then(|| {
            let mut weights = Vec::with_capacity(rows);
            for batch in &batches {
                match &batch.weights {
                    Some(own) => weights.extend_from_slice(own),
                    None => weights.resize(weights.len() + batch.len(), 1),
                }
            }
            Arc::from(weights)
        });
        Ok(Some(Self { rows: batch_of(&schema, columns, rows)?, weights }))
    }
}
