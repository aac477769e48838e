//! The rows of one side of a query's join, by key, built once and then only probed. Unlike `JoinIndex`, which views
//! change row by row, its parts are plain arrays: one integer key whose values lie close together is a place in an
//! array; else a hash names the first of a chain of rows. Probes of many rows go side by side, so that a miss in the
//! processor's caches holds up only itself.

use arrow_array::ArrayRef;
use arrow_buffer::{NullBuffer, ScalarBuffer};
use millrace_base::{Error, Result};

use crate::hash::{hash_columns, mix};
use crate::join_index::{Pairs, unmatchable};
use crate::polled::Check;
use crate::raw::{RawColumn, is_sortable, normalized, sortable_i64};
use crate::{NO_ROW, too_many_rows};

/// Places of a dense table a row, at most.
const PLACES_PER_ROW: u64 = 8;
/// Rows that are probed side by side.
const STEP: usize = 256;

pub struct JoinTable {
    keys: Keys,
    /// By row: the next one of its chain, in row order.
    next: Vec<u32>,
    /// By key: whether a NULL matches a NULL.
    nulls_equal: Vec<bool>,
}

enum Keys {
    /// The first row of key `least + i` is `heads[i]`; a chain has one key. The last place is that of NULL.
    Dense {
        least: i64,
        heads: Vec<u32>,
        unique: bool,
    },
    /// One integer key.
    Words {
        heads: Heads,
        keys: ScalarBuffer<i64>,
        nulls: Option<NullBuffer>,
    },
    Rows {
        heads: Heads,
        hashes: Vec<u64>,
        columns: Vec<RawColumn>,
    },
}

/// The first row of each hash's chain.
struct Heads {
    rows: Vec<u32>,
    shift: u32,
}

impl Heads {
    fn of(rows: usize) -> Self {
        let bits = (rows * 2).next_power_of_two().trailing_zeros().max(1);
        Self { rows: vec![NO_ROW; 1 << bits], shift: 64 - bits }
    }

    #[inline]
    fn slot(&self, hash: u64) -> usize {
        (hash >> self.shift) as usize
    }
}

#[inline]
fn word_hash(key: i64) -> u64 {
    mix(key as u64, 0x2545_f491_4f6c_dd1d)
}

/// Rows between two questions whether to go on.
const ROWS_UNASKED: usize = 1 << 16;

const NULL_HASH: u64 = 0x9fb2_1c65_1e98_df25;

/// Least and greatest value that is not NULL.
fn ends(keys: &[i64], nulls: Option<&NullBuffer>) -> Option<(i64, i64)> {
    let fold = |ends: Option<(i64, i64)>, key: i64| {
        let (least, most) = ends.unwrap_or((key, key));
        Some((least.min(key), most.max(key)))
    };
    match nulls {
        None => keys.iter().fold(None, |ends, &key| fold(ends, key)),
        Some(nulls) => nulls.valid_indices().fold(None, |ends, row| fold(ends, keys[row])),
    }
}

/// What is done with a probing row that may match: `head` is the first row of its chain, `same` tells which rows of the
/// chain have its key.
trait Visit {
    /// Whether there is room for another row.
    fn visit(&mut self, row: u32, head: u32, same: impl Fn(u32) -> bool) -> bool;
}

struct Pairing<'a> {
    next: &'a [u32],
    pairs: Pairs,
    /// No row begins when there are so many pairs.
    most: usize,
}

impl Visit for Pairing<'_> {
    #[inline(always)]
    fn visit(&mut self, row: u32, mut head: u32, same: impl Fn(u32) -> bool) -> bool {
        while head != NO_ROW {
            if same(head) {
                self.pairs.probe.push(row);
                self.pairs.stored.push(head);
            }
            head = self.next[head as usize];
        }
        self.pairs.probe.len() < self.most
    }
}

struct Marking<'a> {
    next: &'a [u32],
    found: Vec<bool>,
}

impl Visit for Marking<'_> {
    #[inline(always)]
    fn visit(&mut self, row: u32, mut head: u32, same: impl Fn(u32) -> bool) -> bool {
        while head != NO_ROW {
            if same(head) {
                self.found[row as usize] = true;
                break;
            }
            head = self.next[head as usize];
        }
        true
    }
}

impl JoinTable {
    /// Of rows with these keys, one array a key, at least one. Rows that match nothing are left out. `check` may end the work.
    pub fn build(keys: &[ArrayRef], nulls_equal: &[bool], check: &Check<'_>) -> Result<Self> {
        let rows = keys.first().map_or(0, |key| key.len());
        if rows >= NO_ROW as usize {
            return Err(too_many_rows());
        }
        let gone = unmatchable(keys, nulls_equal);
        let present = |row: usize| gone.as_ref().is_none_or(|gone| gone.is_valid(row));
        let mut next = vec![NO_ROW; rows];
        // From the last row to the first, so that chains are in row order.
        let order = (0..rows).rev().filter(|&row| present(row));
        let ask = |row: usize| if row.is_multiple_of(ROWS_UNASKED) { check() } else { Ok(()) };
        let link = |head: &mut u32, row: usize, next: &mut Vec<u32>| {
            next[row] = std::mem::replace(head, row as u32);
        };
        let keys = match keys {
            [one] if is_sortable(one.data_type()) => {
                let values = words(one)?;
                let nulls = one.nulls().filter(|n| n.null_count() > 0).cloned();
                let span = ends(&values, nulls.as_ref()).map(|(least, most)| (least, most.wrapping_sub(least) as u64));
                match span {
                    Some((least, span)) if span < rows as u64 * PLACES_PER_ROW + 1024 => {
                        let mut heads = vec![NO_ROW; span as usize + 2];
                        let null = span as usize + 1;
                        for row in order {
                            ask(row)?;
                            let is_null = nulls.as_ref().is_some_and(|n| n.is_null(row));
                            let at = if is_null { null } else { values[row].wrapping_sub(least) as usize };
                            link(&mut heads[at], row, &mut next);
                        }
                        let unique = next.iter().all(|&row| row == NO_ROW);
                        Keys::Dense { least, heads, unique }
                    }
                    _ => {
                        let mut heads = Heads::of(rows);
                        for row in order {
                            ask(row)?;
                            let is_null = nulls.as_ref().is_some_and(|n| n.is_null(row));
                            let slot = heads.slot(if is_null { NULL_HASH } else { word_hash(values[row]) });
                            link(&mut heads.rows[slot], row, &mut next);
                        }
                        Keys::Words { heads, keys: values, nulls }
                    }
                }
            }
            _ => {
                let (columns, hashes) = hashed(keys, rows)?;
                let mut heads = Heads::of(rows);
                for row in order {
                    ask(row)?;
                    let slot = heads.slot(hashes[row]);
                    link(&mut heads.rows[slot], row, &mut next);
                }
                Keys::Rows { heads, hashes, columns }
            }
        };
        Ok(Self { keys, next, nulls_equal: nulls_equal.to_vec() })
    }

    pub fn bytes(&self) -> usize {
        let keys = match &self.keys {
            Keys::Dense { heads, .. } => heads.len() * 4,
            Keys::Words { heads, keys, .. } => heads.rows.len() * 4 + keys.len() * 8,
            Keys::Rows { heads, hashes, .. } => heads.rows.len() * 4 + hashes.len() * 8,
        };
        keys + self.next.len() * 4
    }

    /// All matches of the probing rows, ordered by these and then by the rows here.
    pub fn probe(&self, keys: &[ArrayRef], rows: usize) -> Result<Pairs> {
        Ok(self.probe_some(keys, rows, usize::MAX)?.0)
    }

    /// As `probe`, of the first rows: until there are `most` pairs, or those of one row make it more. Says of how many.
    pub fn probe_some(&self, keys: &[ArrayRef], rows: usize, most: usize) -> Result<(Pairs, usize)> {
        let pairs = Pairs { probe: Vec::with_capacity(rows), stored: Vec::with_capacity(rows) };
        let mut visit = Pairing { next: &self.next, pairs, most };
        let done = self.walk(keys, rows, &mut visit)?;
        Ok((visit.pairs, done))
    }

    /// For each probing row whether it matches any.
    pub fn matches(&self, keys: &[ArrayRef], rows: usize) -> Result<Vec<bool>> {
        let mut visit = Marking { next: &self.next, found: vec![false; rows] };
        self.walk(keys, rows, &mut visit)?;
        Ok(visit.found)
    }

    /// Whether no two rows have one key, as far as that is known.
    pub fn is_unique(&self) -> bool {
        matches!(self.keys, Keys::Dense { unique: true, .. })
    }

    /// Shows the visitor each probing row that may match, as long as it has room; how many rows were looked at.
    #[inline]
    fn walk(&self, keys: &[ArrayRef], rows: usize, visitor: &mut impl Visit) -> Result<usize> {
        let gone = unmatchable(keys, &self.nulls_equal);
        let present = |row: usize| gone.as_ref().is_none_or(|gone| gone.is_valid(row));
        let mut heads_of = [NO_ROW; STEP];
        match &self.keys {
            Keys::Dense { least, heads, .. } => {
                let values = words(&keys[0])?;
                let nulls = keys[0].nulls().filter(|n| n.null_count() > 0);
                let null = heads.len() - 1;
                for row in 0..rows {
                    let is_null = nulls.is_some_and(|n| n.is_null(row));
                    let at = if is_null { null as u64 } else { values[row].wrapping_sub(*least) as u64 };
                    let outside = at >= heads.len() as u64 || (!is_null && at == null as u64);
                    let head = if outside { NO_ROW } else { heads[at as usize] };
                    if head != NO_ROW && present(row) && !visitor.visit(row as u32, head, |_| true) {
                        return Ok(row + 1);
                    }
                }
            }
            Keys::Words { heads, keys: stored, nulls: stored_nulls } => {
                let values = words(&keys[0])?;
                let nulls = keys[0].nulls().filter(|n| n.null_count() > 0);
                let is_null = |row: usize| nulls.is_some_and(|n| n.is_null(row));
                for from in (0..rows).step_by(STEP) {
                    let to = rows.min(from + STEP);
                    for row in from..to {
                        let hash = if is_null(row) { NULL_HASH } else { word_hash(values[row]) };
                        heads_of[row - from] = heads.rows[heads.slot(hash)];
                    }
                    for row in from..to {
                        let head = heads_of[row - from];
                        if head == NO_ROW || !present(row) {
                            continue;
                        }
                        let (value, null) = (values[row], is_null(row));
                        let room = match stored_nulls {
                            None if !null => visitor.visit(row as u32, head, |at| stored[at as usize] == value),
                            None => true,
                            Some(nulls) => visitor.visit(row as u32, head, |at| {
                                nulls.is_null(at as usize) == null && (null || stored[at as usize] == value)
                            }),
                        };
                        if !room {
                            return Ok(row + 1);
                        }
                    }
                }
            }
            Keys::Rows { heads, hashes: stored, columns: stored_columns } => {
                let (columns, hashes) = hashed(keys, rows)?;
                for from in (0..rows).step_by(STEP) {
                    let to = rows.min(from + STEP);
                    for row in from..to {
                        heads_of[row - from] = heads.rows[heads.slot(hashes[row])];
                    }
                    for row in from..to {
                        let head = heads_of[row - from];
                        if head == NO_ROW || !present(row) {
                            continue;
                        }
                        let room = visitor.visit(row as u32, head, |at| {
                            stored[at as usize] == hashes[row]
                                && stored_columns.iter().zip(&columns).all(|(s, c)| s.same(at as usize, c, row))
                        });
                        if !room {
                            return Ok(row + 1);
                        }
                    }
                }
            }
        }
        Ok(rows)
    }
}

fn words(key: &ArrayRef) -> Result<ScalarBuffer<i64>> {
    sortable_i64(key.as_ref())?.ok_or_else(|| Error::internal("a key of another type than the table's"))
}

fn hashed(keys: &[ArrayRef], rows: usize) -> Result<(Vec<RawColumn>, Vec<u64>)> {
    let keys: Vec<ArrayRef> = keys.iter().map(normalized).collect::<Result<_>>()?;
    let columns = RawColumn::all(&keys)?;
    let hashes = hash_columns(&columns, rows);
    Ok((columns, hashes))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{Array, Float64Array, Int64Array, StringArray};
    use arrow_schema::DataType;
    use rand::{Rng, SeedableRng, rngs::StdRng};

    use super::*;
    use crate::JoinIndex;

    /// As the index of views, but for the order within a key.
    #[test]
    fn finds_what_the_index_finds() {
        let seed: u64 = rand::rng().random();
        eprintln!("seed {seed}");
        let mut rng = StdRng::seed_from_u64(seed);
        for round in 0..200 {
            let spread = [5, 400, i64::MAX][round % 3];
            let mut column = |rows: usize, kind: usize| -> ArrayRef {
                let mut some = || (!rng.random_bool(0.15)).then(|| rng.random_range(-spread..spread));
                let picked: Vec<Option<i64>> =
                    (0..rows).map(|_| some().map(|v| if spread > 400 { v % 3 * (1 << 60) } else { v })).collect();
                match kind {
                    0 => Arc::new(Int64Array::from(picked)),
                    1 => Arc::new(picked.iter().map(|v| v.map(|v| v as f64 * 0.5)).collect::<Float64Array>()),
                    _ => Arc::new(picked.iter().map(|v| v.map(|v| (v % 7).to_string())).collect::<StringArray>()),
                }
            };
            let kinds: &[usize] = [&[0][..], &[1], &[2], &[0, 2], &[2, 1, 0]][round % 5];
            let stored: Vec<ArrayRef> = kinds.iter().map(|&k| column(300, k)).collect();
            let probing: Vec<ArrayRef> = kinds.iter().map(|&k| column(700, k)).collect();
            let nulls_equal: Vec<bool> = kinds.iter().map(|k| (round + k) % 2 == 0).collect();
            let types: Vec<DataType> = stored.iter().map(|k| k.data_type().clone()).collect();
            let mut index = JoinIndex::with_nulls(&types, nulls_equal.clone()).unwrap();
            index.insert(&stored, &(0..300).collect::<Vec<u32>>()).unwrap();
            let table = JoinTable::build(&stored, &nulls_equal, &|| Ok(())).unwrap();
            let sorted = |pairs: Pairs| {
                let mut pairs: Vec<(u32, u32)> = pairs.probe.into_iter().zip(pairs.stored).collect();
                let in_order = pairs.is_sorted();
                pairs.sort_unstable();
                (pairs, in_order)
            };
            let (found, in_order) = sorted(table.probe(&probing, 700).unwrap());
            assert!(in_order);
            assert_eq!(found, sorted(index.probe(&probing, 700).unwrap()).0);
            let mut matches = vec![false; 700];
            found.iter().for_each(|&(row, _)| matches[row as usize] = true);
            assert_eq!(table.matches(&probing, 700).unwrap(), matches);
        }
        let none: ArrayRef = Arc::new(Int64Array::from(Vec::<i64>::new()));
        let table = JoinTable::build(&[none], &[false], &|| Ok(())).unwrap();
        let probing: ArrayRef = Arc::new(Int64Array::from(vec![1, 2]));
        assert!(table.probe(&[probing], 2).unwrap().is_empty());
    }
}
