//! The simulator: the durable log on a disk that loses power, fails and rots, against a plain model. One `u64` decides
//! everything, so a failure is repeated by its seed. Start at `run.rs`.
//! Never here: anything that ships; the engine does not know that it is simulated.

mod chance;
mod check;
mod clock;
mod damage;
mod disk;
mod fault;
mod inode;
mod model;
mod run;
mod value;
mod workload;

pub use chance::{Dice, SimRng};
pub use clock::SimClock;
pub use disk::SimDisk;
pub use fault::{Fault, Op};
pub use run::{Failure, Options, Summary, run};

/// Steps of a run, unless told otherwise.
pub const OPS: usize = 60;

/// Runs a seed; a panic of the engine is a failure like any other.
pub fn run_caught(options: Options) -> Result<Summary, Failure> {
    std::panic::catch_unwind(|| run(options)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
        Err(Failure { seed: options.seed, step: options.ops, what: format!("panic: {text}") })
    })
}

/// The command that repeats a failure.
pub fn command(failure: &Failure, ops: usize, plant: Option<&str>) -> String {
    let (features, plant) = match plant {
        Some(name) => (" --features plant", format!(" --plant {name}")),
        None => ("", String::new()),
    };
    format!("cargo run --release -p millrace-sim{features} -- --seed {} --ops {ops}{plant} --trace", failure.seed)
}
