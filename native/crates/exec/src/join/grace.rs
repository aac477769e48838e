//! A join whose built side does not fit into memory. Both sides are put apart by the hash of their keys and written to
//! temporary files; then each part is joined as if it were all. A part whose built side is still too large is put apart
//! again. The rows of a join come part by part, not in the order of the relation.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use millrace_base::Result;
use millrace_kernels::{mix, unmatchable};

use super::build::build;
use super::probe::Probe;
use super::rest::Rest;
use super::{Remaining, Shape};
use crate::apart::{Apart, LEVEL_MAX, PARTS, PartRows, Parts, key_hashes};
use crate::batch::{Batch, join_batches};
use crate::inputs::Inputs;
use crate::memory::Held;
use crate::pipeline::{Branch, Emit, Sink, Source, Stage, Task, run};
use crate::spill::LazyFile;

/// What a part of the built side takes: its rows, their copy into one batch, and the table with its keys.
const COPIES: usize = 3;

/// Hashes of the keys of either side. Rows that match nothing may be in any part: they are spread, as there may be many.
pub(super) fn hashes(shape: &Shape<'_>, keys: &Inputs, batch: &Batch) -> Result<Vec<u64>> {
    let keys = keys.arrays(batch, shape.control.now_us)?;
    let mut hashes = key_hashes(&keys, batch.rows)?;
    if let Some(present) = unmatchable(&keys, &shape.nulls_equal) {
        for (row, hash) in hashes.iter_mut().enumerate().filter(|(row, _)| present.is_null(*row)) {
            *hash = mix(row as u64, *hash);
        }
    }
    Ok(hashes)
}

/// One thread's rows of the probing side.
struct Probing<'p, 'a> {
    shape: &'p Shape<'a>,
    rows: Apart,
}

impl Sink for Probing<'_, '_> {
    fn push(&mut self, _place: u64, batch: Batch) -> Result<ControlFlow<()>> {
        let hashes = hashes(self.shape, &self.shape.probe_keys, &batch)?;
        self.rows.put(&self.shape.control, &batch, &hashes)?;
        Ok(ControlFlow::Continue(()))
    }
}

pub(super) fn lower<'a>(shape: &Arc<Shape<'a>>, built: Parts, probe: Vec<Branch<'a>>) -> Result<Vec<Branch<'a>>> {
    let control = &*shape.control;
    let file = Arc::new(LazyFile::new(control.memory));
    let sinks = run(control, &probe, || Ok(Probing { shape, rows: Apart::new(&file, 0) }))?;
    // What the joins below have built is not needed any more.
    drop(probe);
    let probe = Parts::of(control, file, sinks.into_iter().map(|sink| sink.rows).collect())?;
    Ok(vec![Branch::of(Grace { shape: shape.clone(), built, probe, next: AtomicUsize::new(0) })])
}

struct Grace<'a> {
    shape: Arc<Shape<'a>>,
    built: Parts,
    probe: Parts,
    next: AtomicUsize,
}

/// One part of a side, and the file that it is in.
type Side<'s> = (&'s PartRows, &'s LazyFile);

impl Grace<'_> {
    fn part(&self, built: Side<'_>, probe: Side<'_>, level: u32, emit: &mut Emit<'_>) -> Result<ControlFlow<()>> {
        let shape = &self.shape;
        let control = &*shape.control;
        control.check()?;
        let rests = shape.plan.remaining != Remaining::None;
        if (built.0.rows() == 0 && shape.drops_unmatched()) || (probe.0.rows() == 0 && !rests) {
            return Ok(ControlFlow::Continue(()));
        }
        let mut held = Held::none(control.memory);
        if !held.grow(built.0.bytes() * COPIES) {
            if level == LEVEL_MAX {
                return Err(held.refused("the rows of one side of a join that have one key do not fit"));
            }
            return self.split(built, probe, level + 1, emit);
        }
        let rows = join_batches(control, built.0.load(control, built.1)?, &shape.built_types, &shape.built_need)?;
        let table = Arc::new(build(shape, rows, held)?);
        let stage = Probe { shape: shape.clone(), built: table.clone() };
        if probe.0.each(control, probe.1, &mut |batch| stage.apply(batch, emit))?.is_break() {
            return Ok(ControlFlow::Break(()));
        }
        if rests { Rest::new(shape.clone(), table).each(emit) } else { Ok(ControlFlow::Continue(())) }
    }

    fn split(&self, built: Side<'_>, probe: Side<'_>, level: u32, emit: &mut Emit<'_>) -> Result<ControlFlow<()>> {
        let shape = &*self.shape;
        let of_built = |batch: &Batch| hashes(shape, &shape.built_keys, batch);
        let of_probe = |batch: &Batch| hashes(shape, &shape.probe_keys, batch);
        let built = built.0.split(&shape.control, built.1, level, &of_built)?;
        let probe = probe.0.split(&shape.control, probe.1, level, &of_probe)?;
        for (of_built, of_probe) in built.rows.iter().zip(&probe.rows) {
            if self.part((of_built, &built.file), (of_probe, &probe.file), level, emit)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }
}

impl Source for Grace<'_> {
    fn next(&self) -> Result<Option<Task<'_>>> {
        let part = self.next.fetch_add(1, Ordering::Relaxed);
        if part >= PARTS {
            return Ok(None);
        }
        let built = (&self.built.rows[part], &*self.built.file);
        let probe = (&self.probe.rows[part], &*self.probe.file);
        Ok(Some(Task { number: part as u64, run: Box::new(move |emit| self.part(built, probe, 0, emit)) }))
    }

    fn width(&self) -> usize {
        PARTS
    }
}
