//! How a commit's outcome reaches who waits for it. A waiting thread sleeps at once: with more writers than cores, one that
//! spins takes the time of those whose commits the group waits for.

use std::sync::Arc;

use millrace_base::{Code, Epoch, Error, Result};
use parking_lot::{Condvar, Mutex};

#[derive(Default)]
struct Slot {
    outcome: Mutex<Option<Result<Epoch>>>,
    known: Condvar,
}

/// A commit that has its epoch and waits for the journal.
pub struct Ticket {
    epoch: Epoch,
    slot: Arc<Slot>,
}

impl Ticket {
    /// The ticket of the commit that has got this epoch.
    pub(crate) fn with_epoch(self, epoch: Epoch) -> Self {
        Self { epoch, ..self }
    }

    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Waits until the commit is durable (as `Durability` says).
    pub fn wait(self) -> Result<Epoch> {
        let mut outcome = self.slot.outcome.lock();
        loop {
            if let Some(outcome) = outcome.take() {
                return outcome;
            }
            self.slot.known.wait(&mut outcome);
        }
    }

    /// The outcome, if there is one yet.
    pub fn poll(&self) -> Option<Result<Epoch>> {
        self.slot.outcome.lock().clone()
    }
}

/// The journal's end of a ticket. One that is dropped unanswered says that the database was closed.
pub(crate) struct Answer {
    /// `None` when it was given.
    slot: Option<Arc<Slot>>,
}

impl Answer {
    pub fn new() -> Self {
        Self { slot: Some(Arc::default()) }
    }

    /// The other end, of a commit whose epoch is not known yet.
    pub fn ticket(&self) -> Ticket {
        Ticket { epoch: Epoch::ZERO, slot: self.slot.clone().unwrap_or_default() }
    }

    pub fn give(mut self, outcome: Result<Epoch>) {
        self.settle(outcome);
    }

    fn settle(&mut self, outcome: Result<Epoch>) {
        if let Some(slot) = self.slot.take() {
            *slot.outcome.lock() = Some(outcome);
            slot.known.notify_one();
        }
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        if self.slot.is_some() {
            self.settle(Err(Error::new(Code::AdminShutdown, "the database was closed")));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_waiting_thread_gets_the_outcome() {
        let answer = Answer::new();
        let ticket = answer.ticket();
        assert!(ticket.poll().is_none());
        let waits = std::thread::spawn(move || ticket.wait());
        answer.give(Ok(Epoch(7)));
        assert_eq!(waits.join().unwrap().unwrap(), Epoch(7));
    }

    #[test]
    fn a_commit_that_nobody_answers_was_cut_off_by_the_close() {
        let answer = Answer::new();
        let ticket = answer.ticket();
        drop(answer);
        assert_eq!(ticket.poll().unwrap().unwrap_err().code, Code::AdminShutdown);
        assert_eq!(ticket.wait().unwrap_err().code, Code::AdminShutdown);
    }
}
