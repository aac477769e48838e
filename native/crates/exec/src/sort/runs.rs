//! Sorted rows that do not fit into memory: runs in a temporary file, each in order, and their merge. Beside its columns
//! a row of a run has its sort key as bytes, of which its place in the input is the end, so that no two are equal.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::ControlFlow;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, BinaryArray};
use arrow_select::interleave::interleave;
use millrace_base::{Error, Result};
use millrace_kernels::arrow_error;
use parking_lot::Mutex;

use crate::batch::{Batch, Column, PIECE_ROWS};
use crate::control::Control;
use crate::pipeline::{Emit, Source, Task};
use crate::spill::{Chunk, SpillFile};

/// Bytes of a run's chunk in memory: one of each run is there while they are merged.
const CHUNK_BYTES: usize = if cfg!(test) { 2 << 10 } else { 256 << 10 };
/// Runs that are merged at once; tests have few rows.
pub(super) const FAN_IN: usize = if cfg!(test) { 4 } else { 64 };

/// Rows in order.
pub(super) struct Run {
    file: Arc<SpillFile>,
    chunks: Vec<Chunk>,
}

impl Run {
    /// Writes rows in an order; `keys` gives the last column, the bytes of the key.
    pub fn write(
        control: &Control<'_>,
        file: &Arc<SpillFile>,
        (all, order): (&Batch, &[u32]),
        keys: impl Fn(&Batch) -> Result<ArrayRef>,
    ) -> Result<Self> {
        let a_row = all.bytes() / all.rows.max(1) + 1;
        let step = (CHUNK_BYTES / a_row).clamp(16, PIECE_ROWS);
        let mut chunks = Vec::new();
        for rows in order.chunks(step) {
            control.check()?;
            let mut piece = all.take(rows)?.flat()?;
            let keys = keys(&piece)?;
            piece.columns.push(Column::Flat(keys));
            chunks.push(file.write(&piece)?);
        }
        Ok(Self { file: file.clone(), chunks })
    }
}

/// A run that is being read: a chunk, and the row that comes next.
struct Cursor {
    run: Run,
    next_chunk: usize,
    /// Where among the merge's open chunks its own is; `None` when there are no more.
    open: Option<usize>,
    row: usize,
}

/// The rows of several runs in order. Made of few runs only: `Merge::of` merges some before.
pub(super) struct Merge {
    cursors: Vec<Cursor>,
    /// The next row of each run that has one.
    heads: BinaryHeap<Reverse<(Vec<u8>, usize)>>,
    /// Chunks that rows of the next piece may be in, with their keys.
    open: Vec<(Batch, BinaryArray)>,
}

impl Merge {
    /// Where there are too many runs to have a chunk of each in memory, runs of runs are written first.
    pub fn of(control: &Control<'_>, mut runs: Vec<Run>) -> Result<Self> {
        while runs.len() > FAN_IN {
            // The oldest first: they are the shortest ones that are left.
            let rest = runs.split_off(FAN_IN);
            let file = Arc::new(SpillFile::new(control.memory)?);
            let mut merge = Self::few(runs)?;
            let mut chunks = Vec::new();
            while let Some(piece) = merge.next(control, true)? {
                let a_row = piece.bytes() / piece.rows.max(1) + 1;
                let step = (CHUNK_BYTES / a_row).clamp(16, PIECE_ROWS);
                for from in (0..piece.rows).step_by(step) {
                    chunks.push(file.write(&piece.slice(from, step.min(piece.rows - from)))?);
                }
            }
            runs = rest;
            runs.push(Run { file, chunks });
        }
        Self::few(runs)
    }

    fn few(runs: Vec<Run>) -> Result<Self> {
        let mut merge = Self { cursors: Vec::new(), heads: BinaryHeap::new(), open: Vec::new() };
        for run in runs {
            merge.cursors.push(Cursor { run, next_chunk: 0, open: None, row: 0 });
            merge.read(merge.cursors.len() - 1)?;
        }
        Ok(merge)
    }

    /// Brings in the next chunk of a run.
    fn read(&mut self, at: usize) -> Result<()> {
        let cursor = &mut self.cursors[at];
        cursor.open = None;
        let Some(chunk) = cursor.run.chunks.get(cursor.next_chunk) else { return Ok(()) };
        let mut rows = cursor.run.file.read(chunk)?;
        let keys = rows.columns.pop().map(|keys| keys.flat()).transpose()?;
        let keys = keys.as_ref().and_then(|keys| keys.as_binary_opt::<i32>()).cloned();
        let keys = keys.ok_or_else(|| Error::internal("a run without keys"))?;
        (cursor.open, cursor.row) = (Some(self.open.len()), 0);
        cursor.next_chunk += 1;
        if rows.rows > 0 {
            self.heads.push(Reverse((keys.value(0).to_vec(), at)));
        }
        self.open.push((rows, keys));
        Ok(())
    }

    /// The next rows; `None` when there are no more.
    pub fn next(&mut self, control: &Control<'_>, with_keys: bool) -> Result<Option<Batch>> {
        control.check()?;
        let mut places: Vec<(usize, usize)> = Vec::new();
        while places.len() < PIECE_ROWS {
            let Some(mut head) = self.heads.peek_mut() else { break };
            let at = head.0.1;
            let cursor = &mut self.cursors[at];
            let Some(open) = cursor.open else { return Err(Error::internal("a row of a run that has ended")) };
            places.push((open, cursor.row));
            cursor.row += 1;
            let keys = &self.open[open].1;
            if cursor.row < keys.len() {
                // In place: the heap is put in order when `head` goes.
                let key = &mut head.0.0;
                key.clear();
                key.extend_from_slice(keys.value(cursor.row));
            } else {
                std::collections::binary_heap::PeekMut::pop(head);
                self.read(at)?;
            }
        }
        if places.is_empty() {
            return Ok(None);
        }
        let piece = self.piece(&places, with_keys)?;
        self.forget();
        Ok(Some(piece))
    }

    fn piece(&self, places: &[(usize, usize)], with_keys: bool) -> Result<Batch> {
        let width = self.open.first().map_or(0, |(rows, _)| rows.columns.len());
        let mut columns = Vec::with_capacity(width + 1);
        for at in 0..width {
            if self.open.iter().any(|(rows, _)| matches!(rows.columns[at], Column::Absent)) {
                columns.push(Column::Absent);
                continue;
            }
            let arrays: Vec<ArrayRef> =
                self.open.iter().map(|(rows, _)| rows.columns[at].flat()).collect::<Result<_>>()?;
            let arrays: Vec<&dyn Array> = arrays.iter().map(AsRef::as_ref).collect();
            columns.push(Column::Flat(interleave(&arrays, places).map_err(arrow_error)?));
        }
        if with_keys {
            let keys: Vec<&dyn Array> = self.open.iter().map(|(_, keys)| keys as &dyn Array).collect();
            columns.push(Column::Flat(interleave(&keys, places).map_err(arrow_error)?));
        }
        Ok(Batch { columns, rows: places.len() })
    }

    /// Chunks of which no row is left go.
    fn forget(&mut self) {
        let mut kept = Vec::with_capacity(self.cursors.len());
        for cursor in &mut self.cursors {
            if let Some(open) = &mut cursor.open {
                kept.push(self.open[*open].clone());
                *open = kept.len() - 1;
            }
        }
        self.open = kept;
    }
}

/// The merged rows as a source: one thread at a time merges, all work on what comes.
pub(super) struct Merged<'a> {
    pub control: Arc<Control<'a>>,
    pub state: Mutex<State>,
}

pub(super) struct State {
    pub merge: Merge,
    /// Rows that are left out first, and those that are wanted then.
    pub skip: u64,
    pub left: u64,
    pub number: u64,
}

impl State {
    fn next(&mut self, control: &Control<'_>) -> Result<Option<Batch>> {
        while self.left > 0 {
            let Some(mut rows) = self.merge.next(control, false)? else { return Ok(None) };
            let from = self.skip.min(rows.rows as u64);
            self.skip -= from;
            let taken = (rows.rows as u64 - from).min(self.left);
            self.left -= taken;
            if taken > 0 {
                // The last column is the place.
                rows.columns.pop();
                return Ok(Some(rows.slice(from as usize, taken as usize)));
            }
        }
        Ok(None)
    }
}

impl Source for Merged<'_> {
    fn next(&self) -> Result<Option<Task<'_>>> {
        let mut state = self.state.lock();
        let Some(rows) = state.next(&self.control)? else { return Ok(None) };
        state.number += 1;
        let run = Box::new(move |emit: &mut Emit<'_>| -> Result<ControlFlow<()>> { emit(rows) });
        Ok(Some(Task { number: state.number - 1, run }))
    }

    fn width(&self) -> usize {
        usize::MAX
    }
}
