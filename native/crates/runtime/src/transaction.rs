//! Transactions of several statements: they read one snapshot and their own writes, and become one commit. Snapshot
//! isolation; of two that change the same row the first to commit wins.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use arrow_array::RecordBatch;
use millrace_base::{Code, Epoch, Error, RelationId, Result};
use millrace_log::{Commit, GroupOffset, Log};
use parking_lot::Mutex;

use crate::catalog::Catalog;
use crate::effect::Effect;
use crate::groups::Claim;
use crate::overlay::{Overlaid, Overlay, refuse_conflict};
use crate::pins::Pin;
use crate::published::Views;
use crate::savepoints::Savepoints;
use crate::shared::Shared;
use crate::target_rows::TargetRows;
use crate::unique::Pending;

/// Transactions open at once; each holds a snapshot.
const OPEN_MAX: usize = 1000;

#[derive(Default)]
pub struct Transactions {
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    next: u64,
    by_number: HashMap<u64, Arc<Mutex<Transaction>>>,
}

impl Transactions {
    pub fn insert(&self, transaction: Transaction) -> Result<u64> {
        let mut open = self.open.lock();
        if open.by_number.len() >= OPEN_MAX {
            return Err(Error::new(Code::InsufficientResources, format!("{OPEN_MAX} transactions are open"))
                .with_hint("Commit or roll back those that are not needed."));
        }
        open.next += 1;
        let number = open.next;
        open.by_number.insert(number, Arc::new(Mutex::new(transaction)));
        Ok(number)
    }

    pub fn get(&self, number: u64) -> Result<Arc<Mutex<Transaction>>> {
        self.open.lock().by_number.get(&number).cloned().ok_or_else(|| unknown(number))
    }

    /// Ends a transaction.
    pub fn take(&self, number: u64) -> Result<Arc<Mutex<Transaction>>> {
        self.open.lock().by_number.remove(&number).ok_or_else(|| unknown(number))
    }
}

fn unknown(number: u64) -> Error {
    Error::new(Code::NoActiveTransaction, format!("transaction {number} is not open"))
}

pub struct Transaction {
    pin: Pin,
    /// The views at the snapshot.
    pub views: Arc<Views>,
    read_only: bool,
    savepoints: Savepoints,
    tables: BTreeMap<RelationId, Overlay>,
    /// Rows for streams, in order.
    appended: Vec<(RelationId, RecordBatch)>,
    truncated: Vec<RelationId>,
    groups: Vec<GroupOffset>,
    claims: Vec<Claim>,
    /// What was done to the values of unique indexes.
    pending: Pending,
}

/// Takes the snapshot: every commit that was acknowledged before, and the views that have seen them.
pub fn begin(shared: &Shared, read_only: bool) -> Result<u64> {
    shared.check_alive()?;
    let never = std::sync::atomic::AtomicBool::new(false);
    shared.published.wait(shared.log.durable_epoch(), &never)?;
    let mut views = None;
    let pin = shared.pins.pin(|| views.insert(shared.published.now()).frontier);
    let views = views.ok_or_else(|| Error::internal("a pin without its views"))?;
    shared.transactions.insert(Transaction {
        pin,
        views,
        read_only: read_only || shared.log.is_read_only(),
        savepoints: Savepoints::default(),
        tables: BTreeMap::new(),
        appended: Vec::new(),
        truncated: Vec::new(),
        groups: Vec::new(),
        claims: Vec::new(),
        pending: Pending::default(),
    })
}

impl Transaction {
    pub fn snapshot(&self) -> Epoch {
        self.pin.epoch()
    }

    pub fn pending(&self) -> &Pending {
        &self.pending
    }

    pub fn overlay(&self, table: RelationId) -> Option<&Overlay> {
        self.tables.get(&table)
    }

    /// Whether it sees other rows of a relation than its snapshot has.
    pub fn changes(&self, relation: RelationId) -> bool {
        self.tables.contains_key(&relation) || self.truncates(relation) || self.appended(relation).next().is_some()
    }

    /// The rows that this transaction has for a stream.
    pub fn appended(&self, stream: RelationId) -> impl Iterator<Item = &RecordBatch> {
        self.appended.iter().filter(move |(id, _)| *id == stream).map(|(_, batch)| batch)
    }

    pub fn truncates(&self, stream: RelationId) -> bool {
        self.truncated.contains(&stream)
    }

    /// A table as this transaction sees it.
    pub fn rows_of(&self, shared: &Shared, table: RelationId) -> Result<Box<dyn TargetRows + '_>> {
        let overlay = self.tables.get(&table);
        Ok(Box::new(Overlaid { table: shared.log.table(table)?, overlay, snapshot: self.snapshot() }))
    }

    /// Joins a statement's effect.
    pub fn absorb(&mut self, shared: &Shared, effect: Effect) -> Result<()> {
        let writes = !(effect.changes.is_empty()
            && effect.appended.is_empty()
            && effect.truncated.is_empty()
            && effect.groups.is_empty());
        if self.read_only && writes {
            return Err(Error::new(Code::ReadOnlyTransaction, "cannot write in a read-only transaction"));
        }
        for change in &effect.changes {
            let table = shared.log.table(change.relation)?;
            // What another has changed meanwhile cannot be committed any more: say so now.
            refuse_conflict(&table, &change.old, self.snapshot())?;
            if table.has_primary_key() {
                refuse_conflict(&table, &change.new, self.snapshot())?;
            }
        }
        let noted = self.savepoints.any().then(|| effect.clone());
        self.join(shared, effect)?;
        self.savepoints.note(noted);
        Ok(())
    }

    /// Puts an effect behind what was done so far.
    fn join(&mut self, shared: &Shared, effect: Effect) -> Result<()> {
        let catalog = shared.catalog();
        for change in effect.changes {
            self.pending.absorb(&catalog, &change)?;
            let table = shared.log.table(change.relation)?;
            let overlay = match self.tables.entry(change.relation) {
                std::collections::btree_map::Entry::Occupied(found) => found.into_mut(),
                std::collections::btree_map::Entry::Vacant(place) => {
                    place.insert(Overlay::new(table.schema().clone(), &table)?)
                }
            };
            overlay.absorb(&change)?;
        }
        for stream in effect.truncated {
            self.appended.retain(|(id, _)| *id != stream);
            if !self.truncated.contains(&stream) {
                self.truncated.push(stream);
            }
        }
        self.appended.extend(effect.appended);
        self.groups.extend(effect.groups);
        self.claims.extend(effect.claims);
        Ok(())
    }

    /// The one commit that does it all.
    pub fn commit(&self, shared: &Shared, catalog: &Catalog) -> Result<Commit> {
        self.so_far()?.into_commit(shared, catalog)
    }

    /// All that was done, as one effect.
    fn so_far(&self) -> Result<Effect> {
        let changes = self.tables.iter().map(|(&relation, overlay)| overlay.change(relation)).collect::<Result<_>>()?;
        Ok(Effect {
            rows: 0,
            changes,
            appended: self.appended.clone(),
            truncated: self.truncated.clone(),
            groups: self.groups.clone(),
            claims: self.claims.clone(),
            ..Effect::default()
        })
    }

    pub fn savepoint(&mut self) -> Result<()> {
        let base = if self.savepoints.any() { None } else { Some(self.so_far()?) };
        self.savepoints.push(base)
    }

    /// Forgets what was done since.
    pub fn rollback_to(&mut self, shared: &Shared, savepoint: u32) -> Result<()> {
        let kept = self.savepoints.back_to(savepoint)?;
        self.tables.clear();
        self.appended.clear();
        self.truncated.clear();
        self.groups.clear();
        self.claims.clear();
        self.pending.clear();
        kept.into_iter().try_for_each(|effect| self.join(shared, effect))
    }

    pub fn release(&mut self, savepoint: u32) -> Result<()> {
        self.savepoints.release(savepoint)
    }

    /// That nobody else has changed the same rows, and that consumers still read what they commit; asked where commits
    /// are put in order.
    pub fn check(&self, shared: &Shared, log: &Log) -> Result<()> {
        shared.groups.check(&self.claims)?;
        self.tables.iter().try_for_each(|(&relation, overlay)| overlay.check(log, relation, self.snapshot()))
    }
}
