//! What a transaction has done to one table: rows of its snapshot that are gone, and rows that are new. Read through it,
//! the table looks as it will after the commit.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray, RecordBatch};
use arrow_schema::SchemaRef;
use arrow_select::filter::filter_record_batch;
use millrace_base::{Code, Epoch, Error, Result};
use millrace_log::{Log, TableState};

use crate::effect::TableChange;
use crate::statement::{concat, failed};
use crate::target_rows::{Rows, TargetRows};

pub struct Overlay {
    schema: SchemaRef,
    primary_key: Vec<u32>,
    /// How many rows of the snapshot with this key are gone: one, but for tables without a primary key.
    gone: HashMap<Box<[u8]>, u64>,
    gone_rows: Vec<RecordBatch>,
    /// Rows of this transaction, each statement an epoch.
    new: TableState,
    statements: u64,
}

impl Overlay {
    pub fn new(schema: SchemaRef, table: &TableState) -> Result<Self> {
        let primary_key: Vec<u32> =
            if table.has_primary_key() { table.key_columns().iter().map(|&c| c as u32).collect() } else { Vec::new() };
        let new = TableState::new(schema.clone(), &primary_key)?;
        Ok(Self { schema, primary_key, gone: HashMap::new(), gone_rows: Vec::new(), new, statements: 0 })
    }

    /// Joins one statement's effect. Its old rows are rows that this transaction sees.
    pub fn absorb(&mut self, change: &TableChange) -> Result<()> {
        self.statements += 1;
        let mut own = Vec::new();
        if change.old.num_rows() > 0 {
            // A row of this transaction goes for good; one of the snapshot is told at the commit.
            let mut left: HashMap<Box<[u8]>, usize> = HashMap::new();
            for key in self.new.keys_of(&self.new.matching(&change.old)?)? {
                *left.entry(key).or_insert(0) += 1;
            }
            let keys = self.new.keys_of(&change.old)?;
            let mut mine = Vec::with_capacity(keys.len());
            for key in keys {
                let count = left.get_mut(&key).filter(|count| **count > 0);
                mine.push(count.is_some());
                match count {
                    Some(count) => *count -= 1,
                    None => *self.gone.entry(key).or_insert(0) += 1,
                }
            }
            let mine = BooleanArray::from(mine);
            let theirs = arrow::compute::not(&mine).map_err(failed)?;
            own.push(filter_record_batch(&change.old, &mine).map_err(failed)?);
            let theirs = filter_record_batch(&change.old, &theirs).map_err(failed)?;
            if theirs.num_rows() > 0 {
                self.gone_rows.push(theirs);
            }
        }
        let removed: usize = own.iter().map(RecordBatch::num_rows).sum();
        own.push(if change.new.num_rows() > 0 {
            change.new.clone()
        } else {
            RecordBatch::new_empty(self.schema.clone())
        });
        let both = concat(&self.schema, &own)?;
        let weights: Vec<i64> =
            std::iter::repeat_n(-1, removed).chain(std::iter::repeat_n(1, both.num_rows() - removed)).collect();
        self.new.apply(Epoch(self.statements), &both, Some(&weights))
    }

    /// The rows of a scan of the snapshot that are still there. `key_columns` are where the key lies in the batches.
    pub fn filter(&self, rows: Rows<'static>, key_columns: Vec<usize>) -> Result<Rows<'static>> {
        if self.gone.is_empty() {
            return Ok(rows);
        }
        let mut gone = self.gone.clone();
        // Only the key's columns are encoded: a table of these alone, all of them its key.
        let fields: Vec<_> = self.key_fields();
        let schema = Arc::new(arrow_schema::Schema::new(fields));
        let all: Vec<u32> = (0..schema.fields().len() as u32).collect();
        let keys = TableState::new(schema.clone(), if self.primary_key.is_empty() { &[] } else { &all })?;
        Ok(Box::new(rows.map(move |batch| {
            let batch = batch?;
            let columns = key_columns.iter().map(|&c| batch.column(c).clone()).collect();
            let key_rows = RecordBatch::try_new(schema.clone(), columns).map_err(failed)?;
            let mut keep = Vec::with_capacity(batch.num_rows());
            for key in keys.keys_of(&key_rows)? {
                let count = gone.get_mut(&key).filter(|count| **count > 0);
                keep.push(count.is_none());
                if let Some(count) = count {
                    *count -= 1;
                }
            }
            filter_record_batch(&batch, &BooleanArray::from(keep)).map_err(failed)
        })))
    }

    fn key_fields(&self) -> Vec<arrow_schema::FieldRef> {
        let fields = self.schema.fields();
        self.new.key_columns().iter().map(|&c| fields[c].clone()).collect()
    }

    /// The key's columns in the table.
    pub fn key_columns(&self) -> &[usize] {
        self.new.key_columns()
    }

    /// The rows of this transaction, with the chosen columns.
    pub fn added(&self, columns: &[usize]) -> Result<Rows<'static>> {
        Ok(Box::new(self.new.scan(Epoch(self.statements), columns)?))
    }

    /// The whole change, for the commit.
    pub fn change(&self, relation: millrace_base::RelationId) -> Result<TableChange> {
        let new = self.new.latest()?.collect::<Result<Vec<_>>>()?;
        Ok(TableChange { relation, old: concat(&self.schema, &self.gone_rows)?, new: concat(&self.schema, &new)? })
    }

    /// Refuses when a key that this transaction has changed was changed by another since `snapshot`.
    pub fn check(&self, log: &Log, relation: millrace_base::RelationId, snapshot: Epoch) -> Result<()> {
        let table = log.table(relation)?;
        let mut touched = self.gone_rows.clone();
        if table.has_primary_key() {
            touched.extend(self.new.latest()?.collect::<Result<Vec<_>>>()?);
        }
        touched.iter().try_for_each(|rows| refuse_conflict(&table, rows, snapshot))
    }
}

/// First committer wins: SQLSTATE 40001 for the other.
pub fn refuse_conflict(table: &TableState, rows: &RecordBatch, snapshot: Epoch) -> Result<()> {
    if rows.num_rows() == 0 || table.conflicts(rows, snapshot)?.is_none() {
        return Ok(());
    }
    Err(Error::new(Code::SerializationFailure, "could not serialize access due to concurrent update")
        .with_hint("Another transaction has changed the same row since this one began. Run it again."))
}

/// A table as a transaction sees it.
pub struct Overlaid<'a> {
    pub table: Arc<TableState>,
    pub overlay: Option<&'a Overlay>,
    pub snapshot: Epoch,
}

impl Overlaid<'_> {
    /// The newest rows of a key are those of the snapshot, unless another transaction was first.
    fn check(&self, rows: &RecordBatch) -> Result<()> {
        refuse_conflict(&self.table, rows, self.snapshot)
    }

    fn seen(&self, found: RecordBatch, own: impl FnOnce(&Overlay) -> Result<RecordBatch>) -> Result<RecordBatch> {
        let Some(overlay) = self.overlay else { return Ok(found) };
        let keys = overlay.key_columns().to_vec();
        let mut rows: Vec<RecordBatch> =
            overlay.filter(Box::new(std::iter::once(Ok(found))), keys)?.collect::<Result<_>>()?;
        rows.push(own(overlay)?);
        concat(&overlay.schema, &rows)
    }
}

impl TargetRows for Overlaid<'_> {
    fn has_primary_key(&self) -> bool {
        self.table.has_primary_key()
    }

    fn key_columns(&self) -> &[usize] {
        self.table.key_columns()
    }

    fn keys_of(&self, batch: &RecordBatch) -> Result<Vec<Box<[u8]>>> {
        self.table.keys_of(batch)
    }

    fn contains(&self, batch: &RecordBatch) -> Result<Vec<bool>> {
        self.check(batch)?;
        let base = self.table.contains(batch)?;
        let Some(overlay) = self.overlay else { return Ok(base) };
        let own = overlay.new.contains(batch)?;
        let keys = self.table.keys_of(batch)?;
        let held = base.into_iter().zip(own).zip(keys);
        Ok(held.map(|((base, own), key)| own || (base && !overlay.gone.contains_key(&key))).collect())
    }

    fn matching(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        self.check(batch)?;
        self.seen(self.table.matching(batch)?, |overlay| overlay.new.matching(batch))
    }

    fn find(&self, keys: &[ArrayRef]) -> Result<RecordBatch> {
        // A row that another has deleted is not found any more, so it is the keys that are asked about.
        let schema = self.table.schema();
        let rows = keys.first().map_or(0, |key| key.len());
        let mut columns: Vec<ArrayRef> =
            schema.fields().iter().map(|f| arrow_array::new_null_array(f.data_type(), rows)).collect();
        for (&column, key) in self.table.key_columns().iter().zip(keys) {
            columns[column] = key.clone();
        }
        self.check(&RecordBatch::try_new(schema.clone(), columns).map_err(failed)?)?;
        let found = self.table.find(keys)?;
        self.seen(found, |overlay| overlay.new.find(keys))
    }

    fn latest(&self) -> Result<Rows<'_>> {
        let all: Vec<usize> = (0..self.table.schema().fields().len()).collect();
        let base: Rows<'static> = Box::new(self.table.scan(self.snapshot, &all)?);
        let Some(overlay) = self.overlay else { return Ok(base) };
        let kept = overlay.filter(base, overlay.key_columns().to_vec())?;
        Ok(Box::new(kept.chain(overlay.added(&all)?)))
    }
}
