//! How a log is opened.

use std::sync::Arc;
use std::time::Duration;

use millrace_base::limits::JOURNAL_BACKLOG_BYTES_MAX;
use millrace_base::{Clock, RealStorage, Rng, Storage, SystemClock, SystemRng};

use crate::memory::MemoryStorage;

/// When a commit is acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// After its fsync.
    #[default]
    Commit,
    /// After it was written; an fsync follows within this time.
    Interval(Duration),
    /// After it was written; the operating system decides when it reaches the disk.
    None,
}

pub struct LogOptions {
    pub storage: Arc<dyn Storage>,
    pub clock: Arc<dyn Clock>,
    pub rng: Arc<dyn Rng>,
    pub durability: Durability,
    /// Nothing is written, not even what an open would otherwise put in order.
    pub read_only: bool,
    /// Without it nothing happens by itself: `Log::run_pending` writes what waits and `Log::maintain` seals, both in
    /// the caller's thread, so that a simulation decides the order of everything.
    pub background: bool,
    /// A journal file that has reached this size is followed by a new one.
    pub journal_file_bytes: u64,
    /// Commits wait for sealing when closed journal files of so many bytes wait for it.
    pub journal_backlog_bytes: u64,
    /// Rows of a partition that are fewer bytes than this when they are sealed share a file with those of others.
    pub own_file_bytes: u64,
    /// Column blocks of segments that are kept in memory, in bytes.
    pub cache_bytes: usize,
    /// Whether a clean close seals what the journal holds, so that the next open has little to read.
    pub seal_on_close: bool,
}

pub const CACHE_BYTES_DEFAULT: usize = 256 << 20;

impl LogOptions {
    /// The operating system's files, clock and chance.
    pub fn real(durability: Durability) -> Self {
        Self {
            storage: Arc::new(RealStorage),
            clock: Arc::new(SystemClock),
            rng: Arc::new(SystemRng),
            durability,
            read_only: false,
            background: true,
            journal_file_bytes: 64 << 20,
            journal_backlog_bytes: JOURNAL_BACKLOG_BYTES_MAX,
            own_file_bytes: 1 << 20,
            cache_bytes: CACHE_BYTES_DEFAULT,
            seal_on_close: true,
        }
    }

    /// Files in memory.
    pub fn memory() -> Self {
        Self { storage: Arc::new(MemoryStorage::default()), seal_on_close: false, ..Self::real(Durability::None) }
    }
}
