//! Rows in numbered slots, column by column, for keys that live long: a slot keeps its number until it is freed, and a
//! freed slot is used again. Gathering any slots gives Arrow columns. Rows are copied in: keys are short, and a few new
//! ones in a batch must not keep it alive. Chunks grow without moving what is there, so that no insert stalls.

use arrow_array::ArrayRef;
use arrow_buffer::{BooleanBuffer, NullBuffer};
use arrow_schema::{DataType, IntervalUnit};
use millrace_base::{Error, Result};

use crate::chunks::Chunks;
use crate::nested::is_nested;
use crate::raw::{RawColumn, Words, array_of_bits, array_of_bytes, array_of_i128, array_of_words};
use crate::{NO_ROW, too_many_rows};

/// Texts up to this length live in the slot itself.
const INLINE_MAX: usize = 12;
const BLOCK_BYTES: usize = 1 << 20;

/// Long values in blocks; the slot holds length and place, or the short value itself.
#[derive(Debug, Default)]
struct ByteColumn {
    views: Chunks<[u8; 16]>,
    blocks: Vec<Vec<u8>>,
    live: usize,
    garbage: usize,
}

impl ByteColumn {
    fn new() -> Self {
        Self { views: Chunks::new(), blocks: Vec::new(), live: 0, garbage: 0 }
    }

    fn store(&mut self, bytes: &[u8]) -> [u8; 16] {
        let mut view = [0u8; 16];
        view[..4].copy_from_slice(&(bytes.len() as u32).to_le_bytes());
        if bytes.len() <= INLINE_MAX {
            view[4..4 + bytes.len()].copy_from_slice(bytes);
            return view;
        }
        if self.blocks.last().is_none_or(|b| b.len() + bytes.len() > BLOCK_BYTES) {
            self.blocks.push(Vec::with_capacity(if self.blocks.is_empty() { 0 } else { BLOCK_BYTES }));
        }
        let block = self.blocks.len() - 1;
        view[4..8].copy_from_slice(&(block as u32).to_le_bytes());
        view[8..12].copy_from_slice(&(self.blocks[block].len() as u32).to_le_bytes());
        self.blocks[block].extend_from_slice(bytes);
        self.live += bytes.len();
        view
    }

    #[inline]
    fn resolve<'a>(&'a self, view: &'a [u8; 16]) -> &'a [u8] {
        let word = |at: usize| u32::from_le_bytes([view[at], view[at + 1], view[at + 2], view[at + 3]]) as usize;
        let len = word(0);
        if len <= INLINE_MAX { &view[4..4 + len] } else { &self.blocks[word(4)][word(8)..word(8) + len] }
    }

    fn remove(&mut self, slot: u32, slots: u32) {
        let view = self.views.get(slot);
        let len = self.resolve(&view).len();
        self.views.set(slot, [0; 16]);
        if len > INLINE_MAX {
            self.live -= len;
            self.garbage += len;
            if self.garbage > self.live.max(BLOCK_BYTES) {
                self.compact(slots);
            }
        }
    }

    fn compact(&mut self, slots: u32) {
        let old = Self {
            views: std::mem::take(&mut self.views),
            blocks: std::mem::take(&mut self.blocks),
            live: 0,
            garbage: 0,
        };
        (self.live, self.garbage) = (0, 0);
        for slot in 0..slots {
            let view = old.views.get(slot);
            let view = self.store(old.resolve(&view));
            self.views.set(slot, view);
        }
    }
}

#[derive(Debug)]
enum Values {
    W1(Chunks<bool>),
    W2(Chunks<i16>),
    W4(Chunks<i32>),
    W8(Chunks<i64>),
    W16(Chunks<i128>),
    Bytes(ByteColumn),
}

#[derive(Debug)]
struct StoredColumn {
    data_type: DataType,
    values: Values,
    /// Made when the first NULL comes.
    valid: Option<Chunks<bool>>,
}

#[derive(Debug)]
pub struct RowStore {
    columns: Vec<StoredColumn>,
    /// Slots ever used: the next fresh one.
    slots: u32,
    free: Vec<u32>,
}

impl RowStore {
    pub fn new(types: &[DataType]) -> Result<Self> {
        let columns = types
            .iter()
            .map(|data_type| {
                let values = match data_type {
                    DataType::Boolean => Values::W1(Chunks::new()),
                    DataType::Int16 => Values::W2(Chunks::new()),
                    DataType::Int32 | DataType::Date32 | DataType::Float32 => Values::W4(Chunks::new()),
                    DataType::Int64 | DataType::Float64 | DataType::Time64(_) | DataType::Timestamp(..) => {
                        Values::W8(Chunks::new())
                    }
                    DataType::Decimal128(..) | DataType::Interval(IntervalUnit::MonthDayNano) => {
                        Values::W16(Chunks::new())
                    }
                    DataType::Utf8 | DataType::Binary | DataType::FixedSizeBinary(_) => {
                        Values::Bytes(ByteColumn::new())
                    }
                    nested if is_nested(nested) => Values::Bytes(ByteColumn::new()),
                    other => return Err(Error::internal(format!("no store for columns of {other}"))),
                };
                Ok(StoredColumn { data_type: data_type.clone(), values, valid: None })
            })
            .collect::<Result<_>>()?;
        Ok(Self { columns, slots: 0, free: Vec::new() })
    }

    /// Rows in the store.
    pub fn len(&self) -> usize {
        self.slots as usize - self.free.len()
    }

    /// Every slot is below this number.
    pub fn slots(&self) -> usize {
        self.slots as usize
    }

    /// Copies a row of these columns in; gives its slot.
    pub fn insert(&mut self, columns: &[RawColumn], row: usize) -> Result<u32> {
        let before = self.slots;
        let slot = match self.free.pop() {
            Some(slot) => slot,
            None if self.slots == NO_ROW => return Err(too_many_rows()),
            None => {
                self.slots += 1;
                before
            }
        };
        for (stored, column) in self.columns.iter_mut().zip(columns) {
            stored.insert(column, slot, row, before);
        }
        Ok(slot)
    }

    /// Frees a slot; its number may come back with the next insert.
    pub fn remove(&mut self, slot: u32) {
        for column in &mut self.columns {
            if let Values::Bytes(bytes) = &mut column.values {
                bytes.remove(slot, self.slots);
            }
        }
        self.free.push(slot);
    }

    /// The listed slots; `NO_ROW` gives NULLs.
    pub fn gather_all(&self, slots: &[u32]) -> Result<Vec<ArrayRef>> {
        let missing = slots.contains(&NO_ROW);
        self.columns.iter().map(|c| c.gather(slots, missing)).collect()
    }

    /// Whether a stored row has the same bits as a row of `columns` (which may be fewer: the first ones count).
    #[inline]
    pub fn same(&self, slot: u32, columns: &[RawColumn], row: usize) -> bool {
        self.columns.iter().zip(columns).all(|(stored, column)| stored.same(slot, column, row))
    }
}

impl StoredColumn {
    #[inline]
    fn is_valid(&self, slot: u32) -> bool {
        self.valid.as_ref().is_none_or(|v| v.get(slot))
    }

    fn insert(&mut self, column: &RawColumn, slot: u32, row: usize, before: u32) {
        match (&mut self.values, &column.words) {
            (Values::W1(c), Words::Bits(v)) => c.set(slot, v.value(row)),
            (Values::W2(c), Words::W2(v)) => c.set(slot, v[row]),
            (Values::W4(c), Words::W4(v)) => c.set(slot, v[row]),
            (Values::W8(c), Words::W8(v)) => c.set(slot, v[row]),
            (Values::W16(c), Words::W16(v)) => c.set(slot, v[row]),
            (Values::Bytes(c), Words::Bytes(..)) => {
                let view = if column.is_null(row) { [0; 16] } else { c.store(column.bytes(row)) };
                c.views.set(slot, view);
            }
            (stored, given) => panic!("a column of {stored:?} was given {given:?}"),
        }
        if self.valid.is_none() && column.nulls.is_some() {
            let mut valid = Chunks::new();
            (0..before).for_each(|slot| valid.set(slot, true));
            self.valid = Some(valid);
        }
        if let Some(valid) = &mut self.valid {
            valid.set(slot, !column.is_null(row));
        }
    }

    fn gather(&self, slots: &[u32], missing: bool) -> Result<ArrayRef> {
        let nulls = (missing || self.valid.is_some())
            .then(|| {
                let bits = BooleanBuffer::collect_bool(slots.len(), |i| slots[i] != NO_ROW && self.is_valid(slots[i]));
                NullBuffer::new(bits)
            })
            .filter(|n| n.null_count() > 0);
        match &self.values {
            Values::W1(c) => {
                let bits = BooleanBuffer::collect_bool(slots.len(), |i| slots[i] != NO_ROW && c.get(slots[i]));
                Ok(array_of_bits(bits, nulls))
            }
            Values::W2(c) => array_of_words(&self.data_type, c.gather(slots, 0), nulls),
            Values::W4(c) => array_of_words(&self.data_type, c.gather(slots, 0), nulls),
            Values::W8(c) => array_of_words(&self.data_type, c.gather(slots, 0), nulls),
            Values::W16(c) => array_of_i128(&self.data_type, c.gather(slots, 0), nulls),
            Values::Bytes(c) => {
                let views = c.views.gather(slots, [0; 16]);
                let total = views.iter().map(|v| c.resolve(v).len()).sum();
                let mut values = Vec::with_capacity(total);
                views.iter().for_each(|v| values.extend_from_slice(c.resolve(v)));
                array_of_bytes(&self.data_type, views.iter().map(|v| c.resolve(v).len()), values, nulls)
            }
        }
    }

    #[inline]
    fn same(&self, slot: u32, column: &RawColumn, row: usize) -> bool {
        match (self.is_valid(slot), !column.is_null(row)) {
            (false, false) => return true,
            (true, true) => {}
            _ => return false,
        }
        match (&self.values, &column.words) {
            (Values::W1(c), Words::Bits(v)) => c.get(slot) == v.value(row),
            (Values::W2(c), Words::W2(v)) => c.get(slot) == v[row],
            (Values::W4(c), Words::W4(v)) => c.get(slot) == v[row],
            (Values::W8(c), Words::W8(v)) => c.get(slot) == v[row],
            (Values::W16(c), Words::W16(v)) => c.get(slot) == v[row],
            (Values::Bytes(c), Words::Bytes(..)) => c.resolve(&c.views.get(slot)) == column.bytes(row),
            _ => false,
        }
    }
}
