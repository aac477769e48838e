//! One side of a join: its rows, their index by key, and their match counts where the join needs them.

use arrow_array::ArrayRef;
use arrow_buffer::NullBuffer;
use arrow_schema::DataType;
use millrace_base::{Error, Result};
use millrace_kernels::{JoinIndex, NO_ROW, RawColumn, RowMultiset, RowStore};

use crate::change::{ChangeBatch, take_columns};
use crate::computed::Computed;

/// A side that only grows keeps each row in its own slot; one that can shrink must find equal rows again.
enum Rows {
    Growing(RowStore),
    Counted(RowMultiset),
}

pub(crate) struct Side {
    pub keys: Vec<Computed>,
    pub types: Vec<DataType>,
    pub index: JoinIndex,
    rows: Rows,
    /// By slot: weighted matches on the other side.
    matches: Vec<i64>,
}

impl Side {
    pub fn new(keys: Vec<Computed>, types: Vec<DataType>, append_only: bool) -> Result<Self> {
        let index = JoinIndex::new(&Computed::arrow_types(&keys))?;
        let rows =
            if append_only { Rows::Growing(RowStore::new(&types)?) } else { Rows::Counted(RowMultiset::new(&types)?) };
        Ok(Self { keys, types, index, rows, matches: Vec::new() })
    }

    #[inline]
    pub fn count(&self, slot: u32) -> i64 {
        match &self.rows {
            Rows::Growing(_) => 1,
            Rows::Counted(rows) => rows.count(slot),
        }
    }

    /// Whether some of the slots has another weight than one.
    pub fn weighted(&self, slots: &[u32]) -> bool {
        match &self.rows {
            Rows::Growing(_) => false,
            Rows::Counted(rows) => slots.iter().any(|&s| s != NO_ROW && rows.count(s) != 1),
        }
    }

    pub fn gather(&self, slots: &[u32]) -> Result<Vec<ArrayRef>> {
        match &self.rows {
            Rows::Growing(rows) => rows.gather_all(slots),
            Rows::Counted(rows) => rows.rows().gather_all(slots),
        }
    }

    pub fn matches_mut(&mut self, slot: u32) -> &mut i64 {
        &mut self.matches[slot as usize]
    }

    /// Adds the changes to the state. `counts` are the rows' matches, where the join tracks them.
    pub fn take_in(
        &mut self,
        input: &ChangeBatch,
        keys: &[ArrayRef],
        null_keys: Option<&NullBuffer>,
        counts: Option<&Vec<i64>>,
    ) -> Result<()> {
        if let Some(nulls) = null_keys {
            let known: Vec<u32> = (0..input.len() as u32).filter(|&r| nulls.is_valid(r as usize)).collect();
            if known.is_empty() {
                return Ok(());
            }
            let counts = counts.map(|c| known.iter().map(|&r| c[r as usize]).collect());
            return self.take_in(&input.take(&known)?, &take_columns(keys, &known)?, None, counts.as_ref());
        }
        let columns = RawColumn::all(input.rows.columns())?;
        match &mut self.rows {
            Rows::Growing(rows) => {
                if input.retracts() {
                    return Err(Error::internal("a retraction reached an append-only side of a join"));
                }
                // A weight of two is two rows.
                let copies: Vec<u32> = match &input.weights {
                    None => (0..input.len() as u32).collect(),
                    Some(w) => w.iter().enumerate().flat_map(|(r, &w)| (0..w).map(move |_| r as u32)).collect(),
                };
                let slots = rows.insert(&columns, copies.iter().map(|&r| r as usize))?;
                if input.weights.is_none() {
                    self.index.insert(keys, &slots)?;
                } else {
                    self.index.insert(&take_columns(keys, &copies)?, &slots)?;
                }
                if let Some(counts) = counts {
                    self.matches.resize(rows.slots(), 0);
                    copies.iter().zip(&slots).for_each(|(&r, &s)| self.matches[s as usize] = counts[r as usize]);
                }
            }
            Rows::Counted(rows) => {
                let weights = (0..input.len()).map(|r| input.weight(r));
                let slots = rows.add(&columns, weights, input.len())?;
                let new: Vec<u32> = (0..slots.len() as u32).filter(|&r| slots[r as usize].1).collect();
                let new_slots: Vec<u32> = new.iter().map(|&r| slots[r as usize].0).collect();
                if new.len() == input.len() {
                    self.index.insert(keys, &new_slots)?;
                } else if !new.is_empty() {
                    self.index.insert(&take_columns(keys, &new)?, &new_slots)?;
                }
                if let Some(counts) = counts {
                    self.matches.resize(rows.rows().slots(), 0);
                    new.iter().zip(&new_slots).for_each(|(&r, &s)| self.matches[s as usize] = counts[r as usize]);
                }
                if input.weights.is_some() {
                    let mut empty: Vec<u32> = slots.iter().map(|s| s.0).filter(|&s| rows.count(s) <= 0).collect();
                    empty.sort_unstable();
                    empty.dedup();
                    for slot in empty {
                        if rows.count(slot) < 0 {
                            return Err(Error::internal("a join was told to forget a row that it does not have"));
                        }
                        self.index.remove(slot);
                        rows.release(slot);
                    }
                }
            }
        }
        Ok(())
    }
}
