//! The memory that the operators of all queries hold: how much it is, and how much it may be. An operator asks before it
//! holds more; where it is refused, it writes what it has to a temporary file (`spill.rs`) or ends its query.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use millrace_base::{Code, Error, Result};

use crate::spill::SpillFolder;

/// What each operator of each thread may hold whatever the limit: with less, files would be of tiny pieces. Tests have
/// little data.
const FLOOR_BYTES: usize = if cfg!(test) { 4 << 10 } else { 1 << 20 };

pub struct Memory {
    limit: AtomicUsize,
    held: AtomicUsize,
    most: AtomicUsize,
    spilled: AtomicU64,
    pub(crate) folder: SpillFolder,
}

impl Memory {
    pub fn new(limit: usize, folder: SpillFolder) -> Self {
        Self {
            limit: AtomicUsize::new(limit),
            held: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
            spilled: AtomicU64::new(0),
            folder,
        }
    }

    pub fn limit(&self) -> usize {
        self.limit.load(Ordering::Relaxed)
    }

    /// For what is asked for from now on: nobody gives back what it has.
    pub fn set_limit(&self, bytes: usize) {
        self.limit.store(bytes, Ordering::Relaxed);
    }

    pub fn held(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }

    /// The most that was held at once.
    pub fn most(&self) -> usize {
        self.most.load(Ordering::Relaxed)
    }

    /// Bytes that were written to temporary files since the start.
    pub fn spilled(&self) -> u64 {
        self.spilled.load(Ordering::Relaxed)
    }

    pub(crate) fn count_spilled(&self, bytes: u64) {
        self.spilled.fetch_add(bytes, Ordering::Relaxed);
    }
}

/// What one operator holds on one thread; it is given back when this is dropped.
pub(crate) struct Held {
    memory: Arc<Memory>,
    bytes: usize,
}

impl Held {
    pub fn none(memory: &Arc<Memory>) -> Self {
        Self { memory: memory.clone(), bytes: 0 }
    }

    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether there was room for so much more.
    pub fn grow(&mut self, bytes: usize) -> bool {
        self.grow_within(bytes, self.memory.limit())
    }

    /// As `grow`, for what stays until the end of the query: it leaves room for the operators that run meanwhile.
    pub fn grow_lasting(&mut self, bytes: usize) -> bool {
        self.grow_within(bytes, self.memory.limit() / 2)
    }

    fn grow_within(&mut self, bytes: usize, limit: usize) -> bool {
        let fits = |held: usize| {
            let held = held.saturating_add(bytes);
            (held <= limit || self.bytes.saturating_add(bytes) <= FLOOR_BYTES).then_some(held)
        };
        match self.memory.held.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits) {
            Ok(before) => {
                self.memory.most.fetch_max(before + bytes, Ordering::Relaxed);
                self.bytes += bytes;
                true
            }
            Err(_) => false,
        }
    }

    /// Holds more whatever the limit, where the operator has done what it can.
    pub fn force(&mut self, bytes: usize) {
        let before = self.memory.held.fetch_add(bytes, Ordering::Relaxed);
        self.memory.most.fetch_max(before.saturating_add(bytes), Ordering::Relaxed);
        self.bytes += bytes;
    }

    /// Holds more, or ends the query: for operators that need all their rows at once.
    pub fn need(&mut self, bytes: usize, what: &str) -> Result<()> {
        if self.grow(bytes) { Ok(()) } else { Err(self.refused(what)) }
    }

    pub fn refused(&self, what: &str) -> Error {
        let (limit, held) = (self.memory.limit(), self.memory.held());
        Error::new(Code::OutOfMemory, format!("the query needs more memory than memory_limit allows: {what}"))
            .with_detail(format!("memory_limit is {limit} bytes, of which {held} are held."))
            .with_hint("Give more with SET memory_limit, or select fewer rows or columns.")
    }

    pub fn shrink(&mut self, bytes: usize) {
        let bytes = bytes.min(self.bytes);
        self.memory.held.fetch_sub(bytes, Ordering::Relaxed);
        self.bytes -= bytes;
    }

    pub fn clear(&mut self) {
        self.shrink(self.bytes);
    }

    /// Takes over what another holds.
    pub fn join(&mut self, mut other: Held) {
        self.bytes += std::mem::take(&mut other.bytes);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.clear();
    }
}
