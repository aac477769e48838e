//! Rows in numbered slots, column by column, for state that lives long: a slot keeps its number until it is freed, and
//! a freed slot is used again. Gathering any slots gives Arrow columns. Rows are copied in, so that one row does not
//! keep the batch alive with which it came; chunks grow without moving what is there, so that no insert stalls.

use arrow_array::ArrayRef;
use arrow_buffer::{BooleanBuffer, NullBuffer};
use arrow_schema::{DataType, IntervalUnit};
use millrace_base::{Error, Result};

use crate::raw::{RawColumn, Words, array_of_bits, array_of_bytes, array_of_i128, array_of_words, sortable_of_word};
use crate::{NO_ROW, too_many_rows};

const CHUNK_BITS: u32 = 13;
const CHUNK: usize = 1 << CHUNK_BITS;
const CHUNK_MASK: u32 = CHUNK as u32 - 1;
/// Texts up to this length live in the slot itself.
const INLINE_MAX: usize = 12;
const BLOCK_BYTES: usize = 1 << 20;

#[derive(Debug, Default)]
pub(crate) struct Chunks<T> {
    chunks: Vec<Vec<T>>,
}

impl<T: Copy> Chunks<T> {
    fn new() -> Self {
        Self { chunks: Vec::new() }
    }

    #[inline]
    fn get(&self, slot: u32) -> T {
        self.chunks[(slot >> CHUNK_BITS) as usize][(slot & CHUNK_MASK) as usize]
    }

    /// Sets a slot, or appends it when it is the next one.
    #[inline]
    fn set(&mut self, slot: u32, value: T) {
        let (chunk, at) = ((slot >> CHUNK_BITS) as usize, (slot & CHUNK_MASK) as usize);
        if chunk == self.chunks.len() {
            // The first chunk of a small state grows as needed; later ones are known to fill up.
            self.chunks.push(if chunk == 0 { Vec::new() } else { Vec::with_capacity(CHUNK) });
        }
        let chunk = &mut self.chunks[chunk];
        if at == chunk.len() { chunk.push(value) } else { chunk[at] = value }
    }

    #[inline]
    fn get_ref(&self, slot: u32) -> &T {
        &self.chunks[(slot >> CHUNK_BITS) as usize][(slot & CHUNK_MASK) as usize]
    }

    fn gather(&self, slots: &[u32], missing: T) -> Vec<T> {
        slots.iter().map(|&s| if s == NO_ROW { missing } else { self.get(s) }).collect()
    }
}

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
                    DataType::Utf8 | DataType::Binary => Values::Bytes(ByteColumn::new()),
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

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Every slot is below this number.
    pub fn slots(&self) -> usize {
        self.slots as usize
    }

    pub fn width(&self) -> usize {
        self.columns.len()
    }

    pub fn data_type(&self, column: usize) -> &DataType {
        &self.columns[column].data_type
    }

    /// Copies the listed rows in; gives their slots, in the order of the rows.
    pub fn insert(
        &mut self,
        columns: &[RawColumn],
        rows: impl ExactSizeIterator<Item = usize> + Clone,
    ) -> Result<Vec<u32>> {
        assert_eq!(columns.len(), self.columns.len());
        let before = self.slots;
        let mut slots = Vec::with_capacity(rows.len());
        for _ in 0..rows.len() {
            match self.free.pop() {
                Some(slot) => slots.push(slot),
                None if self.slots == NO_ROW => return Err(too_many_rows()),
                None => {
                    slots.push(self.slots);
                    self.slots += 1;
                }
            }
        }
        for (stored, column) in self.columns.iter_mut().zip(columns) {
            stored.insert(column, &slots, rows.clone(), before);
        }
        Ok(slots)
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

    /// One column of the listed slots; `NO_ROW` gives NULL.
    pub fn gather(&self, column: usize, slots: &[u32]) -> Result<ArrayRef> {
        self.columns[column].gather(slots, slots.contains(&NO_ROW))
    }

    pub fn gather_all(&self, slots: &[u32]) -> Result<Vec<ArrayRef>> {
        let missing = slots.contains(&NO_ROW);
        self.columns.iter().map(|c| c.gather(slots, missing)).collect()
    }

    /// Whether a stored row has the same bits as a row of `columns` (which may be fewer: the first ones count).
    #[inline]
    pub fn same(&self, slot: u32, columns: &[RawColumn], row: usize) -> bool {
        self.columns.iter().zip(columns).all(|(stored, column)| stored.same(slot, column, row))
    }

    #[inline]
    pub fn is_valid(&self, column: usize, slot: u32) -> bool {
        self.columns[column].is_valid(slot)
    }

    /// A fixed-width value of at most eight bytes, sign-extended; floats as their bits.
    #[inline]
    pub fn word(&self, column: usize, slot: u32) -> i64 {
        match &self.columns[column].values {
            Values::W1(c) => i64::from(c.get(slot)),
            Values::W2(c) => i64::from(c.get(slot)),
            Values::W4(c) => i64::from(c.get(slot)),
            Values::W8(c) => c.get(slot),
            Values::W16(c) => c.get(slot) as i64,
            Values::Bytes(_) => 0,
        }
    }

    /// As `sortable_i64` of the column.
    #[inline]
    pub fn sortable(&self, column: usize, slot: u32) -> i64 {
        sortable_of_word(&self.columns[column].data_type, self.word(column, slot))
    }

    /// A float column's value as a double.
    #[inline]
    pub fn float(&self, column: usize, slot: u32) -> f64 {
        let word = self.word(column, slot);
        match self.columns[column].data_type {
            DataType::Float32 => f64::from(f32::from_bits(word as u32)),
            _ => f64::from_bits(word as u64),
        }
    }

    /// A text or byte string.
    pub fn bytes(&self, column: usize, slot: u32) -> &[u8] {
        match &self.columns[column].values {
            Values::Bytes(c) => c.resolve(c.views.get_ref(slot)),
            _ => &[],
        }
    }

    /// A numeric's unscaled value, or an interval's raw bits.
    #[inline]
    pub fn wide(&self, column: usize, slot: u32) -> i128 {
        match &self.columns[column].values {
            Values::W16(c) => c.get(slot),
            _ => i128::from(self.word(column, slot)),
        }
    }
}

impl StoredColumn {
    #[inline]
    fn is_valid(&self, slot: u32) -> bool {
        self.valid.as_ref().is_none_or(|v| v.get(slot))
    }

    fn insert(
        &mut self,
        column: &RawColumn,
        slots: &[u32],
        rows: impl ExactSizeIterator<Item = usize> + Clone,
        before: u32,
    ) {
        let pairs = slots.iter().copied().zip(rows.clone());
        match (&mut self.values, &column.words) {
            (Values::W1(c), Words::Bits(v)) => pairs.for_each(|(s, r)| c.set(s, v.value(r))),
            (Values::W2(c), Words::W2(v)) => pairs.for_each(|(s, r)| c.set(s, v[r])),
            (Values::W4(c), Words::W4(v)) => pairs.for_each(|(s, r)| c.set(s, v[r])),
            (Values::W8(c), Words::W8(v)) => pairs.for_each(|(s, r)| c.set(s, v[r])),
            (Values::W16(c), Words::W16(v)) => pairs.for_each(|(s, r)| c.set(s, v[r])),
            (Values::Bytes(c), Words::Bytes(..)) => pairs.for_each(|(s, r)| {
                let view = if column.is_null(r) { [0; 16] } else { c.store(column.bytes(r)) };
                c.views.set(s, view);
            }),
            (stored, given) => panic!("a column of {stored:?} was given {given:?}"),
        }
        if self.valid.is_none() && column.nulls.is_some() {
            let mut valid = Chunks::new();
            (0..before).for_each(|slot| valid.set(slot, true));
            self.valid = Some(valid);
        }
        if let Some(valid) = &mut self.valid {
            slots.iter().copied().zip(rows).for_each(|(s, r)| valid.set(s, !column.is_null(r)));
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
