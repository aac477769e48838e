//! What `npm run bench -- log` measures of the log itself, without Node in between. Each command prints its figures as JSON
//! lines, one a repetition; what the disk or the memory takes by itself is measured in the same run, turn by turn.
#![expect(clippy::print_stdout, reason = "a benchmark prints")]

mod append;
mod disk;
mod events;
mod figures;
mod open;
mod readers;
mod scan;
mod sealing;
mod single;
mod streams;

use std::error::Error;
use std::path::PathBuf;

/// The engine's, whose allocations on one thread are freed on another.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Outcome = Result<(), Box<dyn Error>>;

/// What a command works with.
pub struct Job {
    pub folder: PathBuf,
    /// Rows, records, megabytes, streams: what the command counts.
    pub amount: u64,
    pub repeat: u32,
}

fn main() -> Outcome {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [command, folder, amount, repeat] = arguments.as_slice() else {
        return Err("usage: bench_log COMMAND FOLDER AMOUNT REPEAT".into());
    };
    let job = Job { folder: folder.into(), amount: amount.parse()?, repeat: repeat.parse()? };
    match command.as_str() {
        "append" => append::events(&job),
        "records" => append::records(&job),
        "single" => single::single(&job),
        "writers" => single::writers(&job),
        "scan" => scan::scan(&job),
        "open" => open::open(&job),
        "recover" => open::recover(&job),
        "fill-journal" => open::fill_journal(&job),
        "sealing" => sealing::memory(&job),
        "streams" => streams::streams(&job),
        "readers" => readers::readers(&job),
        other => Err(format!("there is no command {other}").into()),
    }
}
