//! A multiset of whole rows: equal rows share a slot and have a count. Joins keep the sides that can retract in it,
//! and `consolidate` adds up the weights of equal rows of a batch with the same look-up.

use arrow_array::ArrayRef;
use arrow_schema::DataType;
use hashbrown::HashTable;
use millrace_base::Result;

use crate::NO_ROW;
use crate::hash::hash_columns;
use crate::raw::RawColumn;
use crate::row_store::RowStore;

#[derive(Debug)]
pub struct RowMultiset {
    table: HashTable<(u32, u32)>,
    rows: RowStore,
    hashes: Vec<u64>,
    counts: Vec<i64>,
}

impl RowMultiset {
    pub fn new(types: &[DataType]) -> Result<Self> {
        Ok(Self { table: HashTable::new(), rows: RowStore::new(types)?, hashes: Vec::new(), counts: Vec::new() })
    }

    pub fn rows(&self) -> &RowStore {
        &self.rows
    }

    #[inline]
    pub fn count(&self, slot: u32) -> i64 {
        self.counts[slot as usize]
    }

    /// Adds a weight to each row's count and gives each row's slot with whether the slot is new. A slot whose count
    /// comes to nothing stays until `release`: the caller may still have to look at the row.
    pub fn add(
        &mut self,
        columns: &[RawColumn],
        weights: impl Iterator<Item = i64>,
        rows: usize,
    ) -> Result<Vec<(u32, bool)>> {
        let hashes = hash_columns(columns, rows);
        let mut slots = Vec::with_capacity(rows);
        for (row, (hash, weight)) in hashes.into_iter().zip(weights).enumerate() {
            let found = self.table.find(hash, |e| e.0 == hash as u32 && self.rows.same(e.1, columns, row));
            if let Some(&(_, slot)) = found {
                self.counts[slot as usize] += weight;
                slots.push((slot, false));
                continue;
            }
            let slot = self.rows.insert(columns, std::iter::once(row))?[0];
            if slot as usize == self.hashes.len() {
                self.hashes.push(hash);
                self.counts.push(weight);
            } else {
                self.hashes[slot as usize] = hash;
                self.counts[slot as usize] = weight;
            }
            self.table.insert_unique(hash, (hash as u32, slot), |e| self.hashes[e.1 as usize]);
            slots.push((slot, true));
        }
        Ok(slots)
    }

    pub fn release(&mut self, slot: u32) {
        if let Ok(entry) = self.table.find_entry(self.hashes[slot as usize], |e| e.1 == slot) {
            entry.remove();
            self.rows.remove(slot);
        }
    }
}

/// Sums the weights of equal rows. Gives the rows to keep (the first of each kind, in order) with their weights; those
/// that come to nothing are left out. `None` when every row is to stay as it is.
pub fn consolidate(columns: &[ArrayRef], weights: &[i64]) -> Result<Option<(Vec<u32>, Vec<i64>)>> {
    let rows = weights.len();
    let columns = RawColumn::all(columns)?;
    let hashes = hash_columns(&columns, rows);
    let mut table: HashTable<u32> = HashTable::with_capacity(rows);
    let mut sums: Vec<i64> = weights.to_vec();
    let mut merged = false;
    for row in 0..rows {
        let same = |&first: &u32| {
            hashes[first as usize] == hashes[row] && columns.iter().all(|c| c.same(first as usize, c, row))
        };
        match table.find(hashes[row], same) {
            Some(&first) => {
                sums[first as usize] += std::mem::take(&mut sums[row]);
                merged = true;
            }
            None => {
                table.insert_unique(hashes[row], row as u32, |&r| hashes[r as usize]);
            }
        }
    }
    if !merged && sums.iter().all(|&w| w != 0) {
        return Ok(None);
    }
    let keep: Vec<u32> = (0..rows as u32).filter(|&r| r != NO_ROW && sums[r as usize] != 0).collect();
    let weights = keep.iter().map(|&r| sums[r as usize]).collect();
    Ok(Some((keep, weights)))
}
