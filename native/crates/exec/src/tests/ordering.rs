//! Sort, top-N, limits, and window functions.

use std::cmp::Ordering;

use millrace_plan::{AggregateFunction, Frame, FrameBound, FrameUnit, Rel, WindowCall, WindowFunction};

use super::*;

fn order(a: Option<i64>, b: Option<i64>, descending: bool, nulls_first: bool) -> Ordering {
    match (a, b) {
        (Some(a), Some(b)) if descending => b.cmp(&a),
        (Some(a), Some(b)) => a.cmp(&b),
        (None, None) => Ordering::Equal,
        (None, _) => {
            if nulls_first {
                Ordering::Less
            } else {
                Ordering::Greater
            }
        }
        (_, None) => {
            if nulls_first {
                Ordering::Greater
            } else {
                Ordering::Less
            }
        }
    }
}

#[test]
fn sort_and_top_n_are_stable() {
    let mut random = random();
    for _ in 0..40 {
        let count = random.random_range(0..3000);
        let input = rows(&mut random, count, 3, 10);
        let tables = tables(&mut random, &[(&input, 3)]);
        let flags: Vec<(bool, bool)> = (0..2).map(|_| (random.random(), random.random())).collect();
        let limit = random.random_bool(0.7).then(|| random.random_range(0..50u64));
        let offset = random.random_range(0..20u64);
        let keys = vec![key(0, flags[0].0, flags[0].1), key(1, flags[1].0, flags[1].1)];
        let rel = Rel::Sort { input: scan(0, 3), keys, limit, offset };
        let mut expected = input.clone();
        expected.sort_by(|a, b| (0..2).fold(Ordering::Equal, |o, k| o.then(order(a[k], b[k], flags[k].0, flags[k].1))));
        let expected: Vec<Row> =
            expected.into_iter().skip(offset as usize).take(limit.map_or(usize::MAX, |l| l as usize)).collect();
        assert_eq!(run(&rel, &tables).unwrap(), expected);
    }
}

#[test]
fn a_top_n_of_a_long_input_prunes() {
    let series = Rel::GenerateSeries { start: 1, stop: 500_000, step: 1 };
    let rel = Rel::Sort { input: Box::new(series), keys: vec![key(0, true, false)], limit: Some(3), offset: 1 };
    let tables = Tables(vec![], vec![]);
    assert_eq!(run(&rel, &tables).unwrap(), [[Some(499_999)], [Some(499_998)], [Some(499_997)]]);
}

#[test]
fn limit_stops_asking() {
    // The whole series would take years.
    let series = Rel::GenerateSeries { start: 0, stop: i64::MAX, step: 1 };
    let rel = Rel::Limit { input: Box::new(series), limit: Some(2), offset: 10_000 };
    assert_eq!(run(&rel, &Tables(vec![], vec![])).unwrap(), [[Some(10_000)], [Some(10_001)]]);
}

fn call(function: WindowFunction, args: Vec<Expr>, frame: Frame, data_type: DataType) -> WindowCall {
    WindowCall { function, args, filter: None, frame, data_type }
}

#[test]
fn windows_equal_a_walk_over_each_partition() {
    let mut random = random();
    let wide = DataType::Numeric { precision: 38, scale: 0 };
    let running = || Frame {
        unit: FrameUnit::Rows,
        start: FrameBound::UnboundedPreceding,
        end: FrameBound::CurrentRow,
        exclude: Default::default(),
    };
    for _ in 0..30 {
        let count = random.random_range(0..800);
        let mut input = rows(&mut random, count, 3, 15);
        // A unique order key: ties are the kernel's own tests' subject.
        input.iter_mut().enumerate().for_each(|(i, r)| r[1] = Some((i as i64 * 7919) % 10_007));
        let tables = tables(&mut random, &[(&input, 3)]);
        let near = Frame {
            unit: FrameUnit::Range,
            start: FrameBound::Preceding { offset: Literal::Bigint { value: 500 } },
            end: FrameBound::CurrentRow,
            exclude: Default::default(),
        };
        let lag = WindowFunction::Lag { offset: 1, default: Some(Literal::Bigint { value: -1 }) };
        let sum = || WindowFunction::Aggregate { aggregate: AggregateFunction::Sum };
        let rel = Rel::Window {
            input: scan(0, 3),
            partition: vec![column(0)],
            order: vec![key(1, false, false)],
            calls: vec![
                call(WindowFunction::RowNumber, vec![], running(), DataType::Bigint),
                call(lag, vec![column(2)], running(), DataType::Bigint),
                call(sum(), vec![column(2)], running(), wide),
                call(sum(), vec![column(2)], near, wide),
            ],
        };
        let expected: Vec<Row> = input
            .iter()
            .map(|row| {
                let mut peers: Vec<&Row> = input.iter().filter(|r| r[0] == row[0] && r[1] <= row[1]).collect();
                peers.sort_by_key(|r| r[1]);
                let sum = |rows: &mut dyn Iterator<Item = &&Row>| {
                    let values: Vec<i64> = rows.filter_map(|r| r[2]).collect();
                    (!values.is_empty()).then(|| values.iter().sum::<i64>())
                };
                let previous = peers.len().checked_sub(2).map_or(Some(-1), |p| peers[p][2]);
                let near = row[1].unwrap() - 500;
                let mut out = row.clone();
                out.extend([
                    Some(peers.len() as i64),
                    previous,
                    sum(&mut peers.iter()),
                    sum(&mut peers.iter().filter(|r| r[1].unwrap() >= near)),
                ]);
                out
            })
            .collect();
        assert_eq!(sorted(run(&rel, &tables).unwrap()), sorted(expected));
    }
}
