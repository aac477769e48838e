//! Durations in buckets that grow by about 3 %, so that percentiles cost no memory and one lock-free addition each.

use std::sync::atomic::{AtomicU64, Ordering};

/// Buckets per doubling; a percentile is at most 1/32 too high.
const STEPS: u32 = 32;
const STEP_BITS: u32 = STEPS.ilog2();
const BUCKETS: usize = ((64 - STEP_BITS + 1) * STEPS) as usize;

/// Counts of microseconds.
pub struct Histogram {
    buckets: Box<[AtomicU64]>,
}

/// What is reported of a histogram.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Percentiles {
    pub count: u64,
    pub p50_ms: f64,
    pub p99_ms: f64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { buckets: (0..BUCKETS).map(|_| AtomicU64::new(0)).collect() }
    }
}

impl Histogram {
    /// `count` events that each took this long; a clock that went back counts as zero.
    pub fn record(&self, duration_us: i64, count: u64) {
        let value = u64::try_from(duration_us).unwrap_or(0);
        self.buckets[bucket(value)].fetch_add(count, Ordering::Relaxed);
    }

    pub fn reset(&self) {
        self.buckets.iter().for_each(|b| b.store(0, Ordering::Relaxed));
    }

    pub fn percentiles(&self) -> Percentiles {
        let counts: Vec<u64> = self.buckets.iter().map(|b| b.load(Ordering::Relaxed)).collect();
        let count: u64 = counts.iter().sum();
        Percentiles { count, p50_ms: at(&counts, count, 0.50), p99_ms: at(&counts, count, 0.99) }
    }
}

fn bucket(value: u64) -> usize {
    if value < u64::from(STEPS) {
        return value as usize;
    }
    let shift = value.ilog2() - STEP_BITS;
    // The top bits after the leading one pick the step within the doubling.
    ((shift + 1) * STEPS) as usize + ((value >> shift) as usize - STEPS as usize)
}

/// The largest value of a bucket.
fn upper(bucket: usize) -> u64 {
    let (doubling, step) = (bucket as u32 / STEPS, bucket as u64 % u64::from(STEPS));
    if doubling == 0 {
        return step;
    }
    let shift = doubling - 1;
    ((u64::from(STEPS) + step) << shift) + ((1u64 << shift) - 1)
}

fn at(counts: &[u64], total: u64, quantile: f64) -> f64 {
    if total == 0 {
        return 0.0;
    }
    let rank = ((total as f64 * quantile).ceil() as u64).max(1);
    let mut seen = 0;
    for (bucket, count) in counts.iter().enumerate() {
        seen += count;
        if seen >= rank {
            return upper(bucket) as f64 / 1000.0;
        }
    }
    upper(BUCKETS - 1) as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_lies_in_its_bucket() {
        for value in (0..5000).chain([u64::from(u32::MAX), u64::MAX / 3, u64::MAX]) {
            let b = bucket(value);
            assert!(b < BUCKETS && upper(b) >= value, "{value}");
            assert!(b == 0 || upper(b - 1) < value, "{value}");
        }
    }

    #[test]
    fn percentiles_of_a_ramp() {
        let histogram = Histogram::default();
        (1..=1000).for_each(|ms| histogram.record(ms * 1000, 1));
        let p = histogram.percentiles();
        assert_eq!(p.count, 1000);
        assert!((500.0..=516.0).contains(&p.p50_ms), "{p:?}");
        assert!((990.0..=1021.0).contains(&p.p99_ms), "{p:?}");
        histogram.reset();
        assert_eq!(histogram.percentiles(), Percentiles { count: 0, p50_ms: 0.0, p99_ms: 0.0 });
    }
}
