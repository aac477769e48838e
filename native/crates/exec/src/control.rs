//! What all threads of one query share: whether it goes on, its time, the bytes that it holds.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use millrace_base::{Code, Error, Result};
use parking_lot::Mutex;

use crate::QUERY_BYTES_MAX;
use crate::workers::Workers;

pub(crate) struct Control<'a> {
    pub now_us: i64,
    pub workers: &'a Workers,
    cancel: &'a AtomicBool,
    /// Some thread has failed: the others need not go on.
    failed: AtomicBool,
    failure: Mutex<Option<Error>>,
    held_bytes: AtomicUsize,
}

impl<'a> Control<'a> {
    pub fn new(now_us: i64, cancel: &'a AtomicBool, workers: &'a Workers) -> Self {
        Self {
            now_us,
            workers,
            cancel,
            failed: AtomicBool::new(false),
            failure: Mutex::new(None),
            held_bytes: AtomicUsize::new(0),
        }
    }

    /// Ends the work of a query that was cancelled or has failed elsewhere.
    pub fn check(&self) -> Result<()> {
        if self.cancel.load(Ordering::Relaxed) {
            return Err(Error::new(Code::QueryCanceled, "canceling statement due to user request"));
        }
        if self.failed.load(Ordering::Relaxed) {
            return Err(Error::internal("another thread of the query has failed"));
        }
        Ok(())
    }

    /// Ends the query with this error, unless it has one.
    pub fn fail(&self, error: Error) {
        self.failure.lock().get_or_insert(error);
        self.failed.store(true, Ordering::Relaxed);
    }

    /// The error that the query ends with.
    pub fn failure(&self) -> Option<Error> {
        self.failure.lock().clone()
    }

    /// Counts bytes that an operator holds until the query ends.
    pub fn hold(&self, bytes: usize) -> Result<()> {
        let before = self.held_bytes.fetch_add(bytes, Ordering::Relaxed);
        if before.saturating_add(bytes) > QUERY_BYTES_MAX {
            self.held_bytes.fetch_sub(bytes, Ordering::Relaxed);
            return Err(Error::new(Code::OutOfMemory, "the query needs too much memory")
                .with_detail(format!("Its operators may hold {QUERY_BYTES_MAX} bytes of rows together."))
                .with_hint("Select fewer rows or columns, or filter before the join, sort or grouping."));
        }
        Ok(())
    }

    pub fn release(&self, bytes: usize) {
        let less = |held: usize| Some(held.saturating_sub(bytes));
        // The closure always gives a value.
        let _ = self.held_bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
    }
}
