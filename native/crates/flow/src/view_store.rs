//! A view's rows as the list of its changes: a write appends a batch, a read adds up what cancels out. The sum is kept
//! for the next reader and taken over by the store, and made by the store itself when retractions pile up.

use std::sync::{Arc, OnceLock};

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use hashbrown::HashTable;
use millrace_base::{Error, Result, limits::BATCH_ROWS};
use millrace_kernels::{RawColumn, hash_columns};

use crate::change::{ChangeBatch, batch_of, schema_of};

type Batches = Arc<Vec<Arc<ChangeBatch>>>;

/// Batches below this are merged, so that many small steps do not become many small batches. Larger ones are shared with
/// the operators' state, and a merge would be a second copy.
const SMALL_ROWS: usize = 512;
/// How many small batches of one size class are merged at once: few, as the step that merges them waits for it.
const MERGE_BATCHES: usize = 4;
/// Retracted rows that are left to readers.
const RETRACTED_ROWS_MIN: usize = 1 << 16;

pub(crate) struct ViewStore {
    snapshot: ViewSnapshot,
}

/// The rows of a view at one epoch. Cheap to clone; valid as long as it is held.
#[derive(Clone)]
pub struct ViewSnapshot {
    schema: SchemaRef,
    batches: Batches,
    rows: i64,
    /// Rows with a negative weight in `batches`.
    retracted: usize,
    /// `batches` without what cancels out, once someone has asked.
    consolidated: Arc<OnceLock<Batches>>,
}

impl ViewStore {
    pub fn new(schema: SchemaRef) -> Self {
        let snapshot =
            ViewSnapshot { schema, batches: Arc::default(), rows: 0, retracted: 0, consolidated: Arc::default() };
        Self { snapshot }
    }

    pub fn snapshot(&self) -> ViewSnapshot {
        self.snapshot.clone()
    }

    pub fn push(&mut self, change: ChangeBatch) -> Result<()> {
        let this = &mut self.snapshot;
        if this.retracted > 0 {
            if let Some(done) = this.consolidated.get() {
                this.batches = done.clone();
                this.retracted = 0;
            }
            this.consolidated = Arc::default();
        }
        let (mut rows, mut retracted) = (change.len() as i64, 0);
        if let Some(weights) = &change.weights {
            rows = weights.iter().sum();
            retracted = weights.iter().filter(|&&w| w < 0).count();
        }
        this.rows += rows;
        this.retracted += retracted;
        let batches = Arc::make_mut(&mut this.batches);
        batches.push(Arc::new(change));
        merge_small(batches)?;
        if this.retracted > RETRACTED_ROWS_MIN && this.retracted as i64 > this.rows {
            this.batches = consolidate(&this.schema, &this.batches)?;
            this.retracted = 0;
        }
        Ok(())
    }
}

/// Neighbours of about one size become one: a row is copied five times at most.
fn merge_small(batches: &mut Vec<Arc<ChangeBatch>>) -> Result<()> {
    let class = |b: &Arc<ChangeBatch>| b.len().max(1).ilog(MERGE_BATCHES);
    while let Some(last) = batches.last().filter(|b| b.len() < SMALL_ROWS) {
        let run = batches.iter().rev().take_while(|b| class(b) <= class(last)).count();
        if run < MERGE_BATCHES {
            break;
        }
        let parts = batches.split_off(batches.len() - run);
        let parts = parts.into_iter().map(Arc::unwrap_or_clone).collect();
        match ChangeBatch::concat(parts)? {
            Some(merged) => batches.push(Arc::new(merged)),
            None => break,
        }
    }
    Ok(())
}

impl ViewSnapshot {
    /// The number of rows, duplicates counted.
    pub fn rows(&self) -> i64 {
        self.rows
    }

    pub fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    /// All rows, each as often as it is in the view, with the chosen columns.
    pub fn scan(&self, columns: &[u32]) -> Result<Vec<RecordBatch>> {
        let batches = if self.retracted == 0 { &self.batches } else { self.consolidated()? };
        let types: Vec<_> = columns
            .iter()
            .map(|&c| {
                let field = self.schema.fields().get(c as usize);
                field
                    .map(|f| f.data_type().clone())
                    .ok_or_else(|| Error::internal(format!("a view without column {c}")))
            })
            .collect::<Result<_>>()?;
        let schema = schema_of(&types);
        batches
            .iter()
            .map(|batch| {
                let chosen = columns.iter().map(|&c| batch.rows.column(c as usize).clone()).collect();
                let rows = batch_of(&schema, chosen, batch.len())?;
                let Some(weights) = &batch.weights else { return Ok(rows) };
                let copies: Vec<u32> =
                    weights.iter().enumerate().flat_map(|(r, &w)| (0..w).map(move |_| r as u32)).collect();
                Ok(ChangeBatch { rows, weights: None }.take(&copies)?.rows)
            })
            .collect()
    }

    fn consolidated(&self) -> Result<&Batches> {
        if let Some(done) = self.consolidated.get() {
            return Ok(done);
        }
        let done = consolidate(&self.schema, &self.batches)?;
        Ok(self.consolidated.get_or_init(|| done))
    }
}

/// A row that was taken away, and how often that is still to be done.
struct Owed {
    hash: u64,
    batch: u32,
    row: u32,
    times: i64,
}

/// Takes the retracted rows out of the others. Only the retracted ones are put into a table.
fn consolidate(schema: &SchemaRef, batches: &[Arc<ChangeBatch>]) -> Result<Batches> {
    let raw: Vec<Vec<RawColumn>> = batches.iter().map(|b| RawColumn::all(b.rows.columns())).collect::<Result<_>>()?;
    let hashes: Vec<Vec<u64>> = batches.iter().zip(&raw).map(|(b, c)| hash_columns(c, b.len())).collect();
    let mut owed: HashTable<Owed> = HashTable::new();
    let same = |o: &Owed, hash: u64, batch: usize, row: usize| {
        o.hash == hash && raw[o.batch as usize].iter().zip(&raw[batch]).all(|(a, b)| a.same(o.row as usize, b, row))
    };
    for (b, batch) in batches.iter().enumerate() {
        let Some(weights) = &batch.weights else { continue };
        for (row, &weight) in weights.iter().enumerate().filter(|(_, w)| **w < 0) {
            let hash = hashes[b][row];
            match owed.find_mut(hash, |o| same(o, hash, b, row)) {
                Some(found) => found.times -= weight,
                None => {
                    let new = Owed { hash, batch: b as u32, row: row as u32, times: -weight };
                    owed.insert_unique(hash, new, |o| o.hash);
                }
            }
        }
    }
    let mut kept = Vec::with_capacity(batches.len());
    for (b, batch) in batches.iter().enumerate() {
        let mut rows = Vec::with_capacity(batch.len());
        let mut weights = Vec::with_capacity(batch.len());
        let mut whole = true;
        for (row, &hash) in hashes[b].iter().enumerate() {
            let mut weight = batch.weight(row);
            if weight <= 0 {
                whole = false;
                continue;
            }
            if let Some(found) = owed.find_mut(hash, |o| same(o, hash, b, row)) {
                let paid = found.times.min(weight);
                found.times -= paid;
                weight -= paid;
                whole &= paid == 0;
            }
            if weight > 0 {
                rows.push(row as u32);
                weights.push(weight);
            }
        }
        if whole {
            kept.push(batch.clone());
        } else if !rows.is_empty() {
            let rows = batch.take(&rows)?.rows;
            let weights = weights.iter().any(|&w| w != 1).then(|| weights.into());
            kept.push(Arc::new(ChangeBatch { rows, weights }));
        }
    }
    if owed.iter().any(|o| o.times != 0) {
        return Err(Error::internal("a view lost a row that it never had"));
    }
    merge_to_size(schema, kept)
}

/// Neighbours that consolidation left small become batches of the usual size.
fn merge_to_size(schema: &SchemaRef, batches: Vec<Arc<ChangeBatch>>) -> Result<Batches> {
    let mut merged = Vec::new();
    let mut waiting: Vec<ChangeBatch> = Vec::new();
    let mut rows = 0;
    for batch in batches {
        assert_eq!(batch.rows.num_columns(), schema.fields().len());
        rows += batch.len();
        waiting.push(Arc::unwrap_or_clone(batch));
        if rows >= BATCH_ROWS {
            merged.extend(ChangeBatch::concat(std::mem::take(&mut waiting))?.map(Arc::new));
            rows = 0;
        }
    }
    merged.extend(ChangeBatch::concat(waiting)?.map(Arc::new));
    Ok(Arc::new(merged))
}
