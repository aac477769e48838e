//! Restoring a table that lies in segments: no row is read on open. The index is built from the key's columns when it is
//! first needed; what the journal holds beyond the segments waits until then.

use std::sync::Arc;

use arrow_array::RecordBatch;
use millrace_base::{Code, Epoch, Error, Result};
use parking_lot::{RwLockReadGuard, RwLockWriteGuard};

use super::TableState;
use super::chunk::{Chunk, Source};
use super::cold::{Cold, ColdRows};
use super::deaths::{CHUNK_ROWS, Deaths};
use super::index::Index;
use super::layout::Layout;
use super::versions::Versions;

/// A commit's changes that are not applied yet.
pub struct Pending {
    pub epoch: Epoch,
    pub batch: RecordBatch,
    pub weights: Option<Arc<[i64]>>,
}

impl Pending {
    /// Rows that it adds, less those that it deletes.
    fn net(&self) -> i64 {
        match &self.weights {
            None => self.batch.num_rows() as i64,
            Some(weights) => weights.iter().map(|w| w.signum()).sum(),
        }
    }

    pub fn bytes(&self) -> usize {
        self.batch.get_array_memory_size()
    }
}

impl Versions {
    /// Adds a segment's rows, with the deaths among them.
    pub fn add_cold(&mut self, cold: Arc<dyn ColdRows>, mut deaths: Vec<(u32, Epoch)>) -> Result<()> {
        let damaged = |why: &str| {
            let id = cold.id();
            Error::new(Code::DataCorrupted, format!("segment {} of file {} {why}", id.index, id.file))
        };
        let rows = cold.rows();
        deaths.sort_unstable();
        if deaths.windows(2).any(|pair| pair[0].0 == pair[1].0) {
            return Err(damaged("has a row that died twice"));
        }
        if deaths.last().is_some_and(|&(row, _)| u64::from(row) >= rows) {
            return Err(damaged("lacks a row that died"));
        }
        self.live += rows as usize - deaths.len();
        deaths.sort_by_key(|&(_, epoch)| epoch);
        let mut parts = vec![Deaths::default(); (rows as usize).div_ceil(CHUNK_ROWS)];
        for (row, epoch) in deaths {
            parts[row as usize / CHUNK_ROWS].record(row as usize % CHUNK_ROWS, epoch);
        }
        let segment = Arc::new(Cold::new(cold));
        for (part, deaths) in parts.into_iter().enumerate() {
            let base = (part * CHUNK_ROWS) as u64;
            let count = CHUNK_ROWS.min((rows - base) as usize);
            let source = Source::Cold { segment: segment.clone(), base };
            self.chunks.push(Chunk { start: self.next, rows: count, source, deaths: Arc::new(deaths) });
            self.next += count as u64;
        }
        Ok(())
    }
}

impl TableState {
    /// Applies a commit that is read back on open: at once if the index is there, else when somebody asks.
    pub fn replay(&self, epoch: Epoch, batch: &RecordBatch, weights: Option<Arc<[i64]>>) -> Result<()> {
        let mut versions = self.versions.write();
        if versions.index.is_some() {
            drop(versions);
            return self.apply(epoch, batch, weights.as_deref());
        }
        let pending = Pending { epoch, batch: batch.clone(), weights };
        let live = versions.live as i64 + pending.net();
        versions.live = usize::try_from(live).map_err(|_| too_many_deletions())?;
        versions.pending.push(pending);
        Ok(())
    }

    /// The state with its index.
    pub(super) fn indexed(&self) -> Result<RwLockReadGuard<'_, Versions>> {
        self.when(|versions| versions.index.is_some())
    }

    /// The state with all of its rows.
    pub(super) fn complete(&self) -> Result<RwLockReadGuard<'_, Versions>> {
        self.when(|versions| versions.pending.is_empty())
    }

    fn when(&self, ready: impl Fn(&Versions) -> bool) -> Result<RwLockReadGuard<'_, Versions>> {
        loop {
            let versions = self.versions.read();
            if let Some(error) = &versions.broken {
                return Err(error.clone());
            }
            if ready(&versions) {
                return Ok(versions);
            }
            drop(versions);
            self.load()?;
        }
    }

    /// As `indexed`, to change it.
    pub(super) fn indexed_mut(&self) -> Result<RwLockWriteGuard<'_, Versions>> {
        loop {
            drop(self.indexed()?);
            let versions = self.versions.write();
            if versions.index.is_some() && versions.broken.is_none() {
                return Ok(versions);
            }
        }
    }

    /// Builds the index without the lock, so that others read meanwhile, then applies what has waited for it.
    fn load(&self) -> Result<()> {
        let _loading = self.loading.lock();
        loop {
            let (chunks, generation, live) = {
                let versions = self.versions.read();
                if versions.index.is_some() {
                    return Ok(());
                }
                (versions.chunks.clone(), versions.generation, versions.live)
            };
            let index = build(&self.layout, &chunks, live)?;
            let mut versions = self.versions.write();
            if versions.generation != generation {
                continue;
            }
            versions.index = Some(index);
            let waiting = std::mem::take(&mut versions.pending);
            let net: i64 = waiting.iter().map(Pending::net).sum();
            // `replay` has counted them, so far without a look at what is there.
            versions.live = (versions.live as i64 - net) as usize;
            for pending in waiting {
                let change = self.layout.change(&pending.batch, pending.weights.as_deref());
                let applied = change.and_then(|change| versions.apply(&self.layout, pending.epoch, &change));
                if let Err(error) = applied {
                    let error = Error::new(Code::DataCorrupted, "the journal does not fit the table's segments")
                        .with_detail(error.message);
                    versions.broken = Some(error.clone());
                    return Err(error);
                }
            }
            return Ok(());
        }
    }
}

fn too_many_deletions() -> Error {
    Error::new(Code::DataCorrupted, "the journal deletes more rows than a table has")
}

fn build(layout: &Layout, chunks: &[Chunk], live: usize) -> Result<Index> {
    let mut index = Index::default();
    index.reserve(live.min(chunks.iter().map(|c| c.rows).sum()));
    for chunk in chunks {
        let alive = chunk.deaths.alive(chunk.rows, Epoch(u64::MAX));
        let mut add = |first: usize, keys: &arrow_row::Rows| -> Result<()> {
            for row in 0..keys.num_rows() {
                if alive.as_ref().is_some_and(|alive| !alive.value(first + row)) {
                    continue;
                }
                let slot = index.slot_of(keys.row(row).as_ref())?;
                if layout.has_primary_key && index.held(slot).is_some() {
                    return Err(Error::new(Code::DataCorrupted, "two rows of a table have one primary key"));
                }
                index.put(slot, chunk.start + (first + row) as u64);
            }
            Ok(())
        };
        match &chunk.source {
            Source::Memory { batch, .. } => add(0, &layout.keys_of(batch)?)?,
            Source::Cold { segment, base } => {
                let mut seen = 0;
                for found in segment.rows.scan(&layout.key_columns, &[], *base..*base + chunk.rows as u64) {
                    let (first, batch) = found?;
                    if first != *base + seen as u64 || seen + batch.num_rows() > chunk.rows {
                        return Err(Error::new(Code::DataCorrupted, "a segment gives other rows than it has"));
                    }
                    add(seen, &layout.encode(batch.columns())?)?;
                    seen += batch.num_rows();
                }
                if seen != chunk.rows {
                    return Err(Error::new(Code::DataCorrupted, "a segment gives fewer rows than it has"));
                }
            }
        }
    }
    Ok(index)
}
