//! Which rows of a chunk are kept when it is written anew, and where each of them goes.

use arrow::buffer::BooleanBuffer;

const STEP: usize = 512;

#[derive(Debug)]
pub struct Rank {
    kept: BooleanBuffer,
    /// Kept rows before each `STEP`th row.
    before: Vec<u32>,
    count: usize,
}

impl Rank {
    pub fn new(kept: BooleanBuffer) -> Self {
        let mut before = Vec::with_capacity(kept.len() / STEP + 1);
        let mut count = 0;
        for from in (0..kept.len()).step_by(STEP) {
            before.push(count as u32);
            count += kept.slice(from, STEP.min(kept.len() - from)).count_set_bits();
        }
        Self { kept, before, count }
    }

    pub fn kept(&self) -> &BooleanBuffer {
        &self.kept
    }

    pub fn count(&self) -> usize {
        self.count
    }

    /// How many rows before this one are kept.
    pub fn before(&self, row: usize) -> usize {
        let from = row / STEP * STEP;
        match self.before.get(row / STEP) {
            None => self.count,
            Some(&before) => before as usize + self.kept.slice(from, row - from).count_set_bits(),
        }
    }

    /// The row's new number, if it is kept.
    pub fn of(&self, row: usize) -> Option<usize> {
        self.kept.value(row).then(|| self.before(row))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kept_rows_are_numbered_in_order() {
        let rank = Rank::new((0..2048).map(|row| row % 3 == 1).collect());
        let places: Vec<usize> = (0..2048).filter_map(|row| rank.of(row)).collect();
        assert_eq!(places, (0..rank.count()).collect::<Vec<_>>());
        assert_eq!((rank.before(0), rank.before(2), rank.before(2048)), (0, 1, rank.count()));
        assert_eq!(rank.of(600), None);
    }
}
