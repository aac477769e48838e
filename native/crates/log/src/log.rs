//! The log's face: open, commit, scan. One lock orders commits (the sequencer); one thread writes them.

use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use arrow_schema::{Schema, SchemaRef};
use crossbeam_channel::{Receiver, bounded};
use millrace_base::{Clock, Code, Epoch, Error, RealStorage, RelationId, Result, Rng, Storage, SystemClock, SystemRng};
use millrace_plan::Definition;
use parking_lot::{Mutex, RwLock};

use crate::body::{decode_head, encode_body};
use crate::commit::{Commit, Committed};
use crate::journal::Journal;
use crate::lock::FolderLock;
use crate::memory::MemoryStorage;
use crate::recovered::{RelationData, State};
use crate::scan::{LogScan, ScanSource};
use crate::table::TableState;
use crate::writer::{self, Done, OnDurable, Pending, Queue};

/// When a commit is acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// After its fsync.
    #[default]
    Commit,
    /// After it was written; an fsync follows within this time.
    Interval(Duration),
    /// After it was written; the operating system decides when it reaches the disk.
    None,
}

pub struct LogOptions {
    pub storage: Arc<dyn Storage>,
    pub clock: Arc<dyn Clock>,
    pub rng: Arc<dyn Rng>,
    pub durability: Durability,
}

impl LogOptions {
    /// The operating system's files, clock and chance.
    pub fn real(durability: Durability) -> Self {
        Self { storage: Arc::new(RealStorage), clock: Arc::new(SystemClock), rng: Arc::new(SystemRng), durability }
    }

    /// Files in memory.
    pub fn memory() -> Self {
        Self { storage: Arc::new(MemoryStorage::default()), ..Self::real(Durability::None) }
    }
}

/// A commit that has its epoch and waits for the journal.
pub struct Ticket {
    epoch: Epoch,
    result: Receiver<Result<Epoch>>,
}

impl Ticket {
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Waits until the commit is durable (as `Durability` says).
    pub fn wait(self) -> Result<Epoch> {
        self.result.recv().unwrap_or_else(|_| Err(Error::new(Code::AdminShutdown, "the database was closed")))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RelationStats {
    pub relation: RelationId,
    pub rows: u64,
    /// Of a stream: bytes in the journal. Of a table: bytes in memory.
    pub bytes: u64,
}

#[derive(Debug, Clone)]
pub struct LogStats {
    pub durable_epoch: Epoch,
    pub journal_bytes: u64,
    pub relations: Vec<RelationStats>,
}

pub struct Log {
    clock: Arc<dyn Clock>,
    journal: Arc<Journal>,
    queue: Arc<Queue>,
    state: RwLock<State>,
    /// Held from the check of a commit to its place in the queue, so that epochs, tables and the queue agree.
    sequencer: Mutex<()>,
    thread: Mutex<Option<JoinHandle<()>>>,
    lock: Mutex<Option<FolderLock>>,
}

impl Log {
    /// Opens or makes the database in `path`; `None` is a database in memory. `on_durable` is called by the journal
    /// thread in epoch order; while it waits, commits wait.
    pub fn open(path: Option<&Path>, options: LogOptions, on_durable: OnDurable) -> Result<Self> {
        let LogOptions { storage, clock, rng, durability } = options;
        let mut lock = None;
        if let Some(path) = path {
            storage.create_dir_all(path).map_err(|e| Error::io(path, "create", &e))?;
            lock = Some(FolderLock::take(path)?);
        }
        let folder = path.unwrap_or(Path::new("/memory")).join("journal");
        let mut state = State::default();
        let journal = Journal::open(storage, rng, &folder, |header, frame, body| state.replay(header, frame, body))?;
        let journal = Arc::new(journal);
        let queue = Arc::new(Queue::new(state.last_epoch));
        let thread = {
            let (journal, queue) = (journal.clone(), queue.clone());
            std::thread::Builder::new()
                .name("millrace-journal".into())
                .spawn(move || writer::run(&journal, &queue, durability, &on_durable))
                .map_err(|e| Error::new(Code::InsufficientResources, format!("could not start a thread: {e}")))?
        };
        Ok(Self {
            clock,
            journal,
            queue,
            state: RwLock::new(state),
            sequencer: Mutex::new(()),
            thread: Mutex::new(Some(thread)),
            lock: Mutex::new(lock),
        })
    }

    /// Puts a commit in the order of all commits. Tables and catalog show it at once to `table` and `definitions`;
    /// scans see it once it is durable.
    pub fn commit(&self, commit: Commit) -> Result<Ticket> {
        let (send, result) = bounded(1);
        let done: Done = Box::new(move |outcome| {
            let _ = send.send(outcome); // nobody may be waiting any more
        });
        let epoch = self.commit_then(commit, done)?;
        Ok(Ticket { epoch, result })
    }

    /// As `commit`; `done` is called on the journal thread and must not wait.
    pub fn commit_then(&self, commit: Commit, done: Done) -> Result<Epoch> {
        let body = encode_body(&commit)?;
        let body_crc = crc32c::crc32c(&body);
        let places = decode_head(&body)?.rows;
        self.queue.admit()?;
        let _sequencer = self.sequencer.lock();
        let mut state = self.state.write();
        state.apply_catalog(&commit.catalog)?;
        commit.rows.iter().try_for_each(|part| state.check_rows(part))?;
        let epoch = state.last_epoch.next();
        let mut entries = Vec::new();
        for (part, at) in commit.rows.iter().zip(places) {
            match &state.relations[&part.relation].data {
                RelationData::Stream(stream) => entries.push((stream.clone(), at)),
                RelationData::Table(table) => table.write().apply(epoch, &part.batch, part.weights.as_deref())?,
            }
        }
        state.apply_positions(&commit.offsets, &commit.progress);
        state.last_epoch = epoch;
        state.last_time_us = state.last_time_us.max(self.clock.now_us());
        let committed = Committed { epoch, time_us: state.last_time_us, commit: Arc::new(commit) };
        drop(state);
        self.queue.push(Pending { committed, body, body_crc, entries, done });
        Ok(epoch)
    }

    /// The newest epoch that may be shown.
    pub fn durable_epoch(&self) -> Epoch {
        self.queue.durable()
    }

    /// The time of the newest commit, microseconds since 1970-01-01 UTC.
    pub fn last_time_us(&self) -> i64 {
        self.state.read().last_time_us
    }

    /// All catalog objects, in the order of their making.
    pub fn definitions(&self) -> Vec<Definition> {
        self.state.read().definitions.values().cloned().collect()
    }

    /// An id that no object has had.
    pub fn next_relation_id(&self) -> RelationId {
        RelationId(self.state.read().id_max + 1)
    }

    /// The partitions' next offsets of a source.
    pub fn offsets(&self, source: RelationId) -> Vec<(i32, i64)> {
        let state = self.state.read();
        state.offsets.range((source, i32::MIN)..=(source, i32::MAX)).map(|(&(_, p), &next)| (p, next)).collect()
    }

    /// The epoch up to which a sink has delivered; 0 when it has not.
    pub fn progress(&self, sink: RelationId) -> Epoch {
        self.state.read().progress.get(&sink).copied().unwrap_or_default()
    }

    /// The stored columns of a stream, source or table; all are nullable here.
    pub fn schema(&self, relation: RelationId) -> Result<SchemaRef> {
        self.relation(relation).map(|r| r.schema)
    }

    fn relation(&self, id: RelationId) -> Result<crate::recovered::Relation> {
        let found = self.state.read().relations.get(&id).cloned();
        found.ok_or_else(|| Error::new(Code::UndefinedTable, format!("relation {} does not exist", id.0)))
    }

    /// The chosen columns of all rows that `relation` holds at `as_of`.
    pub fn scan(&self, relation: RelationId, columns: &[u32], as_of: Epoch) -> Result<LogScan> {
        self.scan_after(relation, columns, Epoch::ZERO, as_of)
    }

    /// As `scan`, of a stream without the rows up to `after`.
    pub fn scan_after(&self, relation: RelationId, columns: &[u32], after: Epoch, as_of: Epoch) -> Result<LogScan> {
        let stored = self.relation(relation)?;
        let projection: Vec<usize> = columns.iter().map(|&c| c as usize).collect();
        let schema: Schema =
            stored.schema.project(&projection).map_err(|e| Error::internal(format!("projection: {e}")))?;
        let source = match &stored.data {
            RelationData::Table(table) => {
                let batches = table.read().scan(as_of, &projection)?;
                ScanSource::Table { epoch: as_of, batches: batches.into_iter() }
            }
            RelationData::Stream(entries) => {
                let entries = entries.read();
                let start = entries.partition_point(|entry| entry.frame.epoch <= after);
                let end = entries.partition_point(|entry| entry.frame.epoch <= as_of).max(start);
                ScanSource::Stream {
                    journal: self.journal.clone(),
                    #[expect(
                        clippy::unnecessary_to_owned,
                        reason = "the scan outlives the lock that guards the entries"
                    )]
                    entries: entries[start..end].to_vec().into_iter(),
                    schema: stored.schema.clone(),
                    projection,
                }
            }
        };
        Ok(LogScan::new(source, Arc::new(schema)))
    }

    /// A table's rows, the newest version included: hold the lock no longer than needed.
    pub fn table(&self, relation: RelationId) -> Result<Arc<RwLock<TableState>>> {
        match self.relation(relation)?.data {
            RelationData::Table(table) => Ok(table),
            RelationData::Stream(_) => {
                Err(Error::new(Code::WrongObjectType, format!("relation {} is not a table", relation.0)))
            }
        }
    }

    /// Tells the tables that no reader will ask for an epoch before `horizon`.
    pub fn set_horizon(&self, horizon: Epoch) {
        for relation in self.state.read().relations.values() {
            if let RelationData::Table(table) = &relation.data {
                table.write().set_horizon(horizon);
            }
        }
    }

    pub fn stats(&self) -> LogStats {
        let state = self.state.read();
        let mut relations: Vec<RelationStats> = state
            .relations
            .iter()
            .map(|(&relation, stored)| {
                let (rows, bytes) = match &stored.data {
                    RelationData::Table(table) => {
                        let table = table.read();
                        (table.len() as u64, table.bytes() as u64)
                    }
                    RelationData::Stream(entries) => entries.read().iter().fold((0, 0), |(rows, bytes), entry| {
                        (rows + u64::from(entry.at.rows), bytes + entry.at.bytes())
                    }),
                };
                RelationStats { relation, rows, bytes }
            })
            .collect();
        relations.sort_by_key(|r| r.relation);
        LogStats { durable_epoch: self.durable_epoch(), journal_bytes: self.journal.bytes(), relations }
    }

    /// Waits for what is queued, then ends the journal thread. Later commits fail with 57P01.
    pub fn close(&self) {
        self.queue.close();
        if let Some(thread) = self.thread.lock().take() {
            let _ = thread.join(); // a panic there has failed its tickets already
        }
        self.lock.lock().take();
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.close();
    }
}
