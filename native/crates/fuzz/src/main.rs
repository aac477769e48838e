//! The driver: changes the corpora at random and runs the targets, several at a time, until the time is over or one fails.
//! `cargo run --release -p millrace-fuzz -- [--target NAME] [--seconds N | --runs N] [--seed N] [--case FILE] [--write-corpus]`
#![expect(clippy::print_stdout, reason = "a program for people")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use millrace_fuzz::{TARGETS, Target, mutate};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

const USAGE: &str =
    "usage: millrace-fuzz [--target NAME] [--seconds N | --runs N] [--seed N] [--case FILE] [--write-corpus]";
/// Inputs have at most 64 KiB: who asks for this much at once has believed a number in them.
const ALLOCATION_MAX: usize = 256 << 20;
/// One input that takes longer has made something loop.
const LONGEST: Duration = Duration::from_secs(5);

thread_local! {
    static LARGEST: Cell<usize> = const { Cell::new(0) };
}

/// The system's allocator, which notes the largest request of each thread.
struct Watched;

// SAFETY: all calls are handed to the system's allocator as they are.
unsafe impl GlobalAlloc for Watched {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(layout.size());
        // SAFETY: the caller's promises are this function's.
        unsafe { System.alloc(layout) }
    }
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        note(layout.size());
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }
    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note(size);
        // SAFETY: as above.
        unsafe { System.realloc(at, layout, size) }
    }
    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Watched = Watched;

fn note(size: usize) {
    if size > ALLOCATION_MAX {
        // A thread that is ending has none of these any more.
        let _ = LARGEST.try_with(|largest| largest.set(largest.get().max(size)));
    }
}

struct Arguments {
    target: Option<String>,
    seconds: f64,
    runs: u64,
    seed: u64,
    case: Option<PathBuf>,
    write_corpus: bool,
}

fn parse(mut words: impl Iterator<Item = String>) -> Result<Arguments, String> {
    let seed = rand::random::<u32>().into();
    let mut out = Arguments { target: None, seconds: 60.0, runs: u64::MAX, seed, case: None, write_corpus: false };
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(|| format!("{word} needs a value"));
        let number = |text: String| text.parse::<u64>().map_err(|_| format!("\"{text}\" is not a number"));
        match word.as_str() {
            "--target" => out.target = Some(value()?),
            "--seconds" => out.seconds = number(value()?)? as f64,
            "--runs" => (out.runs, out.seconds) = (number(value()?)?, f64::MAX),
            "--seed" => out.seed = number(value()?)?,
            "--case" => out.case = Some(value()?.into()),
            "--write-corpus" => out.write_corpus = true,
            _ => return Err(USAGE.into()),
        }
    }
    Ok(out)
}

fn corpus_folder(target: &Target) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target.name)
}

/// What was wrong with one input.
fn run(target: &Target, input: &[u8]) -> Result<(), String> {
    LARGEST.set(0);
    let began = Instant::now();
    if let Err(cause) = catch_unwind(AssertUnwindSafe(|| (target.run)(input))) {
        let text = cause.downcast_ref::<String>().cloned();
        return Err(text.or_else(|| cause.downcast_ref::<&str>().map(|s| s.to_string())).unwrap_or_default());
    }
    match (LARGEST.get(), began.elapsed()) {
        (0, took) if took < LONGEST => Ok(()),
        (0, took) => Err(format!("it took {:.1} s", took.as_secs_f64())),
        (bytes, _) => Err(format!("it asked for {bytes} bytes at once")),
    }
}

/// Runs changed inputs; returns how many, or how it failed.
fn fuzz(target: &Target, arguments: &Arguments) -> Result<u64, String> {
    let mut corpus = (target.corpus)();
    if let Ok(entries) = std::fs::read_dir(corpus_folder(target)) {
        let mut paths: Vec<PathBuf> = entries.filter_map(|e| Some(e.ok()?.path())).collect();
        paths.sort();
        corpus.extend(paths.iter().filter_map(|path| std::fs::read(path).ok()));
    }
    let failed = |input: &[u8], number: u64, why: String| {
        let case = std::env::temp_dir().join(format!("millrace-fuzz-{}-{}-{number}", target.name, arguments.seed));
        std::fs::write(&case, input).map_err(|e| format!("could not write {}: {e}", case.display()))?;
        let repeat =
            format!("cargo run --release -p millrace-fuzz -- --target {} --case {}", target.name, case.display());
        Err(format!("target {}, SEED={}, input {number}: {why}\nrepeat: {repeat}", target.name, arguments.seed))
    };
    for (at, input) in corpus.iter().enumerate() {
        if let Err(why) = run(target, input) {
            return failed(input, at as u64, why);
        }
    }
    let began = Instant::now();
    let mut number = 0;
    while number < arguments.runs && began.elapsed().as_secs_f64() < arguments.seconds {
        // Each input depends on the seed and its number alone.
        let mut rng = StdRng::seed_from_u64(arguments.seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let (one, other) = (rng.random_range(0..corpus.len()), rng.random_range(0..corpus.len()));
        let input = mutate(&corpus[one], &corpus[other], &mut rng);
        if let Err(why) = run(target, &input) {
            return failed(&input, number, why);
        }
        number += 1;
    }
    Ok(number)
}

fn write_corpus(target: &Target) -> std::io::Result<()> {
    let folder = corpus_folder(target);
    std::fs::create_dir_all(&folder)?;
    for (at, input) in (target.corpus)().into_iter().take(4).enumerate() {
        std::fs::write(folder.join(format!("{at}")), input)?;
    }
    Ok(())
}

fn main() -> ExitCode {
    let arguments = match parse(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(why) => {
            println!("{why}");
            return ExitCode::from(2);
        }
    };
    let chosen: Vec<&Target> =
        TARGETS.iter().filter(|t| arguments.target.as_ref().is_none_or(|name| name == t.name)).collect();
    if chosen.is_empty() {
        println!("there is no such target");
        return ExitCode::from(2);
    }
    if arguments.write_corpus {
        let written = chosen.iter().try_for_each(|target| write_corpus(target));
        return if written.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    if let Some(case) = &arguments.case {
        let Ok(input) = std::fs::read(case) else {
            println!("could not read {}", case.display());
            return ExitCode::from(2);
        };
        let outcome = run(chosen[0], &input);
        println!("{}: {outcome:?}", chosen[0].name);
        return if outcome.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    println!("SEED={}", arguments.seed);
    let next = Mutex::new(chosen.into_iter());
    let failures = Mutex::new(0);
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                loop {
                    let Some(target) = next.lock().expect("nobody panics with it").next() else { break };
                    match fuzz(target, &arguments) {
                        Ok(count) => println!("{}: {count} inputs, no failure", target.name),
                        Err(why) => {
                            println!("{why}");
                            *failures.lock().expect("nobody panics with it") += 1;
                        }
                    }
                }
            });
        }
    });
    if *failures.lock().expect("nobody panics with it") == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
