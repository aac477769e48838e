//! Finds a stored row by its content, for state that must forget rows: a hash table of whole rows. It costs each row
//! that comes a hash and an entry, so its owner makes it only when cheaper ways to find rows turn out too slow.

use hashbrown::HashTable;

use crate::batch_store::BatchStore;
use crate::hash::hash_columns;
use crate::raw::RawColumn;

#[derive(Debug)]
pub struct RowFinder {
    table: HashTable<u32>,
    /// By slot.
    hashes: Vec<u64>,
}

impl RowFinder {
    /// Of all rows that are in the store now.
    pub fn new(store: &BatchStore) -> Self {
        let hashes = store.hashes();
        let mut table = HashTable::with_capacity(store.len());
        for slot in store.live() {
            table.insert_unique(hashes[slot as usize], slot, |&s| hashes[s as usize]);
        }
        Self { table, hashes }
    }

    /// Adds the rows `rows` of the columns, which have the slots `slots`.
    pub fn add(&mut self, columns: &[RawColumn], rows: &[u32], slots: &[u32], batch_rows: usize) {
        let hashes = hash_columns(columns, batch_rows);
        for (&row, &slot) in rows.iter().zip(slots) {
            let hash = hashes[row as usize];
            if slot as usize >= self.hashes.len() {
                self.hashes.resize(slot as usize + 1, 0);
            }
            self.hashes[slot as usize] = hash;
            self.table.insert_unique(hash, slot, |&s| self.hashes[s as usize]);
        }
    }

    pub fn hashes_of(columns: &[RawColumn], rows: usize) -> Vec<u64> {
        hash_columns(columns, rows)
    }

    /// A slot with the content of the row, whose hash this is.
    pub fn find(&self, store: &BatchStore, columns: &[RawColumn], row: usize, hash: u64) -> Option<u32> {
        let same = |&slot: &u32| self.hashes[slot as usize] == hash && store.same(slot, columns, row);
        self.table.find(hash, same).copied()
    }

    pub fn remove(&mut self, slot: u32) {
        if let Ok(entry) = self.table.find_entry(self.hashes[slot as usize], |&s| s == slot) {
            entry.remove();
        }
    }
}
