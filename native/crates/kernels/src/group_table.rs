//! Rows of key columns → dense group ids. NULLs are one group; -0 and 0 are one, as are all NaNs and all intervals of
//! one span. One table serves GROUP BY, DISTINCT, PARTITION BY and joins. A single key of up to eight bytes is looked up
//! by value; other keys by hash and then compared with the stored key.

use arrow_array::{Array, ArrayRef};
use arrow_buffer::{BooleanBuffer, NullBuffer};
use arrow_schema::DataType;
use hashbrown::HashTable;
use millrace_base::Result;

use crate::hash::{hash_columns, mix};
use crate::raw::{RawColumn, array_of_sortable, is_sortable, normalized, sortable_i64};
use crate::row_store::RowStore;
use crate::{NO_ROW, too_many_rows};

#[derive(Debug)]
pub struct GroupTable {
    types: Vec<DataType>,
    keys: Keys,
}

#[derive(Debug)]
enum Keys {
    /// No columns: all rows are one group.
    Unit {
        used: bool,
    },
    Word(WordKeys),
    General(GeneralKeys),
}

#[derive(Debug)]
struct WordKeys {
    /// Key beside id: a look-up touches one place in memory.
    table: HashTable<(i64, u32)>,
    keys: Vec<i64>,
    null: u32,
    free: Vec<u32>,
}

#[derive(Debug)]
struct GeneralKeys {
    table: HashTable<(u32, u32)>,
    rows: RowStore,
    /// The whole hash of each slot, for growth and removal.
    hashes: Vec<u64>,
}

#[inline]
fn word_hash(key: i64) -> u64 {
    mix(key as u64, 0x2545_f491_4f6c_dd1d)
}

impl GroupTable {
    pub fn new(types: &[DataType]) -> Result<Self> {
        let keys = match types {
            [] => Keys::Unit { used: false },
            [one] if is_sortable(one) => {
                Keys::Word(WordKeys { table: HashTable::new(), keys: Vec::new(), null: NO_ROW, free: Vec::new() })
            }
            _ => {
                Keys::General(GeneralKeys { table: HashTable::new(), rows: RowStore::new(types)?, hashes: Vec::new() })
            }
        };
        Ok(Self { types: types.to_vec(), keys })
    }

    /// Every id is below this number; arrays beside the table are sized by it.
    pub fn capacity(&self) -> usize {
        match &self.keys {
            Keys::Unit { used } => usize::from(*used),
            Keys::Word(w) => w.keys.len(),
            Keys::General(g) => g.rows.slots(),
        }
    }

    /// Groups in the table.
    pub fn len(&self) -> usize {
        match &self.keys {
            Keys::Unit { used } => usize::from(*used),
            Keys::Word(w) => w.keys.len() - w.free.len(),
            Keys::General(g) => g.rows.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The group id of each row, new groups made as they come. `rows` matters when there are no columns.
    pub fn intern(&mut self, columns: &[ArrayRef], rows: usize) -> Result<Vec<u32>> {
        match &mut self.keys {
            Keys::Unit { used } => {
                *used |= rows > 0;
                Ok(vec![0; rows])
            }
            Keys::Word(w) => {
                let (values, nulls) = word_keys(&columns[0])?;
                let mut ids = Vec::with_capacity(rows);
                // Rows of one key often lie together.
                let mut before: Option<(i64, u32)> = None;
                for (row, &value) in values.iter().enumerate() {
                    if nulls.is_some_and(|n| n.is_null(row)) {
                        ids.push(w.intern_null()?);
                        continue;
                    }
                    let id = match before {
                        Some((same, id)) if same == value => id,
                        _ => w.intern(value)?,
                    };
                    before = Some((value, id));
                    ids.push(id);
                }
                Ok(ids)
            }
            Keys::General(g) => {
                let (columns, hashes) = general_keys(columns, rows)?;
                (0..rows).map(|row| g.intern(&columns, row, hashes[row])).collect()
            }
        }
    }

    /// As `intern`, but unknown keys give `NO_ROW` and change nothing.
    pub fn find(&self, columns: &[ArrayRef], rows: usize) -> Result<Vec<u32>> {
        match &self.keys {
            Keys::Unit { used } => Ok(vec![if *used { 0 } else { NO_ROW }; rows]),
            Keys::Word(w) => {
                let (values, nulls) = word_keys(&columns[0])?;
                Ok(match nulls {
                    None => values.iter().map(|&value| w.find(value)).collect(),
                    Some(n) => {
                        let id = |(row, &value)| if n.is_null(row) { w.null } else { w.find(value) };
                        values.iter().enumerate().map(id).collect()
                    }
                })
            }
            Keys::General(g) => {
                let (columns, hashes) = general_keys(columns, rows)?;
                Ok((0..rows).map(|row| g.find(&columns, row, hashes[row])).collect())
            }
        }
    }

    /// The key columns of the listed groups, in the canonical form of their values.
    pub fn keys(&self, ids: &[u32]) -> Result<Vec<ArrayRef>> {
        match &self.keys {
            Keys::Unit { .. } => Ok(Vec::new()),
            Keys::Word(w) => {
                let nulls = (w.null != NO_ROW)
                    .then(|| NullBuffer::new(BooleanBuffer::collect_bool(ids.len(), |i| ids[i] != w.null)))
                    .filter(|n| n.null_count() > 0);
                let values = ids.iter().map(|&id| w.keys[id as usize]).collect();
                Ok(vec![array_of_sortable(&self.types[0], values, nulls)?])
            }
            Keys::General(g) => g.rows.gather_all(ids),
        }
    }

    /// Forgets a group; its id may be given to a new one.
    pub fn release(&mut self, id: u32) {
        match &mut self.keys {
            Keys::Unit { used } => *used = false,
            Keys::Word(w) => {
                if id == w.null {
                    w.null = NO_ROW;
                } else if let Ok(entry) = w.table.find_entry(word_hash(w.keys[id as usize]), |e| e.1 == id) {
                    entry.remove();
                }
                w.free.push(id);
            }
            Keys::General(g) => {
                if let Ok(entry) = g.table.find_entry(g.hashes[id as usize], |e| e.1 == id) {
                    entry.remove();
                }
                g.rows.remove(id);
            }
        }
    }
}

type WordKeyColumn<'a> = (arrow_buffer::ScalarBuffer<i64>, Option<&'a NullBuffer>);

fn word_keys(column: &ArrayRef) -> Result<WordKeyColumn<'_>> {
    let values = sortable_i64(column.as_ref())?
        .ok_or_else(|| millrace_base::Error::internal("a key of another type than the table's"))?;
    Ok((values, column.nulls().filter(|n| n.null_count() > 0)))
}

fn general_keys(columns: &[ArrayRef], rows: usize) -> Result<(Vec<RawColumn>, Vec<u64>)> {
    let columns: Vec<ArrayRef> = columns.iter().map(normalized).collect::<Result<_>>()?;
    let columns = RawColumn::all(&columns)?;
    let hashes = hash_columns(&columns, rows);
    Ok((columns, hashes))
}

impl WordKeys {
    #[inline]
    fn find(&self, value: i64) -> u32 {
        self.table.find(word_hash(value), |e| e.0 == value).map_or(NO_ROW, |e| e.1)
    }

    #[inline]
    fn intern(&mut self, value: i64) -> Result<u32> {
        let hash = word_hash(value);
        if let Some(entry) = self.table.find(hash, |e| e.0 == value) {
            return Ok(entry.1);
        }
        let id = self.fresh(value)?;
        self.table.insert_unique(hash, (value, id), |e| word_hash(e.0));
        Ok(id)
    }

    fn intern_null(&mut self) -> Result<u32> {
        if self.null == NO_ROW {
            self.null = self.fresh(0)?;
        }
        Ok(self.null)
    }

    fn fresh(&mut self, value: i64) -> Result<u32> {
        if let Some(id) = self.free.pop() {
            self.keys[id as usize] = value;
            return Ok(id);
        }
        let id = u32::try_from(self.keys.len()).ok().filter(|&id| id != NO_ROW).ok_or_else(too_many_rows)?;
        self.keys.push(value);
        Ok(id)
    }
}

impl GeneralKeys {
    #[inline]
    fn find(&self, columns: &[RawColumn], row: usize, hash: u64) -> u32 {
        self.table.find(hash, |e| e.0 == hash as u32 && self.rows.same(e.1, columns, row)).map_or(NO_ROW, |e| e.1)
    }

    fn intern(&mut self, columns: &[RawColumn], row: usize, hash: u64) -> Result<u32> {
        let found = self.find(columns, row, hash);
        if found != NO_ROW {
            return Ok(found);
        }
        let id = self.rows.insert(columns, row)?;
        if id as usize == self.hashes.len() {
            self.hashes.push(hash)
        } else {
            self.hashes[id as usize] = hash
        }
        self.table.insert_unique(hash, (hash as u32, id), |e| self.hashes[e.1 as usize]);
        Ok(id)
    }
}
