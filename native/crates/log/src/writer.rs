//! The journal thread: takes all waiting commits, writes them as one group, makes them durable with one fsync, then
//! publishes and acknowledges them in order.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use millrace_base::{Code, Epoch, Error, Result, limits::COMMIT_QUEUE_BYTES_MAX};
use parking_lot::{Condvar, Mutex};

use crate::body::RowsAt;
use crate::commit::Committed;
use crate::journal::{FrameRef, Journal, NewFrame};
use crate::log::Durability;
use crate::recovered::EntryRef;

/// Bytes that one group writes at most before its fsync.
const GROUP_BYTES_MAX: usize = 8 << 20;

pub type Done = Box<dyn FnOnce(Result<Epoch>) + Send>;
pub type OnDurable = Box<dyn Fn(Committed) + Send>;
type Entries = Arc<parking_lot::RwLock<Vec<EntryRef>>>;

/// A commit on its way to the journal.
pub struct Pending {
    pub committed: Committed,
    pub body: Vec<u8>,
    pub body_crc: u32,
    /// The streams that will find their rows in this frame.
    pub entries: Vec<(Entries, RowsAt)>,
    pub done: Done,
}

#[derive(Default)]
struct Waiting {
    commits: VecDeque<Pending>,
    bytes: usize,
    /// Set after a failed write or fsync: what the disk holds is unknown until the database is opened again.
    poison: Option<Error>,
    closing: bool,
}

/// What the committing threads and the journal thread share.
pub struct Queue {
    waiting: Mutex<Waiting>,
    work: Condvar,
    space: Condvar,
    durable: AtomicU64,
}

impl Queue {
    pub fn new(durable: Epoch) -> Self {
        Self {
            waiting: Mutex::default(),
            work: Condvar::new(),
            space: Condvar::new(),
            durable: AtomicU64::new(durable.0),
        }
    }

    pub fn durable(&self) -> Epoch {
        Epoch(self.durable.load(Ordering::Acquire))
    }

    /// Waits for space; refuses when poisoned or closing.
    pub fn admit(&self) -> Result<()> {
        let mut waiting = self.waiting.lock();
        loop {
            if let Some(error) = &waiting.poison {
                return Err(error.clone());
            }
            if waiting.closing {
                return Err(Error::new(Code::AdminShutdown, "the database is closed"));
            }
            if waiting.bytes < COMMIT_QUEUE_BYTES_MAX {
                return Ok(());
            }
            self.space.wait(&mut waiting);
        }
    }

    /// Called in epoch order, under the sequencer's lock.
    pub fn push(&self, pending: Pending) {
        let mut waiting = self.waiting.lock();
        if waiting.poison.is_some() || waiting.closing {
            let error = waiting.poison.clone();
            drop(waiting);
            (pending.done)(Err(error.unwrap_or_else(|| Error::new(Code::AdminShutdown, "the database is closed"))));
            return;
        }
        waiting.bytes += pending.body.len();
        waiting.commits.push_back(pending);
        self.work.notify_one();
    }

    pub fn close(&self) {
        self.waiting.lock().closing = true;
        self.work.notify_all();
        self.space.notify_all();
    }

    /// The next group; empty at a timeout, `None` when closed and drained.
    fn take(&self, deadline: Option<Instant>) -> Option<Vec<Pending>> {
        let mut waiting = self.waiting.lock();
        while waiting.commits.is_empty() {
            if waiting.closing {
                return None;
            }
            match deadline {
                None => self.work.wait(&mut waiting),
                Some(at) => {
                    if self.work.wait_until(&mut waiting, at).timed_out() {
                        return Some(Vec::new());
                    }
                }
            }
        }
        let mut group = Vec::new();
        let mut bytes = 0;
        while bytes < GROUP_BYTES_MAX {
            let Some(next) = waiting.commits.pop_front() else { break };
            bytes += next.body.len();
            group.push(next);
        }
        waiting.bytes -= bytes;
        self.space.notify_all();
        Some(group)
    }

    fn poison(&self, error: Error) -> Vec<Pending> {
        let mut waiting = self.waiting.lock();
        waiting.poison = Some(error);
        waiting.bytes = 0;
        self.space.notify_all();
        waiting.commits.drain(..).collect()
    }
}

/// Runs until the queue is closed and drained.
pub fn run(journal: &Journal, queue: &Queue, durability: Durability, on_durable: &OnDurable) {
    let mut unsynced_since: Option<Instant> = None;
    loop {
        let deadline = match durability {
            Durability::Interval(every) => unsynced_since.map(|since| since + every),
            _ => None,
        };
        let Some(group) = queue.take(deadline) else { break };
        let synced = write_group(journal, queue, &group, durability, unsynced_since);
        match synced {
            Ok((refs, synced)) => {
                unsynced_since = if synced { None } else { unsynced_since.or_else(|| Some(Instant::now())) };
                publish(queue, group, &refs, on_durable);
            }
            Err(error) => {
                fail(queue, group, &error);
            }
        }
    }
    if unsynced_since.is_some() {
        // Closing: what was acknowledged without an fsync gets one. A failure was never promised against.
        let _ = journal.sync();
    }
}

fn write_group(
    journal: &Journal,
    queue: &Queue,
    group: &[Pending],
    durability: Durability,
    unsynced_since: Option<Instant>,
) -> Result<(Vec<FrameRef>, bool)> {
    let frames: Vec<NewFrame<'_>> = group
        .iter()
        .map(|p| NewFrame {
            body: &p.body,
            body_crc: p.body_crc,
            epoch: p.committed.epoch,
            time_us: p.committed.time_us,
        })
        .collect();
    // Only an fsynced frame may testify for the ones before it.
    let durable_upto = if durability == Durability::Commit { queue.durable() } else { Epoch::ZERO };
    let refs = if frames.is_empty() { Vec::new() } else { journal.append(&frames, durable_upto)? };
    let sync = match durability {
        Durability::Commit => !frames.is_empty(),
        Durability::Interval(every) => {
            unsynced_since.is_some_and(|since| since.elapsed() + Duration::from_millis(1) >= every)
        }
        Durability::None => false,
    };
    if sync {
        journal.sync()?;
    }
    Ok((refs, sync))
}

fn publish(queue: &Queue, group: Vec<Pending>, refs: &[FrameRef], on_durable: &OnDurable) {
    assert_eq!(group.len(), refs.len());
    for (pending, frame) in group.into_iter().zip(refs) {
        for (entries, at) in pending.entries {
            entries.write().push(EntryRef { frame: *frame, at });
        }
        let epoch = pending.committed.epoch;
        queue.durable.store(epoch.0, Ordering::Release);
        on_durable(pending.committed);
        (pending.done)(Ok(epoch));
    }
}

fn fail(queue: &Queue, group: Vec<Pending>, error: &Error) {
    let shown = Error {
        hint: Some("The database refuses writes until it is opened again; what was acknowledged is safe.".into()),
        ..error.clone()
    };
    let waiting = queue.poison(shown.clone());
    for pending in group.into_iter().chain(waiting) {
        (pending.done)(Err(shown.clone()));
    }
}
