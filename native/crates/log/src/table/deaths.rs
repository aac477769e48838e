//! Which rows of a chunk have died, and when: a sparse list in epoch order, and one bit a row for those that died so
//! long ago that nobody reads what was before.

use arrow::array::BooleanBufferBuilder;
use arrow::buffer::BooleanBuffer;
use millrace_base::Epoch;

use super::runs::Runs;
use crate::segment::BLOCK_ROWS;

/// Rows of a chunk, as many as a segment's block has; their numbers fit `u16`.
pub const CHUNK_ROWS: usize = BLOCK_ROWS;
const _: () = assert!(CHUNK_ROWS <= 1 << 16);

#[derive(Debug, Clone, Default)]
pub struct Deaths {
    /// Dead at `folded_upto`, which is not after the horizon.
    folded: Option<BooleanBuffer>,
    folded_rows: usize,
    folded_upto: Epoch,
    recent: Vec<u16>,
    epochs: Runs,
}

impl Deaths {
    pub fn record(&mut self, row: usize, epoch: Epoch) {
        debug_assert!(row < CHUNK_ROWS);
        self.recent.push(row as u16);
        self.epochs.push(epoch, 1);
    }

    pub fn len(&self) -> usize {
        self.folded_rows + self.recent.len()
    }

    pub fn count_folded(&self) -> usize {
        self.folded_rows
    }

    pub fn count_upto(&self, epoch: Epoch) -> usize {
        self.folded_rows + self.epochs.upto(epoch) as usize
    }

    /// The rows that live at `epoch` among the first `rows`; `None` when all do.
    pub fn alive(&self, rows: usize, epoch: Epoch) -> Option<BooleanBuffer> {
        if self.count_upto(epoch) == 0 {
            return None;
        }
        let mut alive = BooleanBufferBuilder::new(rows);
        match &self.folded {
            Some(dead) => alive.append_buffer(&!&dead.slice(0, rows)),
            None => alive.append_n(rows, true),
        }
        for &row in &self.recent[..self.epochs.upto(epoch) as usize] {
            if usize::from(row) < rows {
                alive.set_bit(usize::from(row), false);
            }
        }
        Some(alive.finish())
    }

    /// Rows and epochs of the deaths in (`after`, `upto`]. Those that are folded tell the epoch of the folding, at which
    /// every reader sees them dead.
    pub fn between(&self, after: Epoch, upto: Epoch) -> Vec<(u32, Epoch)> {
        let mut out = Vec::new();
        if let Some(dead) = &self.folded
            && after < self.folded_upto
            && self.folded_upto <= upto
        {
            out.extend(dead.set_indices().map(|row| (row as u32, self.folded_upto)));
        }
        let (from, to) = (self.epochs.upto(after), self.epochs.upto(upto).max(self.epochs.upto(after)));
        let epochs = self.epochs.slice(from, to).flat_map(|(epoch, n)| std::iter::repeat_n(epoch, n as usize));
        out.extend(self.recent[from as usize..to as usize].iter().map(|&row| u32::from(row)).zip(epochs));
        out
    }

    /// Forgets when the rows died that died up to `upto`.
    pub fn fold(&mut self, rows: usize, upto: Epoch) {
        let folded = self.epochs.upto(upto) as usize;
        if folded == 0 {
            return;
        }
        let mut dead = BooleanBufferBuilder::new(rows);
        match &self.folded {
            Some(before) => dead.append_buffer(before),
            None => dead.append_n(rows, false),
        }
        self.recent.drain(..folded).for_each(|row| dead.set_bit(usize::from(row), true));
        self.recent.shrink_to_fit();
        self.epochs = self.epochs.since(folded as u64);
        self.folded = Some(dead.finish());
        self.folded_rows += folded;
        self.folded_upto = upto;
    }

    /// Those of the rows from `from` on; of a chunk that is not folded.
    pub fn split_off(&mut self, from: usize) -> Self {
        debug_assert!(self.folded.is_none(), "only rows in segments are folded");
        let all = self.between(Epoch::ZERO, Epoch(u64::MAX));
        let (mut before, mut after) = (Self::default(), Self::default());
        for (row, epoch) in all {
            match (row as usize).checked_sub(from) {
                None => before.record(row as usize, epoch),
                Some(row) => after.record(row, epoch),
            }
        }
        *self = before;
        after
    }

    /// Adds those of a chunk whose rows come `offset` rows later; neither is folded.
    pub fn append(&mut self, other: &Self, offset: usize) {
        if other.recent.is_empty() {
            return;
        }
        let mut all = self.between(Epoch::ZERO, Epoch(u64::MAX));
        all.extend(
            other.between(Epoch::ZERO, Epoch(u64::MAX)).into_iter().map(|(row, epoch)| (row + offset as u32, epoch)),
        );
        all.sort_by_key(|&(_, epoch)| epoch);
        *self = Self::default();
        all.into_iter().for_each(|(row, epoch)| self.record(row as usize, epoch));
    }

    pub fn bytes(&self) -> usize {
        self.recent.capacity() * 2 + self.epochs.bytes() + self.folded.as_ref().map_or(0, |f| f.inner().len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folding_keeps_who_is_dead_at_the_horizon_and_after() {
        let mut deaths = Deaths::default();
        for (row, epoch) in [(3, 2), (0, 2), (5, 4), (7, 9)] {
            deaths.record(row, Epoch(epoch));
        }
        let alive = |deaths: &Deaths, epoch| deaths.alive(8, Epoch(epoch)).map(|b| b.set_indices().collect::<Vec<_>>());
        assert_eq!(alive(&deaths, 1), None);
        assert_eq!(alive(&deaths, 2), Some(vec![1, 2, 4, 5, 6, 7]));
        assert_eq!(deaths.between(Epoch(2), Epoch(4)), [(5, Epoch(4))]);
        deaths.fold(8, Epoch(4));
        assert_eq!(alive(&deaths, 4), Some(vec![1, 2, 4, 6, 7]));
        assert_eq!(alive(&deaths, 9), Some(vec![1, 2, 4, 6]));
        assert_eq!((deaths.len(), deaths.count_upto(Epoch(8))), (4, 3));
        assert_eq!(deaths.between(Epoch::ZERO, Epoch(9)), [(0, Epoch(4)), (3, Epoch(4)), (5, Epoch(4)), (7, Epoch(9))]);
    }

    #[test]
    fn deaths_follow_their_rows_when_chunks_split_and_merge() {
        let mut all = Deaths::default();
        for (row, epoch) in [(3, 2), (0, 3), (5, 4)] {
            all.record(row, Epoch(epoch));
        }
        let after = all.split_off(3);
        assert_eq!(all.between(Epoch::ZERO, Epoch(9)), [(0, Epoch(3))]);
        assert_eq!(after.between(Epoch::ZERO, Epoch(9)), [(0, Epoch(2)), (2, Epoch(4))]);
        all.append(&after, 3);
        assert_eq!(all.between(Epoch::ZERO, Epoch(9)), [(3, Epoch(2)), (0, Epoch(3)), (5, Epoch(4))]);
    }
}
