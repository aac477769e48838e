//! Threads that run requests, with a bounded queue. One pool reads, one writes (in the order of the calls), one
//! changes the catalog, one encodes what subscriptions deliver, one reads for consumers, behind all others where cores are
//! few: none waits for another's work.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use millrace_base::{Code, Error, Result};
use parking_lot::Mutex;

use crate::reply::{Reply, closed};

type Job = Box<dyn FnOnce() + Send>;

pub struct Pool {
    name: &'static str,
    jobs: Mutex<Option<Sender<Job>>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Pool {
    pub fn start(name: &'static str, threads: usize, waiting_max: usize) -> Result<Self> {
        Self::start_with(name, threads, waiting_max, || {})
    }

    /// Of threads that let commits go first.
    pub fn start_behind_commits(name: &'static str, threads: usize, waiting_max: usize) -> Result<Self> {
        Self::start_with(name, threads, waiting_max, millrace_log::yield_to_commits)
    }

    fn start_with(name: &'static str, threads: usize, waiting_max: usize, first: fn()) -> Result<Self> {
        let (sender, receiver) = bounded::<Job>(waiting_max);
        let mut handles = Vec::with_capacity(threads);
        for _ in 0..threads {
            let receiver = receiver.clone();
            handles.push(spawn(name, move || {
                first();
                run(&receiver);
            })?);
        }
        Ok(Self { name, jobs: Mutex::new(Some(sender)), threads: Mutex::new(handles) })
    }

    /// Queues a job. The job answers its caller itself; a refusal here is answered by the caller's reply.
    pub fn submit(&self, job: impl FnOnce() + Send + 'static) -> Result<()> {
        let jobs = self.jobs.lock();
        let Some(sender) = jobs.as_ref() else { return Err(closed()) };
        sender.try_send(Box::new(job)).map_err(|refused| match refused {
            TrySendError::Full(_) => {
                Error::new(Code::InsufficientResources, format!("too many requests wait for the {} threads", self.name))
                    .with_hint("Wait for some of the running requests to end.")
            }
            TrySendError::Disconnected(_) => closed(),
        })
    }

    /// Queues a job that answers `reply`; a refusal is the answer then.
    pub fn give<T: 'static>(&self, reply: Reply<T>, job: impl FnOnce(Reply<T>) + Send + 'static) {
        let slot = Arc::new(Mutex::new(Some(reply)));
        let of_job = slot.clone();
        let submitted = self.submit(move || {
            let reply = of_job.lock().take();
            if let Some(reply) = reply {
                job(reply);
            }
        });
        if let Err(error) = submitted {
            let reply = slot.lock().take();
            if let Some(reply) = reply {
                reply.send(Err(error));
            }
        }
    }

    /// Takes no more jobs, ends those that are queued, joins the threads.
    pub fn stop(&self) {
        self.jobs.lock().take();
        for thread in self.threads.lock().drain(..) {
            // The last handle on the engine may be dropped by a job.
            if thread.thread().id() != std::thread::current().id() {
                thread.join().ok();
            }
        }
    }
}

fn run(jobs: &Receiver<Job>) {
    for job in jobs {
        // Jobs answer their own panics; this keeps the thread when one does not.
        catch_unwind(AssertUnwindSafe(job)).ok();
    }
}

/// A named thread of the engine.
pub fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>> {
    std::thread::Builder::new()
        .name(format!("millrace-{name}"))
        .stack_size(THREAD_STACK_BYTES)
        .spawn(run)
        .map_err(|e| Error::new(Code::InsufficientResources, format!("could not start a thread: {e}")))
}

/// Plans may be nested `PLAN_DEPTH_MAX` deep, and both executor and evaluator recurse over them.
const THREAD_STACK_BYTES: usize = 16 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_queue_refuses_and_a_stopped_pool_is_closed() {
        let pool = Pool::start("test", 1, 1).unwrap();
        let (hold, held) = bounded::<()>(0);
        let (started, has_started) = bounded::<()>(1);
        pool.submit(move || {
            started.send(()).unwrap();
            held.recv().ok();
        })
        .unwrap();
        has_started.recv().unwrap();
        pool.submit(|| {}).unwrap();
        assert_eq!(pool.submit(|| {}).unwrap_err().code, Code::InsufficientResources);
        drop(hold);
        pool.stop();
        assert_eq!(pool.submit(|| {}).unwrap_err().code, Code::AdminShutdown);
    }
}
