//! Which epoch each of a list's items belongs to, when they come in epoch order: one entry a run of equal epochs.

use millrace_base::Epoch;

use crate::segment::CommitRun;

#[derive(Debug, Clone, Default)]
pub struct Runs {
    /// Epoch, and the number of items up to the end of its run.
    ends: Vec<(Epoch, u64)>,
}

impl Runs {
    pub fn one(epoch: Epoch, items: u64) -> Self {
        Self { ends: vec![(epoch, items)] }
    }

    pub fn of_segment(runs: &[CommitRun]) -> Self {
        let mut out = Self::default();
        for run in runs {
            out.push(run.epoch, u64::from(run.rows));
        }
        out
    }

    pub fn len(&self) -> u64 {
        self.ends.last().map_or(0, |&(_, end)| end)
    }

    pub fn push(&mut self, epoch: Epoch, items: u64) {
        let end = self.len() + items;
        match self.ends.last_mut() {
            Some(last) if last.0 == epoch => last.1 = end,
            _ if items == 0 => {}
            last => {
                debug_assert!(last.is_none_or(|last| last.0 < epoch), "runs come in epoch order");
                self.ends.push((epoch, end));
            }
        }
    }

    /// How many items are of this epoch or older.
    pub fn upto(&self, epoch: Epoch) -> u64 {
        match self.ends.partition_point(|&(e, _)| e <= epoch) {
            0 => 0,
            at => self.ends[at - 1].1,
        }
    }

    /// Epochs and numbers of the items in `from..to`.
    pub fn slice(&self, from: u64, to: u64) -> impl Iterator<Item = (Epoch, u64)> + '_ {
        let first = self.ends.partition_point(move |&(_, end)| end <= from);
        let mut at = from;
        self.ends[first..].iter().map_while(move |&(epoch, end)| {
            let items = end.min(to).checked_sub(at).filter(|&items| items > 0)?;
            at += items;
            Some((epoch, items))
        })
    }

    /// The items from `from` on.
    pub fn since(&self, from: u64) -> Self {
        let mut out = Self::default();
        self.slice(from, self.len()).for_each(|(epoch, items)| out.push(epoch, items));
        out
    }

    /// The items before `end`.
    pub fn before(&self, end: u64) -> Self {
        let mut out = Self::default();
        self.slice(0, end).for_each(|(epoch, items)| out.push(epoch, items));
        out
    }

    pub fn bytes(&self) -> usize {
        self.ends.capacity() * size_of::<(Epoch, u64)>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_answer_by_epoch_and_by_place() {
        let mut runs = Runs::default();
        runs.push(Epoch(2), 3);
        runs.push(Epoch(2), 1);
        runs.push(Epoch(5), 2);
        assert_eq!([1, 2, 4, 5, 9].map(|e| runs.upto(Epoch(e))), [0, 4, 4, 6, 6]);
        let part: Vec<_> = runs.slice(3, 5).collect();
        assert_eq!(part, [(Epoch(2), 1), (Epoch(5), 1)]);
        assert_eq!(runs.since(4).slice(0, 2).collect::<Vec<_>>(), [(Epoch(5), 2)]);
        assert_eq!(runs.slice(6, 6).count(), 0);
    }
}
