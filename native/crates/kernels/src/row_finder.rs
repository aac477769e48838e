//! Finds a stored row by its content, for state that must forget rows: a hash table of whole rows. It costs each row
//! that comes a hash and an entry, so its owner makes it only when cheaper ways to find rows turn out too slow.

use hashbrown::HashTable;

use crate::batch_store::BatchStore;
use crate::hash::hash_columns;
use crate::raw::RawColumn;

/// Parts of the table. Each grows by itself, so that no insert waits until a million entries have moved.
const PARTS: usize = 64;

#[derive(Debug)]
pub struct RowFinder {
    parts: Vec<HashTable<u32>>,
    /// By slot.
    hashes: Vec<u64>,
}

/// Of bits that the part itself does not look at while it is small.
#[inline]
fn part_of(hash: u64) -> usize {
    (hash >> 40) as usize % PARTS
}

impl RowFinder {
    /// Of all rows that are in the store now.
    pub fn new(store: &BatchStore) -> Self {
        let hashes = store.hashes();
        let mut parts = vec![HashTable::with_capacity(store.len() / PARTS); PARTS];
        for slot in store.live() {
            let hash = hashes[slot as usize];
            parts[part_of(hash)].insert_unique(hash, slot, |&s| hashes[s as usize]);
        }
        Self { parts, hashes }
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
            self.parts[part_of(hash)].insert_unique(hash, slot, |&s| self.hashes[s as usize]);
        }
    }

    pub fn hashes_of(columns: &[RawColumn], rows: usize) -> Vec<u64> {
        hash_columns(columns, rows)
    }

    /// A slot with the content of the row, whose hash this is.
    pub fn find(&self, store: &BatchStore, columns: &[RawColumn], row: usize, hash: u64) -> Option<u32> {
        let same = |&slot: &u32| self.hashes[slot as usize] == hash && store.same(slot, columns, row);
        self.parts[part_of(hash)].find(hash, same).copied()
    }

    pub fn remove(&mut self, slot: u32) {
        let hash = self.hashes[slot as usize];
        if let Ok(entry) = self.parts[part_of(hash)].find_entry(hash, |&s| s == slot) {
            entry.remove();
        }
    }
}
