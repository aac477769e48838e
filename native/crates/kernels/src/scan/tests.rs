//! Kernels over encoded columns give what the decoded column gives.

use arrow_buffer::NullBuffer;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::*;
use crate::encodings::Reader;
use crate::encodings::integers::{Integers, encode};

fn values(rng: &mut StdRng, len: usize, style: u32) -> Vec<i64> {
    let mut last = rng.random_range(-1_000_000..1_000_000i64);
    let width = rng.random_range(1..64);
    let wide: Vec<i64> = (0..7).map(|_| rng.random()).collect();
    (0..len)
        .map(|_| match style {
            0 => 42,
            1 => {
                last += rng.random_range(0..100);
                last
            }
            2 => [i64::MIN, -1, 0, i64::MAX][rng.random_range(0..4)],
            3 => (rng.random::<u64>() >> width) as i64 - (1 << 20),
            4 => wide[rng.random_range(0..7)],
            5 => {
                if rng.random_ratio(1, 50) {
                    last = rng.random_range(-1 << 40..1 << 40);
                }
                last
            }
            6 => {
                last = last.wrapping_add(rng.random_range(-3..3));
                last
            }
            8 => {
                last += 3;
                last
            }
            _ => rng.random(),
        })
        .collect()
}

#[test]
#[expect(clippy::print_stdout, reason = "a random test prints its seed")]
fn encoded_and_decoded_answers_are_the_same() {
    let seed: u64 = std::env::var("SEED").ok().and_then(|s| s.parse().ok()).unwrap_or_else(rand::random);
    println!("SEED={seed}");
    let mut rng = StdRng::seed_from_u64(seed);
    for round in 0..675 {
        let style = round % 9;
        let len = [0, 1, 2, 100, 1023, 1024, 1025, 4000][rng.random_range(0..8)];
        let plain = values(&mut rng, len, style);
        let mut bytes = Vec::new();
        encode(&plain, &mut bytes);
        let encoded = Integers::read(&mut Reader::new(&bytes), len).unwrap();
        assert_eq!(encoded.to_vec(), plain);
        assert_eq!(sum(&encoded), plain.iter().map(|&v| i128::from(v)).sum::<i128>(), "style {style}");
        let ends = plain.iter().min().zip(plain.iter().max()).map(|(&min, &max)| (min, max));
        assert_eq!(min_max(&encoded), ends, "style {style}");
        let mut constants: Vec<i64> = vec![i64::MIN, i64::MAX, 0, 42, rng.random()];
        constants.extend((0..4).filter(|_| len > 0).map(|_| plain[rng.random_range(0..len)]));
        constants.extend(ends.map(|(min, _)| min.wrapping_sub(1)));
        constants.extend(ends.map(|(_, max)| max.wrapping_add(1)));
        for &a in &constants {
            type Test = fn(i64, i64) -> bool;
            let tests: [(Range, Test); 6] = [
                (Range::equal(a), |v, a| v == a),
                (Range::not_equal(a), |v, a| v != a),
                (Range::less(a), |v, a| v < a),
                (Range::less_or_equal(a), |v, a| v <= a),
                (Range::greater(a), |v, a| v > a),
                (Range::greater_or_equal(a), |v, a| v >= a),
            ];
            for (range, test) in tests {
                let wanted: Vec<bool> = plain.iter().map(|&v| test(v, a)).collect();
                let found: Vec<bool> = in_range(&encoded, range).iter().collect();
                assert_eq!(found, wanted, "style {style} {range:?}");
                assert_eq!(count_in(&encoded, range), wanted.iter().filter(|w| **w).count());
            }
        }
    }
}

/// Values that go up by equal steps are not looked at one by one.
#[test]
fn even_steps_at_the_ends_of_the_type() {
    for (first, step, len) in
        [(i64::MIN, 5, 2000), (i64::MAX - 1999, 1, 2000), (-3000, 7, 1025), (-(1 << 62), 1 << 52, 2047)]
    {
        let plain: Vec<i64> = (0..len).map(|at| first + step * at).collect();
        let mut bytes = Vec::new();
        encode(&plain, &mut bytes);
        let encoded = Integers::read(&mut Reader::new(&bytes), plain.len()).unwrap();
        assert!(matches!(encoded, Integers::Delta { .. }));
        let around = |value: i64| [-1, 0, 1].map(|by| value.saturating_add(by));
        let ends = [i64::MIN, first, plain[7], plain[plain.len() - 1], i64::MAX].into_iter().flat_map(around);
        for (low, high) in ends.clone().flat_map(|low| ends.clone().map(move |high| (low, high))) {
            let range = Range::of(low, high);
            let wanted: Vec<bool> = plain.iter().map(|&value| low <= value && value <= high).collect();
            assert_eq!(in_range(&encoded, range).iter().collect::<Vec<_>>(), wanted, "{first} {step} {range:?}");
            assert_eq!(count_in(&encoded, range), wanted.iter().filter(|w| **w).count());
        }
    }
}

#[test]
fn codes_and_nulls() {
    let codes: Vec<i64> = (0..3000).map(|i| i * i % 9).collect();
    let mut bytes = Vec::new();
    encode(&codes, &mut bytes);
    let encoded = Integers::read(&mut Reader::new(&bytes), codes.len()).unwrap();
    for wanted in 0..512u32 {
        let wanted: Vec<bool> = (0..9).map(|bit| wanted >> bit & 1 == 1).collect();
        let found: Vec<bool> = select_codes(&encoded, &wanted).iter().collect();
        assert_eq!(found, codes.iter().map(|&code| wanted[code as usize]).collect::<Vec<_>>());
    }
    let nulls = NullBuffer::from(vec![true, false, true, false, false, true]);
    let spread: Vec<bool> = spread(vec![true, false, true].into(), Some(&nulls)).iter().collect();
    assert_eq!(spread, [true, false, false, false, false, true]);
}
