//! Rows put apart by the hash of their keys, so that rows of equal keys are in one part and each part can be worked on
//! alone. A thread's parts are in memory until there is too little of it; then they go to a file, all at once. A part
//! that is still too large is put apart again by other bits of the hash (`level`).

use std::ops::ControlFlow;
use std::sync::Arc;

use arrow_array::ArrayRef;
use millrace_base::Result;
use millrace_kernels::{RawColumn, hash_columns, normalized};

use crate::batch::{Batch, Column, concat_batches};
use crate::control::Control;
use crate::memory::Held;
use crate::pipeline::Emit;
use crate::spill::{Chunk, LazyFile};

const PARTS_BITS: u32 = 6;
pub(crate) const PARTS: usize = 1 << PARTS_BITS;

/// Parts of parts of … that are tried: rows that are still too many then have one key, or nearly so.
pub(crate) const LEVEL_MAX: u32 = 4;

/// The part that a hash falls into; each level looks at bits of its own.
pub(crate) fn part_of(hash: u64, level: u32) -> usize {
    (hash >> (64 - PARTS_BITS * (level + 1))) as usize & (PARTS - 1)
}

/// A hash of each row's keys; that of equal keys is equal.
pub(crate) fn key_hashes(keys: &[ArrayRef], rows: usize) -> Result<Vec<u64>> {
    let keys: Vec<ArrayRef> = keys.iter().map(normalized).collect::<Result<_>>()?;
    Ok(hash_columns(&RawColumn::all(&keys)?, rows))
}

/// Gives the hashes of a batch's keys.
pub(crate) type Hashes<'h> = dyn Fn(&Batch) -> Result<Vec<u64>> + Sync + 'h;

/// The rows of a part.
#[derive(Default)]
pub(crate) struct PartRows {
    pub batches: Vec<Batch>,
    pub chunks: Vec<Chunk>,
}

impl PartRows {
    pub fn rows(&self) -> usize {
        let written: usize = self.chunks.iter().map(|chunk| chunk.rows).sum();
        self.batches.iter().map(|batch| batch.rows).sum::<usize>() + written
    }

    /// What they take in memory when they are all there.
    pub fn bytes(&self) -> usize {
        let written: usize = self.chunks.iter().map(|chunk| chunk.held).sum();
        self.batches.iter().map(Batch::bytes).sum::<usize>() + written
    }

    fn join(&mut self, other: PartRows) {
        self.batches.extend(other.batches);
        self.chunks.extend(other.chunks);
    }

    /// Hands out the batches, those in the file first.
    pub fn each(&self, control: &Control<'_>, file: &LazyFile, take: &mut Emit<'_>) -> Result<ControlFlow<()>> {
        for chunk in &self.chunks {
            control.check()?;
            if take(file.get()?.read(chunk)?)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        for batch in &self.batches {
            control.check()?;
            if take(batch.clone())?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// All batches.
    pub fn load(&self, control: &Control<'_>, file: &LazyFile) -> Result<Vec<Batch>> {
        let mut batches = Vec::with_capacity(self.chunks.len() + self.batches.len());
        // It never breaks off.
        let _ = self.each(control, file, &mut |batch| {
            batches.push(batch);
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(batches)
    }

    /// Parts of this part, in a file of their own.
    pub fn split(&self, control: &Control<'_>, file: &LazyFile, level: u32, hashes: &Hashes<'_>) -> Result<Parts> {
        let own = Arc::new(LazyFile::new(file.memory()));
        let mut apart = Apart::new(&own, level);
        let _ = self.each(control, file, &mut |batch| {
            apart.put(control, &batch, &hashes(&batch)?)?;
            Ok(ControlFlow::Continue(()))
        })?;
        Parts::of(control, own, vec![apart])
    }
}

/// All parts of one thread.
pub(crate) struct Apart {
    level: u32,
    file: Arc<LazyFile>,
    held: Held,
    parts: Vec<PartRows>,
}

impl Apart {
    pub fn new(file: &Arc<LazyFile>, level: u32) -> Self {
        let parts = (0..PARTS).map(|_| PartRows::default()).collect();
        Self { level, file: file.clone(), held: Held::none(file.memory()), parts }
    }

    /// Puts rows into their parts; `hashes` are those of their keys.
    pub fn put(&mut self, control: &Control<'_>, batch: &Batch, hashes: &[u64]) -> Result<()> {
        let rows = batch.rows;
        let mut starts = [0u32; PARTS + 1];
        hashes.iter().for_each(|&hash| starts[part_of(hash, self.level) + 1] += 1);
        (0..PARTS).for_each(|part| starts[part + 1] += starts[part]);
        let mut next = starts;
        let mut order = vec![0u32; rows];
        for (row, &hash) in hashes.iter().enumerate() {
            let place = &mut next[part_of(hash, self.level)];
            order[*place as usize] = row as u32;
            *place += 1;
        }
        let sorted = batch.take(&order)?.flat()?;
        let bytes = sorted.bytes();
        if !self.held.grow(bytes) {
            self.flush(control)?;
            self.held.force(bytes);
        }
        for part in 0..PARTS {
            let (from, to) = (starts[part] as usize, starts[part + 1] as usize);
            if from < to {
                self.parts[part].batches.push(sorted.slice(from, to - from));
            }
        }
        Ok(())
    }

    /// Writes what is in memory.
    pub fn flush(&mut self, control: &Control<'_>) -> Result<()> {
        if self.parts.iter().all(|part| part.batches.is_empty()) {
            return Ok(());
        }
        let file = self.file.get()?;
        for part in &mut self.parts {
            if !part.batches.is_empty() {
                for piece in concat_batches(std::mem::take(&mut part.batches))?.pieces() {
                    control.check()?;
                    part.chunks.push(file.write(&piece)?);
                }
            }
        }
        self.held.clear();
        Ok(())
    }

    pub fn is_spilled(&self) -> bool {
        self.parts.iter().any(|part| !part.chunks.is_empty())
    }

    /// The rows of a part as they are in memory.
    pub fn part(&self, part: usize) -> &PartRows {
        &self.parts[part]
    }
}

/// The parts of all threads, in their file.
pub(crate) struct Parts {
    pub file: Arc<LazyFile>,
    pub rows: Vec<PartRows>,
}

impl Parts {
    /// What is still in memory is written: whoever works on a part needs the room.
    pub fn of(control: &Control<'_>, file: Arc<LazyFile>, threads: Vec<Apart>) -> Result<Self> {
        let mut rows: Vec<PartRows> = (0..PARTS).map(|_| PartRows::default()).collect();
        for mut thread in threads {
            thread.flush(control)?;
            rows.iter_mut().zip(thread.parts).for_each(|(part, other)| part.join(other));
        }
        Ok(Self { file, rows })
    }
}

/// The keys among the columns of a batch, with floats and intervals as `normalized` gives them.
pub(crate) fn normalize_keys(columns: &mut [Column]) -> Result<Vec<ArrayRef>> {
    let mut keys = Vec::with_capacity(columns.len());
    for column in columns {
        let key = normalized(&column.flat()?)?;
        *column = Column::Flat(key.clone());
        keys.push(key);
    }
    Ok(keys)
}
