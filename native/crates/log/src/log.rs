//! The log's face: open, commit, scan. One lock orders commits (the sequencer); one thread writes them, one seals.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use arrow_schema::{Schema, SchemaRef};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use millrace_base::{Clock, Code, Epoch, Error, RelationId, Result, Storage, limits::JOURNAL_BACKLOG_BYTES_MAX};
use millrace_plan::Definition;
use parking_lot::{Mutex, RwLock};

use crate::backup::backup;
use crate::check::{CheckReport, check};
use crate::commit::{Commit, Committed};
use crate::compact::Retention;
use crate::journal::Journal;
use crate::journal::body::encode_body;
use crate::journal::writer::{Done, OnDurable, OnOutcome, Pending, Queue, Writer};
use crate::ledger::{Delta, Extent};
use crate::lock::FolderLock;
use crate::manifest::SegmentEntry;
use crate::offset_read::{After, OffsetRead};
use crate::options::{Durability, LogOptions};
use crate::priority::yield_to_commits;
use crate::recovery::{Recovered, rebuild, recover};
use crate::scan::{LogScan, StreamRead, StreamScan};
use crate::seal::{Sealed, Sealer};
use crate::segment::{Bound, FilePool, SegmentId, SegmentKind};
use crate::state::{Relation, RelationData, State};
use crate::stream::{StreamSegment, StreamState};
use crate::table::TableState;
use crate::ticket::{Answer, Ticket};

/// How long the sealing thread waits before it tries again after an error.
const RETRY_AFTER: Duration = Duration::from_secs(1);
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
        let root = path.unwrap_or(Path::new("/memory"));
        if read_only {
            check_exists(storage.as_ref(), root)?;
        }
        let lock = match path {
            None => None,
            Some(path) if read_only => Some(FolderLock::share(path)?),
            Some(path) => {
                storage.create_dir_all(path).map_err(|e| unwritable(Error::io(path, "create", &e)))?;
                Some(FolderLock::take(path, clock.now_us()).map_err(unwritable)?)
            }
        };
        let recovered = recover(&storage, rng, root, journal_file_bytes, own_file_bytes, cache_bytes, read_only);
        let Recovered { state, journal, sealer, pool } =
            if read_only { recovered? } else { recovered.map_err(unwritable)? };
        let journal = Arc::new(journal);
        let backlog_files = if background { backlog_files(journal_file_bytes) } else { usize::MAX };
        let queue = Arc::new(Queue::new(state.ledger.epoch, backlog_files));
        let inner = Arc::new(Inner {
            clock,
            durability,
            journal: journal.clone(),
            queue: queue.clone(),
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
        let mut writer = Writer::new(journal, queue, on_durable, on_closed);
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
        state.make_relations(&commit.catalog)?;
        let epoch = state.ledger.epoch.next();
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
        Ok(())
    }

    /// The newest epoch that may be shown.
    pub fn durable_epoch(&self) -> Epoch {
        self.inner.queue.durable()
    }

    /// The time of the newest commit, microseconds since 1970-01-01 UTC.
    pub fn last_time_us(&self) -> i64 {
        self.inner.state.read().ledger.time_us
    }

    /// All catalog objects, in the order of their making.
    pub fn definitions(&self) -> Vec<Definition> {
        self.inner.state.read().ledger.definitions.values().cloned().collect()
    }

    /// An id that no object has had.
    pub fn next_relation_id(&self) -> RelationId {
        RelationId(self.inner.state.read().ledger.id_max + 1)
    }

    /// The partitions' next offsets of a source.
    pub fn offsets(&self, source: RelationId) -> Vec<(i32, i64)> {
        let state = self.inner.state.read();
        let range = state.ledger.offsets.range((source, i32::MIN)..=(source, i32::MAX));
        range.map(|(&(_, p), &next)| (p, next)).collect()
    }

    /// The epoch up to which a sink has delivered; 0 when it has not.
    pub fn progress(&self, sink: RelationId) -> Epoch {
        self.inner.state.read().ledger.progress.get(&sink).copied().unwrap_or_default()
    }

    /// The offset that a consumer group reads next.
    pub fn group_offset(&self, group: &str, stream: RelationId, partition: u32) -> Option<u64> {
        self.inner.state.read().ledger.groups.get(&(group.to_string(), stream, partition)).copied()
    }

    /// Where a consumer group has come to in a stream's partitions. No commit that has passed its check before this is
    /// called is still on its way when this returns.
    pub fn group_offsets_settled(&self, group: &str, stream: RelationId) -> BTreeMap<u32, u64> {
        let _sequencer = self.inner.sequencer.lock();
        let state = self.inner.state.read();
        let from = (group.to_string(), stream, 0);
        let to = (group.to_string(), stream, u32::MAX);
        state.ledger.groups.range(from..=to).map(|((_, _, partition), &next)| (*partition, next)).collect()
    }

    /// Each partition's offsets: where the rows that are shown begin, and where the newest commits end.
    pub fn extents(&self, stream: RelationId) -> Vec<(u32, Extent)> {
        let state = self.inner.state.read();
        let Some(RelationData::Stream(rows)) = state.relations.get(&stream).map(|r| &r.data) else { return Vec::new() };
        let rows = rows.read();
        // A truncation that is on its way to the journal counts only once it is durable.
        let start = |partition: u32| rows.partitions.get(&partition).map_or(0, |p| p.start);
        let extents = state.ledger.extents.range((stream, 0)..=(stream, u32::MAX));
        extents.map(|(&(_, p), e)| (p, Extent { start: start(p).min(e.end), end: e.end })).collect()
    }

    /// The stored columns of a stream, source or table; all are nullable here.
    pub fn schema(&self, relation: RelationId) -> Result<SchemaRef> {
        self.relation(relation).map(|r| r.schema)
    }

    fn relation(&self, id: RelationId) -> Result<Relation> {
        let found = self.inner.state.read().relations.get(&id).cloned();
        found.ok_or_else(|| Error::new(Code::UndefinedTable, format!("relation {} does not exist", id.0)))
    }

    /// The chosen columns of all rows that `relation` holds at `as_of`.
    pub fn scan(&self, relation: RelationId, columns: &[u32], as_of: Epoch) -> Result<LogScan> {
        self.scan_after(relation, columns, Epoch::ZERO, as_of)
    }

    /// As `scan`, of a stream without the rows up to `after`.
    pub fn scan_after(&self, relation: RelationId, columns: &[u32], after: Epoch, as_of: Epoch) -> Result<LogScan> {
        self.scan_pruned(relation, columns, &[], after, as_of)
    }

    /// As `scan_after`; blocks for which statistics show that no row satisfies all of `prune` may be left out.
    pub fn scan_pruned(
        &self,
        relation: RelationId,
        columns: &[u32],
        prune: &[Bound],
        after: Epoch,
        as_of: Epoch,
    ) -> Result<LogScan> {
        let stored = self.relation(relation)?;
        let projection: Vec<usize> = columns.iter().map(|&c| c as usize).collect();
        let schema: Schema =
            stored.schema.project(&projection).map_err(|e| Error::internal(format!("projection: {e}")))?;
        let schema = Arc::new(schema);
        match &stored.data {
            RelationData::Table(table) => {
                if as_of < table.horizon() {
                    return Err(too_old(as_of));
                }
                let rows = table.scan_pruned(as_of, &projection, prune)?;
                Ok(LogScan::new(schema, Box::new(rows)))
            }
            RelationData::Stream(stream) => {
                let read = StreamRead {
                    pool: self.inner.pool.clone(),
                    schema: stored.schema.clone(),
                    projection,
                    prune: prune.to_vec(),
                    after,
                    upto: as_of,
                };
                let scan = StreamScan::new(read, stream.read().partitions.values());
                Ok(LogScan::new(schema, Box::new(scan)))
            }
        }
    }

    /// A table's rows, the newest version included.
    pub fn table(&self, relation: RelationId) -> Result<Arc<TableState>> {
        match self.relation(relation)?.data {
            RelationData::Table(table) => Ok(table),
            RelationData::Stream(_) => {
                Err(Error::new(Code::WrongObjectType, format!("relation {} is not a table", relation.0)))
            }
        }
    }

    /// Tells the tables that no reader will ask for an epoch before `horizon`, or before the older one that is held for a
    /// table.
    pub fn set_horizon(&self, horizon: Epoch, held: &[(RelationId, Epoch)]) {
        for (id, relation) in &self.inner.state.read().relations {
            if let RelationData::Table(table) = &relation.data {
                let kept = held.iter().find(|(held, _)| held == id).map_or(horizon, |(_, epoch)| horizon.min(*epoch));
                table.set_horizon(kept);
            }
        }
    }

    /// How long a stream keeps its rows; `None` is for ever.
    pub fn set_retention(&self, stream: RelationId, retention: Option<Retention>) {
        let mut wanted = self.inner.retention.lock();
        match retention {
            Some(retention) => wanted.insert(stream, retention),
            None => wanted.remove(&stream),
        };
    }

    /// Reads everything on disk and says what is not as it must be. Sealing waits for it.
    pub fn check(&self) -> CheckReport {
        let sealer = self.inner.sealer.lock();
        check(&sealer, &self.inner.journal, &self.inner.pool, self.durable_epoch())
    }

    /// Copies the database as of the newest durable epoch into a folder of its own. Sealing waits for it.
    pub fn backup(&self, target: &Path) -> Result<Epoch> {
        let sealer = self.inner.sealer.lock();
        let epoch = self.durable_epoch();
        backup(&sealer, &self.inner.journal, epoch, target)?;
        Ok(epoch)
    }

    /// The live segments that hold rows, as the manifest names them.
    pub fn segments(&self) -> Vec<SegmentEntry> {
        let sealer = self.inner.sealer.lock();
        sealer.manifest.live().segments.values().filter(|s| s.key.is_rows()).cloned().collect()
    }

    /// All consumer groups: name, stream, partition, and the offset that is read next.
    pub fn groups(&self) -> Vec<(String, RelationId, u32, u64)> {
        let state = self.inner.state.read();
        let groups = state.ledger.groups.iter();
        groups.map(|((group, stream, partition), &next)| (group.clone(), *stream, *partition, next)).collect()
    }

    /// Rows of one partition from an offset on, as far as `upto`, in offset order: with each batch its first offset and
    /// the commits that its rows come from.
    pub fn read_from(
        &self,
        stream: RelationId,
        partition: u32,
        columns: &[u32],
        offset: u64,
        upto: Epoch,
    ) -> Result<OffsetRead> {
        self.read_between(stream, partition, columns, offset..u64::MAX, upto)
    }

    /// As `read_from`, without the commits and segments that begin at the end of `offsets` or later.
    pub fn read_between(
        &self,
        stream: RelationId,
        partition: u32,
        columns: &[u32],
        offsets: Range<u64>,
        upto: Epoch,
    ) -> Result<OffsetRead> {
        let stored = self.relation(stream)?;
        let state = stream_state(stream, &stored)?;
        let read = StreamRead {
            pool: self.inner.pool.clone(),
            schema: stored.schema.clone(),
            projection: columns.iter().map(|&c| c as usize).collect(),
            prune: Vec::new(),
            after: Epoch::ZERO,
            upto,
        };
        let state = state.read();
        Ok(OffsetRead::new(read, state.partitions.get(&partition), offsets))
    }

    /// The offset of a partition's first row that was committed after `epoch`; its end when there is none.
    pub fn offset_after(&self, stream: RelationId, partition: u32, epoch: Epoch) -> Result<u64> {
        let stored = self.relation(stream)?;
        let found = stream_state(stream, &stored)?.read().partitions.get(&partition).map(|p| After::of(p, epoch));
        found.map_or(Ok(0), |after| after.offset(&self.inner.pool, epoch))
    }

    /// The newest epoch whose commit is not later than `time_us`; 0 when all are.
    pub fn epoch_at(&self, time_us: i64) -> Result<Epoch> {
        let state = self.inner.state.read();
        let at = state.commits.partition_point(|&(_, time)| time <= time_us);
        if at > 0 {
            return Ok(state.commits[at - 1].0);
        }
        drop(state);
        self.inner.sealed_epoch_at(time_us)
    }

    pub fn stats(&self) -> LogStats {
        let state = self.inner.state.read();
        let mut relations: Vec<RelationStats> = state
            .relations
            .iter()
            .map(|(&relation, stored)| {
                let (rows, bytes) = match &stored.data {
                    RelationData::Table(table) => (table.len() as u64, table.bytes() as u64),
                    RelationData::Stream(stream) => stream
                        .read()
                        .partitions
                        .values()
                        .fold((0, 0), |(rows, bytes), p| (rows + p.rows(), bytes + p.bytes())),
                };
                RelationStats { relation, rows, bytes }
            })
            .collect();
        relations.sort_by_key(|r| r.relation);
        LogStats {
            durable_epoch: self.durable_epoch(),
            sealed_epoch: Epoch(self.inner.sealed.load(Ordering::Acquire)),
            journal_bytes: self.inner.journal.bytes(),
            segment_bytes: self.inner.segment_bytes.load(Ordering::Relaxed),
            relations,
            maintenance_error: self.inner.maintenance_error.lock().clone(),
        }
    }

    /// Without background threads: writes and acknowledges what waits; false when nothing does.
    pub fn run_pending(&self) -> bool {
        self.writer.lock().as_mut().is_some_and(Writer::run_pending)
    }

    /// One unit of sealing or compaction; false when there is nothing to do.
    pub fn maintain(&self) -> Result<bool> {
        self.check_writable()?;
        self.inner.maintain()
    }

    /// Ends the journal's current file, so that what it holds can be sealed.
    pub fn request_rotation(&self) {
        self.inner.queue.request_rotation();
    }

    /// Seals everything that is durable now.
    pub fn checkpoint(&self) -> Result<()> {
        self.check_writable()?;
        let target = self.durable_epoch();
        self.request_rotation();
        let deadline = std::time::Instant::now() + Duration::from_secs(600);
        loop {
            self.run_pending();
            while self.maintain()? {}
            if self.inner.sealed.load(Ordering::Acquire) >= target.0 {
                return Ok(());
            }
            if std::time::Instant::now() > deadline {
                return Err(Error::new(Code::IoError, "the checkpoint did not finish in time"));
            }
            self.inner.queue.check()?;
            std::thread::sleep(Duration::from_millis(1));
        }
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
fn backlog_files(journal_file_bytes: u64) -> usize {
    (JOURNAL_BACKLOG_BYTES_MAX / journal_file_bytes).clamp(2, 1 << 20) as usize
}

impl Inner {
    /// Leaves little to read to the next open, when no thread runs any more.
    fn leave(&self, left: Option<u64>) -> Result<()> {
        self.queue.check()?;
        if self.journal.has_failed_sync() {
            return Ok(()); // a next file would say that this one is whole
        }
        if left.is_some_and(|left| self.journal.tail_bytes() > left) {
            self.journal.rotate()?;
            let mut sealer = self.sealer.lock();
            while self.seal(&mut sealer)? {}
        }
        self.journal.remove_spares()
    }

    /// Runs until every sender is gone.
    fn maintain_when_poked(&self, poked: &Receiver<()>) {
        let mut failed = false;
        loop {
            let woken = if failed { poked.recv_timeout(RETRY_AFTER) } else { poked.recv().map_err(Into::into) };
            if matches!(woken, Err(RecvTimeoutError::Disconnected)) {
                return;
            }
            let outcome = loop {
                match self.maintain() {
                    Ok(true) => {}
                    other => break other,
                }
            };
            failed = outcome.is_err();
            self.queue.note_sealing(failed, || self.journal.closed_files());
            *self.maintenance_error.lock() = outcome.err();
        }
    }

    fn maintain(&self) -> Result<bool> {
        let mut sealer = self.sealer.lock();
        let done = self.seal(&mut sealer)? || self.compact(&mut sealer)? || self.expire(&mut sealer)?;
        self.segment_bytes.store(sealer.bytes(), Ordering::Relaxed);
        Ok(done)
    }

    fn seal(&self, sealer: &mut Sealer) -> Result<bool> {
        let Some(sealed) = sealer.seal(&self.journal, &self.pool, self.queue.durable(), &self.state)? else {
            return Ok(false);
        };
        self.install(&sealed)?;
        self.sealed.store(sealed.upto.0, Ordering::Release);
        sealer.retire(&self.pool, &sealed.removed);
        // Readers have the segments now: nobody new will look into the file.
        self.journal.drop_sealed(sealed.upto)?;
        self.queue.note_sealing(false, || self.journal.closed_files());
        Ok(true)
    }

    fn compact(&self, sealer: &mut Sealer) -> Result<bool> {
        let relations: Vec<(RelationId, Relation)> =
            self.state.read().relations.iter().map(|(&id, relation)| (id, relation.clone())).collect();
        for (id, relation) in &relations {
            let RelationData::Table(table) = &relation.data else { continue };
            let Some(plan) = table.plan_compaction()? else { continue };
            let written = sealer.rewrite(&self.pool, *id, &relation.schema, &plan)?;
            let segment = written.new.map(|id| self.pool.segment(id)).transpose()?;
            table.install_compacted(&plan, segment)?;
            sealer.retire(&self.pool, &written.old);
            return Ok(true);
        }
        let Some(done) = sealer.compact(&self.pool)? else { return Ok(false) };
        if let Some(RelationData::Stream(stream)) = self.data(done.key.relation)
            && done.key.is_rows()
            && let Some(partition) = stream.write().partitions.get_mut(&done.key.partition)
        {
            partition.replace(&done.old, self.held(&done.new)?);
        }
        sealer.retire(&self.pool, &done.old);
        Ok(true)
    }

    fn expire(&self, sealer: &mut Sealer) -> Result<bool> {
        let wanted: Vec<(RelationId, Retention)> = self.retention.lock().iter().map(|(&id, &r)| (id, r)).collect();
        let now_us = self.clock.now_us();
        for (relation, retention) in wanted {
            let Some(RelationData::Stream(stream)) = self.data(relation) else { continue };
            let expired = sealer.expire(relation, retention, now_us)?;
            if expired.is_empty() {
                continue;
            }
            let mut state = self.state.write();
            for gone in &expired {
                state.ledger.set_start(relation, gone.partition, gone.start);
                if let Some(partition) = stream.write().partitions.get_mut(&gone.partition) {
                    partition.set_start(gone.start);
                }
            }
            drop(state);
            let old: Vec<SegmentId> = expired.into_iter().flat_map(|gone| gone.old).collect();
            sealer.retire(&self.pool, &old);
            return Ok(true);
        }
        Ok(false)
    }

    fn data(&self, relation: RelationId) -> Option<RelationData> {
        self.state.read().relations.get(&relation).map(|r| r.data.clone())
    }

    /// A segment that stays on disk as long as the stream names it.
    fn held(&self, entry: &SegmentEntry) -> Result<StreamSegment> {
        Ok(StreamSegment { entry: entry.clone(), _file: self.pool.file(entry.id.file)? })
    }

    fn install(&self, sealed: &Sealed) -> Result<()> {
        let mut state = self.state.write();
        for entry in &sealed.segments {
            if !entry.key.is_rows() {
                continue;
            }
            if let Some(table) = state.table(entry.key.relation) {
                table.install(self.pool.segment(entry.id)?)?;
            } else if let Some(Relation { data: RelationData::Stream(stream), .. }) =
                state.relations.get(&entry.key.relation)
            {
                let mut stream = stream.write();
                let partition = stream.partitions.entry(entry.key.partition).or_default();
                partition.install(self.held(entry)?, sealed.upto);
            }
        }
        state.dropped.retain(|id, _| !sealed.gone.contains(id));
        for table in state.tables() {
            table.mark_deaths_sealed(sealed.upto)?;
        }
        let done = state.commits.partition_point(|&(epoch, _)| epoch <= sealed.upto);
        state.commits.drain(..done);
        Ok(())
    }

    /// As `Log::epoch_at`, among the commits that are sealed.
    fn sealed_epoch_at(&self, time_us: i64) -> Result<Epoch> {
        // The last index that begins at that time or earlier holds the answer.
        let index = {
            let sealer = self.sealer.lock();
            let commits = sealer.manifest.live().segments.values().filter(|s| s.key.kind == SegmentKind::Commits);
            let begun = commits.filter(|s| s.times_us.0 <= time_us);
            begun.max_by_key(|s| s.epochs).map(|s| (s.id, s.rows))
        };
        let mut newest = Epoch::ZERO;
        if let Some((id, rows)) = index {
            use arrow_array::cast::AsArray;
            use arrow_array::types::{Int64Type, UInt64Type};
            for found in self.pool.segment(id)?.scan(&[0, 1], &[], 0..rows) {
                let (_, batch) = found?;
                let epochs = batch.column(0).as_primitive_opt::<UInt64Type>();
                let times = batch.column(1).as_primitive_opt::<Int64Type>();
                let (Some(epochs), Some(times)) = (epochs, times) else {
                    return Err(crate::segment::damaged_segment(id, "holds other columns than a commit index has"));
                };
                let at = times.values().partition_point(|&time| time <= time_us);
                if at > 0 {
                    newest = newest.max(Epoch(epochs.value(at - 1)));
                }
            }
        }
        Ok(newest)
    }
}

fn stream_state(id: RelationId, stored: &Relation) -> Result<&Arc<RwLock<StreamState>>> {
    match &stored.data {
        RelationData::Stream(state) => Ok(state),
        RelationData::Table(_) => Err(Error::new(Code::WrongObjectType, format!("relation {} is not a stream", id.0))),
    }
}

fn too_old(epoch: Epoch) -> Error {
    Error::new(Code::ObjectNotInPrerequisiteState, format!("epoch {} is no longer kept", epoch.0))
        .with_hint("Versions of a table's rows are kept as long as its option retain says.")
}
