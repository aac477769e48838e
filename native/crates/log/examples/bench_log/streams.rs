//! Very many streams in one database.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use arrow_array::Int64Array;
use millrace_base::RelationId;
use millrace_log::{Commit, Durability, Log, LogOptions};
use millrace_plan::DataType;

use crate::events::{batch, columns, create, rows};
use crate::figures::{figure, process_count};
use crate::{Job, Outcome};

/// Descriptors and threads are for the process, whatever the number of streams.
const DESCRIPTORS: f64 = 64.0;
const THREADS: f64 = 8.0;

/// `amount` is how many.
pub fn streams(job: &Job) -> Outcome {
    let folder = job.folder.join("streams");
    let case = format!("{} streams", job.amount);
    let ids = || (1..=job.amount as u32).map(RelationId);
    let defs = columns(&[("id", DataType::Bigint), ("value", DataType::Bigint)]);
    let open = || Log::open(Some(&folder), LogOptions::real(Durability::Commit), Box::new(|_| {}));
    let milliseconds = |metric: &str, start: Instant| {
        figure(&case, "millrace", metric, "ms", "lower", start.elapsed().as_secs_f64() * 1e3, None);
    };
    for _ in 0..job.repeat {
        let log = open()?;
        let start = Instant::now();
        let mut tickets = VecDeque::new();
        for id in ids() {
            tickets.push_back(log.commit(Commit { catalog: vec![create(id, defs.clone())], ..Commit::default() })?);
        }
        tickets.drain(..).try_for_each(|ticket| ticket.wait().map(drop))?;
        milliseconds("create, a commit each", start);
        let start = Instant::now();
        for id in ids() {
            let array = || Arc::new(Int64Array::from(vec![i64::from(id.0); 4]));
            tickets.push_back(log.commit(rows(id, batch(&defs, vec![array(), array()])?))?);
        }
        tickets.drain(..).try_for_each(|ticket| ticket.wait().map(drop))?;
        milliseconds("append to all, a commit each", start);
        let start = Instant::now();
        log.checkpoint()?;
        milliseconds("seal all", start);
        let files = std::fs::read_dir(folder.join("segments"))?.count();
        log.close();
        drop(log);
        let start = Instant::now();
        let log = open()?;
        milliseconds("open", start);
        let start = Instant::now();
        let found = log.definitions().len();
        milliseconds("list", start);
        let start = Instant::now();
        let mut read = 0;
        for id in ids() {
            for batch in log.scan(id, &[1], log.durable_epoch())?.batches() {
                read += batch?.num_rows();
            }
        }
        milliseconds("read all", start);
        if (found as u64, read as u64) != (job.amount, 4 * job.amount) {
            return Err(format!("{found} streams with {read} rows were found").into());
        }
        figure(&case, "millrace", "descriptors", "", "lower", process_count("fd"), Some(DESCRIPTORS));
        figure(&case, "millrace", "threads", "", "lower", process_count("task"), Some(THREADS));
        figure(&case, "millrace", "segment files", "", "lower", files as f64, None);
        log.close();
        drop(log);
        std::fs::remove_dir_all(&folder)?;
    }
    Ok(())
}
