//! LIMIT and OFFSET without an order: the first rows, as they lie in the input, and no more work than they take.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use millrace_base::Result;
use millrace_plan::Rel;
use parking_lot::Mutex;

use crate::batch::Batch;
use crate::control::Control;
use crate::lower::Query;
use crate::need::Need;
use crate::pipeline::{Branch, Sink, run};

pub(crate) fn lower<'a>(
    query: &Query<'a>,
    input: &'a Rel,
    limit: Option<u64>,
    offset: u64,
    need: &Need,
) -> Result<Vec<Branch<'a>>> {
    let wanted = limit.map_or(u64::MAX, |limit| limit.saturating_add(offset));
    if wanted == 0 || limit == Some(0) {
        return Ok(Vec::new());
    }
    let branches = query.lower(input, need, &[])?;
    let progress = Mutex::new(Progress::default());
    let control = &*query.control;
    let sinks = run(control, &branches, || {
        Ok(Taken { control, progress: &progress, wanted, task: Vec::new(), rows: 0, done: Vec::new() })
    })?;
    let mut batches: Vec<(u64, Batch)> = sinks.into_iter().flat_map(|sink| sink.done).collect();
    batches.sort_by_key(|(place, _)| *place);
    let (mut skip, mut left) = (offset, limit.unwrap_or(u64::MAX));
    let mut kept = Vec::new();
    for (_, batch) in batches {
        let rows = batch.rows as u64;
        let from = skip.min(rows);
        let taken = (rows - from).min(left);
        skip -= from;
        left -= taken;
        if taken > 0 {
            kept.push(if taken == rows { batch } else { batch.slice(from as usize, taken as usize) });
        }
    }
    Ok(query.ready(kept, None))
}

/// The rows of the tasks that are done.
#[derive(Default)]
struct Progress {
    rows: BTreeMap<u64, u64>,
    /// Tasks before this one are all done, with so many rows.
    next: u64,
    before: u64,
}

struct Taken<'a> {
    control: &'a Control<'a>,
    progress: &'a Mutex<Progress>,
    wanted: u64,
    /// Of the task that is being worked on.
    task: Vec<(u64, Batch)>,
    rows: u64,
    done: Vec<(u64, Batch)>,
}

impl Sink for Taken<'_> {
    fn push(&mut self, place: u64, batch: Batch) -> Result<ControlFlow<()>> {
        self.control.add_result(batch.bytes())?;
        self.rows += batch.rows as u64;
        self.task.push((place, batch));
        Ok(if self.rows >= self.wanted { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    }

    fn end_task(&mut self, task: u64) -> Result<ControlFlow<()>> {
        self.done.append(&mut self.task);
        let mut progress = self.progress.lock();
        progress.rows.insert(task, std::mem::take(&mut self.rows));
        while let Some(rows) = {
            let next = progress.next;
            progress.rows.remove(&next)
        } {
            progress.before += rows;
            progress.next += 1;
        }
        Ok(if progress.before >= self.wanted { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    }
}
