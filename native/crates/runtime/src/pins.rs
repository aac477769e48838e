//! The epochs that someone still reads. A table keeps the versions of its rows that a pinned epoch shows.

use std::collections::BTreeMap;
use std::sync::Arc;

use millrace_base::Epoch;
use parking_lot::Mutex;

#[derive(Default)]
pub struct Pins {
    held: Mutex<BTreeMap<Epoch, usize>>,
}

/// Holds its epoch readable until dropped.
pub struct Pin {
    pins: Arc<Pins>,
    epoch: Epoch,
}

impl Pins {
    /// Pins the epoch that `choose` returns; no horizon passes it in between.
    pub fn pin(self: &Arc<Self>, choose: impl FnOnce() -> Epoch) -> Pin {
        let mut held = self.held.lock();
        let epoch = choose();
        *held.entry(epoch).or_insert(0) += 1;
        Pin { pins: self.clone(), epoch }
    }

    /// The newest epoch before which nobody reads; `frontier` is what the next reader may choose.
    pub fn horizon(&self, frontier: impl FnOnce() -> Epoch) -> Epoch {
        let held = self.held.lock();
        let frontier = frontier();
        held.keys().next().map_or(frontier, |&oldest| oldest.min(frontier))
    }
}

impl Pin {
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }
}

impl Drop for Pin {
    fn drop(&mut self) {
        let mut held = self.pins.held.lock();
        if let Some(count) = held.get_mut(&self.epoch) {
            *count -= 1;
            if *count == 0 {
                held.remove(&self.epoch);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_horizon_waits_for_the_oldest_reader() {
        let pins = Arc::new(Pins::default());
        assert_eq!(pins.horizon(|| Epoch(9)), Epoch(9));
        let old = pins.pin(|| Epoch(3));
        let same = pins.pin(|| Epoch(3));
        let new = pins.pin(|| Epoch(5));
        drop(old);
        assert_eq!(pins.horizon(|| Epoch(9)), Epoch(3));
        drop(same);
        assert_eq!(pins.horizon(|| Epoch(9)), Epoch(5));
        assert_eq!(new.epoch(), Epoch(5));
        drop(new);
        assert_eq!(pins.horizon(|| Epoch(9)), Epoch(9));
    }
}
