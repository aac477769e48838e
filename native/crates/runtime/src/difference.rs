//! The net changes from one state of a relation to another, as batches of bounded size.

use std::sync::Arc;

use arrow_array::{RecordBatch, UInt32Array};
use arrow_row::{RowConverter, SortField};
use arrow_schema::SchemaRef;
use hashbrown::HashMap;
use hashbrown::hash_map::RawEntryMut;
use millrace_base::{Epoch, Error, RelationId, Result, limits::BATCH_ROWS};
use millrace_flow::ChangeBatch;
use millrace_log::Log;

use crate::feed::RelationState;
use crate::view_rows::view_rows;

pub type Changes = Box<dyn Iterator<Item = Result<ChangeBatch>> + Send>;

/// The changes that lead from one state to the other. Both are states of `relation`, whose columns are `schema`.
pub fn difference(
    log: &Log,
    relation: RelationId,
    schema: &SchemaRef,
    from: RelationState,
    to: RelationState,
) -> Result<Changes> {
    let columns: Vec<u32> = (0..schema.fields().len() as u32).collect();
    match (from, to) {
        (_, RelationState::Empty) => Ok(Box::new(std::iter::empty())),
        (RelationState::Empty, RelationState::View(to)) => Ok(inserted(view_rows(&to, &columns)?)),
        (RelationState::View(from), RelationState::View(to)) => {
            netted(schema, view_rows(&from, &columns)?, view_rows(&to, &columns)?)
        }
        (RelationState::Empty, RelationState::Log(to)) => {
            let scan = log.scan(relation, &columns, to.epoch())?.batches();
            Ok(inserted(Box::new(scan.inspect(move |_| {
                // The pin lives as long as the scan.
                let _ = &to;
            }))))
        }
        (RelationState::Log(from), RelationState::Log(to)) if log.table(relation).is_ok() => netted(
            schema,
            Box::new(log.scan(relation, &columns, from.epoch())?.batches()),
            Box::new(log.scan(relation, &columns, to.epoch())?.batches()),
        ),
        (RelationState::Log(from), RelationState::Log(to)) => {
            Ok(inserted(Box::new(log.scan_after(relation, &columns, from.epoch(), to.epoch())?.batches())))
        }
        _ => Err(Error::internal("two states of different relations")),
    }
}

/// A table's net changes between two epochs.
pub fn table_difference(
    log: &Log,
    relation: RelationId,
    schema: &SchemaRef,
    from: Epoch,
    to: Epoch,
) -> Result<Changes> {
    let columns: Vec<u32> = (0..schema.fields().len() as u32).collect();
    let after = log.scan(relation, &columns, to)?.batches();
    if from == Epoch::ZERO {
        return Ok(inserted(Box::new(after)));
    }
    netted(schema, Box::new(log.scan(relation, &columns, from)?.batches()), Box::new(after))
}

fn inserted(rows: Box<dyn Iterator<Item = Result<RecordBatch>> + Send>) -> Changes {
    Box::new(rows.map(|batch| Ok(ChangeBatch { rows: batch?, weights: None })))
}

type Rows = Box<dyn Iterator<Item = Result<RecordBatch>> + Send>;

fn netted(schema: &SchemaRef, before: Rows, after: Rows) -> Result<Changes> {
    let signed = before.map(|b| (b, -1i64)).chain(after.map(|b| (b, 1i64)));
    let net = net(schema, signed)?;
    Ok(Box::new(net.into_iter().map(Ok)))
}

/// Adds up the weights of equal rows; rows of weight zero vanish.
pub fn net(schema: &SchemaRef, batches: impl Iterator<Item = (Result<RecordBatch>, i64)>) -> Result<Vec<ChangeBatch>> {
    let failed = |e: arrow_schema::ArrowError| Error::internal(format!("could not compare rows: {e}"));
    let fields = schema.fields().iter().map(|f| SortField::new(f.data_type().clone())).collect();
    let converter = RowConverter::new(fields).map_err(failed)?;
    // Row bytes → (weight, batch, row) of the first of the equal rows.
    let mut weights: HashMap<Box<[u8]>, (i64, usize, u32)> = HashMap::new();
    let mut kept: Vec<RecordBatch> = Vec::new();
    for (batch, sign) in batches {
        let batch = batch?;
        let rows = converter.convert_columns(batch.columns()).map_err(failed)?;
        for (at, row) in rows.iter().enumerate() {
            match weights.raw_entry_mut().from_key(row.as_ref()) {
                RawEntryMut::Occupied(mut entry) => entry.get_mut().0 += sign,
                RawEntryMut::Vacant(entry) => {
                    entry.insert(row.as_ref().into(), (sign, kept.len(), at as u32));
                }
            }
        }
        kept.push(batch);
    }
    let mut places: Vec<(usize, u32, i64)> =
        weights.into_values().filter(|(w, ..)| *w != 0).map(|(w, batch, row)| (batch, row, w)).collect();
    // Deletions first: who applies the changes in order never holds a key twice.
    places.sort_unstable_by_key(|&(batch, row, weight)| (weight > 0, batch, row));
    places.chunks(BATCH_ROWS).map(|chunk| gather(schema, &kept, chunk)).collect()
}

fn gather(schema: &SchemaRef, kept: &[RecordBatch], places: &[(usize, u32, i64)]) -> Result<ChangeBatch> {
    let failed = |e: arrow_schema::ArrowError| Error::internal(format!("could not gather rows: {e}"));
    let weights: Arc<[i64]> = places.iter().map(|&(_, _, weight)| weight).collect();
    let rows = match kept {
        [only] => {
            let rows: UInt32Array = places.iter().map(|&(_, row, _)| row).collect();
            arrow_select::take::take_record_batch(only, &rows).map_err(failed)?
        }
        _ => {
            let batches: Vec<&RecordBatch> = kept.iter().collect();
            let places: Vec<(usize, usize)> = places.iter().map(|&(batch, row, _)| (batch, row as usize)).collect();
            arrow_select::interleave::interleave_record_batch(&batches, &places).map_err(failed)?
        }
    };
    let rows = crate::ipc::rename(&rows, schema)?;
    Ok(ChangeBatch { rows, weights: Some(weights) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::{ArrayRef, Int64Array};
    use arrow_schema::{DataType, Field, Schema};

    #[test]
    fn equal_rows_cancel_and_deletions_come_first() {
        let schema: SchemaRef = Arc::new(Schema::new(vec![Field::new("a", DataType::Int64, true)]));
        let batch = |values: Vec<i64>| {
            let column: ArrayRef = Arc::new(Int64Array::from(values));
            Ok(RecordBatch::try_new(schema.clone(), vec![column]).unwrap())
        };
        let changes = net(&schema, [(batch(vec![1, 2, 2]), -1), (batch(vec![2, 3]), 1)].into_iter()).unwrap();
        let [only] = changes.as_slice() else { panic!("one batch") };
        let values = only.rows.column(0).as_any().downcast_ref::<Int64Array>().unwrap();
        assert_eq!(values.values().as_ref(), &[1, 2, 3]);
        assert_eq!(only.weights.as_deref(), Some([-1, -1, 1].as_slice()));
    }
}
