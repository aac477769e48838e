//! Commits of one row: how long one writer waits beside a bare write and fsync, and what many writers get through.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use millrace_base::RealStorage;
use millrace_log::{Durability, Log};

use crate::disk::{Probe, Traced, bytes_of, syncs_of};
use crate::events::{STREAM, event_columns, events, fresh, rows};
use crate::figures::{figure, median, percentile};
use crate::{Job, Outcome};

const WRITERS: usize = 64;
/// Commits and bare writes take turns this often.
const STRETCH: u64 = 25;
const OVER_BARE: f64 = 1.3;
const OVER_ONE: f64 = 20.0;
const SPAN: Duration = Duration::from_millis(1500);

pub fn single(job: &Job) -> Outcome {
    let storage = Traced::default();
    let folder = job.folder.join("single");
    let log = Arc::new(fresh(&folder, Arc::new(storage.clone()), Durability::Commit, event_columns())?);
    let mut probe = Probe::new(&job.folder)?;
    let row = events(1, 1)?.remove(0);
    let commit = || -> Outcome {
        log.commit(rows(STREAM, row.clone()))?.wait()?;
        Ok(())
    };
    for _ in 0..STRETCH {
        commit()?;
    }
    storage.take();
    commit()?;
    let calls = storage.take();
    let (bytes, syncs) = (bytes_of(&calls), syncs_of(&calls));
    if syncs != 1 {
        return Err(format!("a commit took {syncs} fsyncs").into());
    }
    let case = "one row a commit, one writer";
    for _ in 0..job.repeat {
        let (mut us, mut bare) = (Vec::new(), Vec::new());
        for _ in 0..job.amount / STRETCH {
            for _ in 0..STRETCH {
                let start = Instant::now();
                commit()?;
                us.push(start.elapsed().as_secs_f64() * 1e6);
            }
            for _ in 0..STRETCH {
                let start = Instant::now();
                probe.write(bytes)?;
                probe.sync()?;
                bare.push(start.elapsed().as_secs_f64() * 1e6);
            }
        }
        let other = "write and fsync";
        let (p50, bare50) = (median(&mut us), median(&mut bare));
        figure(case, "millrace", "p50", "us", "lower", p50, None);
        figure(case, other, "p50", "us", "lower", bare50, None);
        figure(case, "millrace", "p50 over a bare write and fsync", "x", "lower", p50 / bare50, Some(OVER_BARE));
        figure(case, "millrace", "p99", "us", "lower", percentile(&mut us, 99), None);
        figure(case, other, "p99", "us", "lower", percentile(&mut bare, 99), None);
    }
    log.close();
    std::fs::remove_dir_all(folder)?;
    Ok(())
}

/// What 64 threads get through together, beside one.
pub fn writers(job: &Job) -> Outcome {
    let folder = job.folder.join("writers");
    let log = Arc::new(fresh(&folder, Arc::new(RealStorage), Durability::Commit, event_columns())?);
    rate(&log, WRITERS)?;
    let case = "one row a commit, 64 writers";
    for _ in 0..job.repeat {
        let one = rate(&log, 1)?;
        let many = rate(&log, WRITERS)?;
        figure(case, "millrace", "commits", "commits/s", "higher", many, None);
        figure(case, "millrace, one writer", "commits", "commits/s", "higher", one, None);
        figure(case, "millrace", "over one writer", "x", "higher", many / one, Some(OVER_ONE));
    }
    log.close();
    std::fs::remove_dir_all(folder)?;
    Ok(())
}

/// Commits a second of so many threads, each of which waits for its commit before the next.
fn rate(log: &Arc<Log>, writers: usize) -> Result<f64, Box<dyn std::error::Error>> {
    let row = events(1, 1)?.remove(0);
    let (stop, done) = (AtomicBool::new(false), AtomicU64::new(0));
    let start = Instant::now();
    let failed = std::thread::scope(|scope| {
        let write = || {
            while !stop.load(Ordering::Relaxed) {
                log.commit(rows(STREAM, row.clone())).and_then(|ticket| ticket.wait())?;
                done.fetch_add(1, Ordering::Relaxed);
            }
            Ok::<_, millrace_base::Error>(())
        };
        let threads: Vec<_> = (0..writers).map(|_| scope.spawn(write)).collect();
        std::thread::sleep(SPAN);
        stop.store(true, Ordering::Relaxed);
        threads.into_iter().find_map(|thread| thread.join().expect("a writer does not panic").err())
    });
    match failed {
        Some(error) => Err(format!("a writer failed: {}", error.message).into()),
        None => Ok(done.load(Ordering::Relaxed) as f64 / start.elapsed().as_secs_f64()),
    }
}
