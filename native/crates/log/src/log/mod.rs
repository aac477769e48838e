//! The log's face: open, commit, close. One lock orders commits (the sequencer); one thread writes them, one seals.

mod facts;
mod reads;
mod upkeep;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;

use crossbeam_channel::{Sender, bounded};
use millrace_base::{Clock, Code, Epoch, Error, RelationId, Result, Storage};
use parking_lot::{Mutex, RwLock};

use crate::commit::{Commit, Committed};
use crate::compact::Retention;
use crate::journal::Journal;
use crate::journal::body::encode_body;
use crate::journal::writer::{Done, OnDurable, OnOutcome, Pending, Queue, Writer};
use crate::ledger::Delta;
use crate::lock::FolderLock;
use crate::options::{Durability, LogOptions};
use crate::priority::yield_to_commits;
use crate::recovery::{Recovered, create_folders, rebuild, recover};
use crate::seal::Sealer;
use crate::segment::FilePool;
use crate::state::{RelationData, State};
use crate::ticket::{Answer, Ticket};

/// A clean close seals what is more than this part of a journal file: a shorter one is read in a few milliseconds.
const LEFT_AT_CLOSE: u64 = 16;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RelationStats {
    pub relation: RelationId,
    pub rows: u64,
    /// Of a stream: bytes on disk. Of a table: bytes in memory.
    pub bytes: u64,
}

#[derive(Debug, Clone)]
pub struct LogStats {
    pub durable_epoch: Epoch,
    /// Everything up to here lies in segments.
    pub sealed_epoch: Epoch,
    pub journal_bytes: u64,
    pub segment_bytes: u64,
    pub relations: Vec<RelationStats>,
    /// Why sealing does not get on, if it does not.
    pub maintenance_error: Option<Error>,
}

/// What the threads share.
struct Inner {
    clock: Arc<dyn Clock>,
    /// Of commits that do not ask for another.
    durability: Durability,
    journal: Arc<Journal>,
    queue: Arc<Queue>,
    state: RwLock<State>,
    sealer: Mutex<Sealer>,
    pool: Arc<FilePool>,
    /// Held from the check of a commit to its place in the queue, so that epochs, tables and the queue agree.
    sequencer: Mutex<()>,
    sealed: AtomicU64,
    resumed: AtomicU64,
    segment_bytes: AtomicU64,
    maintenance_error: Mutex<Option<Error>>,
    /// Streams that do not keep their rows for ever.
    retention: Mutex<BTreeMap<RelationId, Retention>>,
}

pub struct Log {
    inner: Arc<Inner>,
    /// Without background threads: what they would do.
    writer: Mutex<Option<Writer>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    /// Dropped to end the sealing thread.
    poke: Mutex<Option<Sender<()>>>,
    lock: Mutex<Option<FolderLock>>,
    is_background: bool,
    is_read_only: bool,
    open: AtomicBool,
    /// So many bytes of the journal are left to the next open; `None` leaves all.
    left_at_close: Option<u64>,
}

impl Log {
    /// Opens or makes the database in `path`; `None` is a database in memory. `on_durable` is called by the journal
    /// thread in epoch order; while it waits, commits wait.
    pub fn open(path: Option<&Path>, options: LogOptions, on_durable: OnDurable) -> Result<Self> {
        let LogOptions { storage, clock, rng, durability, read_only, .. } = options;
        let LogOptions { background, journal_file_bytes, own_file_bytes, cache_bytes, seal_on_close, .. } = options;
        let backlog_files = backlog_files(options.journal_backlog_bytes, journal_file_bytes);
        let root = path.unwrap_or(Path::new("/memory"));
        if read_only {
            check_exists(storage.as_ref(), root)?;
        }
        let lock = match path {
            None => None,
            Some(path) if read_only => Some(FolderLock::share(path)?),
            Some(path) => {
                create_folders(storage.as_ref(), path).map_err(unwritable)?;
                Some(FolderLock::take(path, clock.now_us()).map_err(unwritable)?)
            }
        };
        let recovered = recover(&storage, rng, root, journal_file_bytes, own_file_bytes, cache_bytes, read_only);
        let Recovered { state, journal, sealer, pool } =
            if read_only { recovered? } else { recovered.map_err(unwritable)? };
        let journal = Arc::new(journal);
        let backlog_files = if background { backlog_files } else { usize::MAX };
        let queue = Arc::new(Queue::new(state.ledger.epoch, backlog_files));
        let inner = Arc::new(Inner {
            clock,
            durability,
            journal: journal.clone(),
            queue: queue.clone(),
            resumed: AtomicU64::new(0),
            sealed: AtomicU64::new(sealer.sealed_epoch().0),
            segment_bytes: AtomicU64::new(sealer.bytes()),
            state: RwLock::new(state),
            sealer: Mutex::new(sealer),
            pool,
            sequencer: Mutex::new(()),
            maintenance_error: Mutex::default(),
            retention: Mutex::default(),
        });
        let (poke, poked) = bounded::<()>(1);
        let on_closed = {
            let poke = poke.clone();
            Box::new(move || {
                let _ = poke.try_send(()); // one that waits is enough
            })
        };
        let mut writer = Writer::new(journal, queue, inner.clock.clone(), on_durable, on_closed);
        let log = Self {
            inner: inner.clone(),
            writer: Mutex::default(),
            threads: Mutex::default(),
            poke: Mutex::new(Some(poke)),
            lock: Mutex::new(lock),
            is_background: background && !read_only,
            is_read_only: read_only,
            open: AtomicBool::new(true),
            left_at_close: seal_on_close.then_some(journal_file_bytes / LEFT_AT_CLOSE),
        };
        if read_only {
            return Ok(log);
        }
        if background {
            log.spawn("millrace-journal", move || {
                writer.run();
                drop(writer); // and with it its end of the channel to the sealing thread
            })?;
            log.spawn("millrace-seal", move || {
                yield_to_commits();
                inner.maintain_when_poked(&poked);
            })?;
            log.poke();
        } else {
            *log.writer.lock() = Some(writer);
        }
        Ok(log)
    }

    fn spawn(&self, name: &str, run: impl FnOnce() + Send + 'static) -> Result<()> {
        let thread = std::thread::Builder::new()
            .name(name.into())
            .spawn(run)
            .map_err(|e| Error::new(Code::InsufficientResources, format!("could not start a thread: {e}")))?;
        self.threads.lock().push(thread);
        Ok(())
    }

    fn poke(&self) {
        if let Some(poke) = &*self.poke.lock() {
            let _ = poke.try_send(()); // one that waits is enough
        }
    }

    /// Whether nothing can be written.
    pub fn is_read_only(&self) -> bool {
        self.is_read_only
    }

    /// Of commits that do not ask for another.
    pub fn durability(&self) -> Durability {
        self.inner.durability
    }

    /// SQLSTATE 25006 if nothing can be written.
    pub fn check_writable(&self) -> Result<()> {
        if !self.is_read_only {
            return Ok(());
        }
        Err(Error::new(Code::ReadOnlyTransaction, "cannot write to a database that is open to be read only"))
    }

    /// Puts a commit in the order of all commits. Tables and catalog show it at once to `table` and `definitions`;
    /// scans see it once it is durable.
    pub fn commit(&self, commit: Commit) -> Result<Ticket> {
        let answer = Answer::new();
        let ticket = answer.ticket();
        let epoch = self.order(commit, |_| Ok(()), Done::Ticket(answer))?;
        Ok(ticket.with_epoch(epoch))
    }

    /// As `commit`; `done` is called on the journal thread and must not wait.
    pub fn commit_then(&self, commit: Commit, done: OnOutcome) -> Result<Epoch> {
        self.commit_checked(commit, |_| Ok(()), done)
    }

    /// As `commit_then`; `check` sees the newest state of all that was committed before, and can refuse.
    pub fn commit_checked(
        &self,
        commit: Commit,
        check: impl FnOnce(&Self) -> Result<()>,
        done: OnOutcome,
    ) -> Result<Epoch> {
        self.order(commit, check, Done::Call(done))
    }

    fn order(&self, commit: Commit, check: impl FnOnce(&Self) -> Result<()>, done: Done) -> Result<Epoch> {
        self.check_writable()?;
        let (body, head) = encode_body(&commit)?;
        let body_crc = crc32c::crc32c(&body);
        let delta = Delta::of(&head);
        if self.is_background && self.inner.queue.is_resumable() {
            self.resume()?;
        }
        self.inner.queue.admit()?;
        let sequencer = self.inner.sequencer.lock();
        check(self)?;
        let mut state = self.inner.state.write();
        state.check(&commit)?;
        let epoch = state.ledger.epoch.next();
        state.make_relations(&commit.catalog, epoch)?;
        let mut entries = Vec::new();
        for (number, (part, at)) in commit.rows.iter().zip(head.rows).enumerate() {
            match &state.relations[&part.relation].data {
                RelationData::Stream(stream) => {
                    let taken =
                        entries.iter().filter(|(_, _, other, _): &&(_, usize, crate::journal::body::RowsAt, u64)| {
                            other.relation == at.relation && other.partition == at.partition
                        });
                    let ahead: u64 = taken.map(|(_, _, other, _)| u64::from(other.rows)).sum();
                    let first = state.end_of(part.relation, part.partition) + ahead;
                    entries.push((stream.clone(), number, at, first));
                }
                RelationData::Table(table) => table.apply(epoch, &part.batch, part.weights.as_deref())?,
            }
        }
        let now_us = self.inner.clock.now_us();
        state.advance(epoch, now_us, &delta);
        let starts = state.starts_of(&commit.truncated);
        let durability = commit.durability.unwrap_or(self.inner.durability);
        let committed = Committed { epoch, time_us: state.ledger.time_us, commit: Arc::new(commit) };
        drop(state);
        self.inner.queue.push(Pending { committed, body, body_crc, entries, starts, done, durability });
        drop(sequencer);
        self.inner.queue.wake();
        Ok(epoch)
    }

    /// Goes on after writes that failed for want of space or descriptors, if there are some now: what is in memory is
    /// built again from what is on disk, as an open would, since the commits that failed have changed it. Every commit
    /// tries this first; without background threads it is up to the caller.
    pub fn resume(&self) -> Result<()> {
        let inner = &*self.inner;
        let _sequencer = inner.sequencer.lock();
        let sealer = inner.sealer.lock();
        if !inner.queue.is_resumable() {
            return Ok(()); // somebody else was faster
        }
        let still = |error: Error| error.with_hint("Writes go on when the cause is gone.");
        inner.journal.resume().map_err(|error| {
            // The failed fsync may have dropped what was acknowledged before its own: another one would hide that.
            if inner.journal.has_failed_sync() && !millrace_base::planted("resume-after-failed-fsync") {
                return inner.queue.give_up(&error);
            }
            still(error)
        })?;
        let state =
            rebuild(sealer.manifest.live(), &inner.pool, &inner.journal, inner.queue.durable()).map_err(still)?;
        if !millrace_base::planted("refused-kept-on-resume") {
            let mut current = inner.state.write();
            state.inherit(&current, sealer.sealed_epoch());
            *current = state;
        }
        inner.queue.resume();
        inner.resumed.fetch_add(1, Ordering::AcqRel);
        Ok(())
    }

    /// How often `resume` has put another state in the place of the one in memory: who keeps something beside it, begins anew.
    pub fn resumed(&self) -> u64 {
        self.inner.resumed.load(Ordering::Acquire)
    }

    /// The newest epoch that may be shown.
    pub fn durable_epoch(&self) -> Epoch {
        self.inner.queue.durable()
    }

    /// Without background threads: writes and acknowledges what waits; false when nothing does.
    pub fn run_pending(&self) -> bool {
        self.writer.lock().as_mut().is_some_and(Writer::run_pending)
    }

    /// Waits for what is queued, then ends the threads. Later commits fail with 57P01.
    pub fn close(&self) {
        self.inner.queue.close();
        self.poke.lock().take();
        if let Some(mut writer) = self.writer.lock().take() {
            writer.run();
        }
        for thread in self.threads.lock().drain(..) {
            let _ = thread.join(); // a panic there has failed its tickets already
        }
        if self.open.swap(false, Ordering::AcqRel) {
            // What stays is what an open after a crash finds: it is only slower.
            let _ = self.inner.leave(self.left_at_close);
        }
        self.lock.lock().take();
    }
}

/// A folder that holds no database is not made one by who only reads.
fn check_exists(storage: &dyn Storage, root: &Path) -> Result<()> {
    for part in ["journal", "manifest"].map(|part| root.join(part)) {
        match storage.list(&part) {
            Ok(files) if files.is_empty() => {}
            Ok(_) => return Ok(()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(Error::io(&part, "list", &error)),
        }
    }
    Err(Error::new(Code::UndefinedFile, format!("database \"{}\" does not exist", root.display()))
        .with_hint("One that is opened to be read only is not made."))
}

/// A folder that may not be written can still be read.
fn unwritable(error: Error) -> Error {
    match (error.code, &error.hint) {
        (Code::InsufficientPrivilege, None) => {
            error.with_hint("A database in a folder that cannot be written can be opened to be read only.")
        }
        _ => error,
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.close();
    }
}

/// Closed journal files that wait to be sealed when commits have to wait.
fn backlog_files(backlog_bytes: u64, journal_file_bytes: u64) -> usize {
    (backlog_bytes / journal_file_bytes).clamp(2, 1 << 20) as usize
}
