//! What happens beside commits and reads: sealing, compaction, retention, checks, backups. One thread does it, or who calls.

use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError};
use millrace_base::{Code, Epoch, Error, RelationId, Result};

use super::{Inner, Log};
use crate::backup::backup;
use crate::check::{CheckReport, check};
use crate::compact::Retention;
use crate::manifest::SegmentEntry;
use crate::seal::{Sealed, Sealer};
use crate::segment::SegmentId;
use crate::state::{Relation, RelationData};
use crate::stream::StreamSegment;

/// How long the sealing thread waits before it tries again after an error.
const RETRY_AFTER: Duration = Duration::from_secs(1);

impl Log {
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
        let deadline = Instant::now() + Duration::from_secs(600);
        loop {
            self.run_pending();
            while self.maintain()? {}
            if self.inner.sealed.load(Ordering::Acquire) >= target.0 {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(Error::new(Code::IoError, "the checkpoint did not finish in time"));
            }
            self.inner.queue.check()?;
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Inner {
    /// Leaves little to read to the next open, when no thread runs any more.
    pub(super) fn leave(&self, left: Option<u64>) -> Result<()> {
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
    pub(super) fn maintain_when_poked(&self, poked: &Receiver<()>) {
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
                state.ledger.set_gone(relation, gone.upto);
                let mut stream = stream.write();
                stream.gone = stream.gone.max(gone.upto);
                if let Some(partition) = stream.partitions.get_mut(&gone.partition) {
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
        state.dropping.retain(|_, (epoch, _)| *epoch > sealed.upto);
        for table in state.tables() {
            table.mark_deaths_sealed(sealed.upto)?;
        }
        let done = state.commits.partition_point(|&(epoch, _)| epoch <= sealed.upto);
        state.commits.drain(..done);
        Ok(())
    }
}
