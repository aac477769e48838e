//! The test of the tests: each planted bug must be noticed within a thousand seeds. `SIM_PLANT` picks one. What says that
//! one was missed also says how to look at it.
#![cfg(feature = "plant")]
#![expect(clippy::print_stdout, reason = "says how soon each bug is noticed")]

use std::sync::atomic::{AtomicU64, Ordering};

use millrace_base::plant;
use millrace_sim::{OPS, Options, run_caught};

const SEEDS_MAX: u64 = 1000;

/// The first seed that notices, with what it noticed.
fn notice() -> Option<(u64, String)> {
    let next = AtomicU64::new(1);
    let found = parking_lot::Mutex::new(None);
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while found.lock().is_none() {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed > SEEDS_MAX {
                        break;
                    }
                    if let Err(failure) = run_caught(Options { seed, ops: OPS, trace: false }) {
                        *found.lock() = Some((seed, failure.what));
                    }
                }
            });
        }
    });
    found.into_inner()
}

#[test]
fn every_planted_bug_is_noticed() {
    // A planted bug may well end in a panic, which counts as noticed.
    std::panic::set_hook(Box::new(|_| {}));
    let only = std::env::var("SIM_PLANT").ok();
    let mut missed = Vec::new();
    for (name, what) in plant::BUGS.iter().filter(|(name, _)| only.as_deref().is_none_or(|only| only == *name)) {
        plant::choose(Some(name));
        match notice() {
            Some((seed, how)) => {
                println!("{name}: seed {seed}: {}", how.lines().next().unwrap_or_default());
            }
            None => missed.push(format!(
                "{name} ({what}): SIM_PLANT={name} cargo test --release -p millrace-sim --features plant --test planted"
            )),
        }
    }
    plant::choose(None);
    let _ = std::panic::take_hook();
    assert!(missed.is_empty(), "not noticed in {SEEDS_MAX} seeds: {missed:#?}");
}
