//! Which segments of a table are worth writing anew: those of which half is dead, and several small ones at once.

use std::collections::BTreeMap;
use std::sync::Arc;

use millrace_base::{Epoch, Result};

use super::TableState;
use super::chunk::Source;
use super::cold::{Cold, ColdRows};
use super::rewrite::Rewrite;
use crate::segment::SegmentId;

/// Smaller segments are written anew only together.
const ALONE_ROWS_MIN: usize = 4096;
/// So many segments of one size class become one. A row is written once a class.
const FAN_IN: usize = 4;
/// Merged segments hold no more rows than this.
const MERGED_ROWS_MAX: usize = 4 << 20;

#[derive(Default)]
struct Candidate {
    chunks: Vec<usize>,
    rows: usize,
    dead: usize,
    last: Epoch,
}

impl Candidate {
    fn live(&self) -> usize {
        self.rows - self.dead
    }

    fn is_mostly_dead(&self) -> bool {
        self.dead == self.rows || (self.rows >= ALONE_ROWS_MIN && self.dead * 2 >= self.rows)
    }

    /// Segments differ in class when one has about four times the rows of the other.
    fn class(&self) -> u32 {
        self.live().max(1).ilog2() / 2
    }
}

impl TableState {
    /// What to compact next. Nothing is sealed between this and `install_compacted`.
    pub fn plan_compaction(&self) -> Result<Option<Rewrite>> {
        drop(self.complete()?);
        let mut versions = self.versions.write();
        let buried = versions.buried();
        let mut candidates: BTreeMap<SegmentId, Candidate> = BTreeMap::new();
        for (number, chunk) in versions.chunks.iter().enumerate() {
            let Source::Cold { segment, .. } = &chunk.source else { continue };
            // Rows that somebody may not see yet keep their epochs, and so their segment.
            if segment.rows.epochs().1 <= buried {
                let candidate = candidates.entry(segment.rows.id()).or_default();
                candidate.chunks.push(number);
                candidate.rows += chunk.rows;
                candidate.dead += chunk.deaths.count_upto(buried);
                candidate.last = segment.rows.epochs().1;
            }
        }
        let chosen = choose(&candidates);
        if chosen.is_empty() {
            return Ok(None);
        }
        let chunks = chosen.iter().flat_map(|id| &candidates[id].chunks);
        let chunks = chunks.map(|&number| versions.chunks[number].clone()).collect();
        let epoch = chosen.iter().map(|id| candidates[id].last).max().unwrap_or_default();
        let rewrite = Rewrite::new(self.layout.schema.clone(), chunks, buried, versions.sealed);
        let to = versions.next;
        versions.next += rewrite.rows;
        Ok(Some(rewrite.merged(chosen, to, epoch)))
    }

    /// The segment with the plan's rows takes the place of the old ones; without rows there is none.
    pub fn install_compacted(&self, plan: &Rewrite, segment: Option<impl ColdRows + 'static>) -> Result<()> {
        self.replace(plan, segment.map(|segment| Arc::new(Cold::new(Arc::new(segment)))))
    }
}

fn choose(candidates: &BTreeMap<SegmentId, Candidate>) -> Vec<SegmentId> {
    let bounded = |list: Vec<SegmentId>, most: usize| {
        let mut rows = 0;
        let fits = list.into_iter().take(most).take_while(|id| {
            let first = rows == 0;
            rows += candidates[id].live();
            first || rows <= MERGED_ROWS_MAX
        });
        fits.collect::<Vec<_>>()
    };
    let mostly_dead: Vec<_> = candidates.iter().filter(|(_, c)| c.is_mostly_dead()).map(|(&id, _)| id).collect();
    if !mostly_dead.is_empty() {
        return bounded(mostly_dead, usize::MAX);
    }
    let mut classes: BTreeMap<u32, Vec<SegmentId>> = BTreeMap::new();
    for (&id, candidate) in candidates {
        if candidate.live() * FAN_IN <= MERGED_ROWS_MAX {
            classes.entry(candidate.class()).or_default().push(id);
        }
    }
    let full = classes.into_values().find(|ids| ids.len() >= FAN_IN);
    full.map(|ids| bounded(ids, FAN_IN * 4)).unwrap_or_default()
}
