//! Changes of one relation on their way to a sink or a subscriber. The queue is bounded: when its consumer falls behind,
//! the feed keeps only where it stopped and where the relation is now, and the consumer gets the net difference. So the
//! flow never waits for a consumer, and a consumer costs at most one old version of its relation.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use millrace_base::{Epoch, Error, Result};
use millrace_flow::{ChangeBatch, ViewSnapshot};
use parking_lot::{Condvar, Mutex};

use crate::mailbox::batch_bytes;
use crate::pins::Pin;

/// Bytes of changes that wait for one consumer.
pub const FEED_BYTES_MAX: usize = 32 << 20;

/// A relation at one epoch, cheap to keep.
pub enum RelationState {
    /// Before its first row.
    Empty,
    View(ViewSnapshot),
    /// A stream or table, read from the log; the pin keeps the epoch readable.
    Log(Pin),
}

/// What the consumer gets next.
pub enum Taken {
    /// The changes of the steps up to this epoch.
    Changes { epoch: Epoch, time_us: i64, changes: Vec<ChangeBatch> },
    /// The difference between two states is to be made by the consumer.
    Difference { epoch: Epoch, from: RelationState, to: RelationState },
}

struct Lag {
    from: RelationState,
    to: RelationState,
    epoch: Epoch,
}

struct Item {
    epoch: Epoch,
    time_us: i64,
    changes: Vec<ChangeBatch>,
    bytes: usize,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Item>,
    bytes: usize,
    lag: Option<Lag>,
    end: Option<Result<()>>,
    /// Called once when there is something to take, or the end.
    waker: Option<Box<dyn FnOnce() + Send>>,
}

#[derive(Default)]
pub struct Feed {
    state: Mutex<State>,
    ready: Condvar,
}

impl Feed {
    /// A feed that begins with everything that the relation holds already.
    pub fn starting_with(from: RelationState, to: RelationState, epoch: Epoch) -> Self {
        let state = State { lag: Some(Lag { from, to, epoch }), ..State::default() };
        Self { state: Mutex::new(state), ready: Condvar::new() }
    }

    /// Hands over the changes of one step. `before` and `after` give the relation's state around it, and are asked
    /// only when the consumer is behind.
    pub fn push(
        &self,
        epoch: Epoch,
        time_us: i64,
        changes: &[ChangeBatch],
        before: impl FnOnce() -> RelationState,
        after: impl FnOnce() -> RelationState,
    ) {
        if changes.iter().all(|c| c.rows.num_rows() == 0) {
            return;
        }
        let bytes: usize = changes.iter().map(|c| batch_bytes(&c.rows) + c.rows.num_rows() * 8).sum();
        let mut state = self.state.lock();
        if state.end.is_some() {
            return;
        }
        let freed;
        if let Some(lag) = &mut state.lag {
            freed = Some(std::mem::replace(&mut lag.to, after()));
            lag.epoch = epoch;
        } else if state.bytes + bytes > FEED_BYTES_MAX && !state.queue.is_empty() {
            freed = None;
            state.lag = Some(Lag { from: before(), to: after(), epoch });
        } else {
            freed = None;
            state.bytes += bytes;
            state.queue.push_back(Item { epoch, time_us, changes: changes.to_vec(), bytes });
        }
        self.wake(state);
        drop(freed);
    }

    /// Ends the feed; what waits is still given out after a plain end.
    pub fn end(&self, end: Result<()>) {
        let mut state = self.state.lock();
        state.end.get_or_insert(end);
        self.wake(state);
    }

    fn wake(&self, mut state: parking_lot::MutexGuard<'_, State>) {
        let waker = state.waker.take();
        self.ready.notify_all();
        drop(state);
        if let Some(waker) = waker {
            waker();
        }
    }

    /// What waits, several steps in one as far as `rows_max` allows; `Ok(None)` when nothing waits.
    pub fn take(&self, rows_max: usize) -> std::result::Result<Option<Taken>, Ended> {
        let mut state = self.state.lock();
        if let Some(Err(error)) = &state.end {
            return Err(Ended::Failed(error.clone()));
        }
        if let Some(first) = state.queue.pop_front() {
            state.bytes -= first.bytes;
            let Item { mut epoch, mut time_us, mut changes, .. } = first;
            let count = |changes: &[ChangeBatch]| changes.iter().map(|c| c.rows.num_rows()).sum::<usize>();
            let mut rows = count(&changes);
            while let Some(next) = state.queue.front() {
                rows += count(&next.changes);
                if rows > rows_max {
                    break;
                }
                let next = state.queue.pop_front().expect("looked at it");
                state.bytes -= next.bytes;
                (epoch, time_us) = (next.epoch, next.time_us);
                changes.extend(next.changes);
            }
            return Ok(Some(Taken::Changes { epoch, time_us, changes }));
        }
        if let Some(Lag { from, to, epoch }) = state.lag.take() {
            return Ok(Some(Taken::Difference { epoch, from, to }));
        }
        match &state.end {
            Some(_) => Err(Ended::Done),
            None => Ok(None),
        }
    }

    /// As `take`, waiting at most this long.
    pub fn take_within(&self, timeout: Duration, rows_max: usize) -> std::result::Result<Option<Taken>, Ended> {
        let deadline = Instant::now() + timeout;
        loop {
            if let Some(taken) = self.take(rows_max)? {
                return Ok(Some(taken));
            }
            let mut state = self.state.lock();
            if !state.queue.is_empty() || state.lag.is_some() || state.end.is_some() {
                continue;
            }
            if self.ready.wait_until(&mut state, deadline).timed_out() {
                return Ok(None);
            }
        }
    }

    /// Calls `waker` once there is something to take: at once, when there is already.
    pub fn on_ready(&self, waker: impl FnOnce() + Send + 'static) {
        let mut state = self.state.lock();
        let ready = !state.queue.is_empty() || state.lag.is_some() || state.end.is_some();
        state.waker = Some(Box::new(waker));
        if ready {
            self.wake(state);
        }
    }
}

/// Why nothing more comes.
#[derive(Debug)]
pub enum Ended {
    Done,
    Failed(Error),
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    use crate::pins::Pins;
    use arrow_array::{ArrayRef, Int64Array, RecordBatch};

    fn changes(rows: usize) -> Vec<ChangeBatch> {
        let column: ArrayRef = Arc::new(Int64Array::from(vec![1; rows]));
        vec![ChangeBatch { rows: RecordBatch::try_from_iter([("a", column)]).unwrap(), weights: None }]
    }

    fn push(feed: &Feed, pins: &Arc<Pins>, epoch: u64, rows: usize) {
        let at = |epoch| RelationState::Log(pins.pin(|| Epoch(epoch)));
        feed.push(Epoch(epoch), 0, &changes(rows), || at(epoch - 1), || at(epoch));
    }

    #[test]
    fn steps_that_wait_come_together() {
        let (feed, pins) = (Feed::default(), Arc::new(Pins::default()));
        (1..=3).for_each(|epoch| push(&feed, &pins, epoch, 10));
        let Ok(Some(Taken::Changes { epoch, changes, .. })) = feed.take(20) else { panic!("changes") };
        assert_eq!((epoch, changes.len()), (Epoch(2), 2));
        assert!(matches!(feed.take(20), Ok(Some(Taken::Changes { epoch: Epoch(3), .. }))));
        assert!(matches!(feed.take(20), Ok(None)));
        feed.end(Ok(()));
        assert!(matches!(feed.take(20), Err(Ended::Done)));
    }

    #[test]
    fn a_slow_consumer_gets_one_difference_and_holds_one_pin() {
        let (feed, pins) = (Feed::default(), Arc::new(Pins::default()));
        let rows = FEED_BYTES_MAX / 16;
        push(&feed, &pins, 1, rows);
        (2..=5).for_each(|epoch| push(&feed, &pins, epoch, rows));
        assert!(feed.state.lock().bytes <= FEED_BYTES_MAX);
        assert_eq!(pins.horizon(|| Epoch(5)), Epoch(1), "where it stopped stays readable");
        assert!(matches!(feed.take(1), Ok(Some(Taken::Changes { epoch: Epoch(1), .. }))));
        let Ok(Some(Taken::Difference { epoch, from, to, .. })) = feed.take(1) else { panic!("a difference") };
        let (RelationState::Log(from), RelationState::Log(to)) = (from, to) else { panic!("log states") };
        assert_eq!((epoch, from.epoch(), to.epoch()), (Epoch(5), Epoch(1), Epoch(5)));
        push(&feed, &pins, 6, 1);
        assert!(matches!(feed.take(1), Ok(Some(Taken::Changes { epoch: Epoch(6), .. }))));
    }

    #[test]
    fn the_waker_is_called_once() {
        let (feed, pins) = (Feed::default(), Arc::new(Pins::default()));
        let (sender, receiver) = crossbeam_channel::unbounded();
        feed.on_ready(move || sender.send(()).unwrap());
        assert!(receiver.is_empty());
        push(&feed, &pins, 1, 1);
        push(&feed, &pins, 2, 1);
        assert_eq!(receiver.len(), 1);
    }
}
