//! Column blocks that were read, as they are encoded but without the general codec: a read from the operating system's
//! cache copies the bytes, and decompression takes far longer than what is then done with the values.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use parking_lot::Mutex;

/// A file's number and the block's offset in it. A number is never used again while a database is open.
type Key = (u64, u64);

struct Slot {
    bytes: Arc<Vec<u8>>,
    /// Whether it was wanted since the hand came by.
    used: bool,
}

#[derive(Default)]
struct Inner {
    slots: HashMap<Key, Slot>,
    /// The clock's face: the hand is at the front.
    order: VecDeque<Key>,
    bytes: usize,
}

/// Bounded by the bytes that it holds; who leaves is chosen by the clock algorithm (second chance), so that blocks that
/// are wanted again survive one scan of much that is not.
pub struct BlockCache {
    inner: Mutex<Inner>,
    capacity: usize,
}

impl BlockCache {
    /// Without capacity nothing is kept.
    pub fn new(capacity: usize) -> Self {
        Self { inner: Mutex::default(), capacity }
    }

    pub fn get(&self, key: Key) -> Option<Arc<Vec<u8>>> {
        if self.capacity == 0 {
            return None;
        }
        let mut inner = self.inner.lock();
        let slot = inner.slots.get_mut(&key)?;
        slot.used = true;
        Some(slot.bytes.clone())
    }

    pub fn insert(&self, key: Key, bytes: &Arc<Vec<u8>>) {
        let size = bytes.capacity();
        if size > self.capacity {
            return;
        }
        let mut inner = self.inner.lock();
        if inner.slots.contains_key(&key) {
            return; // somebody else was faster
        }
        while inner.bytes + size > self.capacity {
            let Some(oldest) = inner.order.pop_front() else { break };
            let Some(slot) = inner.slots.get_mut(&oldest) else { continue };
            if std::mem::take(&mut slot.used) {
                inner.order.push_back(oldest);
            } else if let Some(slot) = inner.slots.remove(&oldest) {
                inner.bytes -= slot.bytes.capacity();
            }
        }
        inner.bytes += size;
        inner.order.push_back(key);
        inner.slots.insert(key, Slot { bytes: bytes.clone(), used: false });
    }

    #[cfg(test)]
    fn bytes(&self) -> usize {
        self.inner.lock().bytes
    }

    /// Lets go of a file's blocks.
    pub fn forget(&self, file: u64) {
        let mut inner = self.inner.lock();
        let Inner { slots, order, bytes } = &mut *inner;
        slots.retain(|key, slot| {
            let kept = key.0 != file;
            *bytes -= if kept { 0 } else { slot.bytes.capacity() };
            kept
        });
        order.retain(|key| key.0 != file);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(size: usize) -> Arc<Vec<u8>> {
        Arc::new(vec![7; size])
    }

    #[test]
    fn stays_within_its_bytes_and_keeps_what_is_wanted_again() {
        let cache = BlockCache::new(1000);
        for offset in 0..10 {
            cache.insert((1, offset), &block(100));
        }
        assert_eq!(cache.bytes(), 1000);
        assert!(cache.get((1, 3)).is_some());
        // A scan of much that is not wanted again.
        for offset in 100..109 {
            cache.insert((1, offset), &block(100));
            assert!(cache.bytes() <= 1000);
        }
        assert!(cache.get((1, 3)).is_some());
        assert!(cache.get((1, 4)).is_none());
        cache.insert((2, 0), &block(1001));
        assert!(cache.get((2, 0)).is_none());
        cache.forget(1);
        assert_eq!(cache.bytes(), 0);
        assert!(cache.get((1, 3)).is_none());
    }

    #[test]
    fn one_block_twice_is_counted_once() {
        let cache = BlockCache::new(1000);
        cache.insert((1, 0), &block(600));
        cache.insert((1, 0), &block(600));
        assert_eq!(cache.bytes(), 600);
        cache.insert((1, 1), &block(1000));
        assert_eq!(cache.bytes(), 1000);
        assert!(cache.get((1, 0)).is_none());
        assert!(BlockCache::new(0).get((1, 0)).is_none());
    }
}
