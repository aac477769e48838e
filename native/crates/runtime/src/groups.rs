//! Consumer groups: who their members are, and which member reads which partition. A member leaves or joins without
//! waiting for anybody: a partition's new reader begins where the group has come to, and what its old one still commits
//! is refused, at the place where commits are put in order. So no row has its effect twice where offsets are committed
//! with what the rows caused.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use millrace_base::{Code, Epoch, Error, RelationId, Result};
use millrace_log::{Committed, GroupOffset, Log};
use millrace_plan::{PartitionOffset, Seek};
use parking_lot::{Mutex, MutexGuard};

use crate::assignment::{Owners, share};
use crate::catalog::Catalog;
use crate::effect::Effect;
use crate::position;
use crate::shared::Shared;

/// Members of all groups at once.
const MEMBERS_MAX: usize = 10_000;

/// What a commit says of a group. It is looked at again where the commit gets its place among all commits.
#[derive(Debug, Clone)]
pub enum Claim {
    /// The member reads these partitions.
    Reads { group: String, stream: RelationId, member: u64, partitions: Vec<u32> },
    /// Nobody is a member.
    Empty { group: String, stream: RelationId },
}

type Waker = Box<dyn FnOnce() + Send>;

#[derive(Default)]
pub struct Groups {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    last_member: u64,
    members: usize,
    streams: HashMap<RelationId, Stream>,
}

/// A stream that has consumers.
struct Stream {
    /// Of each partition, the newest durable commit that brought rows while there were consumers.
    newest: Vec<Epoch>,
    groups: HashMap<String, Group>,
}

struct Group {
    /// Counts the changes of who reads what.
    generation: u64,
    owners: Owners,
    /// Where partitions begin for which nothing is committed; the first member has said it.
    starts: BTreeMap<u32, u64>,
    members: BTreeMap<u64, Member>,
}

#[derive(Default)]
struct Member {
    /// The partitions that it knows to be its own, and the generations that gave them.
    told: Option<BTreeMap<u32, u64>>,
    waker: Option<Waker>,
    /// It is to look again though nothing that it waits for has come.
    poked: bool,
}

/// What a member may read.
pub struct Share {
    pub generation: u64,
    /// Each partition with the generation that gave it.
    pub partitions: BTreeMap<u32, u64>,
    /// It differs from what the member was told before.
    pub changed: bool,
    /// There is a partition that went away and came back: it comes once its going was told.
    pub more: bool,
}

impl Groups {
    /// A new member. `partitions` is how many the stream has; `starts` counts for the group's first member.
    pub fn join(&self, stream: RelationId, group: &str, partitions: u32, starts: BTreeMap<u32, u64>) -> Result<u64> {
        let mut state = self.state.lock();
        if state.members >= MEMBERS_MAX {
            return Err(Error::new(Code::InsufficientResources, format!("{MEMBERS_MAX} consumers are open"))
                .with_hint("Close those that are not needed."));
        }
        state.members += 1;
        state.last_member += 1;
        let number = state.last_member;
        let found =
            state.streams.entry(stream).or_insert_with(|| Stream { newest: Vec::new(), groups: HashMap::new() });
        found.widen(partitions);
        let group = found.groups.entry(group.to_string()).or_insert_with(|| Group {
            generation: 0,
            owners: Owners::new(),
            starts,
            members: BTreeMap::new(),
        });
        group.members.insert(number, Member::default());
        let woken = group.rebalance(partitions.max(group.owners.len() as u32));
        wake(state, woken);
        Ok(number)
    }

    /// The end of a member; the others get its partitions.
    pub fn leave(&self, stream: RelationId, group: &str, member: u64) {
        let mut state = self.state.lock();
        let Some(found) = state.streams.get_mut(&stream) else { return };
        let Some(members) = found.groups.get_mut(group) else { return };
        let Some(gone) = members.members.remove(&member) else { return };
        let mut woken: Vec<Waker> = gone.waker.into_iter().collect();
        if members.members.is_empty() {
            found.groups.remove(group);
        } else {
            woken.extend(members.rebalance(members.owners.len() as u32));
        }
        if found.groups.is_empty() {
            state.streams.remove(&stream);
        }
        state.members -= 1;
        wake(state, woken);
    }

    /// What the member reads from now on, and remembers that it was told. `None` when it is no member any more.
    pub fn share(&self, stream: RelationId, group: &str, member: u64) -> Option<Share> {
        let mut state = self.state.lock();
        let group = state.group(stream, group)?;
        let generation = group.generation;
        let owned = group.owners.of(member);
        let found = group.members.get_mut(&member)?;
        found.poked = false;
        let told = found.told.take();
        let known = |partition: &u32, since: u64| {
            told.as_ref().and_then(|told| told.get(partition)).is_none_or(|before| *before == since)
        };
        let all = owned.len();
        let partitions: BTreeMap<u32, u64> = owned.into_iter().filter(|(p, since)| known(p, *since)).collect();
        let more = partitions.len() < all;
        let changed = told.as_ref() != Some(&partitions);
        found.told = Some(partitions.clone());
        Some(Share { generation, partitions, changed, more })
    }

    /// The member's partitions now, and the generations that gave them.
    pub fn owned(&self, stream: RelationId, group: &str, member: u64) -> BTreeMap<u32, u64> {
        self.state.lock().group(stream, group).map(|group| group.owners.of(member)).unwrap_or_default()
    }

    /// Where a partition begins for which the group has committed nothing.
    pub fn start(&self, stream: RelationId, group: &str, partition: u32) -> u64 {
        let mut state = self.state.lock();
        state.group(stream, group).and_then(|group| group.starts.get(&partition).copied()).unwrap_or(0)
    }

    /// Calls `waker` once the member may have something to do: rows after `seen` in its partitions, other partitions than
    /// those of `generation`, or its end. At once, if that is so already.
    pub fn on_ready(
        &self,
        stream: RelationId,
        group: &str,
        member: u64,
        (generation, seen): (u64, Epoch),
        waker: impl FnOnce() + Send + 'static,
    ) {
        let mut state = self.state.lock();
        let mut waker: Option<Waker> = Some(Box::new(waker));
        if let Some(found) = state.streams.get_mut(&stream)
            && let Some(group) = found.groups.get_mut(group)
            && let Some(waiting) = group.members.get_mut(&member)
        {
            let newest = group.owners.of(member).into_keys().filter_map(|p| found.newest.get(p as usize)).max();
            let due = waiting.poked || group.generation != generation || newest.is_some_and(|newest| *newest > seen);
            if !due {
                waiting.waker = waker.take();
            }
        }
        wake(state, waker);
    }

    /// The member looks again.
    pub fn poke(&self, stream: RelationId, group: &str, member: u64) {
        let mut state = self.state.lock();
        let Some(group) = state.group(stream, group) else { return };
        let woken = group.members.get_mut(&member).and_then(Member::poke);
        wake(state, woken);
    }

    /// All look again: the engine ends, or the catalog is another one.
    pub fn poke_all(&self) {
        let mut state = self.state.lock();
        let mut woken = Vec::new();
        for group in state.streams.values_mut().flat_map(|stream| stream.groups.values_mut()) {
            woken.extend(group.members.values_mut().filter_map(Member::poke));
        }
        wake(state, woken);
    }

    /// The streams of a new catalog: some may have gone, some may have more partitions.
    pub fn catalog_changed(&self, log: &Log, catalog: &Catalog) {
        let streams: Vec<RelationId> = self.state.lock().streams.keys().copied().collect();
        for id in streams {
            let Some(object) = catalog.get(id) else { continue };
            let partitions = position::partitions(log, object);
            let mut state = self.state.lock();
            let mut woken = Vec::new();
            if let Some(stream) = state.streams.get_mut(&id) {
                stream.widen(partitions);
                let more = stream.groups.values_mut().filter(|group| (group.owners.len() as u32) < partitions);
                more.for_each(|group| woken.extend(group.rebalance(partitions)));
            }
            wake(state, woken);
        }
        self.poke_all();
    }

    /// A commit has become durable. Called by the journal thread: wakes those who wait for these rows, and nothing else.
    pub fn arrived(&self, committed: &Committed) {
        if committed.commit.rows.is_empty() {
            return;
        }
        let mut state = self.state.lock();
        if state.streams.is_empty() {
            return;
        }
        let mut woken = Vec::new();
        for part in &committed.commit.rows {
            let Some(stream) = state.streams.get_mut(&part.relation) else { continue };
            stream.widen(part.partition + 1);
            stream.newest[part.partition as usize] = committed.epoch;
            for group in stream.groups.values_mut() {
                let owner = group.owners.owner(part.partition).and_then(|owner| group.members.get_mut(&owner));
                woken.extend(owner.and_then(|owner| owner.waker.take()));
            }
        }
        wake(state, woken);
    }

    /// That what a commit says of its groups is so.
    pub fn check(&self, claims: &[Claim]) -> Result<()> {
        let mut state = self.state.lock();
        claims.iter().try_for_each(|claim| match claim {
            Claim::Empty { group, stream } => match state.group(*stream, group) {
                None => Ok(()),
                Some(_) => Err(Error::new(Code::ObjectInUse, format!("consumer group \"{group}\" has members"))
                    .with_hint("Close its consumers first, or let each of them seek.")),
            },
            Claim::Reads { group, stream, member, partitions } => {
                let found = state.group(*stream, group);
                let Some((found, told)) = found.and_then(|g| Some((&g.owners, g.members.get(member)?))) else {
                    let message = format!("member {member} has left consumer group \"{group}\"");
                    return Err(Error::new(Code::ObjectNotInPrerequisiteState, message)
                        .with_hint("Only an open consumer can commit."));
                };
                let told = told.told.as_ref();
                let lost = partitions.iter().find(|partition| {
                    let since = found.since(**partition, *member);
                    let known = told.and_then(|told| told.get(partition));
                    since.is_none() || known.is_some_and(|known| Some(*known) != since)
                });
                lost.map_or(Ok(()), |partition| Err(not_yours(group, *partition)))
            }
        })
    }

    /// Keeps the offsets that a member's group reads next.
    pub fn commit(
        &self,
        log: &Log,
        group: &str,
        stream: RelationId,
        member: u64,
        offsets: &[PartitionOffset],
    ) -> Result<Effect> {
        let partitions = offsets.iter().map(|o| o.partition).collect();
        let claim = Claim::Reads { group: group.to_string(), stream, member, partitions };
        self.check(std::slice::from_ref(&claim))?;
        let ends: BTreeMap<u32, u64> = log.extents(stream).into_iter().map(|(p, extent)| (p, extent.end)).collect();
        for offset in offsets {
            let end = ends.get(&offset.partition).copied().unwrap_or(0);
            if offset.next_offset > end {
                return Err(position::beyond(offset.next_offset, offset.partition, end));
            }
        }
        let places = offsets.iter().map(|o| (o.partition, o.next_offset)).collect();
        Ok(effect(group, stream, places, claim))
    }

    /// Moves a group that has no members.
    pub fn seek(
        &self,
        shared: &Arc<Shared>,
        catalog: &Catalog,
        group: &str,
        stream: RelationId,
        seek: &Seek,
    ) -> Result<Effect> {
        let claim = Claim::Empty { group: group.to_string(), stream };
        self.check(std::slice::from_ref(&claim))?;
        let partitions = position::chosen(&shared.log, catalog.require(stream)?, seek.partition)?;
        let places = position::resolve(shared, catalog, stream, &partitions, &seek.to)?;
        Ok(effect(group, stream, places, claim))
    }

    /// Forgets a group that has no members; counts 1 if there was one.
    pub fn forget(
        &self,
        log: &Log,
        catalog: &Catalog,
        group: &str,
        stream: RelationId,
        if_exists: bool,
    ) -> Result<Effect> {
        let claim = Claim::Empty { group: group.to_string(), stream };
        self.check(std::slice::from_ref(&claim))?;
        let known = log.group_offsets_settled(group, stream);
        if known.is_empty() && !if_exists {
            let name = &catalog.require(stream)?.definition.name;
            let message = format!("consumer group \"{group}\" of stream \"{name}\" does not exist");
            return Err(Error::new(Code::UndefinedObject, message)
                .with_hint("SHOW CONSUMER GROUPS lists those that have committed an offset."));
        }
        let gone = |partition| GroupOffset { group: group.to_string(), stream, partition, next_offset: None };
        let rows = u64::from(!known.is_empty());
        Ok(Effect { rows, groups: known.into_keys().map(gone).collect(), claims: vec![claim], ..Effect::default() })
    }
}

fn effect(group: &str, stream: RelationId, places: Vec<(u32, u64)>, claim: Claim) -> Effect {
    let place =
        |(partition, next)| GroupOffset { group: group.to_string(), stream, partition, next_offset: Some(next) };
    Effect { groups: places.into_iter().map(place).collect(), claims: vec![claim], ..Effect::default() }
}

pub fn not_yours(group: &str, partition: u32) -> Error {
    let message = format!("partition {partition} is not read by this member of consumer group \"{group}\"");
    Error::new(Code::ObjectNotInPrerequisiteState, message).with_hint(
        "Partitions change hands when members come and go, and another member reads this one's rows again. Read on: the next batch tells which partitions are this member's.",
    )
}

/// Wakes without the lock: a waker hands work to a pool.
fn wake(state: MutexGuard<'_, State>, woken: impl IntoIterator<Item = Waker>) {
    drop(state);
    woken.into_iter().for_each(|waker| waker());
}

impl State {
    fn group(&mut self, stream: RelationId, group: &str) -> Option<&mut Group> {
        self.streams.get_mut(&stream)?.groups.get_mut(group)
    }
}

impl Stream {
    fn widen(&mut self, partitions: u32) {
        let wanted = self.newest.len().max(partitions as usize);
        self.newest.resize(wanted, Epoch::ZERO);
    }
}

impl Group {
    /// Shares the partitions anew; gives the wakers of those for whom that changes something.
    fn rebalance(&mut self, partitions: u32) -> Vec<Waker> {
        let generation = self.generation + 1;
        let members: Vec<u64> = self.members.keys().copied().collect();
        let moved = share(&mut self.owners, partitions, &members, generation);
        if moved.is_empty() {
            return Vec::new();
        }
        self.generation = generation;
        self.members.iter_mut().filter(|(number, _)| moved.contains(number)).filter_map(|(_, m)| m.poke()).collect()
    }
}

impl Member {
    fn poke(&mut self) -> Option<Waker> {
        self.poked = self.waker.is_none();
        self.waker.take()
    }
}
