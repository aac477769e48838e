//! Each target runs for `FUZZ_SECONDS`, a minute if that is not set, on inputs of its own seed. With `SEED` it is repeated.

use std::process::Command;

fn fuzz(target: &str) {
    let seconds = std::env::var("FUZZ_SECONDS").unwrap_or("60".into());
    let mut driver = Command::new(env!("CARGO_BIN_EXE_millrace-fuzz"));
    driver.args(["--target", target, "--seconds", &seconds]);
    if let Ok(seed) = std::env::var("SEED") {
        driver.args(["--seed", &seed]);
    }
    let outcome = driver.output().expect("the driver runs");
    let text = String::from_utf8_lossy(&outcome.stdout) + String::from_utf8_lossy(&outcome.stderr);
    assert!(outcome.status.success(), "{text}");
}

#[test]
fn journal() {
    fuzz("journal");
}

#[test]
fn segment() {
    fuzz("segment");
}

#[test]
fn manifest() {
    fuzz("manifest");
}

#[test]
fn deletes() {
    fuzz("deletes");
}
