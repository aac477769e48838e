//! The index of one side of a join: key → the ids of the rows that have it, as a chain through arrays. Row ids are the
//! caller's (slots of a store, or rows of a batch). Rows with a NULL key match nothing and are not indexed, unless the
//! join says of that key that NULLs are equal.

use arrow_array::{Array, ArrayRef};
use arrow_buffer::NullBuffer;
use arrow_schema::DataType;
use millrace_base::Result;

use crate::NO_ROW;
use crate::chunks::Chunks;
use crate::group_table::GroupTable;

#[derive(Debug)]
pub struct JoinIndex {
    keys: GroupTable,
    /// By group: the newest row.
    heads: Vec<u32>,
    /// By row: the neighbours in its group's chain and the group.
    links: Chunks<Link>,
    /// By key: whether a NULL matches a NULL.
    nulls_equal: Vec<bool>,
}

#[derive(Debug, Clone, Copy)]
struct Link {
    next: u32,
    previous: u32,
    group: u32,
}

const UNLINKED: Link = Link { next: NO_ROW, previous: NO_ROW, group: NO_ROW };

/// Matches: `probe[i]` of the probing batch with the stored row `stored[i]`, ordered by `probe`.
#[derive(Debug, Default, Clone)]
pub struct Pairs {
    pub probe: Vec<u32>,
    pub stored: Vec<u32>,
}

impl Pairs {
    pub fn len(&self) -> usize {
        self.probe.len()
    }

    pub fn is_empty(&self) -> bool {
        self.probe.is_empty()
    }

    /// Whether each of `rows` probing rows matched exactly once, so that their columns can be used as they are.
    pub fn is_identity(&self, rows: usize) -> bool {
        self.probe.len() == rows && self.probe.iter().enumerate().all(|(i, &p)| i == p as usize)
    }
}

/// The rows that match nothing, as a key is NULL for which NULLs are not equal.
pub fn unmatchable(keys: &[ArrayRef], nulls_equal: &[bool]) -> Option<NullBuffer> {
    keys.iter()
        .zip(nulls_equal)
        .filter(|(_, equal)| !**equal)
        .fold(None, |union, (key, _)| NullBuffer::union(union.as_ref(), key.nulls()))
        .filter(|n| n.null_count() > 0)
}

impl JoinIndex {
    /// NULLs equal nothing in any key.
    pub fn new(key_types: &[DataType]) -> Result<Self> {
        Self::with_nulls(key_types, vec![false; key_types.len()])
    }

    /// `nulls_equal` says by key whether a NULL matches a NULL.
    pub fn with_nulls(key_types: &[DataType], nulls_equal: Vec<bool>) -> Result<Self> {
        assert_eq!(key_types.len(), nulls_equal.len());
        Ok(Self { keys: GroupTable::new(key_types)?, heads: Vec::new(), links: Chunks::new(), nulls_equal })
    }

    /// Adds rows: `rows[i]` has the key in row i of `keys`. A row already indexed stays where it is.
    pub fn insert(&mut self, keys: &[ArrayRef], rows: &[u32]) -> Result<()> {
        let nulls = unmatchable(keys, &self.nulls_equal);
        let groups = self.keys.intern(keys, rows.len())?;
        self.heads.resize(self.keys.capacity(), NO_ROW);
        if let Some(&highest) = rows.iter().max() {
            self.links.fill_to(highest as usize + 1, UNLINKED);
        }
        for (i, (&row, &group)) in rows.iter().zip(&groups).enumerate() {
            if nulls.as_ref().is_some_and(|n| n.is_null(i)) || self.links.get(row).group != NO_ROW {
                continue;
            }
            let next = std::mem::replace(&mut self.heads[group as usize], row);
            self.links.set(row, Link { next, previous: NO_ROW, group });
            if next != NO_ROW {
                self.links.get_mut(next).previous = row;
            }
        }
        Ok(())
    }

    /// Takes a row out; a key without rows is forgotten.
    pub fn remove(&mut self, row: u32) {
        if row as usize >= self.links.len() {
            return;
        }
        let link = self.links.get(row);
        if link.group == NO_ROW {
            return;
        }
        if link.previous == NO_ROW {
            self.heads[link.group as usize] = link.next;
        } else {
            self.links.get_mut(link.previous).next = link.next;
        }
        if link.next != NO_ROW {
            self.links.get_mut(link.next).previous = link.previous;
        }
        self.links.set(row, UNLINKED);
        if self.heads[link.group as usize] == NO_ROW {
            self.keys.release(link.group);
        }
    }

    /// The group of each row's key, `NO_ROW` for keys that no row has.
    pub fn groups(&self, keys: &[ArrayRef], rows: usize) -> Result<Vec<u32>> {
        self.keys.find(keys, rows)
    }

    /// A group's newest row.
    pub fn newest(&self, group: u32) -> u32 {
        self.heads.get(group as usize).copied().unwrap_or(NO_ROW)
    }

    /// The row of the same group that came before this one.
    pub fn older(&self, row: u32) -> u32 {
        self.links.get(row).next
    }

    /// All matches of the probing rows.
    pub fn probe(&self, keys: &[ArrayRef], rows: usize) -> Result<Pairs> {
        let nulls = unmatchable(keys, &self.nulls_equal);
        let groups = self.keys.find(keys, rows)?;
        let mut pairs = Pairs { probe: Vec::with_capacity(rows), stored: Vec::with_capacity(rows) };
        for (row, &group) in groups.iter().enumerate() {
            if group == NO_ROW || nulls.as_ref().is_some_and(|n| n.is_null(row)) {
                continue;
            }
            let mut stored = self.heads.get(group as usize).copied().unwrap_or(NO_ROW);
            while stored != NO_ROW {
                pairs.probe.push(row as u32);
                pairs.stored.push(stored);
                stored = self.links.get(stored).next;
            }
        }
        Ok(pairs)
    }
}
