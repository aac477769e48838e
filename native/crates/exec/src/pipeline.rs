//! Pipelines. A source gives rows in tasks that threads take one by one; stages pass batches on; a sink, one a thread,
//! keeps what comes. Tasks are numbered in the order of the rows, and every batch knows its place, so that what must
//! keep the order can.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use millrace_base::Result;
use parking_lot::Mutex;

use crate::batch::Batch;
use crate::control::Control;
use crate::workers::parallel;

/// Takes a batch; `Break` when no more of this task is wanted.
pub(crate) type Emit<'e> = dyn FnMut(Batch) -> Result<ControlFlow<()>> + 'e;

/// What makes a task's batches.
pub(crate) type Run<'a> = dyn FnOnce(&mut Emit<'_>) -> Result<ControlFlow<()>> + 'a;

/// A part of a source's rows.
pub(crate) struct Task<'a> {
    /// Its place among the source's tasks.
    pub number: u64,
    pub run: Box<Run<'a>>,
}

pub(crate) trait Source: Send + Sync {
    /// The next task; from any thread.
    fn next(&self) -> Result<Option<Task<'_>>>;
    /// How many threads have something to do at once, at most.
    fn width(&self) -> usize;
}

/// Passes on what it makes of a batch.
pub(crate) trait Stage: Send + Sync {
    fn apply(&self, batch: Batch, emit: &mut Emit<'_>) -> Result<ControlFlow<()>>;
}

/// Rows of a part of a plan. A list of branches is run one after the other, in order.
#[derive(Clone)]
pub(crate) struct Branch<'a> {
    pub source: Arc<dyn Source + 'a>,
    pub stages: Vec<Arc<dyn Stage + 'a>>,
}

impl<'a> Branch<'a> {
    pub fn of(source: impl Source + 'a) -> Self {
        Self { source: Arc::new(source), stages: Vec::new() }
    }
}

/// Puts a stage behind each branch.
pub(crate) fn then<'a>(mut branches: Vec<Branch<'a>>, stage: impl Stage + 'a) -> Vec<Branch<'a>> {
    let stage: Arc<dyn Stage + 'a> = Arc::new(stage);
    branches.iter_mut().for_each(|branch| branch.stages.push(stage.clone()));
    branches
}

/// Keeps what one thread makes.
pub(crate) trait Sink: Send {
    /// `place` is that of the first row: places grow with the order of the rows.
    fn push(&mut self, place: u64, batch: Batch) -> Result<ControlFlow<()>>;
    /// All rows of the task with this number have come. `Break` when no task behind those that are done is wanted.
    fn end_task(&mut self, _task: u64) -> Result<ControlFlow<()>> {
        Ok(ControlFlow::Continue(()))
    }
}

/// Bits of a place that number the rows within a task.
const ROW_BITS: u32 = 32;

fn push(stages: &[Arc<dyn Stage + '_>], batch: Batch, emit: &mut Emit<'_>) -> Result<ControlFlow<()>> {
    if batch.rows == 0 {
        return Ok(ControlFlow::Continue(()));
    }
    match stages.split_first() {
        None => emit(batch),
        Some((first, rest)) => first.apply(batch, &mut |batch| push(rest, batch, emit)),
    }
}

/// Runs the branches to their end, or until the sinks want no more. Each thread that took part leaves its sink.
pub(crate) fn run<S: Sink>(
    control: &Control<'_>,
    branches: &[Branch<'_>],
    make: impl Fn() -> Result<S> + Sync,
) -> Result<Vec<S>> {
    let idle: Mutex<Vec<S>> = Mutex::new(Vec::new());
    let ended = AtomicBool::new(false);
    let mut base = 0;
    for branch in branches {
        if ended.load(Ordering::Relaxed) {
            break;
        }
        let tasks = AtomicU64::new(0);
        parallel(control, branch.source.width(), &|| {
            // Taken on its own: `make` must not wait for the lock.
            let waiting = idle.lock().pop();
            let mut sink = match waiting {
                Some(sink) => sink,
                None => make()?,
            };
            while !ended.load(Ordering::Relaxed) {
                control.check()?;
                let Some(task) = branch.source.next()? else { break };
                let number = base + task.number;
                tasks.fetch_max(task.number + 1, Ordering::Relaxed);
                let mut rows = 0u64;
                // What ends a task early is the sink's or a stage's wish; either way the task is done.
                let _ = (task.run)(&mut |batch| {
                    control.check()?;
                    push(&branch.stages, batch, &mut |batch| {
                        let place = number << ROW_BITS | rows.min(u64::from(u32::MAX));
                        rows += batch.rows as u64;
                        sink.push(place, batch)
                    })
                })?;
                if sink.end_task(number)?.is_break() {
                    ended.store(true, Ordering::Relaxed);
                }
            }
            idle.lock().push(sink);
            Ok(())
        })?;
        base += tasks.into_inner();
    }
    Ok(idle.into_inner())
}
