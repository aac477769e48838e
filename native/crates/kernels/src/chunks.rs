//! A list that grows without moving what is in it: no insert stalls for a copy of millions of entries, and memory is not
//! touched twice.

use crate::NO_ROW;

const CHUNK_BITS: u32 = 13;
const CHUNK: usize = 1 << CHUNK_BITS;
const CHUNK_MASK: u32 = CHUNK as u32 - 1;

#[derive(Debug, Default)]
pub struct Chunks<T> {
    chunks: Vec<Vec<T>>,
}

impl<T: Copy> Chunks<T> {
    pub fn new() -> Self {
        Self { chunks: Vec::new() }
    }

    #[inline]
    pub fn len(&self) -> usize {
        self.chunks.last().map_or(0, |last| (self.chunks.len() - 1) * CHUNK + last.len())
    }

    pub fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    #[inline]
    pub fn get(&self, slot: u32) -> T {
        self.chunks[(slot >> CHUNK_BITS) as usize][(slot & CHUNK_MASK) as usize]
    }

    #[inline]
    pub fn get_mut(&mut self, slot: u32) -> &mut T {
        &mut self.chunks[(slot >> CHUNK_BITS) as usize][(slot & CHUNK_MASK) as usize]
    }

    /// Sets a slot, or appends it when it is the next one.
    #[inline]
    pub fn set(&mut self, slot: u32, value: T) {
        let (chunk, at) = ((slot >> CHUNK_BITS) as usize, (slot & CHUNK_MASK) as usize);
        if chunk == self.chunks.len() {
            // The first chunk of a small state grows as needed; later ones are known to fill up.
            self.chunks.push(if chunk == 0 { Vec::new() } else { Vec::with_capacity(CHUNK) });
        }
        let chunk = &mut self.chunks[chunk];
        if at == chunk.len() { chunk.push(value) } else { chunk[at] = value }
    }

    /// Appends `value` until there are `len` slots.
    pub fn fill_to(&mut self, len: usize, value: T) {
        (self.len()..len).for_each(|slot| self.set(slot as u32, value));
    }

    pub fn gather(&self, slots: &[u32], missing: T) -> Vec<T> {
        slots.iter().map(|&s| if s == NO_ROW { missing } else { self.get(s) }).collect()
    }
}
