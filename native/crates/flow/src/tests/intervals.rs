//! Intervals of one span, written in different ways, are one key; what is shown is one that is there. And a filter comes
//! before its argument, as in a query.

use millrace_plan::*;

use super::queries::*;
use super::*;

fn literal(literal: Literal) -> Expr {
    Expr::Literal { literal }
}

fn binary(operator: BinaryOp, left: Expr, right: Expr, data_type: DataType) -> Expr {
    Expr::Binary { operator, left: left.into(), right: right.into(), data_type }
}

/// The key as that many months, or as many times 30 days, or 720 hours, depending on another column; sometimes a second
/// more.
fn months() -> Expr {
    let times = Expr::Cast { input: column(0).into(), to: DataType::Double };
    let part = |months, days, microseconds| {
        let unit = literal(Literal::Interval { months, days, microseconds });
        binary(BinaryOp::Multiply, unit, times.clone(), DataType::Interval)
    };
    let hours = 720 * 3_600_000_000;
    let branch = |above: i64, then| CaseBranch { when: greater(column(1), bigint(above)), then };
    let branches = vec![
        branch(2, part(1, 0, 0)),
        branch(0, part(0, 30, 0)),
        branch(-2, part(0, 0, hours)),
        branch(-4, part(2, -30, 0)),
    ];
    Expr::Case { branches, otherwise: Some(part(0, 30, 1_000_000).into()), data_type: DataType::Interval }
}

/// The interval, the integer, the double.
fn input(relation: RelationId) -> Rel {
    Rel::Project { input: scan(relation).into(), exprs: vec![months(), column(1), column(2)] }
}

fn grouped(input: Rel, group: Vec<Expr>, aggregates: Vec<AggregateCall>) -> Rel {
    Rel::Aggregate { input: input.into(), group, aggregates }
}

#[test]
fn groups_of_intervals() {
    use AggregateFunction as F;
    let aggregates = || {
        vec![
            call(F::CountStar, None, DataType::Bigint),
            call(F::Sum, Some(2), DataType::Double),
            AggregateCall { distinct: true, ..call(F::Count, Some(0), DataType::Bigint) },
            call(F::Min, Some(0), DataType::Interval),
            call(F::Max, Some(0), DataType::Interval),
        ]
    };
    for relation in [TABLES[0], STREAM] {
        check(&grouped(input(relation), vec![column(0)], aggregates()));
        check(&grouped(input(relation), vec![column(1), column(0)], aggregates()));
        // DISTINCT, and DISTINCT over it: what a group shows can change although rows only come.
        let distinct = grouped(input(relation), vec![column(0)], vec![]);
        check(&distinct);
        let shown = Expr::Cast { input: column(0).into(), to: DataType::Text };
        check(&grouped(distinct, vec![shown], vec![call(F::CountStar, None, DataType::Bigint)]));
    }
    check(&grouped(input(TABLES[0]), vec![], aggregates()));
}

#[test]
fn joins_and_windows_of_intervals() {
    use JoinKind::*;
    for kind in [Inner, Full, Semi, Anti] {
        let keys = vec![JoinKey { left: column(0), right: column(0), nulls_equal: false }];
        let (left, right) = (input(TABLES[0]).into(), input(TABLES[1]).into());
        check(&Rel::Join { kind, left, right, keys, residual: None });
    }
    // What a window refers to is where the three columns are.
    let calls: Vec<WindowCall> =
        window_calls(false).into_iter().filter(|c| c.args.iter().all(|a| *a != column(3))).collect();
    check(&window(input(TABLES[0]), &[0], vec![ascending(1)], calls.clone()));
    check(&window(input(TABLES[0]), &[], vec![ascending(0)], calls));
}

#[test]
fn a_filter_comes_before_an_argument_that_fails() {
    use AggregateFunction as F;
    let inverse = binary(BinaryOp::Divide, bigint(60), column(1), DataType::Bigint);
    let filter = Some(greater(column(1), bigint(0)));
    let sum = AggregateCall {
        arg: Some(inverse.clone()),
        filter: filter.clone(),
        ..call(F::Sum, None, DataType::Numeric { precision: 38, scale: 0 })
    };
    check(&grouped(scan(TABLES[0]), vec![column(0)], vec![sum]));
    let whole = Frame {
        unit: FrameUnit::Range,
        start: FrameBound::UnboundedPreceding,
        end: FrameBound::CurrentRow,
        exclude: Default::default(),
    };
    let over = WindowCall {
        function: WindowFunction::Aggregate { aggregate: F::Sum },
        args: vec![inverse],
        filter,
        frame: whole,
        data_type: DataType::Numeric { precision: 38, scale: 0 },
    };
    check(&window(scan(TABLES[0]), &[0], vec![ascending(4)], vec![over]));
}
