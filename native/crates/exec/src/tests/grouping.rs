//! GROUP BY, DISTINCT and FILTER.

use std::collections::{BTreeMap, BTreeSet};

use millrace_base::Code;
use millrace_plan::{AggregateCall, AggregateFunction as F, BinaryOp, Rel};

use super::*;

const WIDE: DataType = DataType::Numeric { precision: 38, scale: 0 };

fn call(function: F, arg: Option<u32>, distinct: bool, filter: Option<Expr>) -> AggregateCall {
    let data_type = match function {
        F::Sum => WIDE,
        F::Avg => DataType::Numeric { precision: 38, scale: 16 },
        F::Min | F::Max => DataType::Bigint,
        _ => DataType::Bigint,
    };
    AggregateCall { function, arg: arg.map(column), distinct, filter, data_type, order: Vec::new() }
}

#[test]
fn groups_equal_a_map() {
    let mut random = random();
    for round in 0..60 {
        let count = random.random_range(0..2000);
        let input = rows(&mut random, count, 4, [2, 50, 10_000][round % 3]);
        let tables = tables(&mut random, &[(&input, 4)]);
        let group_count = random.random_range(0..=2usize);
        let positive = || Some(compare(BinaryOp::Greater, column(3), bigint(0)));
        let rel = Rel::Aggregate {
            input: scan(0, 4),
            group: (0..group_count as u32).map(column).collect(),
            aggregates: vec![
                call(F::CountStar, None, false, None),
                call(F::CountStar, None, false, positive()),
                call(F::Count, Some(2), false, None),
                call(F::Count, Some(2), true, positive()),
                call(F::Sum, Some(2), false, positive()),
                call(F::Sum, Some(2), true, None),
                call(F::Min, Some(2), false, None),
                call(F::Max, Some(2), true, positive()),
            ],
        };
        let mut groups: BTreeMap<Row, Vec<&Row>> = BTreeMap::new();
        for row in &input {
            groups.entry(row[..group_count].to_vec()).or_default().push(row);
        }
        if group_count == 0 {
            groups.entry(Vec::new()).or_default();
        }
        let expected = groups.into_iter().map(|(mut key, members)| {
            let passes = |r: &&&Row| r[3].is_some_and(|v| v > 0);
            let values: Vec<i64> = members.iter().filter_map(|r| r[2]).collect();
            let chosen: Vec<i64> = members.iter().filter(passes).filter_map(|r| r[2]).collect();
            let distinct = |v: &[i64]| v.iter().copied().collect::<BTreeSet<i64>>();
            let sum = |v: Vec<i64>| (!v.is_empty()).then(|| v.iter().sum());
            key.extend([
                Some(members.len() as i64),
                Some(members.iter().filter(passes).count() as i64),
                Some(values.len() as i64),
                Some(distinct(&chosen).len() as i64),
                sum(chosen.clone()),
                sum(distinct(&values).into_iter().collect()),
                values.iter().min().copied(),
                chosen.iter().max().copied(),
            ]);
            key
        });
        assert_eq!(sorted(run(&rel, &tables).unwrap()), sorted(expected.collect()));
    }
}

#[test]
fn distinct_is_a_grouping_without_calls() {
    let mut random = random();
    let input = rows(&mut random, 3000, 2, 20);
    let tables = tables(&mut random, &[(&input, 2)]);
    let rel = Rel::Aggregate { input: scan(0, 2), group: vec![column(0), column(1)], aggregates: vec![] };
    let expected: BTreeSet<Row> = input.into_iter().collect();
    assert_eq!(sorted(run(&rel, &tables).unwrap()), expected.into_iter().collect::<Vec<_>>());
}

#[test]
fn averages_are_exact_and_rounded_half_away() {
    let input: Vec<Row> = [1, 2, 2].iter().map(|&v| vec![Some(v)]).collect();
    let tables = tables(&mut random(), &[(&input, 1)]);
    let rel = Rel::Aggregate { input: scan(0, 1), group: vec![], aggregates: vec![call(F::Avg, Some(0), false, None)] };
    assert_eq!(run(&rel, &tables).unwrap(), [[Some(16_666_666_666_666_667)]]);
}

#[test]
fn an_argument_is_not_computed_where_the_filter_rejects() {
    let input: Vec<Row> = vec![vec![Some(0)], vec![Some(5)]];
    let tables = tables(&mut random(), &[(&input, 1)]);
    let inverse = Expr::Binary {
        operator: BinaryOp::Divide,
        left: Box::new(bigint(100)),
        right: Box::new(column(0)),
        data_type: DataType::Bigint,
    };
    let sum = |filter| AggregateCall {
        function: F::Sum,
        arg: Some(inverse.clone()),
        distinct: false,
        filter,
        data_type: WIDE,
        order: Vec::new(),
    };
    let rel = |filter| Rel::Aggregate { input: scan(0, 1), group: vec![], aggregates: vec![sum(filter)] };
    let guarded = rel(Some(compare(BinaryOp::NotEqual, column(0), bigint(0))));
    assert_eq!(run(&guarded, &tables).unwrap(), [[Some(20)]]);
    assert_eq!(run(&rel(None), &tables).unwrap_err().code, Code::DivisionByZero);
}
