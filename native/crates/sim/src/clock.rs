//! Time that moves only when the simulation says so, also backwards.

use std::sync::atomic::{AtomicI64, Ordering};

use millrace_base::Clock;

#[derive(Debug)]
pub struct SimClock(AtomicI64);

impl SimClock {
    pub fn new(now_us: i64) -> Self {
        Self(AtomicI64::new(now_us))
    }

    /// Moves by `by_us`, which may be negative: hosts do set their clocks back.
    pub fn shift(&self, by_us: i64) {
        self.0.fetch_add(by_us, Ordering::Relaxed);
    }
}

impl Clock for SimClock {
    fn now_us(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}
