//! All rows of some branches, in their order: the result of a query.

use std::ops::ControlFlow;

use millrace_base::Result;

use crate::batch::Batch;
use crate::control::Control;
use crate::pipeline::{Branch, Sink, run};

pub(crate) struct Collected<'a> {
    control: &'a Control<'a>,
    batches: Vec<(u64, Batch)>,
}

impl Sink for Collected<'_> {
    fn push(&mut self, place: u64, batch: Batch) -> Result<ControlFlow<()>> {
        self.control.add_result(batch.bytes())?;
        self.batches.push((place, batch));
        Ok(ControlFlow::Continue(()))
    }
}

pub(crate) fn collect(control: &Control<'_>, branches: &[Branch<'_>]) -> Result<Vec<Batch>> {
    let sinks = run(control, branches, || Ok(Collected { control, batches: Vec::new() }))?;
    let mut batches: Vec<(u64, Batch)> = sinks.into_iter().flat_map(|sink| sink.batches).collect();
    batches.sort_by_key(|(place, _)| *place);
    Ok(batches.into_iter().map(|(_, batch)| batch).collect())
}
