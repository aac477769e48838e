//! Time that moves only when the simulation says so, also backwards.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use millrace_base::Clock;

#[derive(Debug)]
pub struct SimClock {
    now_us: AtomicI64,
    elapsed_us: AtomicU64,
}

impl SimClock {
    pub fn new(now_us: i64) -> Self {
        Self { now_us: AtomicI64::new(now_us), elapsed_us: AtomicU64::new(0) }
    }

    /// Moves by `by_us`, which may be negative: hosts do set their clocks back. No time passes then.
    pub fn shift(&self, by_us: i64) {
        self.now_us.fetch_add(by_us, Ordering::Relaxed);
        self.elapsed_us.fetch_add(by_us.max(0) as u64, Ordering::Relaxed);
    }
}

impl Clock for SimClock {
    fn now_us(&self) -> i64 {
        self.now_us.load(Ordering::Relaxed)
    }

    fn elapsed(&self) -> Duration {
        Duration::from_micros(self.elapsed_us.load(Ordering::Relaxed))
    }
}
