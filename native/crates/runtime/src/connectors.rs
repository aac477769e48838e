//! The sources and sinks that run: one thread each, started with their definition and stopped with it.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use millrace_base::{Error, RelationId, Result};
use millrace_connect::{KafkaReader, KafkaWriter};
use millrace_plan::{ColumnDef, Definition, DefinitionKind, Field};
use parking_lot::{Condvar, Mutex};

use crate::catalog::{Catalog, Object};
use crate::histogram::Histogram;
use crate::pool::spawn;
use crate::reply::caught;
use crate::shared::Shared;
use crate::{sink_thread, source_thread};

/// What a connector says of itself.
#[derive(Default)]
pub struct Status {
    pub rows: AtomicU64,
    pub dead_letters: AtomicU64,
    /// Messages at the broker that are not read yet.
    pub lag: AtomicI64,
    /// From commit to delivered, in rows; of sinks.
    pub delivery: Histogram,
    /// What is in the way, in words; retried by itself unless `failed`.
    pub trouble: Mutex<Option<String>>,
    /// Stopped for good, with this error.
    pub failed: Mutex<Option<Error>>,
}

impl Status {
    pub fn add_rows(&self, rows: usize) {
        self.rows.fetch_add(rows as u64, Ordering::Relaxed);
    }

    pub fn set_trouble(&self, trouble: Option<&str>) {
        *self.trouble.lock() = trouble.map(str::to_string);
    }

    /// What is wrong, if anything is.
    pub fn error(&self) -> Option<String> {
        let failed = self.failed.lock().as_ref().map(|error| match &error.hint {
            Some(hint) => format!("{}. {hint}", error.message),
            None => error.message.clone(),
        });
        failed.or_else(|| self.trouble.lock().clone())
    }
}

/// Asks a thread to end, and wakes it if it waits.
#[derive(Default)]
pub struct Stop {
    asked: AtomicBool,
    lock: Mutex<()>,
    wake: Condvar,
}

impl Stop {
    pub fn is_asked(&self) -> bool {
        self.asked.load(Ordering::Acquire)
    }

    pub fn ask(&self) {
        let _lock = self.lock.lock();
        self.asked.store(true, Ordering::Release);
        self.wake.notify_all();
    }

    /// Waits this long, or until asked; true when asked.
    pub fn wait(&self, time: Duration) -> bool {
        let deadline = Instant::now() + time;
        let mut lock = self.lock.lock();
        while !self.is_asked() {
            if self.wake.wait_until(&mut lock, deadline).timed_out() {
                break;
            }
        }
        self.is_asked()
    }
}

struct Running {
    is_sink: bool,
    stop: Arc<Stop>,
    status: Arc<Status>,
    thread: JoinHandle<()>,
}

#[derive(Default)]
pub struct Connectors {
    running: Mutex<HashMap<RelationId, Running>>,
}

/// The columns that a sink writes.
pub fn sink_fields(catalog: &Catalog, from: RelationId) -> Result<Vec<Field>> {
    let object: &Arc<Object> = catalog.require(from)?;
    match &object.definition.object {
        DefinitionKind::MaterializedView { columns, .. } => Ok(columns.clone()),
        _ => Ok(object.stored_columns().unwrap_or_default().iter().map(ColumnDef::field).collect()),
    }
}

/// That a source's or sink's settings are right, before its definition is committed. Talks to nobody.
pub fn check(definition: &Definition, catalog: &Catalog) -> Result<()> {
    match &definition.object {
        DefinitionKind::Source { columns, kafka, .. } => KafkaReader::open(kafka, columns, &[]).map(drop),
        DefinitionKind::Sink { from, key, kafka } => {
            KafkaWriter::open(kafka, &sink_fields(catalog, *from)?, key).map(drop)
        }
        _ => Ok(()),
    }
}

impl Connectors {
    /// Starts the thread of a source or sink; does nothing for other objects.
    pub fn start(&self, shared: &Arc<Shared>, definition: &Definition) -> Result<()> {
        let is_sink = match definition.object {
            DefinitionKind::Source { .. } => false,
            DefinitionKind::Sink { .. } => true,
            _ => return Ok(()),
        };
        let stop = Arc::new(Stop::default());
        let status = Arc::new(Status::default());
        let thread = {
            let (shared, definition, stop, status) = (shared.clone(), definition.clone(), stop.clone(), status.clone());
            let name = if is_sink { "sink" } else { "source" };
            spawn(name, move || {
                let ended = caught(|| {
                    if is_sink {
                        sink_thread::run(&shared, &definition, &stop, &status)
                    } else {
                        source_thread::run(&shared, &definition, &stop, &status)
                    }
                });
                if let Err(error) = ended {
                    *status.failed.lock() = Some(error);
                }
            })?
        };
        self.running.lock().insert(definition.id, Running { is_sink, stop, status, thread });
        Ok(())
    }

    /// Stops those of these objects that run, and waits for them.
    pub fn stop(&self, ids: &[RelationId]) {
        let mut stopped: Vec<Running> = Vec::new();
        {
            let mut running = self.running.lock();
            stopped.extend(ids.iter().filter_map(|id| running.remove(id)));
        }
        stopped.iter().for_each(|r| r.stop.ask());
        stopped.into_iter().for_each(join);
    }

    pub fn stop_sources(&self) {
        let ids: Vec<RelationId> = self.running.lock().iter().filter(|(_, r)| !r.is_sink).map(|(id, _)| *id).collect();
        self.stop(&ids);
    }

    /// Lets sinks deliver what they have, at most for `grace`; then stops them.
    pub fn end_sinks(&self, grace: Duration) {
        let deadline = Instant::now() + grace;
        let sinks: Vec<Running> = self.running.lock().drain().map(|(_, r)| r).collect();
        while Instant::now() < deadline && sinks.iter().any(|r| !r.thread.is_finished()) {
            std::thread::sleep(Duration::from_millis(5));
        }
        sinks.iter().for_each(|r| r.stop.ask());
        sinks.into_iter().for_each(join);
    }

    /// Asks all to end without waiting.
    pub fn abandon(&self) {
        self.running.lock().values().for_each(|r| r.stop.ask());
    }

    pub fn reset_freshness(&self) {
        self.running.lock().values().for_each(|r| r.status.delivery.reset());
    }

    pub fn status(&self, id: RelationId) -> Option<Arc<Status>> {
        self.running.lock().get(&id).map(|r| r.status.clone())
    }
}

fn join(running: Running) {
    // Its own panic was caught and is in its status.
    running.thread.join().ok();
}
