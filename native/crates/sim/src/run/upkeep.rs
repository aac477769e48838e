//! What a run does beside commits and reads: sealing, compaction, retention, the horizon, backups, and going on after a
//! full disk.

use std::path::Path;
use std::sync::Arc;

use millrace_base::{Clock, Epoch, RelationId};
use millrace_log::{Durability, Log, LogOptions, Retention, SegmentEntry};

use super::{End, Run, is_resumable};
use crate::chance::SimRng;
use crate::check::{allow, check_ledger, check_rows};
use crate::clock::SimClock;
use crate::fault::{Fault, Op};

const BACKUP: &str = "/backup";

/// A partition, and where it is to begin.
type Start = (RelationId, u32, u64);

impl Run {
    pub(super) fn maintain(&mut self) -> Result<(), String> {
        if self.dice.percent(60) {
            self.log().request_rotation();
        }
        for _ in 0..self.dice.within(1..8) {
            if !self.maintain_once()? {
                break;
            }
        }
        Ok(())
    }

    /// One unit of it; false when there is nothing to do or it failed.
    fn maintain_once(&mut self) -> Result<bool, String> {
        let segments = self.log().segments();
        let due: Vec<Start> = self.retention.iter().flat_map(|(&id, r)| self.due(id, r, &segments)).collect();
        let done = self.log().maintain();
        // With the drop of a stream its segments go as well.
        let exists = |start: &&Start| self.model.now.relations.contains_key(&start.0);
        match done {
            Ok(more) => {
                let after = self.log().segments();
                let due = due.iter().filter(exists);
                let (moved, left): (Vec<Start>, Vec<Start>) = due.partition(|start| Self::has_moved(&after, start));
                if !more && !left.is_empty() {
                    return Err(format!("retention leaves what is to go: {left:?}"));
                }
                for (id, partition, start) in moved {
                    self.check_expired(id, partition, start)?;
                    self.model.drop_before(id, partition, start);
                }
                Ok(more)
            }
            Err(error) if self.is_excused() || self.poisoned => {
                self.say(|| format!("maintenance failed: {}", error.message));
                for (id, partition, start) in due {
                    let perhaps = self.model.starts_perhaps.entry((id, partition)).or_default();
                    *perhaps = start.max(*perhaps);
                }
                Ok(false)
            }
            Err(error) => Err(format!("maintenance failed with {:?}: {}", error.code, error.message)),
        }
    }

    /// Where a stream's partitions begin when what is past its time or above its size has gone.
    fn due(&self, id: RelationId, retention: &Retention, segments: &[SegmentEntry]) -> Vec<Start> {
        let now_us = self.clock.now_us();
        let mut of: Vec<&SegmentEntry> = segments.iter().filter(|s| s.key.relation == id).collect();
        of.sort_by_key(|s| (s.key.partition, s.first_offset));
        let of_partition = |list: &[&SegmentEntry]| {
            let mut left: u64 = list.iter().map(|s| s.bytes).sum();
            let mut last = None;
            for segment in list {
                let late = retention.time_us.is_some_and(|age| segment.times_us.1 < now_us.saturating_sub(age));
                if !late && retention.bytes.is_none_or(|limit| left <= limit) {
                    break;
                }
                left -= segment.bytes;
                last = Some((id, segment.key.partition, segment.end()));
            }
            last
        };
        of.chunk_by(|a, b| a.key.partition == b.key.partition).filter_map(of_partition).collect()
    }

    /// Whether a partition's segments begin there or later. Of its rows in memory a truncation may have taken more.
    fn has_moved(segments: &[SegmentEntry], &(id, partition, start): &Start) -> bool {
        let mut of = segments.iter().filter(|s| (s.key.relation, s.key.partition) == (id, partition));
        of.all(|segment| segment.first_offset >= start)
    }

    /// By the rows themselves: none that only its age lets go is younger.
    fn check_expired(&self, id: RelationId, partition: u32, start: u64) -> Result<(), String> {
        let Retention { time_us: Some(age), bytes: None } = self.retention[&id] else { return Ok(()) };
        let stream = &self.model.now.relations[&id];
        let from = stream.spans(self.log().durable_epoch().0).get(&partition).map_or(0, |span| span.start);
        let newest = stream.newest_time_us(partition, from, start);
        let cut = self.clock.now_us().saturating_sub(age);
        if newest.is_some_and(|newest| newest >= cut) {
            return Err(format!("retention dropped rows of {newest:?} from stream {}, later than {cut}", id.0));
        }
        Ok(())
    }

    /// After an open: what retention was about to drop when it failed is gone or there. The segments tell, as rows may also
    /// be gone for a truncation. Whether the offsets are right is checked with all others.
    pub(super) fn settle_starts(&mut self) {
        let segments = self.log().segments();
        for ((id, partition), perhaps) in self.model.starts_perhaps.clone() {
            let sure = self.model.starts.get(&(id, partition)).copied().unwrap_or(0);
            let of = segments.iter().filter(|s| (s.key.relation, s.key.partition) == (id, partition));
            let first = of.map(|segment| segment.first_offset).min().unwrap_or(perhaps);
            self.model.drop_before(id, partition, first.clamp(sure, perhaps));
        }
    }

    /// The power goes somewhere in a sealing, and again in the opens after it.
    pub(super) fn cut_maintenance(&mut self) -> Result<(), String> {
        self.submit()?;
        self.log().request_rotation();
        self.flush()?;
        self.faulty = true;
        self.cut_power();
        while self.maintain_once()? {}
        let end = if self.dice.percent(70) { End::Kill } else { End::Crash };
        self.reopen_with(end, true)
    }

    /// Some time later, or where much depends on it: in an fsync.
    pub(super) fn cut_power(&mut self) {
        if self.dice.percent(50) {
            self.disk.cut_power_after(self.dice.within(1..20));
        } else {
            let of: &str = self.dice.pick::<&str>(&["mf", "mf", "new", "wal", "seg"]);
            self.disk.cut_power_in_sync_of(of);
        }
    }

    pub(super) fn retain(&mut self) -> Result<(), String> {
        let streams: Vec<RelationId> =
            self.model.now.relations.iter().filter(|(_, r)| !r.is_table()).map(|(&id, _)| id).collect();
        if streams.is_empty() {
            return Ok(());
        }
        let id = *self.dice.pick(&streams);
        let retention = Retention {
            time_us: self.dice.percent(60).then(|| *self.dice.pick(&[0, 1, 60_000_000, 86_400_000_000])),
            bytes: self.dice.percent(40).then(|| *self.dice.pick(&[0, 500, 3000, 20_000])),
        };
        let wanted = if retention == Retention::default() { None } else { Some(retention) };
        self.log().set_retention(id, wanted);
        match wanted {
            Some(retention) => self.retention.insert(id, retention),
            None => self.retention.remove(&id),
        };
        Ok(())
    }

    /// No reader will ask for older epochs of tables, so that their versions can go.
    pub(super) fn raise_horizon(&mut self) -> Result<(), String> {
        let written = self.model.written;
        let horizon = if self.dice.percent(50) { written } else { self.dice.within(0..written + 1) };
        let tables: Vec<RelationId> =
            self.model.now.relations.iter().filter(|(_, r)| r.is_table()).map(|(&id, _)| id).collect();
        let mut held = Vec::new();
        if !tables.is_empty() && self.dice.percent(30) {
            held.push((*self.dice.pick(&tables), Epoch(self.dice.within(0..horizon + 1))));
        }
        self.log().set_horizon(Epoch(horizon), &held);
        Ok(())
    }

    /// The disk has room again: what was refused is nowhere, and writing goes on.
    pub(super) fn resume(&mut self) -> Result<(), String> {
        if self.disk.is_without_power() {
            return Ok(());
        }
        if self.dice.percent(70) {
            self.disk.make_room();
        }
        if self.resumable && self.dice.percent(30) {
            // The fsync fails, and another one afterwards may not hide that.
            self.faulty = true;
            self.disk.plan(Fault { op: Op::Sync, after: 0, times: 1, no_space: false, whole: false });
            self.resume_once()?;
        }
        self.resume_once()
    }

    fn resume_once(&mut self) -> Result<(), String> {
        match self.log().resume() {
            Ok(()) if self.poisoned && self.resumable => {
                self.say(|| "writes go on".into());
                self.poisoned = false;
                self.resumable = false;
                self.model.truncate(self.model.written);
                self.model.promised = self.model.written;
                self.synced = self.model.written;
                self.due.clear();
                self.check()
            }
            Ok(()) => Ok(()),
            // A rotation that failed with no commit beside it is first told here.
            Err(error) if (self.resumable || !self.poisoned) && self.is_excused() => {
                self.say(|| format!("writes do not go on: {}", error.message));
                self.poisoned = true;
                self.resumable = is_resumable(&error);
                Ok(())
            }
            Err(error) => Err(format!("writes do not go on, with {:?}: {}", error.code, error.message)),
        }
    }

    /// A backup opens, after a power loss too, and is the database at its epoch.
    pub(super) fn backup(&mut self) -> Result<(), String> {
        let made = self.log().backup(Path::new(BACKUP));
        let result = match made {
            Ok(epoch) => self.check_backup(epoch.0),
            Err(error) if self.is_excused() => {
                self.say(|| format!("no backup: {}", error.message));
                Ok(())
            }
            Err(error) => Err(format!("no backup, with {:?}: {}", error.code, error.message)),
        };
        self.disk.forget(Path::new(BACKUP));
        result.map_err(|why| format!("backup: {why}"))
    }

    fn check_backup(&mut self, epoch: u64) -> Result<(), String> {
        if epoch != self.model.written {
            return Err(format!("is of epoch {epoch}, expected {}", self.model.written));
        }
        let disk = self.disk.copy_of(Path::new(BACKUP), Path::new("/memory"));
        disk.crash();
        let options = LogOptions {
            storage: Arc::new(disk),
            clock: Arc::new(SimClock::new(0)),
            rng: Arc::new(SimRng::new(self.dice.next())),
            durability: Durability::Commit,
            background: false,
            ..LogOptions::memory()
        };
        let log = Log::open(None, options, Box::new(|_| {})).map_err(|e| format!("does not open: {}", e.message))?;
        let found = log.durable_epoch().0;
        if found != epoch {
            return Err(format!("opens at epoch {found}, made at {epoch}"));
        }
        let state = self.model.at(epoch);
        allow(check_ledger(&log, &state), &[])?;
        allow(check_rows(&log, &state, epoch, &mut self.dice), &[])?;
        let findings = log.check().findings;
        findings.first().map_or(Ok(()), |finding| Err(format!("is damaged: {finding:?}")))
    }
}
