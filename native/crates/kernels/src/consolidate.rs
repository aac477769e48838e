//! Adds up the weights of equal rows of a batch, so that what comes and goes within a step is not seen.

use arrow_array::ArrayRef;
use hashbrown::HashTable;
use millrace_base::Result;

use crate::NO_ROW;
use crate::hash::hash_columns;
use crate::raw::RawColumn;

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
