//! Seeded histories of crashes, faults and damage. `SIM_SEEDS` says how many, `SIM_SEED` with which to begin.
#![expect(clippy::print_stdout, reason = "a random test prints its seed")]

use std::sync::atomic::{AtomicU64, Ordering};

use millrace_sim::{OPS, Options, command, run_caught};

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().map_or(otherwise, |text| text.parse().expect("a number"))
}

#[test]
fn nothing_promised_is_lost_and_nothing_wrong_is_read() {
    let (first, count) = (number("SIM_SEED", 1), number("SIM_SEEDS", 300));
    let next = AtomicU64::new(first);
    let failures = parking_lot::Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while failures.lock().is_empty() {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + count {
                        break;
                    }
                    if let Err(failure) = run_caught(Options { seed, ops: OPS, trace: false }) {
                        println!("{}", command(&failure, OPS, None));
                        failures.lock().push(failure);
                    }
                }
            });
        }
    });
    let failures = failures.into_inner();
    assert!(failures.is_empty(), "{failures:#?}");
}

#[test]
fn a_seed_repeats_to_the_last_bit() {
    for seed in 1..=20 {
        let run = || run_caught(Options { seed, ops: OPS, trace: false }).expect("a seed that passes");
        assert_eq!(run(), run(), "seed {seed}");
    }
}
