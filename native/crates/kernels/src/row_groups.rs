//! The groups of rows that are all there: each group is known by its first row, so that no key is copied.

use arrow_array::ArrayRef;
use millrace_base::Result;

use crate::hash::hash_columns;
use crate::raw::{RawColumn, Words};
use crate::{NO_ROW, too_many_rows};

#[derive(Debug)]
pub struct RowGroups {
    /// By row: its group.
    pub ids: Vec<u32>,
    /// By group: its first row.
    pub firsts: Vec<u32>,
}

/// The rows before one are looked up side by side with it.
const STEP: usize = 64;

/// Equal keys have equal bits (`normalized`); NULLs are one group.
pub fn group_rows(keys: &[ArrayRef], rows: usize) -> Result<RowGroups> {
    if rows >= NO_ROW as usize {
        return Err(too_many_rows());
    }
    let columns = RawColumn::all(keys)?;
    let hashes = hash_columns(&columns, rows);
    match columns.as_slice() {
        [RawColumn { words: Words::W8(words), nulls: None }] => {
            Ok(grouped(&hashes, |first, row| words[first as usize] == words[row]))
        }
        columns => Ok(grouped(&hashes, |first, row| columns.iter().all(|c| c.same(first as usize, c, row)))),
    }
}

#[inline]
fn grouped(hashes: &[u64], same: impl Fn(u32, usize) -> bool) -> RowGroups {
    let rows = hashes.len();
    let mut ids = Vec::with_capacity(rows);
    let mut firsts: Vec<u32> = Vec::new();
    // A part of the hash, and the group; grown as groups come.
    let mut slots: Vec<(u32, u32)> = vec![(0, NO_ROW); 1 << 10];
    let mut touched = 0u32;
    for row in 0..rows {
        if row.is_multiple_of(STEP) {
            // Brings the slots of the next rows nearer.
            let mask = slots.len() - 1;
            for hash in &hashes[row..rows.min(row + STEP)] {
                touched ^= slots[*hash as usize & mask].1;
            }
        }
        let (mask, hash) = (slots.len() - 1, hashes[row]);
        let tag = (hash >> 32) as u32;
        let mut at = hash as usize & mask;
        let id = loop {
            let (other, group) = slots[at];
            if group == NO_ROW {
                let group = firsts.len() as u32;
                firsts.push(row as u32);
                slots[at] = (tag, group);
                break group;
            }
            if other == tag && same(firsts[group as usize], row) {
                break group;
            }
            at = (at + 1) & mask;
        };
        ids.push(id);
        if firsts.len() * 2 > slots.len() {
            let mut grown = vec![(0, NO_ROW); slots.len() * 4];
            let mask = grown.len() - 1;
            for (group, &first) in firsts.iter().enumerate() {
                let hash = hashes[first as usize];
                let mut at = hash as usize & mask;
                while grown[at].1 != NO_ROW {
                    at = (at + 1) & mask;
                }
                grown[at] = ((hash >> 32) as u32, group as u32);
            }
            slots = grown;
        }
    }
    std::hint::black_box(touched);
    RowGroups { ids, firsts }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{Array, Int64Array, StringArray};
    use rand::{Rng, SeedableRng, rngs::StdRng};

    use super::*;
    use crate::GroupTable;

    #[test]
    fn rows_fall_into_the_groups_of_the_table() {
        let seed: u64 = rand::rng().random();
        eprintln!("seed {seed}");
        let mut rng = StdRng::seed_from_u64(seed);
        for round in 0..60 {
            let range = [2i64, 50, 1 << 50][round % 3];
            let nulls = if round % 2 == 0 { 0.0 } else { 0.2 };
            let rows = rng.random_range(0..5000);
            let mut some = || (!rng.random_bool(nulls)).then(|| rng.random_range(0..range));
            let ints: ArrayRef = Arc::new((0..rows).map(|_| some()).collect::<Int64Array>());
            let texts: ArrayRef =
                Arc::new((0..rows).map(|_| some().map(|v| format!("{:x}", v % 1000))).collect::<StringArray>());
            for keys in [vec![ints.clone()], vec![texts.clone()], vec![texts.clone(), ints.clone()]] {
                let types: Vec<_> = keys.iter().map(|key| key.data_type().clone()).collect();
                let expected = GroupTable::new(&types).unwrap().intern(&keys, rows).unwrap();
                let found = group_rows(&keys, rows).unwrap();
                assert_eq!(found.ids, expected);
                for (group, &first) in found.firsts.iter().enumerate() {
                    assert_eq!(found.ids.iter().position(|&id| id as usize == group), Some(first as usize));
                }
            }
        }
    }
}
