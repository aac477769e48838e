//! Memory that sealing takes, and its speed: the journal is filled first, then sealed while nothing else happens.

use std::time::Instant;

use millrace_log::{Commit, Durability, Log, LogOptions};

use crate::events::{STREAM, create, event_columns, events, rows};
use crate::figures::{figure, process_bytes};
use crate::{Job, Outcome};

const BATCH_ROWS: usize = 8192;

/// `amount` is the journal's size in megabytes.
pub fn memory(job: &Job) -> Outcome {
    let folder = job.folder.join("sealing");
    let case = "sealing";
    for _ in 0..job.repeat {
        let options = LogOptions { background: false, ..LogOptions::real(Durability::None) };
        let log = Log::open(Some(&folder), options, Box::new(|_| {}))?;
        let commit = |commit: Commit| -> Outcome {
            let ticket = log.commit(commit)?;
            log.run_pending();
            ticket.wait()?;
            Ok(())
        };
        commit(Commit { catalog: vec![create(STREAM, event_columns())], ..Commit::default() })?;
        let batches = events(16, BATCH_ROWS)?;
        let mut next = batches.iter().cycle();
        while log.stats().journal_bytes < job.amount * 1_000_000 {
            commit(rows(STREAM, next.next().ok_or("no batches")?.clone()))?;
        }
        drop(batches);
        let journal = log.stats().journal_bytes as f64;
        std::fs::write("/proc/self/clear_refs", "5")?; // The peak begins anew.
        let idle = process_bytes("VmRSS");
        let start = Instant::now();
        while log.maintain()? {}
        let seconds = start.elapsed().as_secs_f64();
        let sealed = journal - log.stats().journal_bytes as f64;
        figure(case, "millrace", "peak memory above idle", "MB", "lower", (process_bytes("VmHWM") - idle) / 1e6, None);
        figure(case, "millrace", "journal sealed", "MB/s", "higher", sealed / 1e6 / seconds, None);
        log.close();
        std::fs::remove_dir_all(&folder)?;
    }
    Ok(())
}
