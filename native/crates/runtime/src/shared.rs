//! What all threads of one engine share.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use millrace_base::{Clock, Error, Result};
use millrace_exec::{Memory, Workers};
use millrace_log::Log;
use parking_lot::{Mutex, RwLock};

use crate::catalog::Catalog;
use crate::connectors::Connectors;
use crate::flow_thread::Request;
use crate::generated::Identities;
use crate::groups::Groups;
use crate::histogram::Histogram;
use crate::mailbox::Mailbox;
use crate::outstanding::Outstanding;
use crate::pins::Pins;
use crate::published::Published;
use crate::reply::closed;
use crate::transaction::Transactions;
use crate::unique::Uniques;

pub struct Shared {
    pub log: Log,
    pub clock: Arc<dyn Clock>,
    catalog: RwLock<Arc<Catalog>>,
    /// Writers hold it while they check and commit; a change of the catalog takes it alone.
    pub gate: RwLock<()>,
    /// Those of several statements that are open.
    pub transactions: Transactions,
    pub uniques: Uniques,
    pub identities: Identities,
    pub outstanding: Arc<Outstanding>,
    pub groups: Arc<Groups>,
    /// Counts writes to streams whose rows have no key: their partitions take turns.
    pub writes_without_key: AtomicU64,
    /// One change of the catalog at a time.
    pub ddl: Mutex<()>,
    pub published: Arc<Published>,
    pub mailbox: Arc<Mailbox<Request>>,
    pub pins: Arc<Pins>,
    /// The threads that help queries.
    pub workers: Workers,
    /// What queries may hold.
    pub memory: Arc<Memory>,
    /// From commit to published, in rows.
    pub freshness: Histogram,
    /// The cancel flags of the queries that wait or run.
    pub running: Mutex<HashMap<u32, Arc<AtomicBool>>>,
    pub connectors: Connectors,
    /// Why the engine has stopped working, if it has.
    failure: Mutex<Option<Error>>,
    pub closing: AtomicBool,
}

impl Shared {
    pub fn new(
        log: Log,
        clock: Arc<dyn Clock>,
        catalog: Catalog,
        groups: Arc<Groups>,
        published: Arc<Published>,
        mailbox: Arc<Mailbox<Request>>,
        memory: Arc<Memory>,
    ) -> Self {
        Self {
            log,
            clock,
            catalog: RwLock::new(Arc::new(catalog)),
            gate: RwLock::new(()),
            transactions: Transactions::default(),
            uniques: Uniques::default(),
            identities: Identities::default(),
            outstanding: Arc::default(),
            groups,
            writes_without_key: AtomicU64::new(0),
            ddl: Mutex::new(()),
            published,
            mailbox,
            pins: Arc::default(),
            workers: Workers::per_core(),
            memory,
            freshness: Histogram::default(),
            running: Mutex::default(),
            connectors: Connectors::default(),
            failure: Mutex::new(None),
            closing: AtomicBool::new(false),
        }
    }

    pub fn now_us(&self) -> i64 {
        self.clock.now_us()
    }

    pub fn catalog(&self) -> Arc<Catalog> {
        self.catalog.read().clone()
    }

    pub fn set_catalog(&self, catalog: Catalog) {
        *self.catalog.write() = Arc::new(catalog);
    }

    /// Ends long work when the engine is being closed.
    pub fn check_open(&self) -> Result<()> {
        if self.closing.load(Ordering::Acquire) { Err(closed()) } else { Ok(()) }
    }

    /// Refuses work on an engine that is closed or broken.
    pub fn check_alive(&self) -> Result<()> {
        self.check_open()?;
        self.failure.lock().as_ref().map_or(Ok(()), |error| Err(error.clone()))
    }

    /// Refuses writes on a database that is open to be read only.
    pub fn check_writable(&self) -> Result<()> {
        self.check_alive()?;
        self.log.check_writable()
    }

    /// A thread that all depend on has died: every later call says so, and nobody waits for it.
    pub fn poison(&self, error: Error) {
        self.failure.lock().get_or_insert_with(|| error.clone());
        self.published.end(error);
        self.mailbox.kill();
        self.groups.poke_all();
    }
}
