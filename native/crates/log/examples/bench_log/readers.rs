//! What readers at different places cost a writer that goes as fast as it can.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use arrow_array::RecordBatch;
use millrace_base::RealStorage;
use millrace_log::{Durability, Log};

use crate::append::append_all;
use crate::events::{STREAM, event_columns, events, fresh};
use crate::figures::figure;
use crate::{Job, Outcome};

const READERS: u64 = 8;
const BATCH_ROWS: usize = 8192;
/// The part that the writer may lose.
const SLOWER: f64 = 1.2;
const NAP: Duration = Duration::from_millis(5);
const COLUMNS: [u32; 7] = [0, 1, 2, 3, 4, 5, 6];

/// How fast each reader goes.
#[derive(Clone, Copy)]
enum Pace {
    /// So many rows a second, whatever the writer does.
    Own(f64),
    /// It takes as many rows as the writer appends.
    Writer,
    /// It begins anew when it has come to the end.
    Fast,
}

/// `amount` is the rows that are appended a turn.
pub fn readers(job: &Job) -> Outcome {
    let folder = job.folder.join("readers");
    let log = fresh(&folder, Arc::new(RealStorage), Durability::Commit, event_columns())?;
    let batches = events(32, BATCH_ROWS)?;
    let turn = job.amount as usize / BATCH_ROWS;
    append_all(&log, batches.iter().cycle().take(2 * turn))?;
    for _ in 0..job.repeat {
        log.checkpoint()?;
        let alone = append_all(&log, batches.iter().cycle().take(turn))?.as_secs_f64();
        let share = (turn * BATCH_ROWS) as f64 / alone / READERS as f64;
        for (case, pace, goal) in [
            ("8 readers that take together what a writer can append", Pace::Own(share), Some(SLOWER)),
            ("8 readers that keep up with a writer", Pace::Writer, Some(SLOWER)),
            ("8 readers as fast as they go, beside a writer", Pace::Fast, None),
        ] {
            log.checkpoint()?;
            let (beside, read) = with_readers(&log, &batches, turn, pace)?;
            let rate = |seconds: f64| (turn * BATCH_ROWS) as f64 / seconds;
            figure(case, "millrace", "written", "rows/s", "higher", rate(beside), None);
            figure(case, "millrace, no readers", "written", "rows/s", "higher", rate(alone), None);
            figure(case, "millrace", "writer is slower", "x", "lower", beside / alone, goal);
            figure(case, "millrace", "read by all", "rows/s", "higher", read as f64 / beside, None);
        }
    }
    log.close();
    std::fs::remove_dir_all(folder)?;
    Ok(())
}

fn with_readers(log: &Log, batches: &[RecordBatch], turn: usize, pace: Pace) -> Result<(f64, u64), Box<dyn Error>> {
    let end = log.extents(STREAM).first().map_or(0, |(_, extent)| extent.end);
    let (stop, read) = (AtomicBool::new(false), AtomicU64::new(0));
    let (stop, counted) = (&stop, &read);
    let took = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..READERS)
            .map(|reader| scope.spawn(move || follow(log, end * reader / (READERS - 1), end, pace, stop, counted)))
            .collect();
        let took = append_all(log, batches.iter().cycle().take(turn)).map_err(|e| e.to_string());
        stop.store(true, Ordering::Relaxed);
        let failed = threads.into_iter().find_map(|t| t.join().expect("a reader does not panic").err());
        failed.map_or(took, |error| Err(error.message))
    });
    Ok((took?.as_secs_f64(), read.load(Ordering::Relaxed)))
}

/// Reads from an offset on until it is stopped. `end` is where the writer began.
fn follow(
    log: &Log,
    from: u64,
    end: u64,
    pace: Pace,
    stop: &AtomicBool,
    counted: &AtomicU64,
) -> millrace_base::Result<()> {
    let mut next = from;
    let began = Instant::now();
    while !stop.load(Ordering::Relaxed) && began.elapsed() < Duration::from_secs(60) {
        let upto = log.durable_epoch();
        let written = log.extents(STREAM).first().map_or(0, |(_, extent)| extent.end) - end;
        for found in log.read_from(STREAM, 0, &COLUMNS, next, upto)? {
            let enough = match pace {
                Pace::Own(rows) => (next - from) as f64 >= rows * began.elapsed().as_secs_f64(),
                Pace::Writer => next - from >= written,
                Pace::Fast => false,
            };
            if enough || stop.load(Ordering::Relaxed) {
                break;
            }
            let found = found?;
            let rows = std::hint::black_box(found.rows).num_rows() as u64;
            counted.fetch_add(rows, Ordering::Relaxed);
            next = found.first_offset + rows;
        }
        match pace {
            Pace::Own(_) | Pace::Writer => std::thread::sleep(NAP),
            Pace::Fast if next >= end + written => next = 0,
            Pace::Fast => {}
        }
    }
    Ok(())
}
