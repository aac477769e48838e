//! The one-time answer to a request. Whoever asked is always answered: a reply that is dropped unsent answers with an
//! error, so no promise in JavaScript waits forever.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crossbeam_channel::{Receiver, bounded};
use millrace_base::{Code, Error, Result};

type Send<T> = Box<dyn FnOnce(Result<T>) + std::marker::Send>;

pub struct Reply<T> {
    send: Option<Send<T>>,
}

impl<T> Reply<T> {
    pub fn new(send: impl FnOnce(Result<T>) + std::marker::Send + 'static) -> Self {
        Self { send: Some(Box::new(send)) }
    }

    /// A reply that a thread can wait for.
    pub fn channel() -> (Self, Receiver<Result<T>>)
    where
        T: std::marker::Send + 'static,
    {
        let (sender, receiver) = bounded(1);
        let reply = Self::new(move |result| {
            // The one who asked may have gone; then nobody misses the answer.
            sender.send(result).ok();
        });
        (reply, receiver)
    }

    pub fn send(mut self, result: Result<T>) {
        if let Some(send) = self.send.take() {
            send(result);
        }
    }

    /// Answers with what `work` returns; a panic in it becomes the error of this call alone.
    pub fn answer(self, work: impl FnOnce() -> Result<T>) {
        self.send(caught(work));
    }
}

impl<T> Drop for Reply<T> {
    fn drop(&mut self) {
        if let Some(send) = self.send.take() {
            send(Err(closed()));
        }
    }
}

/// The error of every call on a database that is closed or being closed.
pub fn closed() -> Error {
    Error::new(Code::AdminShutdown, "the database is closed")
}

/// Runs `work`; a panic in it becomes an error.
pub fn caught<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| Err(panic_error(&*panic)))
}

/// What a caught panic says.
pub fn panic_error(panic: &(dyn std::any::Any + std::marker::Send)) -> Error {
    let text = panic
        .downcast_ref::<&str>()
        .map(|s| (*s).to_string())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "unknown cause".into());
    Error::internal(format!("internal error: {text}")).with_hint("This is a bug of Millrace. Please report it.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_reply_answers() {
        let (reply, receiver) = Reply::<()>::channel();
        drop(reply);
        assert_eq!(receiver.recv().unwrap().unwrap_err().code, Code::AdminShutdown);
    }

    #[test]
    fn a_panic_is_the_error_of_the_call() {
        let (reply, receiver) = Reply::<()>::channel();
        reply.answer(|| panic!("boom"));
        let error = receiver.recv().unwrap().unwrap_err();
        assert_eq!(error.code, Code::InternalError);
        assert!(error.message.contains("boom"));
    }
}
