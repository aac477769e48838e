//! Changes that wait for their time, in sorted runs: each batch is sorted once, what is due is the beginning of each run, and
//! runs of like length are merged, so that there are few.

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, ArrayRef, Int64Array, RecordBatch};
use arrow_schema::{DataType, SchemaRef};
use millrace_base::Result;

use crate::change::{ChangeBatch, batch_of, schema_of};
use crate::saved::{split_integers, unfit, weighted};

/// Runs of rows, then of when they are due; sorted by that.
pub(crate) struct Schedule {
    runs: Vec<Run>,
    schema: SchemaRef,
    with_due: SchemaRef,
}

struct Run {
    changes: ChangeBatch,
    next: usize,
}

impl Run {
    fn due(&self) -> &[i64] {
        let columns = self.changes.rows.columns();
        columns[columns.len() - 1].as_primitive::<Int64Type>().values()
    }

    fn len(&self) -> usize {
        self.changes.len() - self.next
    }
}

impl Schedule {
    pub fn new(types: &[DataType]) -> Self {
        let with_due: Vec<DataType> = types.iter().cloned().chain([DataType::Int64]).collect();
        Self { runs: Vec::new(), schema: schema_of(types), with_due: schema_of(&with_due) }
    }

    /// When the first are due.
    pub fn deadline(&self) -> Option<i64> {
        self.runs.iter().map(|run| run.due()[run.next]).min()
    }

    /// Puts the listed rows of `changes` down, each with its time.
    pub fn put(&mut self, changes: &ChangeBatch, rows: &[u32], due: &[i64], sign: i64) -> Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        let taken = changes.take(rows)?;
        let mut columns: Vec<ArrayRef> = taken.rows.columns().to_vec();
        columns.push(std::sync::Arc::new(Int64Array::from(due.to_vec())));
        let weights = match (&taken.weights, sign) {
            (None, 1) => None,
            (None, sign) => Some(vec![sign; rows.len()].into()),
            (Some(weights), sign) => Some(weights.iter().map(|weight| weight * sign).collect()),
        };
        let changes = ChangeBatch { rows: batch_of(&self.with_due, columns, rows.len())?, weights };
        self.runs.push(sorted(changes)?);
        // Each run is at least twice as long as the one after it: there are as many as the length has binary digits.
        while let [.., before, last] = &self.runs[..]
            && before.len() < 2 * last.len()
        {
            let (last, before) = (self.runs.pop(), self.runs.pop());
            let parts = before.into_iter().chain(last).map(|run| run.rest()).collect::<Result<_>>()?;
            // A row that was taken back before its time waits no longer.
            if let Some(merged) = ChangeBatch::concat(parts)?.map(ChangeBatch::consolidated).transpose()?
                && !merged.is_empty()
            {
                self.runs.push(sorted(merged)?);
            }
        }
        Ok(())
    }

    /// What waits, in parts that `restore` takes.
    pub fn parts(&self) -> Result<Vec<RecordBatch>> {
        let part = |run: &Run| {
            let rest = slice(&run.changes, run.next, run.len());
            let weights = (0..rest.len()).map(|row| rest.weight(row)).collect();
            weighted(rest.rows.columns().to_vec(), weights)
        };
        self.runs.iter().map(part).collect()
    }

    /// Puts a part back.
    pub fn restore(&mut self, part: &RecordBatch) -> Result<()> {
        let mut columns = part.columns().to_vec();
        let weights = split_integers(&mut columns)?;
        let types_fit = columns.iter().map(|c| c.data_type()).eq(self.with_due.fields().iter().map(|f| f.data_type()));
        if !types_fit || weights.is_empty() || columns.last().is_none_or(|due| due.null_count() > 0) {
            return Err(unfit());
        }
        let rows = batch_of(&self.with_due, columns, weights.len())?;
        self.runs.push(sorted(ChangeBatch { rows, weights: Some(weights.into()) })?);
        Ok(())
    }

    /// What is due.
    pub fn take(&mut self, now_us: i64) -> Result<Option<ChangeBatch>> {
        let mut due = Vec::new();
        for run in &mut self.runs {
            let end = run.next + run.due()[run.next..].partition_point(|&at| at <= now_us);
            if end > run.next {
                let part = slice(&run.changes, run.next, end - run.next);
                let columns = part.rows.columns()[..self.schema.fields().len()].to_vec();
                due.push(ChangeBatch { rows: batch_of(&self.schema, columns, part.len())?, weights: part.weights });
                run.next = end;
            }
        }
        self.runs.retain(|run| run.len() > 0);
        ChangeBatch::concat(due)
    }
}

impl Run {
    fn rest(self) -> Result<ChangeBatch> {
        Ok(slice(&self.changes, self.next, self.len()))
    }
}

fn slice(changes: &ChangeBatch, from: usize, len: usize) -> ChangeBatch {
    let weights = changes.weights.as_ref().map(|weights| weights[from..from + len].into());
    ChangeBatch { rows: changes.rows.slice(from, len), weights }
}

fn sorted(changes: ChangeBatch) -> Result<Run> {
    let columns = changes.rows.columns();
    let due = columns[columns.len() - 1].as_primitive::<Int64Type>();
    debug_assert_eq!(due.null_count(), 0);
    if due.values().is_sorted() {
        return Ok(Run { changes, next: 0 });
    }
    let mut order: Vec<u32> = (0..changes.len() as u32).collect();
    order.sort_by_key(|&row| due.value(row as usize));
    Ok(Run { changes: changes.take(&order)?, next: 0 })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rand::rngs::StdRng;
    use rand::{Rng, SeedableRng};

    use super::*;

    fn changes(values: &[i64]) -> ChangeBatch {
        let column: ArrayRef = Arc::new(Int64Array::from(values.to_vec()));
        ChangeBatch {
            rows: batch_of(&schema_of(&[DataType::Int64]), vec![column], values.len()).unwrap(),
            weights: None,
        }
    }

    fn taken(schedule: &mut Schedule, now: i64) -> Vec<(i64, i64)> {
        let Some(due) = schedule.take(now).unwrap() else { return Vec::new() };
        let values = due.rows.column(0).as_primitive::<Int64Type>().values().to_vec();
        let mut rows: Vec<_> = values.into_iter().enumerate().map(|(row, value)| (value, due.weight(row))).collect();
        rows.sort_unstable();
        rows
    }

    #[test]
    fn what_is_due_comes_once_and_nothing_earlier() {
        let seed: u64 = rand::random();
        eprintln!("seed {seed}");
        let mut rng = StdRng::seed_from_u64(seed);
        let mut schedule = Schedule::new(&[DataType::Int64]);
        let mut model: Vec<(i64, i64)> = Vec::new();
        for now in 0..500 {
            let values: Vec<i64> = (0..rng.random_range(0..20)).map(|_| rng.random_range(0..1000)).collect();
            let due: Vec<i64> = values.iter().map(|_| now + rng.random_range(0..100)).collect();
            let rows: Vec<u32> = (0..values.len() as u32).collect();
            schedule.put(&changes(&values), &rows, &due, 1).unwrap();
            model.extend(due.into_iter().zip(values));
            assert_eq!(schedule.deadline(), model.iter().map(|&(due, _)| due).min());
            let mut expected: Vec<(i64, i64)> =
                model.extract_if(.., |(due, _)| *due <= now).map(|(_, v)| (v, 1)).collect();
            expected.sort_unstable();
            assert_eq!(taken(&mut schedule, now), expected);
            assert!(schedule.runs.len() <= 12, "{} runs", schedule.runs.len());
            if rng.random_bool(0.02) {
                let parts = schedule.parts().unwrap();
                schedule = Schedule::new(&[DataType::Int64]);
                parts.iter().for_each(|part| schedule.restore(part).unwrap());
            }
        }
    }

    #[test]
    fn what_is_taken_back_waits_no_longer() {
        let mut schedule = Schedule::new(&[DataType::Int64]);
        for _ in 0..100 {
            schedule.put(&changes(&[7]), &[0], &[50], 1).unwrap();
            schedule.put(&changes(&[7]), &[0], &[50], -1).unwrap();
        }
        assert!(schedule.runs.iter().map(Run::len).sum::<usize>() <= 2);
        let left: i64 = taken(&mut schedule, 50).iter().map(|(_, weight)| weight).sum();
        assert_eq!(left, 0);
        assert_eq!(schedule.deadline(), None);
    }
}
