//! Scans, values, filters, projections, unions, time windows, cancelling and limits.

use std::sync::atomic::Ordering;

use millrace_base::Code;
use millrace_plan::{BinaryOp, JoinKind, Rel};

use super::*;

#[test]
fn scan_filter_project_and_union() {
    let mut random = random();
    let input = rows(&mut random, 2000, 3, 50);
    let tables = tables(&mut random, &[(&input, 3)]);
    let double = Expr::Binary {
        operator: BinaryOp::Multiply,
        left: Box::new(column(1)),
        right: Box::new(bigint(2)),
        data_type: DataType::Bigint,
    };
    let branch = || Rel::Project {
        input: Box::new(Rel::Filter {
            input: Box::new(Rel::Scan { relation: RelationId(0), columns: vec![2, 0], as_of: None }),
            predicate: compare(BinaryOp::Greater, column(0), column(1)),
        }),
        exprs: vec![column(0), double.clone()],
    };
    let rel = Rel::UnionAll { inputs: vec![branch(), branch()] };
    let once = input.iter().filter(|r| matches!((r[2], r[0]), (Some(a), Some(b)) if a > b));
    let once: Vec<Row> = once.map(|r| vec![r[2], r[0].map(|v| v * 2)]).collect();
    let expected = once.iter().chain(&once).cloned().collect::<Vec<_>>();
    assert_eq!(run(&rel, &tables).unwrap(), expected);
}

#[test]
fn values_and_rows_without_columns() {
    let tables = Tables(vec![], vec![]);
    let null = Expr::Literal { literal: Literal::Null { data_type: DataType::Bigint } };
    let rel =
        Rel::Values { types: vec![DataType::Bigint; 2], rows: vec![vec![bigint(1), null], vec![bigint(3), bigint(4)]] };
    assert_eq!(run(&rel, &tables).unwrap(), [[Some(1), None], [Some(3), Some(4)]]);
    // SELECT 7 is a projection of one row without columns.
    let one = Rel::Values { types: vec![], rows: vec![vec![]] };
    let rel = Rel::Project { input: Box::new(one.clone()), exprs: vec![bigint(7)] };
    assert_eq!(run(&rel, &tables).unwrap(), [[Some(7)]]);
    let cross = Rel::Join {
        kind: JoinKind::Inner,
        left: Box::new(one.clone()),
        right: Box::new(rel),
        keys: vec![],
        residual: None,
    };
    assert_eq!(run(&cross, &tables).unwrap(), [[Some(7)]]);
}

#[test]
fn series_end_at_the_edge_of_bigint() {
    let tables = Tables(vec![], vec![]);
    let series = |start, stop, step| run(&Rel::GenerateSeries { start, stop, step }, &tables).unwrap();
    assert_eq!(series(1, 10, 4), [[Some(1)], [Some(5)], [Some(9)]]);
    assert_eq!(series(3, 1, -1), [[Some(3)], [Some(2)], [Some(1)]]);
    assert!(series(1, 0, 1).is_empty());
    assert_eq!(series(i64::MAX - 1, i64::MAX, 1).len(), 2);
    assert_eq!(series(0, 20_000, 1).len(), 20_001);
}

#[test]
fn time_windows_hold_their_rows() {
    let mut random = random();
    let input = rows(&mut random, 1000, 1, 1_000_000);
    let tables = tables(&mut random, &[(&input, 1)]);
    for (size, slide, offset) in [(1000, 1000, 0), (5000, 1000, 300), (10_000, 1, 0), (1000, 4000, 0)] {
        let time = Rel::Project {
            input: scan(0, 1),
            exprs: vec![Expr::Call {
                function: "to_timestamp".into(),
                args: vec![Expr::Cast { input: Box::new(column(0)), to: DataType::Double }],
                data_type: DataType::Timestamptz,
            }],
        };
        let (size, slide, offset) = (size * 1_000_000, slide * 1_000_000, offset * 1_000_000);
        let rel = Rel::TimeWindow {
            input: Box::new(time),
            time: column(0),
            size_us: size,
            slide_us: slide,
            offset_us: offset,
        };
        let rel =
            if size / slide > 100 { Rel::Limit { input: Box::new(rel), limit: Some(50_000), offset: 0 } } else { rel };
        let found = run(&rel, &tables).unwrap();
        for row in &found {
            let (at, start, end) = (row[0].unwrap(), row[1].unwrap(), row[2].unwrap());
            assert!(start <= at && at < end && end - start == size && (start - offset).rem_euclid(slide) == 0);
        }
        if size % slide == 0 && size / slide <= 100 {
            let with_time = input.iter().filter(|r| r[0].is_some()).count();
            assert_eq!(found.len(), with_time * (size / slide) as usize);
        }
    }
}

#[test]
fn a_cancelled_query_ends_with_its_code() {
    let series = Rel::GenerateSeries { start: 0, stop: i64::MAX, step: 1 };
    let rel = Rel::Aggregate { input: Box::new(series), group: vec![], aggregates: vec![] };
    let tables = Tables(vec![], vec![]);
    let cancel = AtomicBool::new(false);
    let workers = Workers::new(2);
    let memory = plenty();
    let context = ExecContext {
        now_us: 0,
        models: &NoModels,
        relations: &tables,
        cancel: &cancel,
        workers: &workers,
        memory: &memory,
    };
    std::thread::scope(|scope| {
        scope.spawn(|| cancel.store(true, Ordering::Relaxed));
        assert_eq!(execute(&rel, &tables, &context).unwrap_err().code, Code::QueryCanceled);
    });
}

#[test]
fn an_invalid_plan_is_refused() {
    let rel = Rel::Filter { input: Box::new(Rel::GenerateSeries { start: 0, stop: 1, step: 1 }), predicate: column(0) };
    assert_eq!(run(&rel, &Tables(vec![], vec![])).unwrap_err().code, Code::ProtocolViolation);
    let unknown = Rel::Scan { relation: RelationId(4), columns: vec![0], as_of: None };
    assert_eq!(run(&unknown, &Tables(vec![], vec![])).unwrap_err().code, Code::UndefinedTable);
}
