//! One simulated file: what programs read now, what the disk holds for good, and the changes in between.

use crate::chance::Dice;

/// A disk writes whole sectors; a write of several can be torn between any two.
pub const SECTOR_BYTES: usize = 512;

/// A change that no fsync has made durable.
#[derive(Debug, Clone)]
enum Change {
    Write { at: usize, bytes: Vec<u8> },
    SetLen(usize),
}

/// A file's bytes. Files are allocated ahead of what is written, so zeros at the end are only counted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bytes {
    data: Vec<u8>,
    len: usize,
}

impl Bytes {
    pub fn len(&self) -> usize {
        self.len
    }

    fn write(&mut self, at: usize, bytes: &[u8]) {
        let end = at + bytes.len();
        if self.data.len() < end {
            self.data.resize(end, 0);
        }
        self.data[at..end].copy_from_slice(bytes);
        self.len = self.len.max(end);
    }

    fn set_len(&mut self, len: usize) {
        self.data.truncate(len);
        self.len = len;
    }

    /// False when the file ends before.
    pub fn read(&self, at: usize, buffer: &mut [u8]) -> bool {
        if at.checked_add(buffer.len()).is_none_or(|end| end > self.len) {
            return false;
        }
        let held = self.data.get(at..).unwrap_or_default();
        let (there, zeros) = buffer.split_at_mut(held.len().min(buffer.len()));
        there.copy_from_slice(&held[..there.len()]);
        zeros.fill(0);
        true
    }

    /// All that may be other than zero.
    pub fn written(&self) -> &[u8] {
        &self.data
    }

    pub fn all_mut(&mut self) -> &mut [u8] {
        self.data.resize(self.len, 0);
        &mut self.data
    }
}

#[derive(Debug, Clone, Default)]
pub struct Inode {
    /// What reads see: the page cache.
    pub cached: Bytes,
    /// What a crash cannot take.
    pub durable: Bytes,
    pending: Vec<Change>,
    /// Open files and names; without either the space is free again.
    pub handles: usize,
}

/// What a power loss does to the changes of one file that were not fsynced.
#[derive(Debug, Clone, Copy)]
enum Fate {
    Kept,
    Lost,
    /// In order up to one of them, which is torn.
    Prefix,
    /// Any of them, and any sectors of those.
    Some,
    /// The new length, without the bytes: they read as zeros.
    LengthOnly,
    /// The new length, with bytes that someone else has left on the disk.
    Garbage,
}

const FATES: [Fate; 8] =
    [Fate::Kept, Fate::Lost, Fate::Prefix, Fate::Prefix, Fate::Some, Fate::Some, Fate::LengthOnly, Fate::Garbage];

fn apply(to: &mut Bytes, change: &Change) {
    match change {
        Change::Write { at, bytes } => to.write(*at, bytes),
        Change::SetLen(len) => to.set_len(*len),
    }
}

/// Those sectors of a write that the dice keep.
fn tear(to: &mut Bytes, at: usize, bytes: &[u8], dice: &mut Dice, percent: u64) {
    let mut start = 0;
    while start < bytes.len() {
        let end = bytes.len().min(((at + start) / SECTOR_BYTES + 1) * SECTOR_BYTES - at);
        if dice.percent(percent) {
            to.write(at + start, &bytes[start..end]);
        }
        start = end;
    }
}

impl Inode {
    pub fn write(&mut self, at: usize, bytes: &[u8]) {
        self.cached.write(at, bytes);
        self.pending.push(Change::Write { at, bytes: bytes.to_vec() });
    }

    pub fn set_len(&mut self, len: usize) {
        self.cached.set_len(len);
        self.pending.push(Change::SetLen(len));
    }

    pub fn sync(&mut self) {
        for change in self.pending.drain(..) {
            apply(&mut self.durable, &change);
        }
    }

    /// As Linux does it: the error is told once, the pages count as clean from then on, and reads still show them
    /// although they may never have reached the disk.
    pub fn fail_sync(&mut self, dice: &mut Dice) {
        let before = self.cached.clone();
        self.lose_power(dice);
        self.cached = before;
    }

    /// Settles what of the unsynced changes the disk holds.
    pub fn lose_power(&mut self, dice: &mut Dice) {
        let pending = std::mem::take(&mut self.pending);
        if !pending.is_empty() {
            match *dice.pick(&FATES) {
                Fate::Kept => pending.iter().for_each(|change| apply(&mut self.durable, change)),
                Fate::Lost => {}
                Fate::Prefix => {
                    let whole = dice.below(pending.len());
                    pending[..whole].iter().for_each(|change| apply(&mut self.durable, change));
                    if let Change::Write { at, bytes } = &pending[whole] {
                        let sectors = dice.below(bytes.len().div_ceil(SECTOR_BYTES) + 1);
                        let end = ((at / SECTOR_BYTES + sectors) * SECTOR_BYTES).saturating_sub(*at).min(bytes.len());
                        self.durable.write(*at, &bytes[..end]);
                    }
                }
                Fate::Some => {
                    let percent = *dice.pick(&[10, 50, 90]);
                    for change in &pending {
                        match change {
                            Change::Write { at, bytes } => tear(&mut self.durable, *at, bytes, dice, percent),
                            Change::SetLen(_) if dice.percent(percent) => apply(&mut self.durable, change),
                            Change::SetLen(_) => {}
                        }
                    }
                }
                Fate::LengthOnly => self.durable.set_len(self.cached.len()),
                Fate::Garbage => {
                    let from = self.durable.len();
                    self.durable.set_len(self.cached.len());
                    // A few KiB say as much as a megabyte.
                    let len = self.durable.len().saturating_sub(from).min(4096);
                    let garbage: Vec<u8> = (0..len).map(|_| dice.next() as u8).collect();
                    self.durable.write(from, &garbage);
                }
            }
        }
        self.cached.clone_from(&self.durable);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_synced_survives_and_what_was_not_may_be_any_subset_of_its_sectors() {
        let mut seen = std::collections::BTreeSet::new();
        for seed in 0..2000 {
            let mut file = Inode::default();
            file.write(0, &[1; 512]);
            file.sync();
            file.write(512, &[2; 1024]);
            file.lose_power(&mut Dice::new(seed));
            let durable = file.durable.all_mut();
            assert_eq!(durable[..512], [1; 512]);
            let garbage = durable.iter().any(|&b| b > 2);
            let sectors: Vec<u8> = durable[512..].chunks(512).map(|s| s[0]).collect();
            seen.insert(if garbage { vec![99] } else { sectors });
        }
        for state in [vec![], vec![2], vec![2, 2], vec![0, 2], vec![0, 0], vec![99]] {
            assert!(seen.contains(&state), "{state:?} in {seen:?}");
        }
    }

    #[test]
    fn a_failed_sync_loses_data_that_reads_still_show_and_the_next_sync_does_not_bring_back() {
        let lost = (0..100).any(|seed| {
            let mut file = Inode::default();
            file.write(0, b"data");
            file.fail_sync(&mut Dice::new(seed));
            assert_eq!(file.cached.written(), b"data");
            file.sync();
            file.lose_power(&mut Dice::new(seed));
            file.durable.len() == 0
        });
        assert!(lost);
    }
}
