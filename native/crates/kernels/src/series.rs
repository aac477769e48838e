//! The integers of GENERATE_SERIES, for queries, views and expressions alike.

/// From `start` to `stop` inclusive by `step`, which is not 0. Past the end of bigint the series has ended.
#[derive(Debug, Clone)]
pub struct Series {
    next: Option<i128>,
    stop: i128,
    step: i128,
}

impl Series {
    pub fn new(start: i128, stop: i128, step: i128) -> Self {
        assert_ne!(step, 0);
        Self { next: Some(start), stop, step }
    }

    /// How many values are still to come.
    pub fn remaining(&self) -> u128 {
        let Some(next) = self.next else { return 0 };
        let span = if self.step > 0 { self.stop.checked_sub(next) } else { next.checked_sub(self.stop) };
        match span {
            Some(span) if span >= 0 => span.unsigned_abs() / self.step.unsigned_abs() + 1,
            Some(_) => 0,
            None => u128::MAX,
        }
    }
}

impl Iterator for Series {
    type Item = i128;

    fn next(&mut self) -> Option<i128> {
        let value = self.next.filter(|v| if self.step > 0 { *v <= self.stop } else { *v >= self.stop })?;
        self.next = value.checked_add(self.step);
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_ends_where_it_says() {
        for (start, stop, step, expected) in [
            (1, 3, 1, vec![1, 2, 3]),
            (3, 1, -2, vec![3, 1]),
            (1, 0, 1, vec![]),
            (0, 1, -1, vec![]),
            (i128::MAX - 1, i128::MAX, 5, vec![i128::MAX - 1]),
        ] {
            let series = Series::new(start, stop, step);
            assert_eq!(series.remaining(), expected.len() as u128);
            assert_eq!(series.collect::<Vec<_>>(), expected);
        }
    }
}
