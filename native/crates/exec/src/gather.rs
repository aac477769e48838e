//! The rows of a node that are wanted all at once, for the built side of a join or for windows: together in their order,
//! or apart by the hash of their keys where there is too little memory.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use millrace_base::Result;
use millrace_plan::Rel;

use crate::apart::{Apart, Hashes, Parts};
use crate::batch::{Batch, join_batches};
use crate::control::Control;
use crate::lower::{KeyFilter, Query};
use crate::memory::Held;
use crate::need::Need;
use crate::pipeline::{Sink, run};
use crate::spill::LazyFile;

pub(crate) enum Gathered {
    Together(Batch, Held),
    Apart(Parts),
}

/// What must be known of the rows.
pub(crate) struct Gather<'g> {
    /// Of the keys; none where the rows cannot be put apart.
    pub hashes: Option<&'g Hashes<'g>>,
    /// For the message.
    pub what: &'static str,
}

/// Batches are copied into one: until that is done both are there.
const COPIES: usize = 2;

struct Gathering<'g> {
    control: &'g Control<'g>,
    gather: &'g Gather<'g>,
    file: &'g Arc<LazyFile>,
    /// Some thread had too little memory.
    short: &'g AtomicBool,
    batches: Vec<(u64, Batch)>,
    held: Held,
    apart: Option<Apart>,
}

impl Gathering<'_> {
    fn put(&mut self, hashes: &Hashes<'_>, batch: &Batch) -> Result<()> {
        let (control, file) = (self.control, self.file);
        let apart = self.apart.get_or_insert_with(|| Apart::new(file, 0));
        apart.put(control, batch, &hashes(batch)?)
    }

    fn put_all(&mut self, hashes: &Hashes<'_>) -> Result<()> {
        for (_, batch) in std::mem::take(&mut self.batches) {
            self.control.check()?;
            self.held.shrink(batch.bytes() * COPIES);
            self.put(hashes, &batch)?;
        }
        self.held.clear();
        Ok(())
    }
}

impl Sink for Gathering<'_> {
    fn push(&mut self, place: u64, batch: Batch) -> Result<ControlFlow<()>> {
        if !self.short.load(Ordering::Relaxed) {
            if self.held.grow_lasting(batch.bytes() * COPIES) {
                self.batches.push((place, batch));
                return Ok(ControlFlow::Continue(()));
            }
            self.short.store(true, Ordering::Relaxed);
        }
        let Some(hashes) = self.gather.hashes else { return Err(self.held.refused(self.gather.what)) };
        self.put_all(hashes)?;
        self.put(hashes, &batch)?;
        Ok(ControlFlow::Continue(()))
    }
}

impl Gather<'_> {
    pub fn rows<'a>(&self, query: &Query<'a>, rel: &'a Rel, need: &Need, filters: &[KeyFilter]) -> Result<Gathered> {
        let types = query.types(rel)?;
        let branches = query.lower(rel, need, filters)?;
        let control: &Control<'_> = &query.control;
        let file = Arc::new(LazyFile::new(control.memory));
        let short = AtomicBool::new(false);
        let sinks = run(control, &branches, || {
            let held = Held::none(control.memory);
            Ok(Gathering { control, gather: self, file: &file, short: &short, batches: Vec::new(), held, apart: None })
        })?;
        // What the joins below have built is not needed any more.
        drop(branches);
        if !short.load(Ordering::Relaxed) {
            let mut held = Held::none(control.memory);
            let mut batches = Vec::new();
            for sink in sinks {
                batches.extend(sink.batches);
                held.join(sink.held);
            }
            batches.sort_by_key(|(place, _)| *place);
            let batches = batches.into_iter().map(|(_, batch)| batch).collect();
            let rows = join_batches(control, batches, &types, need)?;
            held.shrink(held.bytes() / COPIES);
            return Ok(Gathered::Together(rows, held));
        }
        let mut threads = Vec::new();
        for mut sink in sinks {
            if let Some(hashes) = self.hashes {
                sink.put_all(hashes)?;
            }
            threads.extend(sink.apart);
        }
        Ok(Gathered::Apart(Parts::of(control, file, threads)?))
    }
}
