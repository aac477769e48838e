//! How a commit's outcome reaches who waits for it. A waiting thread sleeps at once: with more writers than cores, one that
//! spins takes the time of those whose commits the group waits for. Of a group's sleepers the journal thread wakes the first
//! alone, and each wakes the two after it: to wake a thread took 10 us, so that waking 16 one by one took the journal
//! thread longer than their fsync.

use std::sync::Arc;

use millrace_base::{Code, Epoch, Error, Result};
use parking_lot::{Condvar, Mutex};

#[derive(Default)]
struct State {
    outcome: Option<(Result<Epoch>, Option<Duty>)>,
    /// A thread sleeps until there is an outcome.
    sleeps: bool,
}

#[derive(Default)]
struct Slot {
    state: Mutex<State>,
    known: Condvar,
}

impl Slot {
    fn settle(&self, outcome: Result<Epoch>, duty: Option<Duty>) {
        let mut state = self.state.lock();
        state.outcome = Some((outcome, duty));
        let sleeps = state.sleeps;
        drop(state); // else who wakes would wait for the lock
        if sleeps {
            self.known.notify_one();
        }
    }
}

/// The sleepers that one of a group's has to wake.
struct Duty {
    group: Arc<[(Arc<Slot>, Epoch)]>,
    place: usize,
}

impl Duty {
    fn wake(group: &Arc<[(Arc<Slot>, Epoch)]>, place: usize) {
        if let Some((slot, epoch)) = group.get(place) {
            slot.settle(Ok(*epoch), Some(Self { group: group.clone(), place }));
        }
    }

    /// The group is a heap: every place but the first is below one other.
    fn perform(self) {
        Self::wake(&self.group, 2 * self.place + 1);
        Self::wake(&self.group, 2 * self.place + 2);
    }
}

/// The sleepers of a group whose commits are durable.
#[derive(Default)]
pub(crate) struct Sleepers(Vec<(Arc<Slot>, Epoch)>);

impl Sleepers {
    /// Answers a ticket at once, unless somebody sleeps for it. Only who sleeps is given others to wake: who holds a
    /// ticket and does something else would let them sleep on.
    pub fn answer(&mut self, mut answer: Answer, epoch: Epoch) {
        let Some(slot) = answer.slot.take() else { return };
        let mut state = slot.state.lock();
        if state.sleeps {
            drop(state);
            self.0.push((slot, epoch));
        } else {
            state.outcome = Some((Ok(epoch), None));
        }
    }

    pub fn wake(self) {
        if !self.0.is_empty() {
            Duty::wake(&self.0.into(), 0);
        }
    }
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
        let mut state = self.slot.state.lock();
        let (outcome, duty) = loop {
            if let Some(found) = state.outcome.take() {
                break found;
            }
            state.sleeps = true;
            self.slot.known.wait(&mut state);
        };
        drop(state);
        if let Some(duty) = duty {
            duty.perform();
        }
        outcome
    }

    /// The outcome, if there is one yet.
    pub fn poll(&self) -> Option<Result<Epoch>> {
        self.slot.state.lock().outcome.as_ref().map(|(outcome, _)| outcome.clone())
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
            slot.settle(outcome, None);
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
    fn every_sleeper_of_a_group_is_woken_and_who_does_not_sleep_holds_up_nobody() {
        for sleepers in [0, 1, 2, 7, 64] {
            let answers: Vec<Answer> = (0..sleepers).map(|_| Answer::new()).collect();
            let tickets: Vec<Ticket> = answers.iter().map(Answer::ticket).collect();
            let awake: Vec<Answer> = (0..3).map(|_| Answer::new()).collect();
            let held: Vec<Ticket> = awake.iter().map(Answer::ticket).collect();
            std::thread::scope(|scope| {
                let threads: Vec<_> = tickets.into_iter().map(|ticket| scope.spawn(|| ticket.wait())).collect();
                while answers.iter().any(|answer| !answer.slot.as_ref().unwrap().state.lock().sleeps) {
                    std::thread::yield_now();
                }
                let mut group = Sleepers::default();
                let mut awake = awake.into_iter();
                for (number, answer) in answers.into_iter().enumerate() {
                    awake.next().into_iter().for_each(|other| group.answer(other, Epoch(100)));
                    group.answer(answer, Epoch(number as u64));
                }
                awake.for_each(|other| group.answer(other, Epoch(100)));
                group.wake();
                for (number, thread) in threads.into_iter().enumerate() {
                    assert_eq!(thread.join().unwrap().unwrap(), Epoch(number as u64));
                }
            });
            assert!(held.iter().all(|ticket| ticket.poll().unwrap().unwrap() == Epoch(100)));
        }
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
