//! A new segment takes the place of chunks. Who reads the old ones goes on; the index learns of rows that moved in small
//! steps, so that commits do not wait.

use std::collections::HashSet;
use std::sync::Arc;

use millrace_base::{Epoch, Error, Result};

use super::TableState;
use super::chunk::{Chunk, Source};
use super::cold::Cold;
use super::deaths::{CHUNK_ROWS, Deaths};
use super::rewrite::{Part, Rewrite};
use super::versions::{Moved, Versions, place_now};

/// Slots of the index that are visited under one lock.
const STEP_SLOTS: usize = 1 << 14;

impl TableState {
    pub(super) fn replace(&self, rewrite: &Rewrite, segment: Option<Arc<Cold>>) -> Result<()> {
        if segment.as_ref().map_or(0, |segment| segment.rows.rows()) != rewrite.rows {
            return Err(Error::internal("a segment holds another number of rows than it was to hold"));
        }
        let _moving = self.moving.lock();
        {
            let mut versions = self.versions.write();
            versions.check_plan(rewrite)?;
            versions.replace(rewrite, segment);
            versions.generation += 1;
            if versions.moved.is_empty() {
                return Ok(());
            }
        }
        let (mut from, mut generation) = (0, None);
        loop {
            let mut versions = self.versions.write();
            let Versions { index, moved, .. } = &mut *versions;
            let index = index.as_mut().expect("rows move for it only");
            if generation != Some(index.generation) {
                (from, generation) = (0, Some(index.generation));
            }
            match index.rename(from, STEP_SLOTS, |place| place_now(moved, place)) {
                Some(next) => from = next,
                None => {
                    moved.clear();
                    return Ok(());
                }
            }
        }
    }
}

impl Versions {
    /// The chunks are still the ones that were planned, and no death was sealed since that would have to be sealed again.
    fn check_plan(&self, rewrite: &Rewrite) -> Result<()> {
        let same = rewrite.parts.iter().all(|part| {
            let at = self.chunks.partition_point(|c| c.start < part.chunk.start);
            self.chunks.get(at).is_some_and(|chunk| match (&chunk.source, &part.chunk.source) {
                (Source::Memory { .. }, Source::Memory { .. }) => {
                    (chunk.start, chunk.rows) == (part.chunk.start, part.chunk.rows)
                }
                (Source::Cold { segment, .. }, Source::Cold { segment: planned, .. }) => {
                    Arc::ptr_eq(segment, planned) && self.sealed == rewrite.upto
                }
                _ => false,
            })
        });
        same.then_some(()).ok_or_else(|| Error::internal("a table has changed since its rewriting was planned"))
    }

    fn replace(&mut self, rewrite: &Rewrite, segment: Option<Arc<Cold>>) {
        let gone: HashSet<u64> = rewrite.parts.iter().map(|part| part.chunk.start).collect();
        // Also those that have come since the rewriting was planned.
        let mut deaths: Vec<(Epoch, u64)> = Vec::new();
        for part in &rewrite.parts {
            let at = self.chunks.partition_point(|c| c.start < part.chunk.start);
            let of = self.chunks[at].deaths.between(Epoch::ZERO, Epoch(u64::MAX));
            deaths.extend(of.into_iter().filter_map(|(row, epoch)| Some((epoch, part.row(row as usize)?))));
            if let (Some(to), Some(_)) = (rewrite.to, &self.index)
                && !millrace_base::planted("moved-rows-not-renamed")
            {
                let (start, end) = (part.chunk.start, part.chunk.end());
                self.moved.push(Moved { start, end, keep: part.keep.clone(), to: to + part.base });
            }
        }
        self.moved.sort_by_key(|m| m.start);
        deaths.sort_by_key(|&(epoch, _)| epoch);
        self.chunks.retain(|chunk| !gone.contains(&chunk.start));
        if let Some(segment) = segment {
            let mut pieces = pieces(&spans(rewrite));
            for (epoch, row) in deaths {
                let at = pieces.partition_point(|piece| piece.base <= row) - 1;
                let piece = &mut pieces[at];
                piece.deaths.record((row - piece.base) as usize, epoch);
            }
            for Piece { start, base, rows, deaths } in pieces {
                let source = Source::Cold { segment: segment.clone(), base };
                self.chunks.push(Chunk { start, rows, source, deaths: Arc::new(deaths) });
            }
        }
        self.chunks.sort_by_key(|chunk| chunk.start);
    }
}

/// Rows of the new segment with consecutive places.
struct Span {
    start: u64,
    base: u64,
    rows: u64,
}

fn spans(rewrite: &Rewrite) -> Vec<Span> {
    if let Some(start) = rewrite.to {
        return vec![Span { start, base: 0, rows: rewrite.rows }];
    }
    let mut spans: Vec<Span> = Vec::new();
    for Part { chunk, base, .. } in &rewrite.parts {
        match spans.last_mut() {
            Some(last) if last.start + last.rows == chunk.start => last.rows += chunk.rows as u64,
            _ => spans.push(Span { start: chunk.start, base: *base, rows: chunk.rows as u64 }),
        }
    }
    spans
}

/// A chunk to be.
struct Piece {
    start: u64,
    base: u64,
    rows: usize,
    deaths: Deaths,
}

/// Cuts spans where the segment's blocks end, so that nobody decodes a block for part of its rows.
fn pieces(spans: &[Span]) -> Vec<Piece> {
    let mut pieces = Vec::new();
    for span in spans {
        let mut base = span.base;
        while base < span.base + span.rows {
            let block_end = (base / CHUNK_ROWS as u64 + 1) * CHUNK_ROWS as u64;
            let end = block_end.min(span.base + span.rows);
            let start = span.start + (base - span.base);
            pieces.push(Piece { start, base, rows: (end - base) as usize, deaths: Deaths::default() });
            base = end;
        }
    }
    pieces
}
