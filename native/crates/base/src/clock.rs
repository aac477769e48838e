//! Time, behind a trait so that a simulation can stand in.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

pub trait Clock: Send + Sync {
    /// Microseconds since 1970-01-01 00:00 UTC.
    fn now_us(&self) -> i64;

    /// Time since some moment, for what is due after a while: it goes on evenly when somebody sets the clock.
    fn elapsed(&self) -> Duration;

    /// How long it takes until it is `at_us`; `None` if it does not come by itself.
    fn until(&self, at_us: i64) -> Option<Duration> {
        Some(Duration::from_micros(u64::try_from(at_us.saturating_sub(self.now_us())).unwrap_or(0)))
    }

    /// Goes on by so many microseconds and gives the time then; `None` of a clock that goes on by itself.
    fn advance(&self, _by_us: u64) -> Option<i64> {
        None
    }
}

#[derive(Debug, Default, Clone, Copy)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now_us(&self) -> i64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
    }

    fn elapsed(&self) -> Duration {
        static FIRST_ASKED: LazyLock<Instant> = LazyLock::new(Instant::now);
        FIRST_ASKED.elapsed()
    }
}

/// A clock that stands still until it is told to go on: windows, retention and filters by time can be tested without waiting.
#[derive(Debug)]
pub struct VirtualClock {
    now_us: AtomicI64,
}

impl VirtualClock {
    pub fn new(now_us: i64) -> Self {
        Self { now_us: AtomicI64::new(now_us) }
    }
}

impl Clock for VirtualClock {
    fn now_us(&self) -> i64 {
        self.now_us.load(Ordering::Acquire)
    }

    /// Fsyncs at intervals and the like go on as ever.
    fn elapsed(&self) -> Duration {
        SystemClock.elapsed()
    }

    fn until(&self, at_us: i64) -> Option<Duration> {
        (at_us <= self.now_us()).then_some(Duration::ZERO)
    }

    fn advance(&self, by_us: u64) -> Option<i64> {
        let by = i64::try_from(by_us).unwrap_or(i64::MAX);
        let before = self.now_us.fetch_update(Ordering::AcqRel, Ordering::Acquire, |now| Some(now.saturating_add(by)));
        Some(before.unwrap_or_else(|now| now).saturating_add(by))
    }
}
