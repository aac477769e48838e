//! The columns of a piece, each read at most once, and the rows of it that are still wanted.

use arrow_array::{Array, ArrayRef, BooleanArray};
use arrow_buffer::{BooleanBuffer, BooleanBufferBuilder};
use arrow_select::filter::filter;
use millrace_base::Result;
use millrace_kernels::arrow_error;
use millrace_kernels::encodings::{Dictionary, EncodedColumn};

use crate::Morsel;
use crate::batch::Column;

/// Rows of a piece.
#[derive(Debug, Clone)]
pub(crate) struct Selection {
    rows: usize,
    /// `None` is all.
    bits: Option<BooleanBuffer>,
    count: usize,
}

impl Selection {
    pub fn of(morsel: &dyn Morsel) -> Self {
        let alive = morsel.alive().filter(|alive| alive.count_set_bits() < alive.len());
        let count = alive.map_or(morsel.rows(), BooleanBuffer::count_set_bits);
        Self { rows: morsel.rows(), bits: alive.cloned(), count }
    }

    pub fn count(&self) -> usize {
        self.count
    }

    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub fn is_all(&self) -> bool {
        self.bits.is_none()
    }

    /// Whether so few rows are left that it pays to look at these alone.
    pub fn is_sparse(&self) -> bool {
        self.count * 2 < self.rows
    }

    pub fn bits(&self) -> Option<&BooleanBuffer> {
        self.bits.as_ref()
    }

    /// Keeps those for which a bit, one a row of the piece, is set.
    pub fn keep(&mut self, bits: BooleanBuffer) {
        assert_eq!(bits.len(), self.rows);
        let bits = match &self.bits {
            None => bits,
            Some(before) => before & &bits,
        };
        self.count = bits.count_set_bits();
        self.bits = (self.count < self.rows).then_some(bits);
    }

    /// Keeps those for which a bit, one a row that is selected, is set.
    pub fn keep_selected(&mut self, bits: BooleanBuffer) {
        assert_eq!(bits.len(), self.count);
        let Some(before) = &self.bits else { return self.keep(bits) };
        let mut spread = BooleanBufferBuilder::new(self.rows);
        spread.append_n(self.rows, false);
        before.set_indices().zip(bits.iter()).filter(|(_, keep)| *keep).for_each(|(row, _)| spread.set_bit(row, true));
        self.keep(spread.finish());
    }
}

pub(crate) struct Reader<'m> {
    morsel: &'m dyn Morsel,
    slots: Vec<Slot>,
}

#[derive(Default)]
struct Slot {
    encoded: Option<Option<EncodedColumn>>,
    dictionary: Option<Option<Dictionary>>,
    whole: Option<ArrayRef>,
}

impl<'m> Reader<'m> {
    pub fn new(morsel: &'m dyn Morsel, columns: usize) -> Self {
        Self { morsel, slots: (0..columns).map(|_| Slot::default()).collect() }
    }

    pub fn morsel(&self) -> &'m dyn Morsel {
        self.morsel
    }

    pub fn encoded(&mut self, column: usize) -> Result<Option<&EncodedColumn>> {
        let slot = &mut self.slots[column];
        if slot.encoded.is_none() {
            slot.encoded = Some(self.morsel.encoded(column)?);
        }
        Ok(slot.encoded.as_ref().and_then(Option::as_ref))
    }

    /// The column by its dictionary, if it has one.
    pub fn dictionary(&mut self, column: usize) -> Result<Option<&Dictionary>> {
        if self.slots[column].dictionary.is_none() {
            let morsel = self.morsel;
            let found = match self.encoded(column)? {
                None => None,
                Some(encoded) => {
                    let read = encoded.view().and_then(|view| view.dictionary());
                    read.map_err(|why| morsel.damaged(why.0))?
                }
            };
            self.slots[column].dictionary = Some(found);
        }
        Ok(self.slots[column].dictionary.as_ref().and_then(Option::as_ref))
    }

    /// All rows of the column.
    pub fn whole(&mut self, column: usize) -> Result<ArrayRef> {
        if let Some(array) = &self.slots[column].whole {
            return Ok(array.clone());
        }
        let morsel = self.morsel;
        let array = match self.encoded(column)? {
            None => morsel.column(column)?,
            Some(encoded) => {
                let read = encoded.view().and_then(|view| view.decode());
                read.map_err(|why| morsel.damaged(why.0))?
            }
        };
        self.slots[column].whole = Some(array.clone());
        Ok(array)
    }

    /// The selected rows of the column, as values.
    pub fn values(&mut self, column: usize, selection: &Selection) -> Result<ArrayRef> {
        let Some(bits) = selection.bits() else { return self.whole(column) };
        let morsel = self.morsel;
        if self.slots[column].whole.is_none()
            && let Some(encoded) = self.encoded(column)?
        {
            let read = encoded.view().and_then(|view| view.filter(bits, selection.count()));
            return read.map_err(|why| morsel.damaged(why.0));
        }
        let whole = self.whole(column)?;
        filter(&whole, &BooleanArray::new(bits.clone(), None)).map_err(arrow_error)
    }

    /// The selected rows of the column; texts stay codes of their dictionary.
    pub fn selected(&mut self, column: usize, selection: &Selection) -> Result<Column> {
        if self.slots[column].whole.is_none()
            && let Some(dictionary) = self.dictionary(column)?
        {
            debug_assert_eq!(dictionary.codes.null_count(), 0);
            let coded = Column::Coded(dictionary.clone());
            return match selection.bits() {
                None => Ok(coded),
                Some(bits) => coded.filter(&BooleanArray::new(bits.clone(), None)),
            };
        }
        self.values(column, selection).map(Column::Flat)
    }
}
