//! The journal thread: takes all waiting commits, writes them as one group, makes them durable with one fsync, then
//! publishes and acknowledges them in order.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use millrace_base::limits::{COMMIT_QUEUE_BYTES_MAX, UNSYNCED_BYTES_MAX};
use millrace_base::{Clock, Code, Epoch, Error, Result};
use parking_lot::{Condvar, Mutex};

use super::body::RowsAt;
use super::{FrameRef, Journal, NewFrame};
use crate::commit::Committed;
use crate::options::Durability;
use crate::recent::Recent;
use crate::stream::{EntryRef, StreamState};
use crate::ticket::{Answer, Sleepers};

/// Bytes that one group writes at most before its fsync.
const GROUP_BYTES_MAX: usize = 8 << 20;

/// Called on the journal thread.
pub type OnOutcome = Box<dyn FnOnce(Result<Epoch>) + Send>;

/// Who is told a commit's outcome.
pub enum Done {
    Call(OnOutcome),
    Ticket(Answer),
}

impl Done {
    fn fail(self, error: Error) {
        match self {
            Self::Call(call) => call(Err(error)),
            Self::Ticket(answer) => answer.give(Err(error)),
        }
    }
}

pub type OnDurable = Box<dyn Fn(Committed) + Send>;
type Stream = Arc<parking_lot::RwLock<StreamState>>;

/// A commit on its way to the journal.
pub struct Pending {
    pub committed: Committed,
    pub body: Vec<u8>,
    pub body_crc: u32,
    /// The streams that will find their rows in this frame: which of the commit's parts, where, from which offset on.
    pub entries: Vec<(Stream, usize, RowsAt, u64)>,
    /// The partitions of truncated streams, and where they begin from this commit on.
    pub starts: Vec<(Stream, u32, u64)>,
    pub done: Done,
    pub durability: Durability,
}

#[derive(Default)]
struct Waiting {
    commits: VecDeque<Pending>,
    bytes: usize,
    /// Set after a failed write or fsync: what the disk holds is unknown until the database is opened again.
    poison: Option<Error>,
    /// No fsync was involved, so that writing can go on when the cause is gone: `Queue::resume`.
    resumable: bool,
    /// The current file is to be ended.
    rotate: bool,
    closing: bool,
    /// Too many files wait to be sealed.
    behind: bool,
    /// Sealing does not get on: to wait for it would be to wait for ever.
    sealing_failed: bool,
}

impl Waiting {
    fn admits(&self) -> Result<bool> {
        if let Some(error) = &self.poison
            && !millrace_base::planted("writes-after-poison")
        {
            return Err(error.clone());
        }
        if self.closing {
            return Err(Error::new(Code::AdminShutdown, "the database is closed"));
        }
        Ok(self.bytes < COMMIT_QUEUE_BYTES_MAX && (!self.behind || self.sealing_failed))
    }
}

/// What the committing threads and the journal thread share.
pub struct Queue {
    waiting: Mutex<Waiting>,
    work: Condvar,
    space: Condvar,
    durable: AtomicU64,
    /// Closed files at which commits wait for sealing.
    backlog_files: usize,
}

impl Queue {
    pub fn new(durable: Epoch, backlog_files: usize) -> Self {
        Self {
            waiting: Mutex::default(),
            work: Condvar::new(),
            space: Condvar::new(),
            durable: AtomicU64::new(durable.0),
            backlog_files,
        }
    }

    pub fn durable(&self) -> Epoch {
        Epoch(self.durable.load(Ordering::Acquire))
    }

    /// Waits for space; refuses when poisoned or closing.
    pub fn admit(&self) -> Result<()> {
        let mut waiting = self.waiting.lock();
        while !waiting.admits()? {
            self.space.wait(&mut waiting);
        }
        Ok(())
    }

    /// Whether there is space; refuses as `admit` does.
    pub fn has_room(&self) -> Result<bool> {
        self.waiting.lock().admits()
    }

    /// Tells how sealing gets on, and how many files wait for it: counted under the lock, so that the last to tell is
    /// right.
    pub fn note_sealing(&self, failed: bool, closed_files: impl FnOnce() -> usize) {
        let mut waiting = self.waiting.lock();
        waiting.sealing_failed = failed;
        waiting.behind = closed_files() >= self.backlog_files;
        if !waiting.behind || failed {
            self.space.notify_all();
        }
    }

    fn note_closed(&self, closed_files: impl FnOnce() -> usize) {
        let mut waiting = self.waiting.lock();
        waiting.behind = closed_files() >= self.backlog_files;
    }

    /// Called in epoch order, under the sequencer's lock.
    pub fn push(&self, pending: Pending) {
        let mut waiting = self.waiting.lock();
        let poisoned = waiting.poison.is_some() && !millrace_base::planted("writes-after-poison");
        if poisoned || waiting.closing {
            let error = waiting.poison.clone();
            drop(waiting);
            pending.done.fail(error.unwrap_or_else(|| Error::new(Code::AdminShutdown, "the database is closed")));
            return;
        }
        waiting.bytes += pending.body.len();
        waiting.commits.push_back(pending);
    }

    /// Wakes the journal thread if it sleeps. Called after `push`, without a lock: the thread would wait for it at once.
    pub fn wake(&self) {
        self.work.notify_one();
    }

    /// The error that ended writing, if one did.
    pub fn check(&self) -> Result<()> {
        self.waiting.lock().poison.clone().map_or(Ok(()), Err)
    }

    /// Whether writing has ended for want of something that may be there again.
    pub fn is_resumable(&self) -> bool {
        let waiting = self.waiting.lock();
        waiting.poison.is_some() && waiting.resumable
    }

    /// Takes commits again: the journal is whole, and what had failed has been forgotten.
    pub fn resume(&self) {
        let mut waiting = self.waiting.lock();
        waiting.poison = None;
        waiting.resumable = false;
    }

    /// Takes no commits until the next open, after an fsync that failed while writing was to go on; returns the error as it
    /// is told.
    pub fn give_up(&self, error: &Error) -> Error {
        let shown = told(error, false);
        let mut waiting = self.waiting.lock();
        waiting.poison = Some(shown.clone());
        waiting.resumable = false;
        shown
    }

    /// Asks the journal thread to end the current file, so that it can be sealed.
    pub fn request_rotation(&self) {
        self.waiting.lock().rotate = true;
        self.work.notify_all();
    }

    fn take_rotation(&self) -> bool {
        std::mem::take(&mut self.waiting.lock().rotate)
    }

    pub fn close(&self) {
        self.waiting.lock().closing = true;
        self.work.notify_all();
        self.space.notify_all();
    }

    /// The next group; empty when there is none for so long, `None` when closed and drained.
    fn take(&self, patience: Option<Duration>) -> Option<Vec<Pending>> {
        let deadline = patience.map(|patience| Instant::now() + patience);
        let mut waiting = self.waiting.lock();
        while waiting.commits.is_empty() && !waiting.rotate {
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

    fn poison(&self, error: Error, resumable: bool) -> Vec<Pending> {
        let mut waiting = self.waiting.lock();
        waiting.poison = Some(error);
        waiting.resumable = resumable;
        waiting.bytes = 0;
        self.space.notify_all();
        waiting.commits.drain(..).collect()
    }
}

/// What the journal thread works with.
pub struct Writer {
    journal: Arc<Journal>,
    queue: Arc<Queue>,
    on_durable: OnDurable,
    /// Called when there may be a journal file to seal.
    on_closed: Box<dyn Fn() + Send>,
    /// The newest epoch that an fsync has made durable: only that may testify for the frames before it.
    synced: Epoch,
    /// The newest epoch that was written.
    written: Epoch,
    clock: Arc<dyn Clock>,
    /// When commits that were acknowledged before their fsync are promised one, on the clock's `elapsed`.
    sync_due: Option<Duration>,
    /// Of bodies behind the last fsync.
    unsynced_bytes: usize,
    recent: Recent,
}

impl Writer {
    /// Everything up to the queue's durable epoch is durable.
    pub fn new(
        journal: Arc<Journal>,
        queue: Arc<Queue>,
        clock: Arc<dyn Clock>,
        on_durable: OnDurable,
        on_closed: Box<dyn Fn() + Send>,
    ) -> Self {
        let durable = queue.durable();
        Self {
            journal,
            queue,
            clock,
            on_durable,
            on_closed,
            synced: durable,
            written: durable,
            sync_due: None,
            unsynced_bytes: 0,
            recent: Recent::default(),
        }
    }

    /// Runs until the queue is closed and drained.
    pub fn run(&mut self) {
        while let Some(group) = self.queue.take(self.sync_due.map(|due| due.saturating_sub(self.clock.elapsed()))) {
            self.step(group);
        }
        if self.written > self.synced && self.queue.check().is_ok() {
            // Closing: what was acknowledged without an fsync gets one. A failure was never promised against.
            let _ = self.journal.sync();
        }
    }

    /// Writes and acknowledges what waits now, and makes durable what is due; false when nothing waits.
    pub fn run_pending(&mut self) -> bool {
        let Some(group) = self.queue.take(Some(Duration::ZERO)) else { return false };
        let any = !group.is_empty();
        self.step(group);
        any
    }

    fn step(&mut self, group: Vec<Pending>) {
        let rotate = self.queue.take_rotation();
        if let Err(error) = self.queue.check()
            && !millrace_base::planted("writes-after-poison")
        {
            // A next file would say that the failed one is whole.
            return fail(&self.queue, group, &error, self.queue.is_resumable());
        }
        match self.write(&group) {
            Ok(refs) => self.publish(group, &refs),
            Err(error) => return self.fail(group, &error),
        }
        if rotate {
            match self.journal.rotate() {
                Ok(()) => self.has_synced(),
                Err(error) => return self.fail(Vec::new(), &error),
            }
        }
        if self.journal.oldest_closed().is_some() {
            self.queue.note_closed(|| self.journal.closed_files());
            (self.on_closed)();
        }
    }

    fn fail(&self, group: Vec<Pending>, error: &Error) {
        let lacks = matches!(error.code, Code::DiskFull | Code::InsufficientResources);
        let resumable = lacks && !self.journal.has_failed_sync();
        fail(&self.queue, group, error, resumable);
    }

    fn write(&mut self, group: &[Pending]) -> Result<Vec<FrameRef>> {
        let frames: Vec<NewFrame<'_>> = group
            .iter()
            .map(|p| NewFrame {
                body: &p.body,
                body_crc: p.body_crc,
                epoch: p.committed.epoch,
                time_us: p.committed.time_us,
            })
            .collect();
        let mut durable_upto = self.synced;
        if millrace_base::planted("testimony-too-new") {
            durable_upto = group.last().map_or(durable_upto, |p| p.committed.epoch);
        } else if millrace_base::planted("testimony-missing") {
            durable_upto = Epoch::ZERO;
        }
        let refs = if frames.is_empty() { Vec::new() } else { self.journal.append(&frames, durable_upto)? };
        self.written = frames.last().map_or(self.written, |frame| frame.epoch);
        self.unsynced_bytes += group.iter().map(|p| p.body.len()).sum::<usize>();
        let now = self.clock.elapsed();
        // An open writes again what no fsync is known to have made durable: that must stay little.
        let mut sync = self.sync_due.is_some_and(|due| due <= now) || self.unsynced_bytes >= UNSYNCED_BYTES_MAX;
        for pending in group {
            match pending.durability {
                Durability::Commit => sync = true,
                Durability::Interval(_) if millrace_base::planted("interval-not-synced") => {}
                Durability::Interval(every) => {
                    self.sync_due = Some(self.sync_due.map_or(now + every, |due| due.min(now + every)));
                }
                Durability::None => {}
            }
        }
        if sync && !millrace_base::planted("ack-before-fsync") {
            let synced = self.journal.sync();
            if synced.is_err() && millrace_base::planted("retry-after-failed-fsync") {
                self.journal.sync()?;
            } else {
                synced?;
            }
        }
        if sync {
            self.has_synced();
        }
        Ok(refs)
    }

    fn publish(&mut self, group: Vec<Pending>, refs: &[FrameRef]) {
        assert_eq!(group.len(), refs.len());
        let mut sleepers = Sleepers::default();
        for (pending, frame) in group.into_iter().zip(refs) {
            for (stream, part, at, first_offset) in pending.entries {
                let rows = self.recent.keep(&pending.committed.commit.rows[part].batch);
                let mut stream = stream.write();
                let partition = stream.partitions.entry(at.partition).or_default();
                partition.entries.push_back(EntryRef { frame: frame.clone(), at, first_offset, rows });
            }
            // Not before: a truncation that does not become durable has not been.
            for (stream, partition, start) in pending.starts {
                stream.write().truncate(partition, start, pending.committed.epoch);
            }
            let epoch = pending.committed.epoch;
            self.queue.durable.store(epoch.0, Ordering::Release);
            (self.on_durable)(pending.committed);
            match pending.done {
                Done::Call(call) => call(Ok(epoch)),
                Done::Ticket(answer) => sleepers.answer(answer, epoch),
            }
        }
        sleepers.wake();
    }

    fn has_synced(&mut self) {
        self.synced = self.written;
        self.sync_due = None;
        self.unsynced_bytes = 0;
    }
}

fn told(error: &Error, resumable: bool) -> Error {
    let hint = if resumable {
        "What was acknowledged is safe. Writes go on when the cause is gone."
    } else {
        "The database refuses writes until it is opened again; what was acknowledged is safe."
    };
    Error { hint: Some(hint.into()), ..error.clone() }
}

fn fail(queue: &Queue, group: Vec<Pending>, error: &Error, resumable: bool) {
    let shown = told(error, resumable);
    let waiting = queue.poison(shown.clone(), resumable);
    for pending in group.into_iter().chain(waiting) {
        pending.done.fail(shown.clone());
    }
}
