//! Collects the rows of several commits into the input of one step: one large batch a relation instead of many small
//! ones, since an operator costs a call a batch.

use std::sync::Arc;

use arrow_array::RecordBatch;
use millrace_base::{Error, RelationId, Result, limits::BATCH_ROWS};
use millrace_flow::ChangeBatch;
use millrace_log::Committed;

#[derive(Default)]
pub struct StepInput {
    /// In the order of their first rows.
    relations: Vec<(RelationId, Vec<ChangeBatch>)>,
}

impl StepInput {
    pub fn add(&mut self, committed: &Committed) {
        for part in &committed.commit.rows {
            let change = ChangeBatch { rows: part.batch.clone(), weights: part.weights.clone() };
            self.push(part.relation, change);
        }
    }

    pub fn push(&mut self, relation: RelationId, change: ChangeBatch) {
        if change.rows.num_rows() == 0 {
            return;
        }
        match self.relations.iter_mut().find(|(id, _)| *id == relation) {
            Some((_, changes)) => changes.push(change),
            None => self.relations.push((relation, vec![change])),
        }
    }

    pub fn rows(&self) -> usize {
        self.relations.iter().flat_map(|(_, changes)| changes).map(|c| c.rows.num_rows()).sum()
    }

    pub fn into_changes(self) -> Result<Vec<(RelationId, ChangeBatch)>> {
        let mut out = Vec::new();
        for (relation, changes) in self.relations {
            let rows: usize = changes.iter().map(|c| c.rows.num_rows()).sum();
            if changes.len() > 1 && rows / changes.len() < BATCH_ROWS / 2 {
                out.push((relation, merge(&changes, rows)?));
            } else {
                out.extend(changes.into_iter().map(|change| (relation, change)));
            }
        }
        Ok(out)
    }
}

fn merge(changes: &[ChangeBatch], rows: usize) -> Result<ChangeBatch> {
    let schema = changes[0].rows.schema();
    let batches: Vec<&RecordBatch> = changes.iter().map(|c| &c.rows).collect();
    let merged = arrow_select::concat::concat_batches(&schema, batches)
        .map_err(|e| Error::internal(format!("could not merge changes: {e}")))?;
    let weights = changes.iter().any(|c| c.weights.is_some()).then(|| {
        let mut weights = Vec::with_capacity(rows);
        for change in changes {
            match &change.weights {
                Some(own) => weights.extend_from_slice(own),
                None => weights.resize(weights.len() + change.rows.num_rows(), 1),
            }
        }
        Arc::from(weights)
    });
    Ok(ChangeBatch { rows: merged, weights })
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::{ArrayRef, Int64Array};

    fn change(values: Vec<i64>, weights: Option<Vec<i64>>) -> ChangeBatch {
        let column: ArrayRef = Arc::new(Int64Array::from(values));
        ChangeBatch { rows: RecordBatch::try_from_iter([("a", column)]).unwrap(), weights: weights.map(Arc::from) }
    }

    #[test]
    fn small_batches_become_one_with_all_weights() {
        let mut input = StepInput::default();
        input.push(RelationId(1), change(vec![1, 2], None));
        input.push(RelationId(2), change(vec![9], None));
        input.push(RelationId(1), change(vec![], None));
        input.push(RelationId(1), change(vec![1], Some(vec![-1])));
        assert_eq!(input.rows(), 4);
        let changes = input.into_changes().unwrap();
        assert_eq!(changes.iter().map(|(id, _)| id.0).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(changes[0].1.weights.as_deref(), Some([1, 1, -1].as_slice()));
        assert_eq!(changes[0].1.rows.num_rows(), 3);
        assert!(changes[1].1.weights.is_none());
    }
}
