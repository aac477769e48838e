//! The engine as its embedder sees it: requests go in with a reply, answers come from the engine's own threads. No call
//! here waits for work to be done, so none can hold up JavaScript.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use millrace_base::{Code, Epoch, Error, RelationId, Result, VirtualClock};
use millrace_exec::Memory;
use millrace_log::{Durability, Log, LogOptions};
use millrace_plan::{Append, Command, validate_command};
use millrace_wire::{DataRows, Format};
use parking_lot::Mutex;

use crate::at_once::{query_at_once, shown};
use crate::catalog::Catalog;
use crate::consumer::{self, Consumer, Pools};
use crate::groups::Groups;
use crate::limits::{default_limit, limits, machine_bytes, set_limits, spill_folder};
use crate::look_up::LookUp;
use crate::mailbox::Mailbox;
use crate::pool::{Pool, spawn};
use crate::published::Published;
use crate::rebuild::Opened;
use crate::reply::Reply;
use crate::shared::Shared;
use crate::shortcut::{Shortcut, Texts};
use crate::subscription::{Subscription, subscribe};
use crate::transaction::begin;
use crate::{admin, ddl, flow_thread, options, read, stats, write};

/// Queries that wait for a thread.
const QUERIES_WAITING_MAX: usize = 256;
/// Writes that wait for their turn.
const WRITES_WAITING_MAX: usize = 64 * 1024;
const DDL_WAITING_MAX: usize = 1024;
const DELIVERIES_WAITING_MAX: usize = 16 * 1024;
/// Longer commands are decoded where they run: this many bytes take a fraction of a millisecond.
const COMMAND_HERE_MAX: usize = 32 * 1024;
/// How long sinks may take to deliver what they have when the database is closed.
const SINK_GRACE: Duration = Duration::from_millis(1500);
/// The part of the machine's memory that blocks of segments may take, unless it is said.
const CACHE_OF_MEMORY: usize = 8;
pub const INTERVAL_DEFAULT: Duration = Duration::from_millis(100);

#[derive(Debug, Clone, Default)]
pub struct EngineOptions {
    /// `commit` (the default), `interval`, `interval:<milliseconds>` or `none`.
    pub durability: Option<String>,
    /// Nothing is written, and no source or sink runs.
    pub read_only: bool,
    /// The size at which a journal file is ended and sealed; for tests, which want many small ones.
    pub journal_file_bytes: Option<u64>,
    /// Column blocks that are kept in memory, in bytes; an eighth of the machine's memory, at least 256 MiB, unless said.
    pub cache_bytes: Option<u64>,
    /// The database's clock stands at this time, microseconds since 1970-01-01 UTC, until it is told to go on.
    pub clock_us: Option<i64>,
    /// What the operators of all queries may hold, in bytes; half of the machine's memory unless said.
    pub memory_limit: Option<u64>,
    /// Threads that a query may use; one a core unless said.
    pub threads: Option<u32>,
}

/// See `Engine::data_rows`; at once.
pub fn data_rows(ipc: &[u8], formats: &[u16]) -> Result<DataRows> {
    let formats: Vec<Format> = formats.iter().map(|&code| Format::from_code(code)).collect::<Result<_>>()?;
    millrace_wire::data_rows(ipc, &formats)
}

/// What a write or a change of the catalog did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Executed {
    pub rows: u64,
    pub epoch: Epoch,
    /// The rows of RETURNING, as an Arrow IPC stream.
    pub returned: Option<Vec<u8>>,
}

impl Executed {
    pub fn new(rows: u64, epoch: Epoch) -> Self {
        Self { rows, epoch, returned: None }
    }
}

pub struct Engine {
    shared: Arc<Shared>,
    queries: Arc<Pool>,
    writes: Arc<Pool>,
    ddl: Arc<Pool>,
    deliveries: Arc<Pool>,
    consumers: Arc<Pool>,
    texts: Arc<Texts>,
    flow: Mutex<Option<JoinHandle<()>>>,
    /// Held while closing, so that a second close waits for the first.
    closing: Mutex<()>,
}

/// Where commands are run.
struct Ways {
    queries: Arc<Pool>,
    writes: Arc<Pool>,
    ddl: Arc<Pool>,
}

impl Ways {
    fn give(&self, shared: &Arc<Shared>, command: Command, reply: Reply<Executed>) {
        let shared = shared.clone();
        match command {
            Command::Ddl { .. } => self.ddl.give(reply, move |reply| {
                reply.answer(|| {
                    validate_command(&command, &*shared.catalog())?;
                    let Command::Ddl { changes, .. } = command else {
                        return Err(Error::internal("a command that changed on the way"));
                    };
                    ddl::run(&shared, changes)
                });
            }),
            // Long work that holds up no writer.
            Command::Checkpoint { .. } | Command::Backup { .. } | Command::AdvanceClock { .. } => {
                self.queries.give(reply, move |reply| reply.answer(|| admin::run(&shared, command)));
            }
            _ => self.writes.give(reply, move |reply| write::execute(&shared, command, reply)),
        }
    }
}

/// Whether the command runs on the thread of the writes.
fn is_write(command: &Command) -> bool {
    !matches!(
        command,
        Command::Ddl { .. } | Command::Checkpoint { .. } | Command::Backup { .. } | Command::AdvanceClock { .. }
    )
}

impl Engine {
    /// Opens a database in a folder, or one in memory. Streams and tables can be read at once; views are rebuilt
    /// meanwhile, and a query that reads one waits for it.
    pub fn open(path: Option<&Path>, options: &EngineOptions) -> Result<Self> {
        let durability = parse_durability(options.durability.as_deref())?;
        if path.is_none() && options.read_only {
            let error =
                Error::new(Code::InvalidParameterValue, "a database in memory cannot be opened to be read only");
            return Err(error.with_hint("There would be nothing to read. Give a path."));
        }
        let mailbox = Arc::new(Mailbox::default());
        let groups = Arc::new(Groups::default());
        let on_durable = {
            let (mailbox, groups) = (mailbox.clone(), groups.clone());
            Box::new(move |committed| {
                // First, as the mailbox may have to wait.
                groups.arrived(&committed);
                mailbox.push_commit(committed);
            })
        };
        let mut log_options = if path.is_some() { LogOptions::real(durability) } else { LogOptions::memory() };
        log_options.journal_file_bytes = options.journal_file_bytes.unwrap_or(log_options.journal_file_bytes);
        log_options.read_only = options.read_only;
        log_options.cache_bytes = match options.cache_bytes {
            Some(bytes) => usize::try_from(bytes).unwrap_or(usize::MAX),
            None => machine_bytes().map_or(0, |bytes| bytes / CACHE_OF_MEMORY).max(log_options.cache_bytes),
        };
        if let Some(now_us) = options.clock_us {
            log_options.clock = Arc::new(VirtualClock::new(now_us));
        }
        let clock = log_options.clock.clone();
        let folder = spill_folder(path, &log_options);
        let log = Log::open(path, log_options, on_durable)?;
        if path.is_some() && !options.read_only {
            // Now that nobody else has the database.
            folder.empty()?;
        }
        let memory = Arc::new(Memory::new(default_limit(), folder));
        let catalog = Catalog::from_definitions(log.definitions())?;
        let shared =
            Arc::new(Shared::new(log, clock, catalog, groups, Arc::new(Published::default()), mailbox, memory));
        set_limits(&shared, options.memory_limit, options.threads);
        let opened = Opened { epoch: shared.log.durable_epoch(), catalog: shared.catalog() };
        let flow = {
            let shared = shared.clone();
            let opened = Opened { epoch: opened.epoch, catalog: opened.catalog.clone() };
            spawn("flow", move || flow_thread::run(&shared, &opened))?
        };
        let readers = std::thread::available_parallelism().map_or(2, |n| n.get().max(2));
        let engine = Self {
            queries: Arc::new(Pool::start("query", readers, QUERIES_WAITING_MAX)?),
            writes: Arc::new(Pool::start("write", 1, WRITES_WAITING_MAX)?),
            ddl: Arc::new(Pool::start("ddl", 1, DDL_WAITING_MAX)?),
            deliveries: Arc::new(Pool::start("delivery", 1, DELIVERIES_WAITING_MAX)?),
            consumers: Arc::new(Pool::start_behind_commits("consumer", readers, DELIVERIES_WAITING_MAX)?),
            shared,
            texts: Arc::default(),
            flow: Mutex::new(Some(flow)),
            closing: Mutex::new(()),
        };
        options::apply_retention(&engine.shared, &opened.catalog);
        for object in opened.catalog.objects().filter(|_| !options.read_only) {
            engine.shared.connectors.start(&engine.shared, &object.definition)?;
        }
        Ok(engine)
    }

    /// What queries may use from now on: `None` is what they may unless somebody says.
    pub fn set_limits(&self, memory_limit: Option<u64>, threads: Option<u32>) {
        set_limits(&self.shared, memory_limit, threads);
    }

    /// The bytes that queries may hold and the threads that one may use.
    pub fn limits(&self) -> (u64, u32) {
        limits(&self.shared)
    }

    /// As `open`, on a thread of its own.
    pub fn open_async(path: Option<PathBuf>, options: EngineOptions, reply: Reply<Engine>) {
        let slot = Arc::new(Mutex::new(Some(reply)));
        let of_thread = slot.clone();
        let spawned = spawn("open", move || {
            let reply = of_thread.lock().take();
            if let Some(reply) = reply {
                reply.answer(|| Engine::open(path.as_deref(), &options));
            }
        });
        let reply = spawned.err().and_then(|error| Some((slot.lock().take()?, error)));
        if let Some((reply, error)) = reply {
            reply.send(Err(error));
        }
    }

    /// MessagePack of all definitions; models without their bytes.
    pub fn catalog_bytes(&self) -> Result<Vec<u8>> {
        millrace_plan::encode(&self.shared.catalog().listing())
    }

    /// The id that the next object of the catalog gets.
    pub fn next_relation_id(&self) -> RelationId {
        self.shared.log.next_relation_id()
    }

    /// INSERT, UPDATE, DELETE and DDL; answered when durable. Writes run in the order of the calls.
    pub fn execute(&self, command: Vec<u8>, reply: Reply<Executed>) {
        if let Err(error) = self.shared.check_alive() {
            return reply.send(Err(error));
        }
        let (shared, ways) = (self.shared.clone(), self.ways());
        if command.len() <= COMMAND_HERE_MAX {
            return match millrace_plan::decode_command(&command) {
                Ok(command) => ways.give(&shared, command, reply),
                Err(error) => reply.send(Err(error)),
            };
        }
        // To decode a long one takes milliseconds, which are the caller's event loop's. It keeps its place among the writes.
        self.writes.give(reply, move |reply| match millrace_plan::decode_command(&command) {
            Ok(command) if is_write(&command) => write::execute(&shared, command, reply),
            Ok(command) => ways.give(&shared, command, reply),
            Err(error) => reply.send(Err(error)),
        });
    }

    fn ways(&self) -> Ways {
        Ways { queries: self.queries.clone(), writes: self.writes.clone(), ddl: self.ddl.clone() }
    }

    /// Begins a transaction; answered with its number, once the views have reached its snapshot.
    pub fn begin(&self, command: &[u8], reply: Reply<u64>) {
        let shared = self.shared.clone();
        let read_only = millrace_plan::decode_command(command).and_then(|command| {
            millrace_plan::validate_command(&command, &*shared.catalog())?;
            match command {
                Command::Begin { read_only, .. } => Ok(read_only),
                _ => Err(Error::new(Code::ProtocolViolation, "the command does not begin a transaction")),
            }
        });
        match read_only {
            Ok(read_only) => self.queries.give(reply, move |reply| reply.answer(|| begin(&shared, read_only))),
            Err(error) => reply.send(Err(error)),
        }
    }

    /// Runs a query to an Arrow IPC stream. `ticket` is the caller's name for it, for `cancel`.
    pub fn query(&self, command: Vec<u8>, ticket: u32, reply: Reply<Vec<u8>>) {
        let cancel = Arc::new(AtomicBool::new(false));
        {
            let mut running = self.shared.running.lock();
            if running.contains_key(&ticket) {
                drop(running);
                let error = Error::new(Code::ProtocolViolation, format!("query ticket {ticket} is in use"));
                return reply.send(Err(error));
            }
            running.insert(ticket, cancel.clone());
        }
        let running = Ticket { shared: self.shared.clone(), ticket };
        self.queries.give(reply, move |reply| {
            let result = crate::reply::caught(|| read::query(&running.shared, &command, &cancel));
            // Before the answer: the caller may use the ticket again at once.
            drop(running);
            reply.send(result);
        });
    }

    /// Runs a query on the caller's thread, where that takes less time than to change threads; nothing where it may take longer.
    pub fn query_at_once(&self, command: &[u8]) -> Result<Option<Vec<u8>>> {
        let Some((schema, rows)) = query_at_once(&self.shared, command)? else { return Ok(None) };
        crate::ipc::encode(&schema, [Ok(rows)]).map(Some)
    }

    /// The same, as PostgreSQL's `DataRow` messages.
    pub fn rows_at_once(&self, command: &[u8], formats: &[u16]) -> Result<Option<DataRows>> {
        let Some((schema, rows)) = query_at_once(&self.shared, command)? else { return Ok(None) };
        let formats: Vec<Format> = formats.iter().map(|&code| Format::from_code(code)).collect::<Result<_>>()?;
        millrace_wire::batch_rows(&shown(&schema, &rows)?, &formats).map(Some)
    }

    /// The look-up that a query is, its parameters in their places; nothing if it is something else.
    pub fn look_up(&self, command: &[u8]) -> Result<Option<LookUp>> {
        LookUp::of(&self.shared, command)
    }

    /// For one client of the server.
    pub fn shortcut(&self) -> Shortcut {
        Shortcut::new(self.shared.clone(), self.texts.clone())
    }

    /// A result as PostgreSQL's `DataRow` messages; `formats` are its format codes.
    pub fn data_rows(&self, ipc: Vec<u8>, formats: Vec<u16>, reply: Reply<DataRows>) {
        self.queries.give(reply, move |reply| reply.answer(|| data_rows(&ipc, &formats)));
    }

    pub fn cancel(&self, ticket: u32) {
        if let Some(cancel) = self.shared.running.lock().get(&ticket) {
            cancel.store(true, Ordering::Relaxed);
        }
        self.shared.published.wake();
    }

    /// Appends an Arrow IPC stream of rows, which may be in pieces; `head` is MessagePack of `plan::Append`.
    pub fn append(&self, head: Vec<u8>, ipc: Vec<Vec<u8>>, reply: Reply<Executed>) {
        let shared = self.shared.clone();
        self.writes.give(reply, move |reply| match decode_append(&head) {
            Ok(head) => write::append(&shared, &head, ipc, reply),
            Err(error) => reply.send(Err(error)),
        });
    }

    pub fn subscribe(&self, command: Vec<u8>, reply: Reply<Arc<Subscription>>) {
        let (shared, deliveries) = (self.shared.clone(), self.deliveries.clone());
        self.ddl.give(reply, move |reply| reply.answer(|| subscribe(&shared, &deliveries, &command)));
    }

    /// Joins a consumer group.
    pub fn consumer(&self, command: Vec<u8>, reply: Reply<Arc<Consumer>>) {
        let (shared, queries, consumers) = (self.shared.clone(), self.queries.clone(), self.consumers.clone());
        let pools = Pools { queries, consumers };
        self.queries.give(reply, move |reply| reply.answer(|| consumer::open(&shared, pools, &command)));
    }

    /// Counters as JSON.
    pub fn stats(&self, reply: Reply<String>) {
        let shared = self.shared.clone();
        self.deliveries.give(reply, move |reply| reply.answer(|| Ok(stats::json(&shared))));
    }

    pub fn reset_freshness(&self) {
        self.shared.freshness.reset();
        self.shared.connectors.reset_freshness();
    }

    /// Refuses new work, ends what runs, delivers what waits, joins all threads. A second call does nothing.
    pub fn close(&self) {
        let _one_at_a_time = self.closing.lock();
        let shared = &self.shared;
        self.abandon();
        self.ddl.stop();
        self.writes.stop();
        self.queries.stop();
        shared.connectors.stop_sources();
        shared.mailbox.stop();
        if let Some(flow) = self.flow.lock().take() {
            flow.join().ok();
        }
        shared.connectors.end_sinks(SINK_GRACE);
        // What is left of a run of numbers is lost with a log that takes no commit any more: a gap, as after a crash.
        shared.identities.close(&shared.log, &shared.catalog()).ok();
        shared.log.close();
        self.deliveries.stop();
        self.consumers.stop();
    }

    /// As `close`, on a thread of its own.
    pub fn close_async(self: Arc<Self>, reply: Reply<()>) {
        let closing = self.clone();
        let (done, answer) = (Arc::new(Mutex::new(Some(reply))), self);
        let of_thread = done.clone();
        let spawned = spawn("close", move || {
            let reply = of_thread.lock().take();
            if let Some(reply) = reply {
                reply.answer(|| {
                    closing.close();
                    Ok(())
                });
            }
        });
        if let Err(error) = spawned {
            answer.abandon();
            let reply = done.lock().take();
            if let Some(reply) = reply {
                reply.send(Err(error));
            }
        }
    }

    /// Tells all work to end, without waiting.
    fn abandon(&self) {
        self.shared.closing.store(true, Ordering::Release);
        self.shared.running.lock().values().for_each(|cancel| cancel.store(true, Ordering::Relaxed));
        self.shared.published.wake();
        self.shared.groups.poke_all();
    }
}

impl Drop for Engine {
    /// An engine that nobody closed is dropped with its process or its last reference: it must not hold either up.
    fn drop(&mut self) {
        self.abandon();
        self.shared.connectors.abandon();
        self.shared.mailbox.stop();
    }
}

/// Takes the query's cancel flag out of the list, however the query ends.
struct Ticket {
    shared: Arc<Shared>,
    ticket: u32,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.shared.running.lock().remove(&self.ticket);
    }
}

fn decode_append(head: &[u8]) -> Result<Append> {
    rmp_serde::from_slice(head)
        .map_err(|e| Error::new(Code::ProtocolViolation, format!("the head of the append is not valid: {e}")))
}

fn parse_durability(text: Option<&str>) -> Result<Durability> {
    let refused = |text: &str| {
        Error::new(Code::InvalidParameterValue, format!("invalid durability \"{text}\""))
            .with_hint("Use \"commit\", \"interval\", \"interval:<milliseconds>\" or \"none\".")
    };
    match text {
        None | Some("commit") => Ok(Durability::Commit),
        Some("none") => Ok(Durability::None),
        Some("interval") => Ok(Durability::Interval(INTERVAL_DEFAULT)),
        Some(text) => {
            let millis = text.strip_prefix("interval:").and_then(|ms| ms.parse::<u32>().ok()).filter(|&ms| ms > 0);
            millis.map(|ms| Durability::Interval(Duration::from_millis(ms.into()))).ok_or_else(|| refused(text))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durability_is_parsed_or_refused() {
        assert_eq!(parse_durability(None).unwrap(), Durability::Commit);
        assert_eq!(parse_durability(Some("none")).unwrap(), Durability::None);
        let interval = Durability::Interval(Duration::from_millis(20));
        assert_eq!(parse_durability(Some("interval:20")).unwrap(), interval);
        for wrong in ["", "interval:", "interval:0", "interval:-1", "always"] {
            assert_eq!(parse_durability(Some(wrong)).unwrap_err().code, Code::InvalidParameterValue, "{wrong}");
        }
    }
}
