//! Chance, behind a trait so that a simulation can stand in.

use std::hash::{BuildHasher, Hasher, RandomState};

pub trait Rng: Send + Sync {
    fn next_u64(&self) -> u64;
}

/// Not for secrets: std's hash keys, which the operating system seeds.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemRng;

impl Rng for SystemRng {
    fn next_u64(&self) -> u64 {
        RandomState::new().build_hasher().finish()
    }
}
