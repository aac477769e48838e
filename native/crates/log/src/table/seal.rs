//! Sealing a table: its rows in memory up to an epoch go into a segment, and the deaths up to it are told.

use std::collections::BTreeMap;
use std::sync::Arc;

use millrace_base::{Epoch, Error, Result};

use super::TableState;
use super::chunk::{Chunk, Source};
use super::cold::{Cold, ColdRows};
use super::rewrite::Rewrite;
use super::versions::Versions;
use crate::segment::SegmentId;

/// Rows of a segment that died, and when.
pub type SegmentDeaths = (SegmentId, Vec<(u32, Epoch)>);

impl Versions {
    /// The chunks in memory with rows that were born up to `upto`, whole: a chunk with newer rows is split.
    fn split_at(&mut self, upto: Epoch) -> Vec<Chunk> {
        let mut chunks = Vec::new();
        let mut at = 0;
        while at < self.chunks.len() {
            let chunk = &mut self.chunks[at];
            if let Source::Memory { batch, born } = &chunk.source {
                let old = born.upto(upto) as usize;
                if old == 0 {
                    break; // chunks in memory are in the order of their commits
                }
                if old < chunk.rows {
                    let deaths = Arc::make_mut(&mut chunk.deaths).split_off(old);
                    let rest = Chunk {
                        start: chunk.start + old as u64,
                        rows: chunk.rows - old,
                        source: Source::Memory {
                            batch: batch.slice(old, chunk.rows - old),
                            born: Arc::new(born.since(old as u64)),
                        },
                        deaths: Arc::new(deaths),
                    };
                    let born = Arc::new(born.before(old as u64));
                    chunk.source = Source::Memory { batch: batch.slice(0, old), born };
                    chunk.rows = old;
                    self.chunks.insert(at + 1, rest);
                    self.generation += 1;
                }
                self.frozen = self.chunks[at].end();
                chunks.push(self.chunks[at].clone());
            }
            at += 1;
        }
        chunks
    }
}

impl TableState {
    /// The rows born up to `upto` that are not in a segment, in order, with the deaths among them. They stay as they
    /// are until `install`. Where most of them are of no use to anybody any more, those are left out.
    pub fn unsealed(&self, upto: Epoch) -> Result<Arc<Rewrite>> {
        drop(self.complete()?);
        let mut versions = self.versions.write();
        let chunks = versions.split_at(upto);
        // A replay of the commits after `upto` must find the rows that these delete.
        let buried = versions.horizon.min(upto);
        let (rows, dead) = chunks
            .iter()
            .fold((0, 0), |(rows, dead), chunk| (rows + chunk.rows, dead + chunk.deaths.count_upto(buried)));
        let schema = self.layout.schema.clone();
        let rewrite = if dead > 0 && dead * 2 >= rows {
            let to = versions.next;
            let rewrite = Rewrite::new(schema, chunks, buried, upto).moved(to);
            versions.next += rewrite.rows;
            rewrite
        } else {
            Rewrite::new(schema, chunks, Epoch::ZERO, upto)
        };
        let rewrite = Arc::new(rewrite);
        versions.sealing = Some(rewrite.clone());
        Ok(rewrite)
    }

    /// The deaths up to `upto` of rows that are in segments already and that were not sealed before.
    pub fn deaths(&self, upto: Epoch) -> Result<Vec<SegmentDeaths>> {
        let versions = self.complete()?;
        Ok(deaths_between(&versions, versions.sealed, upto, |_| true))
    }

    /// All sealed deaths of a segment's rows; those that nobody can see alive tell the same late epoch.
    pub fn deaths_of(&self, segment: SegmentId) -> Result<Vec<(u32, Epoch)>> {
        let versions = self.complete()?;
        let found = deaths_between(&versions, Epoch::ZERO, versions.sealed, |id| id == segment);
        Ok(found.into_iter().next().map(|(_, deaths)| deaths).unwrap_or_default())
    }

    /// The rows of the last `unsealed` are in this segment now.
    pub fn install(&self, segment: impl ColdRows + 'static) -> Result<()> {
        let sealing = self.versions.write().sealing.take();
        let sealing = sealing.ok_or_else(|| Error::internal("a table was not being sealed"))?;
        self.replace(&sealing, Some(Arc::new(Cold::new(Arc::new(segment)))))
    }

    /// What `unsealed` and `deaths` told for `upto` is durable.
    pub fn mark_deaths_sealed(&self, upto: Epoch) -> Result<()> {
        let emptied = {
            let mut versions = self.versions.write();
            versions.sealing.take_if(|sealing| sealing.rows == 0)
        };
        if let Some(sealing) = emptied {
            self.replace(&sealing, None)?;
        }
        let mut versions = self.versions.write();
        versions.sealed = versions.sealed.max(upto);
        let buried = versions.buried();
        for chunk in versions.chunks.iter_mut().filter(|chunk| !chunk.is_memory()) {
            // One bit a row is less than two bytes a death from here on.
            if (chunk.deaths.len() - chunk.deaths.count_folded()) * 16 >= chunk.rows {
                Arc::make_mut(&mut chunk.deaths).fold(chunk.rows, buried);
            }
        }
        Ok(())
    }
}

fn deaths_between(
    versions: &Versions,
    after: Epoch,
    upto: Epoch,
    wanted: impl Fn(SegmentId) -> bool,
) -> Vec<SegmentDeaths> {
    let mut found: BTreeMap<SegmentId, Vec<(u32, Epoch)>> = BTreeMap::new();
    for chunk in &versions.chunks {
        let Source::Cold { segment, base } = &chunk.source else { continue };
        if chunk.deaths.len() == 0 || !wanted(segment.rows.id()) {
            continue;
        }
        let deaths = chunk.deaths.between(after, upto);
        if !deaths.is_empty() {
            let of = found.entry(segment.rows.id()).or_default();
            of.extend(deaths.into_iter().map(|(row, epoch)| (*base as u32 + row, epoch)));
        }
    }
    found
        .into_iter()
        .map(|(id, mut deaths)| {
            (id, {
                deaths.sort_unstable();
                deaths
            })
        })
        .collect()
}
