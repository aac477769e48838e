//! A member of a consumer group. It pulls: batches of one of its partitions, from where the group has come to, each
//! reader at its own pace. A pull that finds nothing leaves a waker and no thread waits; commits never wait for it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arrow_schema::SchemaRef;
use millrace_base::{Code, Epoch, Error, RelationId, Result};
use millrace_plan::{Command, DataType, Seek, validate_command, validate_position};
use parking_lot::Mutex;

use crate::consumer_read::{Limits, Place, schema_of};
use crate::groups::{Share, not_yours};
use crate::pool::Pool;
use crate::position;
use crate::reply::{Reply, caught};
use crate::shared::Shared;

/// Rows of one partition: an Arrow IPC stream of the columns asked for, then `epoch` and `time`.
pub struct ConsumedRows {
    pub partition: u32,
    pub first_offset: u64,
    pub next_offset: u64,
    /// Rows before these that were gone before they were read.
    pub skipped: u64,
    pub ipc: Vec<u8>,
}

/// The answer to one pull: at least one of the two.
#[derive(Default)]
pub struct Consumed {
    /// The member's partitions, if they are others than before.
    pub assigned: Option<Vec<u32>>,
    pub rows: Option<ConsumedRows>,
}

/// Where a consumer's work is done.
pub struct Pools {
    /// Looks for places in the log.
    pub queries: Arc<Pool>,
    /// Reads batches.
    pub consumers: Arc<Pool>,
}

pub struct Consumer {
    pub(crate) shared: Arc<Shared>,
    pools: Pools,
    group: String,
    pub(crate) stream: RelationId,
    name: String,
    member: u64,
    pub(crate) columns: Vec<u32>,
    /// The columns, `epoch` and `time`.
    pub(crate) schema: SchemaRef,
    reading: Mutex<Reading>,
    closed: AtomicBool,
}

#[derive(Default)]
struct Reading {
    busy: bool,
    /// The partition that had its turn last.
    last: u32,
    places: BTreeMap<u32, Place>,
}

/// Joins a group.
pub fn open(shared: &Arc<Shared>, pools: Pools, command: &[u8]) -> Result<Arc<Consumer>> {
    shared.check_alive()?;
    let command = millrace_plan::decode_command(command)?;
    let catalog = shared.catalog();
    validate_command(&command, &*catalog)?;
    let Command::ConsumerOpen { group, stream, columns, from, .. } = command else {
        return Err(Error::new(Code::ProtocolViolation, "the command does not open a consumer"));
    };
    let object = catalog.require(stream)?;
    let stored = object.stored_columns().ok_or_else(|| Error::internal("a stream without columns"))?;
    let chosen = columns.iter().map(|&c| &stored[c as usize]);
    let (names, types): (Vec<String>, Vec<DataType>) = chosen.map(|c| (c.name.clone(), c.data_type)).unzip();
    let count = position::partitions(&shared.log, object);
    // Where the group has been already, `from` says nothing, and cannot be wrong.
    let committed = shared.log.group_offsets_settled(&group, stream);
    let fresh: Vec<u32> = (0..count).filter(|partition| !committed.contains_key(partition)).collect();
    let starts = position::resolve(shared, &catalog, stream, &fresh, &from)?;
    let member = shared.groups.join(stream, &group, count, starts.into_iter().collect())?;
    Ok(Arc::new(Consumer {
        shared: shared.clone(),
        pools,
        group,
        stream,
        name: object.definition.name.clone(),
        member,
        columns,
        schema: schema_of(names, types),
        reading: Mutex::default(),
        closed: AtomicBool::new(false),
    }))
}

impl Consumer {
    /// Its number, which no other member has as long as the database is open.
    pub fn member(&self) -> u64 {
        self.member
    }

    /// Answers with the next batch once there is one; `None` after the end. One call at a time.
    pub fn next(self: &Arc<Self>, rows_max: u32, bytes_max: u32, reply: Reply<Option<Consumed>>) {
        if self.ended() {
            return reply.send(Ok(None));
        }
        let mut reading = self.reading.lock();
        if reading.busy {
            drop(reading);
            return reply.send(Err(Error::new(Code::ObjectInUse, "the consumer's last next() has not ended")));
        }
        reading.busy = true;
        drop(reading);
        let limits = Limits { rows: rows_max.max(1) as usize, bytes: bytes_max as usize };
        Turn { consumer: self.clone(), limits }.deliver_soon(reply);
    }

    /// Reads on from another place; `seek` is MessagePack of `plan::Seek`.
    pub fn seek(self: &Arc<Self>, seek: Vec<u8>, reply: Reply<()>) {
        let consumer = self.clone();
        self.pools.queries.give(reply, move |reply| reply.answer(|| consumer.go(&seek)));
    }

    fn go(&self, seek: &[u8]) -> Result<()> {
        self.shared.check_alive()?;
        let seek: Seek = rmp_serde::from_slice(seek)
            .map_err(|e| Error::new(Code::ProtocolViolation, format!("the seek is not valid: {e}")))?;
        let catalog = self.shared.catalog();
        validate_position(&seek.to, &*catalog)?;
        let stream = catalog.get(self.stream).ok_or_else(|| self.dropped())?;
        let mut wanted = position::chosen(&self.shared.log, stream, seek.partition)?;
        let owned = self.shared.groups.owned(self.stream, &self.group, self.member);
        match seek.partition {
            Some(partition) if !owned.contains_key(&partition) => return Err(not_yours(&self.group, partition)),
            _ => wanted.retain(|partition| owned.contains_key(partition)),
        }
        let places = position::resolve(&self.shared, &catalog, self.stream, &wanted, &seek.to)?;
        let mut reading = self.reading.lock();
        for (partition, next) in places {
            let version = reading.places.get(&partition).map_or(1, |place| place.version + 1);
            reading.places.insert(partition, Place::sought(owned[&partition], version, next));
        }
        drop(reading);
        self.shared.groups.poke(self.stream, &self.group, self.member);
        Ok(())
    }

    /// Leaves the group; a pull that waits answers with the end.
    pub fn close(&self) {
        if !self.closed.swap(true, Ordering::AcqRel) {
            self.shared.groups.leave(self.stream, &self.group, self.member);
        }
    }

    fn ended(&self) -> bool {
        self.closed.load(Ordering::Acquire) || self.shared.check_open().is_err()
    }

    fn dropped(&self) -> Error {
        Error::new(Code::UndefinedTable, format!("relation \"{}\" does not exist", self.name))
            .with_detail("The stream was dropped while the consumer was open.")
    }

    fn deliver(&self, limits: Limits) -> Result<Step> {
        if self.ended() {
            return Ok(Step::Give(None));
        }
        self.shared.check_alive()?;
        if self.shared.catalog().get(self.stream).is_none() {
            return Err(self.dropped());
        }
        let Some(share) = self.shared.groups.share(self.stream, &self.group, self.member) else {
            return Ok(Step::Give(None));
        };
        let assigned = share.changed.then(|| share.partitions.keys().copied().collect());
        if share.more {
            return Ok(Step::Give(Some(Consumed { assigned, rows: None })));
        }
        self.take_over(&share);
        // Rows of later commits wake the waker that is left then.
        let seen = self.shared.log.durable_epoch();
        let rows = self.read(&share, seen, limits)?;
        match (&assigned, &rows) {
            (None, None) => Ok(Step::Wait { generation: share.generation, seen }),
            _ => Ok(Step::Give(Some(Consumed { assigned, rows }))),
        }
    }

    /// Forgets partitions that are gone and finds out where to read those that have come.
    fn take_over(&self, share: &Share) {
        let is_new =
            |places: &BTreeMap<u32, Place>, p: &u32, since: u64| places.get(p).is_none_or(|place| place.since != since);
        {
            let mut reading = self.reading.lock();
            reading.places.retain(|partition, place| share.partitions.get(partition) == Some(&place.since));
            if !share.partitions.iter().any(|(p, since)| is_new(&reading.places, p, *since)) {
                return;
            }
        }
        // What the one before has committed is settled now; what it commits later is refused.
        let committed = self.shared.log.group_offsets_settled(&self.group, self.stream);
        for (&partition, &since) in &share.partitions {
            let start = || self.shared.groups.start(self.stream, &self.group, partition);
            let next = committed.get(&partition).copied().unwrap_or_else(start);
            let mut reading = self.reading.lock();
            if is_new(&reading.places, &partition, since) {
                reading.places.insert(partition, Place::at(since, next));
            }
        }
    }

    /// Rows of the next partition in turn that has some.
    fn read(&self, share: &Share, upto: Epoch, limits: Limits) -> Result<Option<ConsumedRows>> {
        let extents: BTreeMap<u32, _> = self.shared.log.extents(self.stream).into_iter().collect();
        let last = self.reading.lock().last;
        let after = share.partitions.range(last.saturating_add(1)..);
        let turns: Vec<u32> = after.chain(share.partitions.range(..=last)).map(|(p, _)| *p).collect();
        for partition in turns {
            let Some(extent) = extents.get(&partition) else { continue };
            // Again, when a seek came in between.
            loop {
                let Some(mut place) = self.reading.lock().places.get_mut(&partition).map(Place::lend) else { break };
                let version = place.version;
                let found = self.read_partition(partition, &mut place, *extent, upto, limits)?;
                let mut reading = self.reading.lock();
                let Some(kept) = reading.places.get_mut(&partition) else { break };
                if kept.version != version {
                    continue;
                }
                *kept = place;
                let Some(rows) = found else { break };
                reading.last = partition;
                return Ok(Some(rows));
            }
        }
        Ok(None)
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        self.close();
    }
}

/// One `next` on its way; the following one may begin when it is dropped.
struct Turn {
    consumer: Arc<Consumer>,
    limits: Limits,
}

impl Turn {
    fn deliver_soon(self, reply: Reply<Option<Consumed>>) {
        let pool = self.consumer.pools.consumers.clone();
        pool.give(reply, move |reply| {
            let result = match caught(|| self.consumer.deliver(self.limits)) {
                Ok(Step::Wait { generation, seen }) => return self.deliver_when_ready(generation, seen, reply),
                Ok(Step::Give(consumed)) => Ok(consumed),
                Err(error) => Err(error),
            };
            drop(self);
            reply.send(result);
        });
    }

    fn deliver_when_ready(self, generation: u64, seen: Epoch, reply: Reply<Option<Consumed>>) {
        let consumer = self.consumer.clone();
        let (stream, group, member) = (consumer.stream, &consumer.group, consumer.member);
        consumer.shared.groups.on_ready(stream, group, member, (generation, seen), move || self.deliver_soon(reply));
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.consumer.reading.lock().busy = false;
    }
}

enum Step {
    Give(Option<Consumed>),
    Wait { generation: u64, seen: Epoch },
}
