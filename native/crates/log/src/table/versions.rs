//! The state of a table behind its lock: the chunks in the order of their places, the index, and how far readers and
//! sealing have come. A change is staged in the index first; if it is refused, the index is as it was before.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use arrow_select::concat::concat_batches;
use millrace_base::{Code, Epoch, Error, Result};

use super::chunk::{Chunk, Source};
use super::deaths::{CHUNK_ROWS, Deaths};
use super::graves::Graves;
use super::index::Index;
use super::layout::{Change, Layout};
use super::load::Pending;
use super::rank::Rank;
use super::rewrite::Rewrite;
use super::runs::Runs;

#[derive(Default)]
pub struct Versions {
    /// Ordered by their places.
    pub chunks: Vec<Chunk>,
    /// The next row's place.
    pub next: u64,
    /// Rows of the newest version.
    pub live: usize,
    /// `None` until it is needed, of a table that was restored.
    pub index: Option<Index>,
    /// Changes that were replayed and wait for the index.
    pub pending: Vec<Pending>,
    pub broken: Option<Error>,
    pub graves: Graves,
    pub horizon: Epoch,
    /// Births and deaths up to this epoch are in segments.
    pub sealed: Epoch,
    pub sealing: Option<Arc<Rewrite>>,
    /// Rows before this place keep their chunks: they are being sealed.
    pub frozen: u64,
    /// Rows whose places the index still calls by their old names.
    pub moved: Vec<Moved>,
    /// Changes when chunks get other rows or places.
    pub generation: u64,
}

/// Where rows of a former chunk are now.
pub struct Moved {
    pub start: u64,
    pub end: u64,
    /// `None`: all were kept.
    pub keep: Option<Arc<Rank>>,
    pub to: u64,
}

/// The name that a place has now.
pub fn place_now(moved: &[Moved], place: u64) -> u64 {
    let at = moved.partition_point(|m| m.end <= place);
    match moved.get(at) {
        Some(m) if m.start <= place => {
            let row = (place - m.start) as usize;
            m.to + m.keep.as_ref().map_or(row, |keep| keep.before(row)) as u64
        }
        _ => place,
    }
}

/// What a change has done to the index so far.
#[derive(Default)]
struct Staged {
    taken: Vec<(u32, u64)>,
    put: Vec<(u32, u64)>,
}

fn stage(index: &mut Index, layout: &Layout, change: &Change, next: u64, staged: &mut Staged) -> Result<()> {
    for &row in &change.deleted {
        let slot = index.find(change.keys.row(row).as_ref());
        let taken = slot.and_then(|slot| index.take(slot, None).map(|place| (slot, place)));
        staged.taken.push(taken.ok_or_else(|| Error::internal("a row that is deleted is not in the table"))?);
    }
    staged.put.reserve(change.inserted.len());
    for (place, &row) in (next..).zip(&change.inserted) {
        let slot = index.slot_of(change.keys.row(row).as_ref())?;
        if layout.has_primary_key && index.held(slot).is_some() {
            return Err(Error::new(Code::UniqueViolation, "duplicate key value violates the primary key"));
        }
        index.put(slot, place);
        staged.put.push((slot, place));
    }
    Ok(())
}

fn unstage(index: &mut Index, staged: &Staged) {
    for &(slot, place) in staged.put.iter().rev() {
        index.take(slot, Some(place));
    }
    for &(slot, place) in staged.taken.iter().rev() {
        index.put(slot, place);
    }
    // In reverse, the bytes of new keys are the last ones and are given back.
    for &(slot, _) in staged.put.iter().rev() {
        index.release(slot);
    }
}

impl Versions {
    /// That `apply` takes this change. The index is there.
    pub fn check(&mut self, layout: &Layout, change: &Change) -> Result<()> {
        let index = self.index.as_mut().expect("loaded by the caller");
        let mut staged = Staged::default();
        let outcome = stage(index, layout, change, self.next, &mut staged);
        unstage(index, &staged);
        outcome
    }

    /// Applies one commit's changes: first all deletions, then all insertions. Nothing is applied on an error. The index
    /// is there.
    pub fn apply(&mut self, layout: &Layout, epoch: Epoch, change: &Change) -> Result<()> {
        let index = self.index.as_mut().expect("loaded by the caller");
        let mut staged = Staged::default();
        if let Err(error) = stage(index, layout, change, self.next, &mut staged) {
            unstage(index, &staged);
            return Err(error);
        }
        for &(slot, place) in &staged.taken {
            let (chunk, row) = locate(&self.chunks, &self.moved, place);
            Arc::make_mut(&mut self.chunks[chunk].deaths).record(row, epoch);
            let gone = index.held(slot).is_none();
            if (gone || !layout.has_primary_key)
                && let Some(key) = index.key(slot)
            {
                self.graves.add(key, epoch);
            }
            if gone {
                index.release(slot);
            }
        }
        index.tidy()?;
        self.live = self.live + change.inserted.len() - staged.taken.len();
        self.push(epoch, &change.rows);
        self.merge_small_chunks(&layout.schema)
    }

    fn push(&mut self, epoch: Epoch, rows: &RecordBatch) {
        for from in (0..rows.num_rows()).step_by(CHUNK_ROWS) {
            let batch = rows.slice(from, CHUNK_ROWS.min(rows.num_rows() - from));
            let count = batch.num_rows();
            let born = Arc::new(Runs::one(epoch, count as u64));
            let source = Source::Memory { batch, born };
            self.chunks.push(Chunk { start: self.next, rows: count, source, deaths: Arc::default() });
            self.next += count as u64;
        }
    }

    /// Single-row inserts would make a chunk each: neighbours are merged while they are small, as in a log-structured
    /// merge, so that a row is copied a logarithmic number of times.
    fn merge_small_chunks(&mut self, schema: &SchemaRef) -> Result<()> {
        while let [.., before, last] = self.chunks.as_slice() {
            let (Source::Memory { batch: a, born: a_born }, Source::Memory { batch: b, born: b_born }) =
                (&before.source, &last.source)
            else {
                return Ok(());
            };
            let apart = before.end() != last.start || before.start < self.frozen;
            if apart || before.rows + last.rows > CHUNK_ROWS || before.rows > 2 * last.rows {
                return Ok(());
            }
            let batch =
                concat_batches(schema, [a, b]).map_err(|e| Error::internal(format!("could not merge rows: {e}")))?;
            let mut born = Runs::clone(a_born);
            b_born.slice(0, b_born.len()).for_each(|(epoch, rows)| born.push(epoch, rows));
            let mut deaths = Deaths::clone(&before.deaths);
            deaths.append(&last.deaths, before.rows);
            let rows = before.rows + last.rows;
            self.chunks.pop();
            let merged = self.chunks.last_mut().expect("two chunks");
            merged.rows = rows;
            merged.source = Source::Memory { batch, born: Arc::new(born) };
            merged.deaths = Arc::new(deaths);
        }
        Ok(())
    }

    /// The chunk that holds a place that the index gave, and the row in it.
    pub fn locate(&self, place: u64) -> (usize, usize) {
        locate(&self.chunks, &self.moved, place)
    }

    /// Every version that died by then is one that nobody may read, and that no replay after an open asks for.
    pub fn buried(&self) -> Epoch {
        self.horizon.min(self.sealed)
    }

    pub fn bytes(&self) -> usize {
        let pending: usize = self.pending.iter().map(Pending::bytes).sum();
        self.chunks.iter().map(Chunk::bytes).sum::<usize>()
            + self.index.as_ref().map_or(0, Index::bytes)
            + self.graves.bytes()
            + pending
    }
}

fn locate(chunks: &[Chunk], moved: &[Moved], place: u64) -> (usize, usize) {
    let place = place_now(moved, place);
    let chunk = chunks.partition_point(|c| c.start <= place) - 1;
    let row = (place - chunks[chunk].start) as usize;
    debug_assert!(row < chunks[chunk].rows);
    (chunk, row)
}
