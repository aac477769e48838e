//! Key bytes → the places of the newest rows that have the key. A key costs a hash table's entry, a slot and its bytes
//! with their length, all of them in pages that are filled before the next one is made: at most 40 bytes beyond the key.
//! Slots keep their number while their key is there, so a commit can be taken back slot by slot.

use std::ops::Range;

use ahash::RandomState;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use millrace_base::{Code, Error, Result};

/// A page of slots holds so many.
const PAGE_SLOTS: usize = 1 << 10;
const PAGE_BYTES: usize = 1 << 15;
/// Slot without a place: its row was deleted by the commit that is being applied.
const VACANT: u64 = u64::MAX;
/// A slot whose key has several rows; the other bits number the list of them.
const MANY: u64 = 1 << 63;
/// In `Slot::key`: nobody has the slot.
const FREE: u64 = u64::MAX;
/// Waste is given back when it is more than this many bytes a key, …
const WASTE_PER_KEY_MAX: usize = 6;
/// … and not too little to matter.
const WASTE_MIN: usize = 1 << 14;

#[derive(Clone, Copy)]
struct Slot {
    place: u64,
    /// Page and offset of the key.
    key: u64,
}

#[derive(Default)]
pub struct Index {
    table: HashTable<u32>,
    slots: Vec<Vec<Slot>>,
    free: Vec<u32>,
    keys: Keys,
    many: Vec<Vec<u64>>,
    many_free: Vec<u32>,
    hasher: RandomState,
    /// Changes when slots get other numbers.
    pub generation: u64,
}

/// The bytes of all keys, each behind its length.
#[derive(Default)]
struct Keys {
    pages: Vec<Vec<u8>>,
    /// Bytes of keys that are gone.
    waste: usize,
}

impl Keys {
    fn push(&mut self, key: &[u8]) -> u64 {
        let mut length = [0; 10];
        let mut used = 0;
        let mut rest = key.len();
        while rest >= 0x80 {
            length[used] = rest as u8 | 0x80;
            rest >>= 7;
            used += 1;
        }
        length[used] = rest as u8;
        used += 1;
        let bytes = used + key.len();
        if self.pages.last().is_none_or(|page| page.len() + bytes > PAGE_BYTES) {
            // The first page grows as it needs: most tables are small.
            let room = if self.pages.is_empty() { bytes } else { bytes.max(PAGE_BYTES) };
            if let Some(full) = self.pages.last_mut() {
                full.shrink_to_fit();
            }
            self.pages.push(Vec::with_capacity(room));
        }
        let number = self.pages.len() - 1;
        let page = &mut self.pages[number];
        let at = page.len();
        page.extend_from_slice(&length[..used]);
        page.extend_from_slice(key);
        (number as u64) << 32 | at as u64
    }

    fn get(&self, at: u64) -> &[u8] {
        &self.pages[page_of(at)][self.bounds(at)]
    }

    /// Where in its page a key lies, behind its length.
    fn bounds(&self, at: u64) -> Range<usize> {
        let page = &self.pages[page_of(at)];
        let (mut start, mut len, mut shift) = (offset_of(at), 0, 0);
        loop {
            let byte = page[start];
            start += 1;
            len |= usize::from(byte & 0x7f) << shift;
            shift += 7;
            if byte < 0x80 {
                return start..start + len;
            }
        }
    }

    /// Gives up a key: its bytes are free if they are the last ones, else waste until the next tidying.
    fn remove(&mut self, at: u64) {
        let end = self.bounds(at).end;
        let is_last_page = page_of(at) == self.pages.len() - 1;
        let page = &mut self.pages[page_of(at)];
        if is_last_page && end == page.len() {
            page.truncate(offset_of(at));
        } else {
            self.waste += end - offset_of(at);
        }
    }
}

fn page_of(at: u64) -> usize {
    (at >> 32) as usize
}

fn offset_of(at: u64) -> usize {
    (at & 0xffff_ffff) as usize
}

/// The places of a key.
pub enum Held<'a> {
    One(u64),
    Many(&'a [u64]),
}

impl Held<'_> {
    pub fn as_slice(&self) -> &[u64] {
        match self {
            Held::One(place) => std::slice::from_ref(place),
            Held::Many(places) => places,
        }
    }
}

impl Index {
    pub fn len(&self) -> usize {
        self.table.len()
    }

    fn slot(&self, number: u32) -> Slot {
        self.slots[number as usize / PAGE_SLOTS][number as usize % PAGE_SLOTS]
    }

    fn slot_mut(&mut self, number: u32) -> &mut Slot {
        &mut self.slots[number as usize / PAGE_SLOTS][number as usize % PAGE_SLOTS]
    }

    fn slot_count(&self) -> usize {
        self.slots.last().map_or(0, |last| (self.slots.len() - 1) * PAGE_SLOTS + last.len())
    }

    /// Makes room for the keys of an index that is empty.
    pub fn reserve(&mut self, keys: usize) {
        self.table.reserve(keys, |_| 0); // nothing is hashed again
    }

    pub fn find(&self, key: &[u8]) -> Option<u32> {
        let hash = self.hasher.hash_one(key);
        self.table.find(hash, |&number| self.keys.get(self.slot(number).key) == key).copied()
    }

    /// The rows of a slot that `find` gave.
    pub fn held(&self, slot: u32) -> Option<Held<'_>> {
        match self.slot(slot).place {
            VACANT => None,
            place if place & MANY != 0 => Some(Held::Many(&self.many[(place & !MANY) as usize])),
            place => Some(Held::One(place)),
        }
    }

    pub fn get(&self, key: &[u8]) -> Option<Held<'_>> {
        self.held(self.find(key)?)
    }

    /// The slot of a key, made if need be.
    pub fn slot_of(&mut self, key: &[u8]) -> Result<u32> {
        let hash = self.hasher.hash_one(key);
        let Self { table, slots, keys, hasher, free, .. } = self;
        let at = |number: u32| slots[number as usize / PAGE_SLOTS][number as usize % PAGE_SLOTS].key;
        let entry =
            table.entry(hash, |&number| keys.get(at(number)) == key, |&number| hasher.hash_one(keys.get(at(number))));
        let vacant = match entry {
            Entry::Occupied(found) => return Ok(*found.get()),
            Entry::Vacant(vacant) => vacant,
        };
        let count = slots.last().map_or(0, |last| (slots.len() - 1) * PAGE_SLOTS + last.len());
        let number = match free.pop() {
            Some(number) => number,
            None => u32::try_from(count)
                .map_err(|_| Error::new(Code::InsufficientResources, "the table has too many keys"))?,
        };
        vacant.insert(number);
        let slot = Slot { place: VACANT, key: self.keys.push(key) };
        if number as usize == count {
            if count.is_multiple_of(PAGE_SLOTS) {
                self.slots.push(Vec::with_capacity(if count == 0 { 4 } else { PAGE_SLOTS }));
            }
            self.slots.last_mut().expect("pushed, or not full").push(slot);
        } else {
            *self.slot_mut(number) = slot;
        }
        Ok(number)
    }

    /// Adds a row to a slot.
    pub fn put(&mut self, slot: u32, place: u64) {
        debug_assert!(place < MANY);
        let held = self.slot(slot).place;
        if held == VACANT {
            self.slot_mut(slot).place = place;
        } else if held & MANY != 0 {
            self.many[(held & !MANY) as usize].push(place);
        } else {
            let list = match self.many_free.pop() {
                Some(list) => list as usize,
                None => {
                    self.many.push(Vec::new());
                    self.many.len() - 1
                }
            };
            self.many[list] = vec![held, place];
            self.slot_mut(slot).place = MANY | list as u64;
        }
    }

    /// Takes a row out of a slot: the one asked for, or any. The slot stays, perhaps without a row.
    pub fn take(&mut self, slot: u32, wanted: Option<u64>) -> Option<u64> {
        let held = self.slot(slot).place;
        if held == VACANT {
            return None;
        }
        if held & MANY == 0 {
            if wanted.is_some_and(|wanted| wanted != held) {
                return None;
            }
            self.slot_mut(slot).place = VACANT;
            return Some(held);
        }
        let number = (held & !MANY) as usize;
        let list = &mut self.many[number];
        let at = match wanted {
            None => list.len() - 1,
            Some(wanted) => list.iter().rposition(|&place| place == wanted)?,
        };
        let taken = list.swap_remove(at);
        if let &[last] = list.as_slice() {
            self.many[number] = Vec::new();
            self.many_free.push(number as u32);
            self.slot_mut(slot).place = last;
        }
        Some(taken)
    }

    /// The key of a slot; `None` when it was given up.
    pub fn key(&self, slot: u32) -> Option<&[u8]> {
        let Slot { key, .. } = self.slot(slot);
        (key != FREE).then(|| self.keys.get(key))
    }

    /// Gives up a slot that has lost its rows; false if it still has some, or was given up before.
    pub fn release(&mut self, slot: u32) -> bool {
        let Slot { place, key } = self.slot(slot);
        if place != VACANT || key == FREE {
            return false;
        }
        let hash = self.hasher.hash_one(self.keys.get(key));
        self.keys.remove(key);
        if let Ok(found) = self.table.find_entry(hash, |&number| number == slot) {
            found.remove();
        }
        self.slot_mut(slot).key = FREE;
        self.free.push(slot);
        true
    }

    /// Gives back memory when many keys have gone.
    pub fn tidy(&mut self) -> Result<()> {
        let waste = self.keys.waste + self.free.len() * 24;
        if waste < WASTE_MIN || waste < self.len() * WASTE_PER_KEY_MAX {
            return Ok(());
        }
        let mut new = Self { hasher: self.hasher.clone(), generation: self.generation + 1, ..Self::default() };
        new.reserve(self.len());
        new.many = std::mem::take(&mut self.many);
        new.many_free = std::mem::take(&mut self.many_free);
        for number in 0..self.slot_count() as u32 {
            let slot = self.slot(number);
            if slot.key != FREE {
                let copy = new.slot_of(self.keys.get(slot.key))?;
                new.slot_mut(copy).place = slot.place;
            }
        }
        *self = new;
        Ok(())
    }

    /// Rows have moved: renames the places of up to `slots` slots from number `from` on; the number to go on from,
    /// `None` at the end.
    pub fn rename(&mut self, from: usize, slots: usize, place_of: impl Fn(u64) -> u64) -> Option<usize> {
        let end = (from + slots).min(self.slot_count());
        for number in from..end {
            let slot = self.slot_mut(number as u32);
            if slot.key == FREE || slot.place == VACANT {
                continue;
            }
            if slot.place & MANY == 0 {
                slot.place = place_of(slot.place);
            } else {
                let list = (slot.place & !MANY) as usize;
                self.many[list].iter_mut().for_each(|place| *place = place_of(*place));
            }
        }
        (end < self.slot_count()).then_some(end)
    }

    /// Bytes of memory, counting what is reserved.
    pub fn bytes(&self) -> usize {
        let slots: usize = self.slots.iter().map(Vec::capacity).sum();
        let keys: usize = self.keys.pages.iter().map(Vec::capacity).sum();
        let lists: usize = self.many.iter().map(|list| list.capacity() * 8).sum();
        self.table.allocation_size()
            + slots * size_of::<Slot>()
            + self.slots.capacity() * size_of::<Vec<Slot>>()
            + keys
            + self.keys.pages.capacity() * size_of::<Vec<u8>>()
            + (self.free.capacity() + self.many_free.capacity()) * 4
            + lists
            + self.many.capacity() * size_of::<Vec<u64>>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(index: &mut Index, key: &[u8], place: u64) {
        let slot = index.slot_of(key).unwrap();
        index.put(slot, place);
    }

    fn remove(index: &mut Index, key: &[u8]) {
        let slot = index.find(key).unwrap();
        index.take(slot, None).unwrap();
        assert!(index.release(slot));
        index.tidy().unwrap();
    }

    /// The limit holds at every size, also just after the hash table has doubled, and after many deletions; by the
    /// allocator's count too, not only by the index's own.
    #[test]
    fn a_key_costs_at_most_40_bytes_beyond_its_own() {
        for (width, count) in [(9usize, 120_000), (100, 60_000), (1500, 40_000)] {
            let key = |n: u64| {
                let mut key = vec![7; width];
                key[..8].copy_from_slice(&n.to_be_bytes());
                key
            };
            let before = crate::allocations::held();
            let mut index = Index::default();
            let mut worst = 0.0f64;
            let mut check = |index: &Index| {
                assert_eq!(index.bytes() as isize, crate::allocations::held() - before, "{} keys", index.len());
                let beyond = index.bytes() as f64 / index.len() as f64 - width as f64;
                worst = worst.max(beyond);
                assert!(beyond <= 40.0, "{beyond} bytes beyond a key of {width} with {} keys", index.len());
            };
            for n in 0..count {
                add(&mut index, &key(n), n);
                // A table of a few thousand rows may round up to its pages.
                if n >= 10_000 && (n % 97 == 0 || (n * 8 / 7).is_power_of_two() || (n * 8).is_multiple_of(7 << 10)) {
                    check(&index);
                }
            }
            for n in 0..count - 20_000 {
                remove(&mut index, &key((n * 7919) % count));
                if n % 97 == 0 {
                    check(&index);
                }
            }
            assert_eq!(index.len(), 20_000);
        }
    }

    #[test]
    fn equal_keys_share_a_slot_and_places_follow_their_rows() {
        let mut index = Index::default();
        for place in 0..5 {
            add(&mut index, b"same", place);
        }
        add(&mut index, b"", 9);
        let slot = index.find(b"same").unwrap();
        assert_eq!(index.take(slot, Some(1)), Some(1));
        assert_eq!(index.take(slot, Some(1)), None);
        assert_eq!(index.rename(0, 1, |place| place + 100), Some(1));
        assert_eq!(index.rename(1, 1, |place| place + 200), None);
        let mut places = index.get(b"same").unwrap().as_slice().to_vec();
        places.sort_unstable();
        assert_eq!(places, [100, 102, 103, 104]);
        assert_eq!(index.get(b"").unwrap().as_slice(), [209]);
        for _ in 0..4 {
            assert!(!index.release(slot));
            index.take(slot, None).unwrap();
        }
        assert!(index.get(b"same").is_none());
        assert!(index.release(slot) && !index.release(slot));
        assert!(index.find(b"same").is_none());
    }

    #[test]
    fn long_keys_have_a_page_of_their_own() {
        let mut index = Index::default();
        let keys: Vec<Vec<u8>> = [0, 127, 128, 70_000, 3].iter().map(|&len| vec![len as u8; len]).collect();
        for (place, key) in keys.iter().enumerate() {
            add(&mut index, key, place as u64);
        }
        for (place, key) in keys.iter().enumerate() {
            assert_eq!(index.get(key).unwrap().as_slice(), [place as u64]);
        }
    }
}
