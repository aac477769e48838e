//! `cargo run --release -p millrace-sim -- --seed N [--seeds COUNT] [--ops N] [--plant NAME] [--trace]`: runs seeds from N
//! on until one fails, and prints the command that repeats it.
#![expect(clippy::print_stdout, reason = "a program for people")]

use std::process::ExitCode;
use std::time::Instant;

use millrace_sim::{OPS, Options, command, run_caught};

const USAGE: &str = "usage: millrace-sim --seed N [--seeds COUNT] [--ops N] [--plant NAME] [--trace]";

struct Arguments {
    seed: u64,
    seeds: u64,
    ops: usize,
    plant: Option<String>,
    trace: bool,
}

fn parse(mut words: impl Iterator<Item = String>) -> Result<Arguments, String> {
    let mut out = Arguments { seed: 1, seeds: 1, ops: OPS, plant: None, trace: false };
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(|| format!("{word} needs a value"));
        let number = |text: String| text.parse::<u64>().map_err(|_| format!("\"{text}\" is not a number"));
        match word.as_str() {
            "--seed" => out.seed = number(value()?)?,
            "--seeds" => out.seeds = number(value()?)?,
            "--ops" => out.ops = number(value()?)? as usize,
            "--plant" => out.plant = Some(value()?),
            "--trace" => out.trace = true,
            _ => return Err(USAGE.into()),
        }
    }
    Ok(out)
}

#[cfg(feature = "plant")]
fn plant(name: &str) -> Result<(), String> {
    let known = millrace_base::plant::BUGS.iter().any(|(bug, _)| *bug == name);
    if !known {
        let names: Vec<&str> = millrace_base::plant::BUGS.iter().map(|(bug, _)| *bug).collect();
        return Err(format!("no planted bug is called \"{name}\"; there are {}", names.join(", ")));
    }
    millrace_base::plant::choose(Some(name));
    Ok(())
}

#[cfg(not(feature = "plant"))]
fn plant(_name: &str) -> Result<(), String> {
    Err("bugs are planted only with --features plant".into())
}

fn main() -> ExitCode {
    let arguments = parse(std::env::args().skip(1)).and_then(|arguments| {
        arguments.plant.as_deref().map_or(Ok(()), plant)?;
        Ok(arguments)
    });
    let arguments = match arguments {
        Ok(arguments) => arguments,
        Err(why) => {
            println!("{why}");
            return ExitCode::from(2);
        }
    };
    let began = Instant::now();
    let (mut epochs, mut opens) = (0, 0);
    for seed in (arguments.seed..).take(arguments.seeds as usize) {
        let options = Options { seed, ops: arguments.ops, trace: arguments.trace };
        match run_caught(options) {
            Ok(summary) => {
                epochs += summary.epochs;
                opens += summary.opens;
            }
            Err(failure) => {
                println!("seed {} failed at step {}: {}", failure.seed, failure.step, failure.what);
                println!("repeat: {}", command(&failure, arguments.ops, arguments.plant.as_deref()));
                return ExitCode::FAILURE;
            }
        }
    }
    let took = began.elapsed();
    println!(
        "{} seeds in {:.1} s ({:.2} ms each): {epochs} commits, {opens} opens, no failure",
        arguments.seeds,
        took.as_secs_f64(),
        took.as_secs_f64() * 1e3 / arguments.seeds.max(1) as f64
    );
    ExitCode::SUCCESS
}
