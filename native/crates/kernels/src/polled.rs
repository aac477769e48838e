//! Sorting that can be ended: what is long is done in steps, and before each the caller is asked whether to go on.

use std::cmp::Ordering;

use millrace_base::Result;

/// Asked before each step of long work; its error ends the work.
pub type Check<'c> = dyn Fn() -> Result<()> + 'c;

/// Items that are sorted at once: some milliseconds. Tests have few.
const STEP: usize = if cfg!(test) { 16 } else { 1 << 15 };

/// As `sort_unstable_by`: runs of a step's length are sorted, then merged.
pub(crate) fn sort_by<T: Copy>(
    items: &mut Vec<T>,
    check: &Check<'_>,
    compare: impl Fn(&T, &T) -> Ordering,
) -> Result<()> {
    for run in items.chunks_mut(STEP) {
        check()?;
        run.sort_unstable_by(&compare);
    }
    let mut merged = Vec::new();
    let mut width = STEP;
    while width < items.len() {
        merged.reserve(items.len());
        for pair in items.chunks(width * 2) {
            let (mut left, mut right) = pair.split_at(width.min(pair.len()));
            while let ([first, others @ ..], [other, rest @ ..]) = (left, right) {
                if merged.len().is_multiple_of(STEP) {
                    check()?;
                }
                if compare(first, other).is_le() {
                    merged.push(*first);
                    left = others;
                } else {
                    merged.push(*other);
                    right = rest;
                }
            }
            merged.extend_from_slice(left);
            merged.extend_from_slice(right);
        }
        std::mem::swap(items, &mut merged);
        merged.clear();
        width *= 2;
    }
    Ok(())
}

/// Ranges of so many rows, each a step.
pub(crate) fn steps(rows: usize) -> impl Iterator<Item = std::ops::Range<usize>> {
    (0..rows).step_by(STEP).map(move |from| from..rows.min(from + STEP))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use millrace_base::Error;
    use rand::{Rng, SeedableRng, rngs::StdRng};

    use super::*;

    #[test]
    fn steps_sort_as_one_and_can_be_ended() {
        let seed: u64 = rand::rng().random();
        eprintln!("seed {seed}");
        let mut rng = StdRng::seed_from_u64(seed);
        for _ in 0..200 {
            let items: Vec<(u32, u32)> =
                (0..rng.random_range(0..300)).map(|at| (rng.random_range(0..20), at)).collect();
            let mut expected = items.clone();
            expected.sort_unstable();
            let (mut found, asked) = (items.clone(), Cell::new(0));
            let count = || {
                asked.set(asked.get() + 1);
                Ok(())
            };
            sort_by(&mut found, &count, Ord::cmp).unwrap();
            assert_eq!(found, expected);
            if !items.is_empty() {
                let stop = rng.random_range(0..asked.get());
                let left = Cell::new(stop);
                let check = || match left.replace(left.get() - 1) {
                    0 => Err(Error::internal("stop")),
                    _ => Ok(()),
                };
                assert!(sort_by(&mut items.clone(), &check, Ord::cmp).is_err());
            }
        }
    }
}
