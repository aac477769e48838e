//! The queries that the tests keep up to date, over relations of the harness.

use millrace_base::RelationId;
use millrace_plan::*;

use super::NUMERIC;

pub(super) fn scan(relation: RelationId) -> Rel {
    Rel::Scan { relation, columns: (0..6).collect(), as_of: None }
}

pub(super) fn column(index: u32) -> Expr {
    Expr::Column { index }
}

pub(super) fn bigint(value: i64) -> Expr {
    Expr::Literal { literal: Literal::Bigint { value } }
}

pub(super) fn greater(left: Expr, right: Expr) -> Expr {
    Expr::Binary { operator: BinaryOp::Greater, left: left.into(), right: right.into(), data_type: DataType::Boolean }
}

pub(super) fn filter(input: Rel) -> Rel {
    Rel::Filter { input: input.into(), predicate: greater(column(1), bigint(-2)) }
}

pub(super) fn join(kind: JoinKind, left: Rel, right: Rel, residual: bool) -> Rel {
    let keys = vec![JoinKey { left: column(0), right: column(0), nulls_equal: false }];
    let residual = residual.then(|| greater(column(1), column(7)));
    Rel::Join { kind, left: left.into(), right: right.into(), keys, residual }
}

pub(super) fn call(function: AggregateFunction, arg: Option<u32>, data_type: DataType) -> AggregateCall {
    AggregateCall { function, arg: arg.map(column), distinct: false, filter: None, data_type, order: Vec::new() }
}

pub(super) fn aggregates() -> Vec<AggregateCall> {
    use AggregateFunction as F;
    let numeric = |scale| DataType::Numeric { precision: 38, scale };
    let positive = Some(greater(column(1), bigint(0)));
    vec![
        call(F::CountStar, None, DataType::Bigint),
        call(F::Count, Some(1), DataType::Bigint),
        call(F::Sum, Some(1), numeric(0)),
        call(F::Sum, Some(2), DataType::Double),
        call(F::Avg, Some(2), DataType::Double),
        call(F::Sum, Some(5), numeric(2)),
        call(F::Avg, Some(5), numeric(16)),
        call(F::Min, Some(2), DataType::Double),
        call(F::Max, Some(3), DataType::Text),
        call(F::Min, Some(4), DataType::Timestamp),
        call(F::Max, Some(5), NUMERIC),
        AggregateCall { distinct: true, ..call(F::Count, Some(3), DataType::Bigint) },
        AggregateCall { distinct: true, filter: positive.clone(), ..call(F::Sum, Some(1), numeric(0)) },
        AggregateCall { filter: positive, ..call(F::Sum, Some(2), DataType::Double) },
    ]
}

pub(super) fn group(input: Rel, by: &[u32]) -> Rel {
    Rel::Aggregate { input: input.into(), group: by.iter().map(|&c| column(c)).collect(), aggregates: aggregates() }
}

pub(super) fn ascending(index: u32) -> SortKey {
    SortKey { expr: column(index), descending: false, nulls_first: false }
}

pub(super) fn seconds(n: i64) -> Literal {
    Literal::Interval { months: 0, days: 0, microseconds: n * 1_000_000 }
}

pub(super) fn window_calls(range: bool) -> Vec<WindowCall> {
    use WindowFunction as W;
    let so_far = Frame {
        unit: FrameUnit::Range,
        start: FrameBound::UnboundedPreceding,
        end: FrameBound::CurrentRow,
        exclude: Default::default(),
    };
    let rows = |back, ahead| Frame {
        unit: FrameUnit::Rows,
        start: FrameBound::Preceding { offset: Literal::Bigint { value: back } },
        end: FrameBound::Following { offset: Literal::Bigint { value: ahead } },
        exclude: Default::default(),
    };
    let recent = Frame {
        unit: FrameUnit::Range,
        start: FrameBound::Preceding { offset: seconds(3) },
        end: FrameBound::CurrentRow,
        exclude: Default::default(),
    };
    let around = Frame {
        unit: FrameUnit::Range,
        start: FrameBound::Preceding { offset: seconds(1) },
        end: FrameBound::Following { offset: seconds(2) },
        exclude: Default::default(),
    };
    let groups = |exclude| Frame {
        unit: FrameUnit::Groups,
        start: FrameBound::Preceding { offset: Literal::Bigint { value: 2 } },
        end: FrameBound::CurrentRow,
        exclude,
    };
    let nth = |from_last| W::NthValue { n: 2, from_last, ignore_nulls: from_last, default: None };
    let call = |function, args: &[u32], frame: &Frame, data_type| WindowCall {
        function,
        args: args.iter().map(|&c| column(c)).collect(),
        filter: None,
        frame: frame.clone(),
        data_type,
    };
    let aggregate = |aggregate| W::Aggregate { aggregate };
    use AggregateFunction as F;
    let numeric = |scale| DataType::Numeric { precision: 38, scale };
    let text_default = Some(Literal::Text { value: "none".into() });
    let mut calls = vec![
        call(W::RowNumber, &[], &so_far, DataType::Bigint),
        call(W::Rank, &[], &so_far, DataType::Bigint),
        call(W::DenseRank, &[], &so_far, DataType::Bigint),
        call(W::Lag { offset: 1, default: None }, &[1], &so_far, DataType::Bigint),
        call(W::Lag { offset: 2, default: text_default }, &[3], &so_far, DataType::Text),
        call(W::Lead { offset: 1, default: None }, &[2], &so_far, DataType::Double),
        call(W::FirstValue, &[1], &rows(2, 0), DataType::Bigint),
        call(W::LastValue, &[3], &rows(1, 2), DataType::Text),
        call(aggregate(F::Sum), &[2], &rows(3, 1), DataType::Double),
        call(aggregate(F::CountStar), &[], &so_far, DataType::Bigint),
        call(aggregate(F::Min), &[3], &rows(2, 2), DataType::Text),
    ];
    if range {
        calls.extend([
            call(nth(false), &[1], &groups(FrameExclude::NoOthers), DataType::Bigint),
            call(nth(true), &[1], &groups(FrameExclude::CurrentRow), DataType::Bigint),
            call(aggregate(F::Sum), &[2], &groups(FrameExclude::Ties), DataType::Double),
            call(aggregate(F::Sum), &[1], &groups(FrameExclude::Group), numeric(0)),
            call(aggregate(F::CountStar), &[], &recent, DataType::Bigint),
            call(aggregate(F::Count), &[2], &recent, DataType::Bigint),
            call(aggregate(F::Sum), &[2], &recent, DataType::Double),
            call(aggregate(F::Avg), &[5], &recent, numeric(16)),
            call(aggregate(F::Sum), &[1], &around, numeric(0)),
            call(aggregate(F::Max), &[5], &around, NUMERIC),
            call(aggregate(F::Min), &[2], &recent, DataType::Double),
            WindowCall {
                filter: Some(greater(column(1), bigint(0))),
                ..call(aggregate(F::CountStar), &[], &recent, DataType::Bigint)
            },
            WindowCall {
                filter: Some(greater(column(1), bigint(0))),
                ..call(aggregate(F::Sum), &[2], &around, DataType::Double)
            },
        ]);
    }
    calls
}

pub(super) fn window(input: Rel, partition: &[u32], order: Vec<SortKey>, calls: Vec<WindowCall>) -> Rel {
    Rel::Window { input: input.into(), partition: partition.iter().map(|&c| column(c)).collect(), order, calls }
}

/// Only what does not look beyond a few neighbours: what the flagship asks for.
pub(super) fn short_calls() -> Vec<WindowCall> {
    window_calls(true)
        .into_iter()
        .filter(|c| match &c.function {
            WindowFunction::Lag { .. } => true,
            WindowFunction::Aggregate { .. } => {
                c.frame.unit == FrameUnit::Range
                    && c.frame.end == FrameBound::CurrentRow
                    && c.frame.start != FrameBound::UnboundedPreceding
            }
            _ => false,
        })
        .collect()
}
