//! Opening: after a clean close, and after the process was killed with a journal that nothing has sealed.

use std::error::Error;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Instant;

use millrace_base::RealStorage;
use millrace_log::{Durability, Log, LogOptions};

use crate::append::append_all;
use crate::events::{event_columns, events, fresh};
use crate::figures::figure;
use crate::{Job, Outcome};

const BATCH_ROWS: usize = 8192;
const OPEN_MS: f64 = 100.0;
const RECOVERY_MB: f64 = 1000.0;

pub fn folder_bytes(folder: &Path) -> std::io::Result<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let spare = entry.path().extension().is_some_and(|extension| extension == "spare");
        bytes += if entry.file_type()?.is_dir() {
            folder_bytes(&entry.path())?
        } else {
            entry.metadata()?.len() * u64::from(!spare)
        };
    }
    Ok(bytes)
}

fn reopen(folder: &Path, options: LogOptions) -> Result<(Log, f64), Box<dyn Error>> {
    let start = Instant::now();
    let log = Log::open(Some(folder), options, Box::new(|_| {}))?;
    Ok((log, start.elapsed().as_secs_f64()))
}

/// `amount` is the size in megabytes.
pub fn open(job: &Job) -> Outcome {
    let folder = job.folder.join("open");
    let log = fresh(&folder, Arc::new(RealStorage), Durability::None, event_columns())?;
    let batches = events(64, BATCH_ROWS)?;
    loop {
        append_all(&log, batches.iter())?;
        // Sealed rows are smaller: the journal that is not sealed yet counts for what will be left of it.
        let stats = log.stats();
        if stats.segment_bytes + stats.journal_bytes * 4 / 10 >= job.amount * 1_000_000 {
            break;
        }
    }
    let end = log.durable_epoch();
    log.close();
    drop(log);
    let case = format!("open {} MB that were closed", folder_bytes(&folder)? / 1_000_000);
    for _ in 0..job.repeat {
        let (log, seconds) = reopen(&folder, LogOptions::real(Durability::Commit))?;
        if log.durable_epoch() != end {
            return Err("the log ends elsewhere after opening".into());
        }
        figure(&case, "millrace", "open", "ms", "lower", seconds * 1e3, Some(OPEN_MS));
        figure(&case, "millrace", "journal read", "MB", "lower", log.stats().journal_bytes as f64 / 1e6, None);
        log.close();
    }
    std::fs::remove_dir_all(folder)?;
    Ok(())
}

/// The journal stays as it is, also at a close, so that each repetition reads all of it.
fn unsealed() -> LogOptions {
    LogOptions { journal_file_bytes: u64::MAX, seal_on_close: false, ..LogOptions::real(Durability::Commit) }
}

/// What is killed: writes one journal file of `amount` megabytes, says so, and waits.
pub fn fill_journal(job: &Job) -> Outcome {
    let log = Log::open(Some(&job.folder), unsealed(), Box::new(|_| {}))?;
    let create = crate::events::create(crate::events::STREAM, event_columns());
    log.commit(millrace_log::Commit { catalog: vec![create], ..Default::default() })?.wait()?;
    let batches = events(64, BATCH_ROWS)?;
    while log.stats().journal_bytes < job.amount * 1_000_000 {
        append_all(&log, batches.iter())?;
    }
    println!("{}", log.durable_epoch().0);
    loop {
        std::thread::park();
    }
}

/// `amount` is the journal's size in megabytes.
pub fn recover(job: &Job) -> Outcome {
    let folder = job.folder.join("recover");
    let mut child = Command::new(std::env::current_exe()?)
        .args(["fill-journal".as_ref(), folder.as_os_str()])
        .args([job.amount.to_string(), "1".into()])
        .stdout(Stdio::piped())
        .spawn()?;
    let mut line = String::new();
    BufReader::new(child.stdout.take().ok_or("no output")?).read_line(&mut line)?;
    child.kill()?;
    child.wait()?;
    let end: u64 = line.trim().parse().map_err(|_| "the child did not fill its journal")?;
    let case = "recovery after kill -9";
    for _ in 0..job.repeat {
        let (log, seconds) = reopen(&folder, unsealed())?;
        let bytes = log.stats().journal_bytes as f64 / 1e6;
        if log.durable_epoch().0 != end {
            return Err("commits are missing after the kill".into());
        }
        figure(case, "millrace", "journal", "MB/s", "higher", bytes / seconds, Some(RECOVERY_MB));
        log.close();
        drop(log);
        let seconds = read_and_check(&folder.join("journal"))?;
        figure(case, "read and CRC32C", "journal", "MB/s", "higher", bytes / seconds, None);
    }
    std::fs::remove_dir_all(folder)?;
    Ok(())
}

/// The least that a recovery has to do.
fn read_and_check(folder: &Path) -> Result<f64, Box<dyn Error>> {
    let start = Instant::now();
    let mut buffer = vec![0; 1 << 20];
    let mut crc = 0;
    for entry in std::fs::read_dir(folder)? {
        let mut file = std::fs::File::open(entry?.path())?;
        loop {
            let read = file.read(&mut buffer)?;
            if read == 0 {
                break;
            }
            crc = crc32c::crc32c_append(crc, &buffer[..read]);
        }
    }
    std::hint::black_box(crc);
    Ok(start.elapsed().as_secs_f64())
}
