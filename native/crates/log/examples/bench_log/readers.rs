//! What readers at different places cost a writer that goes as fast as it can.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use arrow_array::RecordBatch;
use millrace_base::RealStorage;
use millrace_log::{Durability, Log, Retention, yield_to_commits};

use crate::append::append_all;
use crate::events::{STREAM, event_columns, events, fresh};
use crate::figures::figure;
use crate::{Job, Outcome};

const READERS: u64 = 8;
const BATCH_ROWS: usize = 8192;
/// The part that the writer may lose.
const SLOWER: f64 = 1.2;
/// Older rows go, or the disk is full after some turns.
const KEPT_BYTES: u64 = 1 << 30;
const NAP: Duration = Duration::from_millis(5);
const COLUMNS: [u32; 7] = [0, 1, 2, 3, 4, 5, 6];

/// How fast each reader goes.
#[derive(Clone, Copy)]
enum Pace {
    /// So many rows a second, whatever the writer does.
    Own(f64),
    /// It takes as many rows as the writer appends: eight times its work.
    Writer,
    /// It begins anew when it has come to the end, where the writer began.
    Fast,
}

/// `amount` is the rows that are appended a turn.
pub fn readers(job: &Job) -> Outcome {
    let folder = job.folder.join("readers");
    let log = fresh(&folder, Arc::new(RealStorage), Durability::Commit, event_columns())?;
    let batches = events(32, BATCH_ROWS)?;
    let turn = job.amount as usize / BATCH_ROWS;
    log.set_retention(STREAM, Some(Retention { bytes: Some(KEPT_BYTES), ..Retention::default() }));
    append_all(&log, batches.iter().cycle().take(2 * turn))?;
    let rate = |seconds: f64| (turn * BATCH_ROWS) as f64 / seconds;
    for _ in 0..job.repeat {
        for (case, of_alone, goal) in [
            ("8 readers that take together what a writer can append", Some(1.0 / READERS as f64), Some(SLOWER)),
            ("8 readers that keep up with a writer", None, Some(SLOWER)),
            ("8 readers as fast as they go, beside a writer", Some(f64::INFINITY), None),
        ] {
            // The disk is not the same for long: each turn stands between two without readers.
            let alone = alone_seconds(&log, &batches, turn)?;
            let pace = of_alone.map_or(Pace::Writer, |part| match part.is_finite() {
                true => Pace::Own(rate(alone) * part),
                false => Pace::Fast,
            });
            log.checkpoint()?;
            let (beside, read) = with_readers(&log, &batches, turn, pace)?;
            let alone = (alone + alone_seconds(&log, &batches, turn)?) / 2.0;
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

fn alone_seconds(log: &Log, batches: &[RecordBatch], turn: usize) -> Result<f64, Box<dyn Error>> {
    log.checkpoint()?;
    Ok(append_all(log, batches.iter().cycle().take(turn))?.as_secs_f64())
}

fn with_readers(log: &Log, batches: &[RecordBatch], turn: usize, pace: Pace) -> Result<(f64, u64), Box<dyn Error>> {
    let (start, end) = log.extents(STREAM).first().map_or((0, 0), |(_, extent)| (extent.start, extent.end));
    let (stop, read) = (AtomicBool::new(false), AtomicU64::new(0));
    let threads = std::thread::available_parallelism()?.get().clamp(2, READERS as usize);
    let mut groups: Vec<Vec<Reader>> = (0..threads).map(|_| Vec::new()).collect();
    for reader in 0..READERS {
        let from = start + (end - start) * reader / (READERS - 1);
        groups[reader as usize % threads].push(Reader { from, next: from, pace, end });
    }
    let took = std::thread::scope(|scope| {
        let (stop, read) = (&stop, &read);
        let threads: Vec<_> =
            groups.into_iter().map(|readers| scope.spawn(move || follow(log, readers, stop, read))).collect();
        let took = append_all(log, batches.iter().cycle().take(turn)).map_err(|e| e.to_string());
        stop.store(true, Ordering::Relaxed);
        let failed = threads.into_iter().find_map(|t| t.join().expect("a reader does not panic").err());
        failed.map_or(took, |error| Err(error.message))
    });
    Ok((took?.as_secs_f64(), read.load(Ordering::Relaxed)))
}

/// Reads for some groups in turn until it is stopped: as the engine does, which has a few threads for all consumers and lets
/// commits go before them.
fn follow(log: &Log, mut readers: Vec<Reader>, stop: &AtomicBool, counted: &AtomicU64) -> millrace_base::Result<()> {
    yield_to_commits();
    let began = Instant::now();
    while !stop.load(Ordering::Relaxed) && began.elapsed() < Duration::from_secs(60) {
        let mut any = false;
        for reader in &mut readers {
            let rows = reader.turn(log, began)?;
            any |= rows > 0;
            counted.fetch_add(rows, Ordering::Relaxed);
        }
        if !any {
            std::thread::sleep(NAP);
        }
    }
    Ok(())
}

struct Reader {
    from: u64,
    next: u64,
    pace: Pace,
    /// Where the writer began.
    end: u64,
}

impl Reader {
    /// Reads a batch, if it is time for one; returns its rows.
    fn turn(&mut self, log: &Log, began: Instant) -> millrace_base::Result<u64> {
        let upto = log.durable_epoch();
        let newest = log.extents(STREAM).first().map_or(0, |(_, extent)| extent.end);
        let done = self.next - self.from;
        let enough = match self.pace {
            Pace::Own(rows) => done as f64 >= rows * began.elapsed().as_secs_f64(),
            Pace::Writer => done >= newest - self.end,
            Pace::Fast => false,
        };
        if enough {
            return Ok(0);
        }
        let wanted = self.next..self.next + BATCH_ROWS as u64;
        let Some(found) = log.read_between(STREAM, 0, &COLUMNS, wanted, upto)?.next() else {
            if matches!(self.pace, Pace::Fast) {
                self.next = self.end;
            }
            return Ok(0);
        };
        let found = found?;
        let rows = std::hint::black_box(found.rows).num_rows() as u64;
        self.next = found.first_offset + rows;
        Ok(rows)
    }
}
