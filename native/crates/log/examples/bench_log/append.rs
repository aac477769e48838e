//! Appends in batches: bytes a second beside a plain file that gets the same writes and fsyncs; small records a second.

use std::collections::VecDeque;
use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow_array::RecordBatch;
use arrow_array::builder::StringBuilder;
use millrace_base::RealStorage;
use millrace_log::{Durability, Log, Ticket};
use millrace_plan::{ColumnDef, DataType};

use crate::disk::{Probe, Traced, bytes_of, syncs_of};
use crate::events::{self, EVENT_BYTES, STREAM, batch, columns, event_columns, fresh, rows};
use crate::figures::figure;
use crate::{Job, Outcome};

/// Commits on their way at a time.
const IN_FLIGHT: usize = 8;
/// What is appended before the first turn, so that there are files to be written again.
const WARM_BYTES: usize = 320 << 20;
const OF_DISK: f64 = 0.7;

/// Commits with a few on their way, as an appender does.
pub struct Window<'a> {
    log: &'a Log,
    tickets: VecDeque<Ticket>,
}

impl<'a> Window<'a> {
    pub fn new(log: &'a Log) -> Self {
        Self { log, tickets: VecDeque::new() }
    }

    pub fn append(&mut self, batch: RecordBatch) -> Outcome {
        self.tickets.push_back(self.log.commit(rows(STREAM, batch))?);
        if self.tickets.len() >= IN_FLIGHT {
            self.tickets.pop_front().expect("there are some").wait()?;
        }
        Ok(())
    }

    pub fn finish(self) -> Outcome {
        for ticket in self.tickets {
            ticket.wait()?;
        }
        Ok(())
    }
}

pub fn append_all<'a>(log: &Log, batches: impl Iterator<Item = &'a RecordBatch>) -> Result<Duration, Box<dyn Error>> {
    let start = Instant::now();
    let mut window = Window::new(log);
    for batch in batches {
        window.append(batch.clone())?;
    }
    window.finish()?;
    Ok(start.elapsed())
}

pub fn events(job: &Job) -> Outcome {
    for batch_rows in [8192, 1024] {
        let case = format!("append events, batches of {batch_rows}");
        let storage = Traced::default();
        let folder = job.folder.join("append");
        let log = fresh(&folder, Arc::new(storage.clone()), Durability::Commit, event_columns())?;
        let mut probe = Probe::new(&job.folder)?;
        let batches = events_of(batch_rows)?;
        let turn = job.amount as usize / batch_rows;
        append_all(&log, batches.iter().cycle().take(WARM_BYTES / EVENT_BYTES / batch_rows))?;
        log.checkpoint()?;
        let shown = |metric: &str, subject: &str, unit: &str, value: f64, goal| {
            figure(&case, subject, metric, unit, "higher", value, goal);
        };
        for _ in 0..job.repeat {
            storage.take();
            let us = append_all(&log, batches.iter().cycle().take(turn))?.as_secs_f64();
            let calls = storage.take();
            log.checkpoint()?; // Else sealing would disturb the probe.
            let disk = probe.repeat(&calls)?.as_secs_f64();
            let bytes = bytes_of(&calls) as f64 / 1e6;
            shown("journal bytes", "millrace", "MB/s", bytes / us, None);
            shown("journal bytes", "plain file, same writes and fsyncs", "MB/s", bytes / disk, None);
            shown("of the disk", "millrace", "x", disk / us, Some(OF_DISK));
            shown("events", "millrace", "rows/s", (turn * batch_rows) as f64 / us, None);
            shown("bytes an fsync", "millrace", "MB", bytes / syncs_of(&calls) as f64, None);
        }
        log.close();
        std::fs::remove_dir_all(folder)?;
    }
    Ok(())
}

fn events_of(batch_rows: usize) -> Result<Vec<RecordBatch>, Box<dyn Error>> {
    events::events(32 * 8192 / batch_rows, batch_rows)
}

fn record_columns() -> Vec<ColumnDef> {
    columns(&[("value", DataType::Text)])
}

/// Records of 100 bytes, each given by itself, as to a producer.
pub fn records(job: &Job) -> Outcome {
    const RECORD_BYTES: usize = 100;
    const BATCH_ROWS: usize = 8192;
    let pool: Vec<u8> = (0..1u32 << 20).map(|i| b'a' + i.wrapping_mul(2_654_435_761).to_be_bytes()[0] % 26).collect();
    let pool = String::from_utf8(pool)?;
    let columns = record_columns();
    for (case, durability) in [
        ("100-byte records, fsync", Durability::Commit),
        ("100-byte records, no fsync", Durability::Interval(Duration::from_secs(1))),
    ] {
        let folder = job.folder.join("records");
        let log = fresh(&folder, Arc::new(RealStorage), durability, columns.clone())?;
        // The first turn makes the files that the others write again.
        for turn in 0..=job.repeat {
            let start = Instant::now();
            let mut window = Window::new(&log);
            let mut builder = StringBuilder::with_capacity(BATCH_ROWS, BATCH_ROWS * RECORD_BYTES);
            for record in 0..job.amount as usize {
                let from = record * 61 % (pool.len() - RECORD_BYTES);
                builder.append_value(&pool[from..from + RECORD_BYTES]);
                if (record + 1) % BATCH_ROWS == 0 {
                    window.append(batch(&columns, vec![Arc::new(builder.finish())])?)?;
                    builder = StringBuilder::with_capacity(BATCH_ROWS, BATCH_ROWS * RECORD_BYTES);
                }
            }
            window.append(batch(&columns, vec![Arc::new(builder.finish())])?)?;
            window.finish()?;
            let rate = job.amount as f64 / start.elapsed().as_secs_f64();
            if turn > 0 {
                figure(case, "millrace", "records", "records/s", "higher", rate, None);
            }
            log.checkpoint()?;
        }
        log.close();
        std::fs::remove_dir_all(folder)?;
    }
    Ok(())
}
