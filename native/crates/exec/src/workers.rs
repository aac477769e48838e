//! The threads that help queries. There are so many of them for the whole engine, however many queries run: a query
//! works on its own thread and asks for helpers where there is work for more than one; if none is free it goes on alone.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};

use millrace_base::{Error, Result};

use crate::control::Control;

/// Plans may be nested `PLAN_DEPTH_MAX` deep, and stages and evaluator recurse over them.
const STACK_BYTES: usize = 16 << 20;

/// How many threads may help.
pub struct Workers {
    threads: AtomicUsize,
    lent: AtomicUsize,
}

impl Workers {
    /// So many threads for a query that runs alone.
    pub fn new(threads: usize) -> Self {
        Self { threads: AtomicUsize::new(threads.max(1)), lent: AtomicUsize::new(0) }
    }

    /// One a core.
    pub fn per_core() -> Self {
        Self::new(Self::cores())
    }

    /// How many there are unless somebody says.
    pub fn cores() -> usize {
        std::thread::available_parallelism().map_or(2, |n| n.get())
    }

    /// A query uses its own thread only.
    pub fn alone() -> Self {
        Self::new(1)
    }

    pub fn threads(&self) -> usize {
        self.threads.load(Ordering::Relaxed)
    }

    /// For work that begins from now on.
    pub fn set_threads(&self, threads: usize) {
        self.threads.store(threads.max(1), Ordering::Relaxed);
    }

    fn take(&self) -> Option<Permit<'_>> {
        let helpers = self.threads() - 1;
        let one_more = |lent: usize| (lent < helpers).then_some(lent + 1);
        let taken = self.lent.fetch_update(Ordering::AcqRel, Ordering::Acquire, one_more);
        taken.ok().map(|_| Permit(self))
    }
}

/// Given back when it is dropped, however the thread ends.
struct Permit<'a>(&'a Workers);

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        self.0.lent.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Runs `work` on this thread and on as many others as are free, at most `most` in all; each takes its share of the work
/// by itself. A panic is the query's error.
pub(crate) fn parallel<T: Send>(
    control: &Control<'_>,
    most: usize,
    work: &(dyn Fn() -> Result<T> + Sync),
) -> Result<Vec<T>> {
    let run = || {
        let outcome = catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| Err(panic_error(&*panic)));
        outcome.inspect_err(|error| control.fail(error.clone()))
    };
    let helpers = most.min(control.workers.threads()).saturating_sub(1);
    let permits: Vec<Permit<'_>> = (0..helpers).map_while(|_| control.workers.take()).collect();
    let mut results = Vec::with_capacity(permits.len() + 1);
    if permits.is_empty() {
        results.push(run());
    } else {
        std::thread::scope(|scope| {
            let started: Vec<_> = permits
                .into_iter()
                .filter_map(|permit| {
                    let named = std::thread::Builder::new().name("millrace-worker".into()).stack_size(STACK_BYTES);
                    let helped = move || {
                        let _permit = permit;
                        run()
                    };
                    // Without a thread the others do the work.
                    named.spawn_scoped(scope, helped).ok()
                })
                .collect();
            results.push(run());
            for thread in started {
                results.push(thread.join().unwrap_or_else(|panic| Err(panic_error(&*panic))));
            }
        });
    }
    let results: Result<Vec<T>> = results.into_iter().collect();
    results.map_err(|error| control.failure().unwrap_or(error))
}

fn panic_error(panic: &(dyn Any + Send)) -> Error {
    let text = panic
        .downcast_ref::<&str>()
        .map(|s| (*s).to_string())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "unknown cause".into());
    Error::internal(format!("internal error: {text}")).with_hint("This is a bug of Millrace. Please report it.")
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use millrace_base::Code;

    use super::*;
    use crate::ExecContext;

    #[test]
    fn threads_are_lent_and_given_back() {
        let (workers, cancel) = (Workers::new(3), AtomicBool::new(false));
        let (memory, relations) = (crate::tests::plenty(), crate::tests::Tables(vec![], vec![]));
        let control = Control::new(&ExecContext {
            now_us: 0,
            models: &millrace_expr::NoModels,
            relations: &relations,
            cancel: &cancel,
            workers: &workers,
            memory: &memory,
        });
        for _ in 0..3 {
            assert_eq!(parallel(&control, 9, &|| Ok(())).unwrap().len(), 3);
            assert_eq!(parallel(&control, 1, &|| Ok(())).unwrap().len(), 1);
        }
        let held = workers.take();
        assert_eq!(parallel(&control, 9, &|| Ok(())).unwrap().len(), 2);
        drop(held);
        let error = parallel(&control, 9, &|| -> Result<()> { panic!("boom") }).unwrap_err();
        assert_eq!(error.code, Code::InternalError);
        assert!(error.message.contains("boom"));
        assert_eq!(workers.lent.load(Ordering::Relaxed), 0);
        workers.set_threads(2);
        assert_eq!(workers.threads(), 2);
    }
}
