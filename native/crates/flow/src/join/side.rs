//! One side of a join: its rows, their index by key, and their match counts where the join needs them.
//! Rows that come are never looked up: equal ones have a slot each, or one with a count if they came as one change. A
//! row that goes is looked for among the rows with its key, newest first; if that turns out to cost more than a table
//! of all rows would, the side makes one and keeps it.

use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, RecordBatch};
use arrow_buffer::NullBuffer;
use arrow_schema::DataType;
use millrace_base::{Error, Result, limits::BATCH_ROWS};
use millrace_kernels::{BatchStore, Chunks, JoinIndex, NO_ROW, RawColumn, RowFinder, unmatchable};

use crate::change::{ChangeBatch, schema_of, take_columns};
use crate::computed::Computed;
use crate::saved::{change_of, split_integers, weighted};

/// Rows that may be looked at in vain before a table is considered, beyond those that are in the state.
const STEPS_MIN: usize = 1 << 14;

pub(crate) struct Side {
    pub keys: Vec<Computed>,
    pub types: Vec<DataType>,
    pub index: JoinIndex,
    /// By key: whether a NULL matches a NULL.
    nulls_equal: Vec<bool>,
    append_only: bool,
    rows: BatchStore,
    /// By slot; slots beyond the end count once.
    counts: Vec<i64>,
    /// By slot: weighted matches on the other side.
    matches: Chunks<i64>,
    finder: Option<RowFinder>,
    /// Rows looked at in search of others.
    steps: usize,
}

impl Side {
    pub fn new(keys: Vec<Computed>, nulls_equal: Vec<bool>, types: Vec<DataType>, append_only: bool) -> Result<Self> {
        let index = JoinIndex::with_nulls(&Computed::arrow_types(&keys), nulls_equal.clone())?;
        let rows = BatchStore::new(&types);
        let (counts, matches) = (Vec::new(), Chunks::new());
        Ok(Self { keys, types, index, nulls_equal, append_only, rows, counts, matches, finder: None, steps: 0 })
    }

    /// The rows that match nothing, as a key is NULL.
    pub fn unmatchable(&self, keys: &[ArrayRef]) -> Option<NullBuffer> {
        unmatchable(keys, &self.nulls_equal)
    }

    #[inline]
    pub fn count(&self, slot: u32) -> i64 {
        self.counts.get(slot as usize).copied().unwrap_or(1)
    }

    /// Whether some of the slots has another weight than one.
    pub fn weighted(&self, slots: &[u32]) -> bool {
        !self.counts.is_empty() && slots.iter().any(|&s| s != NO_ROW && self.count(s) != 1)
    }

    pub fn gather(&self, slots: &[u32]) -> Result<Vec<ArrayRef>> {
        self.rows.gather_all(slots)
    }

    pub fn matches_mut(&mut self, slot: u32) -> &mut i64 {
        self.matches.get_mut(slot)
    }

    /// Adds the changes to the state. `counts` are the rows' matches, where the join tracks them. What comes is taken in
    /// before what goes, as a batch may bring both in any order.
    pub fn take_in(
        &mut self,
        input: &ChangeBatch,
        keys: &[ArrayRef],
        null_keys: Option<&NullBuffer>,
        counts: Option<&Vec<i64>>,
    ) -> Result<()> {
        let known = |row: usize| null_keys.is_none_or(|n| n.is_valid(row));
        let all = null_keys.is_none() && input.weights.as_ref().is_none_or(|w| w.iter().all(|&w| w > 0));
        if all {
            return self.put_in(input, keys, None, counts);
        }
        let rows_where = |wanted: fn(i64) -> bool| -> Vec<u32> {
            (0..input.len()).filter(|&r| wanted(input.weight(r)) && known(r)).map(|r| r as u32).collect()
        };
        let come = rows_where(|weight| weight > 0);
        if !come.is_empty() {
            self.put_in(input, &take_columns(keys, &come)?, Some(&come), counts)?;
        }
        let gone = rows_where(|weight| weight < 0);
        if gone.is_empty() {
            return Ok(());
        }
        if self.append_only {
            return Err(Error::internal("a retraction reached an append-only side of a join"));
        }
        self.take_out(input, &take_columns(keys, &gone)?, &gone)
    }

    /// Takes in the listed rows of the batch; `keys` are theirs.
    fn put_in(
        &mut self,
        input: &ChangeBatch,
        keys: &[ArrayRef],
        rows: Option<&[u32]>,
        matches: Option<&Vec<i64>>,
    ) -> Result<()> {
        let slots = self.rows.insert(input.rows.columns(), input.len(), rows)?;
        self.index.insert(keys, &slots)?;
        let row = |at: usize| rows.map_or(at, |rows| rows[at] as usize);
        if let Some(matches) = matches {
            self.matches.fill_to(self.rows.slots(), 0);
            slots.iter().enumerate().for_each(|(at, &slot)| self.matches.set(slot, matches[row(at)]));
        }
        for (at, &slot) in slots.iter().enumerate() {
            let weight = input.weight(row(at));
            if weight != 1 && self.counts.len() <= slot as usize {
                self.counts.resize(self.rows.slots(), 1);
            }
            if let Some(count) = self.counts.get_mut(slot as usize) {
                *count = weight;
            }
        }
        if let Some(finder) = &mut self.finder {
            let rows: Vec<u32> = (0..slots.len()).map(|at| row(at) as u32).collect();
            finder.add(&RawColumn::all(input.rows.columns())?, &rows, &slots, input.len());
        }
        Ok(())
    }

    /// Takes out the listed rows of the batch, each as often as its weight tells; `keys` are theirs.
    fn take_out(&mut self, input: &ChangeBatch, keys: &[ArrayRef], rows: &[u32]) -> Result<()> {
        let groups = self.index.groups(keys, rows.len())?;
        let columns = RawColumn::all(input.rows.columns())?;
        let mut hashes = Vec::new();
        for (&row, &group) in rows.iter().zip(&groups) {
            let mut owed = -input.weight(row as usize);
            let mut next = if group == NO_ROW { NO_ROW } else { self.index.newest(group) };
            while owed > 0 {
                let found = match &self.finder {
                    Some(finder) => {
                        if hashes.is_empty() {
                            hashes = RowFinder::hashes_of(&columns, input.len());
                        }
                        finder.find(&self.rows, &columns, row as usize, hashes[row as usize])
                    }
                    None => self.search(&columns, row as usize, &mut next),
                };
                match found {
                    Some(slot) => owed = self.pay(slot, owed)?,
                    // The search may have ended because there is a table now.
                    None if self.finder.is_some() && next != NO_ROW => next = NO_ROW,
                    None => return Err(Error::internal("a join was told to forget a row that it does not have")),
                }
            }
        }
        Ok(())
    }

    /// The next row with this content, from `next` on; makes the table when searching has cost too much.
    fn search(&mut self, columns: &[RawColumn], row: usize, next: &mut u32) -> Option<u32> {
        while *next != NO_ROW {
            let slot = *next;
            if self.rows.same(slot, columns, row) {
                *next = self.index.older(slot);
                return Some(slot);
            }
            self.steps += 1;
            if self.steps > STEPS_MIN + 4 * self.rows.len() {
                self.finder = Some(RowFinder::new(&self.rows));
                return None;
            }
            *next = self.index.older(slot);
        }
        None
    }

    /// Takes up to `owed` from the row's count; gives what is still owed. A row that comes to nothing is gone.
    fn pay(&mut self, slot: u32, owed: i64) -> Result<i64> {
        let count = self.count(slot);
        if count > owed {
            // Only counts other than one are greater than what is owed, so this one is in the list.
            self.counts[slot as usize] = count - owed;
            return Ok(0);
        }
        self.index.remove(slot);
        if let Some(finder) = &mut self.finder {
            finder.remove(slot);
        }
        self.rows.remove(slot)?;
        Ok(owed - count)
    }

    /// The rows with how often each is there, before that their matches where the join tracks them.
    pub fn save(&self, tracked: bool) -> Result<Vec<RecordBatch>> {
        let part = |slots: &[u32]| {
            let mut columns = self.rows.gather_all(slots)?;
            if tracked {
                columns.push(Arc::new(Int64Array::from(self.matches.gather(slots, 0))));
            }
            weighted(columns, slots.iter().map(|&slot| self.count(slot)).collect())
        };
        self.rows.live_slots().chunks(BATCH_ROWS).map(part).collect()
    }

    pub fn load(&mut self, mut columns: Vec<ArrayRef>, tracked: bool) -> Result<()> {
        let weights = split_integers(&mut columns)?;
        let matches = if tracked { Some(split_integers(&mut columns)?) } else { None };
        let rows = change_of(columns, weights, &schema_of(&self.types))?;
        let keys = Computed::evaluate_all(&self.keys, &rows.rows, 0)?;
        self.put_in(&rows, &keys, None, matches.as_ref())
    }
}
