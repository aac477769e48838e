//! Rows in numbered slots for state that lives long, kept in the batches with which they came: a row costs its place,
//! not a copy, as long as the views downstream hold the same arrays. Small batches are merged, and a batch whose rows
//! are mostly gone is copied without them, so that neither single-row commits nor a last row keep much alive.

use arrow_array::{Array, ArrayRef, UInt32Array, new_empty_array, new_null_array};
use arrow_schema::DataType;
use arrow_select::{interleave::interleave, take::take};
use millrace_base::{Error, Result};

use crate::chunks::Chunks;
use crate::hash::hash_columns;
use crate::raw::{RawColumn, Words, sortable_of_word};
use crate::{NO_ROW, arrow_error, too_many_rows};

/// Batches below this are merged. A merged row is a copy that the views downstream do not share, so no more is merged than
/// gathers need.
const SMALL_ROWS: usize = 512;
/// How many small batches of one size class are merged at once: few, as the step that merges them waits for it; a row is
/// copied five times at most.
const MERGE_BATCHES: usize = 4;
/// Up to this many slots, the batches of a gather are searched rather than tabulated.
const FEW_SLOTS: usize = 32;

#[derive(Debug, Clone, Copy)]
struct Place {
    batch: u32,
    row: u32,
}

const NOWHERE: Place = Place { batch: NO_ROW, row: 0 };

#[derive(Debug)]
struct Stored {
    columns: Vec<ArrayRef>,
    /// The same arrays, ready for single values.
    raw: Vec<RawColumn>,
    /// By row: its slot, or `NO_ROW` when it is gone.
    slots: Vec<u32>,
    live: usize,
}

#[derive(Debug)]
pub struct BatchStore {
    types: Vec<DataType>,
    batches: Vec<Option<Stored>>,
    free_batches: Vec<u32>,
    /// The batches still to be merged, oldest first.
    small: Vec<u32>,
    /// By slot.
    places: Chunks<Place>,
    free: Vec<u32>,
}

impl BatchStore {
    pub fn new(types: &[DataType]) -> Self {
        Self {
            types: types.to_vec(),
            batches: Vec::new(),
            free_batches: Vec::new(),
            small: Vec::new(),
            places: Chunks::new(),
            free: Vec::new(),
        }
    }

    /// Rows in the store.
    pub fn len(&self) -> usize {
        self.places.len() - self.free.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Every slot is below this number.
    pub fn slots(&self) -> usize {
        self.places.len()
    }

    /// The slots with a row, those of one batch together.
    pub fn live_slots(&self) -> Vec<u32> {
        let batches = self.batches.iter().flatten();
        batches.flat_map(|batch| batch.slots.iter().copied().filter(|&slot| slot != NO_ROW)).collect()
    }

    /// Takes in the listed rows of a batch (each at most once; None is all of `rows`) and gives their slots. The
    /// arrays are kept as they are, unless a good part of their rows is left out.
    pub fn insert(&mut self, columns: &[ArrayRef], rows: usize, chosen: Option<&[u32]>) -> Result<Vec<u32>> {
        let count = chosen.map_or(rows, <[u32]>::len);
        if count == 0 {
            return Ok(Vec::new());
        }
        if self.places.len() + count >= NO_ROW as usize {
            return Err(too_many_rows());
        }
        let (columns, chosen, rows) = match chosen {
            Some(listed) if count * 4 < rows * 3 => {
                let listed = UInt32Array::from(listed.to_vec());
                let copied = columns.iter().map(|c| take(c, &listed, None).map_err(arrow_error));
                (copied.collect::<Result<Vec<_>>>()?, None, count)
            }
            chosen => (columns.to_vec(), chosen, rows),
        };
        let reused = self.free.split_off(self.free.len() - count.min(self.free.len()));
        let fresh = self.places.len() as u32..(self.places.len() + count - reused.len()) as u32;
        let slots: Vec<u32> = reused.into_iter().chain(fresh).collect();
        let by_row = match chosen {
            None => slots.clone(),
            Some(listed) => {
                // Listed in any order, the fresh slots may come to their rows in any order too.
                self.places.fill_to(self.places.len().max(slots.last().map_or(0, |&s| s as usize + 1)), NOWHERE);
                let mut by_row = vec![NO_ROW; rows];
                listed.iter().zip(&slots).for_each(|(&row, &slot)| by_row[row as usize] = slot);
                by_row
            }
        };
        self.add_batch(columns, by_row)?;
        self.merge_small()?;
        Ok(slots)
    }

    fn add_batch(&mut self, columns: Vec<ArrayRef>, slots: Vec<u32>) -> Result<()> {
        let given = columns.iter().map(|c| c.data_type());
        if !given.eq(&self.types) || columns.iter().any(|c| c.len() != slots.len()) {
            return Err(Error::internal("a store was given columns of another shape"));
        }
        let raw = RawColumn::all(&columns)?;
        let id = self.free_batches.pop().unwrap_or(self.batches.len() as u32);
        let mut live = 0;
        for (row, &slot) in slots.iter().enumerate().filter(|(_, s)| **s != NO_ROW) {
            let place = Place { batch: id, row: row as u32 };
            self.places.set(slot, place);
            live += 1;
        }
        if slots.len() < SMALL_ROWS {
            self.small.push(id);
        }
        let stored = Some(Stored { columns, raw, slots, live });
        match self.batches.get_mut(id as usize) {
            Some(place) => *place = stored,
            None => self.batches.push(stored),
        }
        Ok(())
    }

    #[inline]
    fn batch(&self, id: u32) -> &Stored {
        self.batches[id as usize].as_ref().expect("a row's batch is there while the row is")
    }

    #[inline]
    fn place(&self, slot: u32) -> (&Stored, usize) {
        let place = self.places.get(slot);
        (self.batch(place.batch), place.row as usize)
    }

    fn merge_small(&mut self) -> Result<()> {
        let class = |this: &Self, id: u32| this.batch(id).slots.len().max(1).ilog(MERGE_BATCHES);
        while let Some(&last) = self.small.last() {
            let last = class(self, last);
            let run = self.small.iter().rev().take_while(|&&id| class(self, id) <= last).count();
            if run < MERGE_BATCHES {
                return Ok(());
            }
            let parts = self.small[self.small.len() - run..].to_vec();
            self.rewrite(&parts)?;
        }
        Ok(())
    }

    /// Copies what lives in these batches into one.
    fn rewrite(&mut self, parts: &[u32]) -> Result<()> {
        let live = parts.iter().flat_map(|&id| &self.batch(id).slots);
        let slots: Vec<u32> = live.copied().filter(|&s| s != NO_ROW).collect();
        let columns = self.gather_all(&slots)?;
        parts.iter().for_each(|&id| self.drop_batch(id));
        if slots.is_empty() { Ok(()) } else { self.add_batch(columns, slots) }
    }

    fn drop_batch(&mut self, id: u32) {
        self.batches[id as usize] = None;
        self.free_batches.push(id);
        self.small.retain(|&s| s != id);
    }

    /// Frees a slot; its number may come back with the next insert.
    pub fn remove(&mut self, slot: u32) -> Result<()> {
        let place = self.places.get(slot);
        let batch = self.batches[place.batch as usize].as_mut().expect("a row's batch is there while the row is");
        batch.slots[place.row as usize] = NO_ROW;
        batch.live -= 1;
        self.free.push(slot);
        if batch.live == 0 {
            self.drop_batch(place.batch);
        } else if batch.live * 2 < batch.slots.len() {
            self.rewrite(&[place.batch])?;
        }
        Ok(())
    }

    /// Lets the rows that came as `slots`, in one batch, share these arrays of the same values instead of their own: the
    /// first columns, as far as given. Nothing happens if the batch is not as it came.
    pub fn share(&mut self, slots: &[u32], columns: &[ArrayRef]) -> Result<()> {
        let Some(&first) = slots.first() else { return Ok(()) };
        let id = self.places.get(first).batch;
        let Some(batch) = self.batches.get_mut(id as usize).and_then(Option::as_mut) else { return Ok(()) };
        if batch.slots == slots && columns.iter().all(|c| c.len() == slots.len()) {
            for (at, column) in columns.iter().enumerate() {
                batch.raw[at] = RawColumn::of(column.as_ref())?;
                batch.columns[at] = column.clone();
            }
        }
        Ok(())
    }

    /// One column of the listed slots; `NO_ROW` gives NULL.
    pub fn gather(&self, column: usize, slots: &[u32]) -> Result<ArrayRef> {
        self.gather_one(column, &self.sources(slots))
    }

    pub fn gather_all(&self, slots: &[u32]) -> Result<Vec<ArrayRef>> {
        self.gather_first(self.types.len(), slots)
    }

    /// The first columns of the listed slots.
    pub fn gather_first(&self, columns: usize, slots: &[u32]) -> Result<Vec<ArrayRef>> {
        let sources = self.sources(slots);
        (0..columns).map(|column| self.gather_one(column, &sources)).collect()
    }

    /// The batches in which the slots lie (`NO_ROW` for missing rows), and each slot's batch among them and row.
    fn sources(&self, slots: &[u32]) -> (Vec<u32>, Vec<(usize, usize)>) {
        let mut used: Vec<u32> = Vec::new();
        let mut table = vec![NO_ROW; if slots.len() > FEW_SLOTS { self.batches.len() + 1 } else { 0 }];
        let places = slots
            .iter()
            .map(|&slot| {
                let place = if slot == NO_ROW { NOWHERE } else { self.places.get(slot) };
                let at = if table.is_empty() {
                    used.iter().position(|&b| b == place.batch).unwrap_or(used.len())
                } else {
                    let entry = &mut table[(place.batch as usize).min(self.batches.len())];
                    if *entry == NO_ROW {
                        *entry = used.len() as u32;
                    }
                    *entry as usize
                };
                if at == used.len() {
                    used.push(place.batch);
                }
                (at, place.row as usize)
            })
            .collect();
        (used, places)
    }

    fn gather_one(&self, column: usize, (used, places): &(Vec<u32>, Vec<(usize, usize)>)) -> Result<ArrayRef> {
        let data_type = &self.types[column];
        match used.as_slice() {
            [] => return Ok(new_empty_array(data_type)),
            [NO_ROW] => return Ok(new_null_array(data_type, places.len())),
            [one] => {
                let rows = UInt32Array::from_iter_values(places.iter().map(|p| p.1 as u32));
                return take(&self.batch(*one).columns[column], &rows, None).map_err(arrow_error);
            }
            _ => {}
        }
        let null = new_null_array(data_type, 1);
        let arrays: Vec<&dyn Array> = used
            .iter()
            .map(|&id| if id == NO_ROW { null.as_ref() } else { self.batch(id).columns[column].as_ref() })
            .collect();
        interleave(&arrays, places).map_err(arrow_error)
    }

    /// The hash of every row, by slot.
    pub(crate) fn hashes(&self) -> Vec<u64> {
        let mut hashes = vec![0; self.places.len()];
        for batch in self.batches.iter().flatten() {
            let own = hash_columns(&batch.raw, batch.slots.len());
            let live = batch.slots.iter().zip(own).filter(|(slot, _)| **slot != NO_ROW);
            live.for_each(|(&slot, hash)| hashes[slot as usize] = hash);
        }
        hashes
    }

    /// The slots in use.
    pub(crate) fn live(&self) -> impl Iterator<Item = u32> {
        self.batches.iter().flatten().flat_map(|b| b.slots.iter().copied()).filter(|&s| s != NO_ROW)
    }

    /// Whether a stored row has the same bits as a row of `columns` (which may be fewer: the first ones count).
    #[inline]
    pub fn same(&self, slot: u32, columns: &[RawColumn], row: usize) -> bool {
        let (batch, own) = self.place(slot);
        batch.raw.iter().zip(columns).all(|(stored, column)| stored.same(own, column, row))
    }

    #[inline]
    pub fn is_valid(&self, column: usize, slot: u32) -> bool {
        let (batch, row) = self.place(slot);
        !batch.raw[column].is_null(row)
    }

    /// A fixed-width value of at most eight bytes, sign-extended; floats as their bits.
    #[inline]
    pub fn word(&self, column: usize, slot: u32) -> i64 {
        let (batch, row) = self.place(slot);
        match &batch.raw[column].words {
            Words::Bits(v) => i64::from(v.value(row)),
            Words::W2(v) => i64::from(v[row]),
            Words::W4(v) => i64::from(v[row]),
            Words::W8(v) => v[row],
            Words::W16(v) => v[row] as i64,
            Words::Bytes(..) => 0,
        }
    }

    /// As `sortable_i64` of the column.
    #[inline]
    pub fn sortable(&self, column: usize, slot: u32) -> i64 {
        sortable_of_word(&self.types[column], self.word(column, slot))
    }

    /// A float column's value as a double.
    #[inline]
    pub fn float(&self, column: usize, slot: u32) -> f64 {
        let word = self.word(column, slot);
        match self.types[column] {
            DataType::Float32 => f64::from(f32::from_bits(word as u32)),
            _ => f64::from_bits(word as u64),
        }
    }

    /// A text or byte string.
    pub fn bytes(&self, column: usize, slot: u32) -> &[u8] {
        let (batch, row) = self.place(slot);
        batch.raw[column].bytes(row)
    }

    /// A numeric's unscaled value, or an interval's parts side by side.
    #[inline]
    pub fn wide(&self, column: usize, slot: u32) -> i128 {
        let (batch, row) = self.place(slot);
        match &batch.raw[column].words {
            Words::W16(v) => v[row],
            _ => i128::from(self.word(column, slot)),
        }
    }
}
