//! What queries may use: memory, threads, and the folder for what does not fit into memory.

use std::path::Path;
use std::sync::Arc;

use millrace_base::RealStorage;
use millrace_exec::{SpillFolder, Workers};
use millrace_log::LogOptions;

use crate::shared::Shared;

/// The part of the machine's memory that queries may hold, unless it is said.
const QUERIES_OF_MEMORY: usize = 2;
/// Where the system does not tell how much there is.
const LIMIT_DEFAULT: usize = 4 << 30;

/// The machine's memory, where the system tells.
pub fn machine_bytes() -> Option<usize> {
    let told = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = told.lines().find(|line| line.starts_with("MemTotal:"))?;
    line.split_whitespace().nth(1)?.parse::<usize>().ok()?.checked_mul(1024)
}

pub fn default_limit() -> usize {
    machine_bytes().map_or(LIMIT_DEFAULT, |bytes| bytes / QUERIES_OF_MEMORY)
}

/// A folder of the database; the system's for temporary files where there is none, or nothing is written to it.
pub fn spill_folder(path: Option<&Path>, options: &LogOptions) -> SpillFolder {
    match path.filter(|_| !options.read_only) {
        Some(path) => SpillFolder::new(options.storage.clone(), options.rng.clone(), path.join("spill")),
        None => SpillFolder::new(Arc::new(RealStorage), options.rng.clone(), std::env::temp_dir()),
    }
}

/// `None` is the default.
pub fn set_limits(shared: &Shared, memory_limit: Option<u64>, threads: Option<u32>) {
    let bytes = memory_limit.map_or_else(default_limit, |bytes| usize::try_from(bytes).unwrap_or(usize::MAX));
    shared.memory.set_limit(bytes);
    shared.workers.set_threads(threads.map_or_else(Workers::cores, |threads| threads as usize));
}

pub fn limits(shared: &Shared) -> (u64, u32) {
    (shared.memory.limit() as u64, u32::try_from(shared.workers.threads()).unwrap_or(u32::MAX))
}
