//! The order of rows with equal keys: the bytes of the whole row. Encoded only for rows that meet a tie, and kept while
//! the row lives.

use arrow_row::{RowConverter, SortField};
use arrow_schema::DataType;
use millrace_base::Result;
use millrace_kernels::{BatchStore, arrow_error};

pub(super) struct Ties {
    width: usize,
    converter: RowConverter,
    /// By slot.
    encoded: Vec<Option<Box<[u8]>>>,
}

impl Ties {
    pub fn new(types: &[DataType]) -> Result<Self> {
        let fields = types.iter().map(|t| SortField::new(t.clone())).collect();
        Ok(Self { width: types.len(), converter: RowConverter::new(fields).map_err(arrow_error)?, encoded: Vec::new() })
    }

    pub fn encode(&mut self, store: &BatchStore, slots: &[u32]) -> Result<()> {
        self.encoded.resize_with(store.slots().max(self.encoded.len()), || None);
        let missing: Vec<u32> = slots.iter().copied().filter(|&s| self.encoded[s as usize].is_none()).collect();
        if missing.is_empty() {
            return Ok(());
        }
        if self.width == 0 {
            missing.iter().for_each(|&slot| self.encoded[slot as usize] = Some(Box::default()));
            return Ok(());
        }
        let columns = store.gather_first(self.width, &missing)?;
        let rows = self.converter.convert_columns(&columns).map_err(arrow_error)?;
        for (slot, row) in missing.iter().zip(rows.iter()) {
            self.encoded[*slot as usize] = Some(row.as_ref().into());
        }
        Ok(())
    }

    /// The bytes of an encoded row; empty for one that is not.
    pub fn bytes(&self, slot: u32) -> &[u8] {
        self.encoded.get(slot as usize).and_then(Option::as_deref).unwrap_or_default()
    }

    /// The first of `peers` (in order) that does not come before `slot`, which is encoded.
    pub fn place(&mut self, store: &BatchStore, peers: &[u32], slot: u32) -> Result<usize> {
        let (mut low, mut high) = (0, peers.len());
        while low < high {
            let middle = low + (high - low) / 2;
            self.encode(store, &[peers[middle]])?;
            if self.bytes(peers[middle]) < self.bytes(slot) { low = middle + 1 } else { high = middle }
        }
        Ok(low)
    }

    pub fn forget(&mut self, slot: u32) {
        if let Some(encoded) = self.encoded.get_mut(slot as usize) {
            *encoded = None;
        }
    }
}
