//! Each operator, and some compositions, under random changes; joins and groups also against their definition.

use std::collections::BTreeMap;

use millrace_plan::*;
use rand::{Rng, SeedableRng, rngs::StdRng};

use super::queries::*;
use super::*;

#[test]
fn linear_operators() {
    check(&filter(scan(TABLES[0])));
    check(&Rel::Project { input: filter(scan(STREAM)).into(), exprs: vec![column(3), column(0)] });
    check(&Rel::UnionAll { inputs: vec![scan(TABLES[0]), filter(scan(TABLES[0])), scan(STREAM)] });
    let hop = |slide_us| Rel::TimeWindow {
        input: scan(TABLES[1]).into(),
        time: column(4),
        size_us: 5_000_000,
        slide_us,
        offset_us: 0,
    };
    check(&hop(5_000_000));
    check(&hop(2_000_000));
}

#[test]
fn constants_come_once() {
    let rows = vec![vec![bigint(1)], vec![bigint(2)]];
    let values = Rel::Values { types: vec![DataType::Bigint], rows };
    let series = Rel::GenerateSeries { start: 5, stop: 1, step: -2 };
    check(&Rel::UnionAll { inputs: vec![values, series] });
}

#[test]
fn joins_of_every_kind() {
    use JoinKind::*;
    for kind in [Inner, Left, Right, Full, Semi, Anti] {
        for nulls_equal in [[true, false], [true, true]] {
            let keys = [0, 3].into_iter().zip(nulls_equal);
            let keys = keys.map(|(k, nulls_equal)| JoinKey { left: column(k), right: column(k), nulls_equal });
            let (left, right) = (scan(TABLES[0]).into(), scan(TABLES[1]).into());
            check(&Rel::Join { kind, left, right, keys: keys.collect(), residual: None });
        }
        for residual in [false, true] {
            check(&join(kind, scan(TABLES[0]), scan(TABLES[1]), residual));
            check(&join(kind, scan(STREAM), scan(TABLES[1]), residual));
            check(&join(kind, scan(STREAM), filter(scan(STREAM)), residual));
        }
        let keys = vec![
            JoinKey { left: column(0), right: column(0), nulls_equal: false },
            JoinKey { left: column(3), right: column(3), nulls_equal: false },
            JoinKey { left: column(2), right: column(2), nulls_equal: false },
        ];
        let (left, right) = (scan(TABLES[0]).into(), scan(TABLES[1]).into());
        check(&Rel::Join { kind, left, right, keys, residual: None });
    }
    let cross = |kind| Rel::Join {
        kind,
        left: filter(scan(TABLES[0])).into(),
        right: scan(TABLES[1]).into(),
        keys: Vec::new(),
        residual: Some(greater(column(1), column(7))),
    };
    [Inner, Left, Right, Full, Semi, Anti].into_iter().for_each(|kind| check(&cross(kind)));
}

/// The join by its definition, over the first row's key and second column.
fn naive_join(kind: JoinKind, left: &[Row], right: &[Row], residual: bool) -> Vec<String> {
    let line = |row: &Row| shown(&[batch(std::slice::from_ref(row))]).remove(0);
    let matches = |l: &Row, r: &Row| {
        l.0.is_some() && l.0 == r.0 && (!residual || matches!((l.1, r.1), (Some(a), Some(b)) if a > b))
    };
    let nulls = ["NULL"; 6].join(" | ");
    let mut lines = Vec::new();
    for l in left {
        let found: Vec<&Row> = right.iter().filter(|r| matches(l, r)).collect();
        match kind {
            JoinKind::Semi if !found.is_empty() => lines.push(line(l)),
            JoinKind::Anti if found.is_empty() => lines.push(line(l)),
            JoinKind::Semi | JoinKind::Anti => {}
            _ => lines.extend(found.iter().map(|r| format!("{} | {}", line(l), line(r)))),
        }
        if found.is_empty() && matches!(kind, JoinKind::Left | JoinKind::Full) {
            lines.push(format!("{} | {nulls}", line(l)));
        }
    }
    if matches!(kind, JoinKind::Right | JoinKind::Full) {
        let alone = right.iter().filter(|r| !left.iter().any(|l| matches(l, r)));
        lines.extend(alone.map(|r| format!("{nulls} | {}", line(r))));
    }
    lines.sort();
    lines
}

#[test]
fn joins_and_groups_equal_their_definition() {
    let seed: u64 = rand::rng().random();
    eprintln!("seed {seed}");
    let mut rng = StdRng::seed_from_u64(seed);
    use JoinKind::*;
    for _ in 0..10 {
        let mut world = World::default();
        for _ in 0..rng.random_range(0..8) {
            world.change(&mut rng);
        }
        let rows = |id| world.rows.get(&id).cloned().unwrap_or_default();
        let (left, right) = (rows(TABLES[0]), rows(TABLES[1]));
        for kind in [Inner, Left, Right, Full, Semi, Anti] {
            for residual in [false, true] {
                let query = join(kind, scan(TABLES[0]), scan(TABLES[1]), residual);
                assert_eq!(fresh(&query, &world), naive_join(kind, &left, &right, residual), "{kind:?} {residual}");
            }
        }
        let calls = vec![
            call(AggregateFunction::CountStar, None, DataType::Bigint),
            call(AggregateFunction::Sum, Some(1), DataType::Numeric { precision: 38, scale: 0 }),
            call(AggregateFunction::Max, Some(3), DataType::Text),
            AggregateCall { distinct: true, ..call(AggregateFunction::Count, Some(1), DataType::Bigint) },
        ];
        let query = Rel::Aggregate { input: scan(TABLES[0]).into(), group: vec![column(0)], aggregates: calls };
        let mut groups: BTreeMap<Option<i64>, Vec<&Row>> = BTreeMap::new();
        left.iter().for_each(|row| groups.entry(row.0).or_default().push(row));
        let text = |value: Option<String>| value.unwrap_or("NULL".into());
        let mut expected: Vec<String> = groups
            .iter()
            .map(|(key, rows)| {
                let values: Vec<i64> = rows.iter().filter_map(|r| r.1).collect();
                let sum = (!values.is_empty()).then(|| values.iter().sum::<i64>().to_string());
                let distinct = values.iter().collect::<std::collections::BTreeSet<_>>().len();
                let max = rows.iter().filter_map(|r| r.3.clone()).max();
                let key = text(key.map(|k| k.to_string()));
                format!("{key} | {} | {} | {} | {distinct}", rows.len(), text(sum), text(max))
            })
            .collect();
        expected.sort();
        assert_eq!(fresh(&query, &world), expected);
    }
}

#[test]
fn aggregates_with_retractions() {
    for relation in TABLES {
        check(&group(scan(relation), &[0]));
        check(&group(scan(relation), &[3]));
        check(&group(scan(relation), &[2, 0]));
        check(&group(scan(relation), &[]));
        check(&Rel::Aggregate { input: scan(relation).into(), group: vec![column(5)], aggregates: Vec::new() });
    }
}

#[test]
fn windows_with_retractions() {
    for relation in TABLES {
        check(&window(scan(relation), &[0], vec![ascending(4)], window_calls(true)));
        check(&window(scan(relation), &[0], vec![ascending(4)], short_calls()));
        let back = SortKey { expr: column(4), descending: true, nulls_first: true };
        check(&window(scan(relation), &[3], vec![back], window_calls(true)));
        check(&window(scan(relation), &[], vec![ascending(5)], window_calls(false)));
        check(&window(scan(relation), &[0], vec![ascending(3), ascending(2)], window_calls(false)));
        check(&window(scan(relation), &[0], Vec::new(), window_calls(false)));
    }
}

fn limit(input: Rel, keys: Vec<SortKey>, limit: Option<u64>, offset: u64) -> Rel {
    Rel::Sort { input: input.into(), keys, limit, offset }
}

#[test]
fn limits_with_retractions() {
    for relation in TABLES {
        // Rows that are equal in all keys are equal, so that the query has one answer.
        let exprs = [1, 0, 3, 4, 5].map(column).to_vec();
        let input = Rel::Project { input: scan(relation).into(), exprs };
        let back = SortKey { descending: true, nulls_first: true, ..ascending(0) };
        let keys = || vec![back.clone(), ascending(1), ascending(2), ascending(3), ascending(4)];
        for (most, offset) in [(Some(3), 0), (Some(3), 2), (Some(1), 0), (Some(0), 0), (Some(1000), 5), (None, 4)] {
            check(&limit(input.clone(), keys(), most, offset));
            let sorted = Box::new(limit(input.clone(), keys(), None, 0));
            check(&Rel::Limit { input: sorted, limit: most, offset });
            // With ties, and without any order: which rows those are is for the bytes of the rows to tell.
            check_against(&limit(scan(relation), vec![ascending(2)], most, offset), fresh);
            check_against(&Rel::Limit { input: scan(relation).into(), limit: most, offset }, fresh);
        }
        let top = limit(input.clone(), keys(), Some(4), 1);
        let last =
            limit(top.clone(), vec![ascending(1), ascending(0), ascending(2), ascending(3), ascending(4)], Some(2), 0);
        check(&last);
        check(&Rel::Aggregate { input: top.into(), group: vec![column(1)], aggregates: Vec::new() });
    }
}

#[test]
fn compositions() {
    let by_key = group(scan(TABLES[1]), &[0]);
    let left = join(JoinKind::Left, scan(STREAM), by_key.clone(), false);
    check(&left);
    check(&window(left, &[0], vec![ascending(4)], short_calls()));
    check(&join(
        JoinKind::Inner,
        group(join(JoinKind::Inner, scan(STREAM), scan(TABLES[0]), false), &[0]),
        by_key,
        false,
    ));
    check(&group(window(scan(TABLES[0]), &[0], vec![ascending(4)], window_calls(true)), &[1]));
    let own = join(JoinKind::Full, filter(scan(TABLES[0])), scan(TABLES[0]), true);
    check(&group(own, &[0]));
}
