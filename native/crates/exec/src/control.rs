//! What all threads of one query share: whether it goes on, its time, the bytes that it holds.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use millrace_base::{Code, Error, Result};
use parking_lot::Mutex;

use crate::ExecContext;
use crate::RESULT_BYTES_MAX;
use crate::memory::Memory;
use crate::workers::Workers;

pub(crate) struct Control<'a> {
    pub now_us: i64,
    pub workers: &'a Workers,
    pub memory: &'a Arc<Memory>,
    cancel: &'a AtomicBool,
    /// Some thread has failed: the others need not go on.
    failed: AtomicBool,
    failure: Mutex<Option<Error>>,
    /// Of rows that are the query's result.
    result_bytes: AtomicUsize,
}

impl<'a> Control<'a> {
    pub fn new(context: &ExecContext<'a>) -> Self {
        Self {
            now_us: context.now_us,
            workers: context.workers,
            memory: context.memory,
            cancel: context.cancel,
            failed: AtomicBool::new(false),
            failure: Mutex::new(None),
            result_bytes: AtomicUsize::new(0),
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

    /// Counts bytes of the result. They are its reader's, whatever `memory_limit` says, but there is an end to them.
    pub fn add_result(&self, bytes: usize) -> Result<()> {
        let before = self.result_bytes.fetch_add(bytes, Ordering::Relaxed);
        if before.saturating_add(bytes) > RESULT_BYTES_MAX {
            return Err(Error::new(Code::OutOfMemory, "the result of the query is too large")
                .with_detail(format!("A result may have {RESULT_BYTES_MAX} bytes."))
                .with_hint("Select fewer rows or columns, or read them in parts."));
        }
        Ok(())
    }
}
