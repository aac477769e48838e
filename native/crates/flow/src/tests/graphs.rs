//! Views on views, failures, refusals, and the store of what views have put out.

use millrace_base::{Epoch, RelationId};
use millrace_plan::*;

use super::queries::*;
use super::*;

#[test]
fn views_on_views_move_together_and_fail_together() {
    let numeric = DataType::Numeric { precision: 38, scale: 0 };
    let inverse = Expr::Binary {
        operator: BinaryOp::Divide,
        left: bigint(10).into(),
        right: column(1).into(),
        data_type: DataType::Bigint,
    };
    let exprs = vec![column(0), inverse, column(2), column(1)];
    let below = Rel::Project { input: scan(TABLES[0]).into(), exprs };
    let above = Rel::Aggregate {
        input: Rel::Scan { relation: RelationId(100), columns: vec![3, 0], as_of: None }.into(),
        group: Vec::new(),
        aggregates: vec![
            call(AggregateFunction::CountStar, None, DataType::Bigint),
            call(AggregateFunction::Sum, Some(0), numeric),
        ],
    };
    let mut graph = Graph::new();
    graph.add_view(RelationId(100), &below, &ENV).unwrap();
    graph.add_view(RelationId(101), &above, &ENV).unwrap();
    graph.add_view(RelationId(102), &scan(TABLES[0]), &ENV).unwrap();
    assert_eq!(graph.inputs_of(RelationId(101)), [RelationId(100)]);
    let row = |v: i64| (Some(1), Some(v), None, None, None, None);
    let change = |rows: &[Row], weights: Option<Vec<i64>>| {
        vec![(TABLES[0], ChangeBatch { rows: batch(rows), weights: weights.map(Into::into) })]
    };
    graph.step(Epoch(1), 0, Vec::new()).unwrap();
    assert_eq!(contents(&graph.view(RelationId(101)).unwrap()), ["0 | NULL"]);
    graph.step(Epoch(2), 0, change(&[row(2), row(5)], None)).unwrap();
    let before = graph.view(RelationId(101)).unwrap();
    graph.step(Epoch(3), 0, change(&[row(2), row(3)], Some(vec![-1, 1]))).unwrap();
    assert_eq!(contents(&before), ["2 | 7"], "a snapshot stays what it was");
    assert_eq!(contents(&graph.view(RelationId(101)).unwrap()), ["2 | 8"]);
    assert!(graph.take_failures().is_empty());
    graph.step(Epoch(4), 0, change(&[row(0)], None)).unwrap();
    let failures = graph.take_failures();
    assert_eq!(
        failures.iter().map(|f| (f.0.0, f.1.code.sqlstate())).collect::<Vec<_>>(),
        [(100, "22012"), (101, "55000")]
    );
    assert!(graph.view(RelationId(100)).is_none());
    assert_eq!(graph.view(RelationId(102)).unwrap().rows(), 3);
    graph.step(Epoch(5), 0, change(&[row(7)], None)).unwrap();
    assert!(graph.take_failures().is_empty());
    assert_eq!(graph.view(RelationId(102)).unwrap().rows(), 4);
}

#[test]
fn what_cannot_be_kept_up_to_date_is_refused() {
    let now = Expr::Call { function: "now".into(), args: Vec::new(), data_type: DataType::Timestamptz };
    let query = Rel::Project { input: scan(TABLES[0]).into(), exprs: vec![now] };
    let error = Graph::new().add_view(RelationId(100), &query, &ENV).unwrap_err();
    assert_eq!(error.code.sqlstate(), "0A000");
}

/// A join side finds what is to go among many rows of one key, also once it keeps a table for that.
#[test]
fn a_join_forgets_old_rows_of_a_hot_key() {
    let mut world = World::default();
    let query = join(JoinKind::Left, scan(TABLES[0]), scan(STREAM), true);
    let mut graph = Graph::new();
    graph.add_view(RelationId(100), &query, &ENV).unwrap();
    let row = |v: i64| (Some(0), Some(v), None, Some(format!("the text of row {v}")), None, None);
    let mut epoch = 0;
    let mut step = |relation: RelationId, changed: Vec<(Row, i64)>| {
        epoch += 1;
        let rows = world.rows.entry(relation).or_default();
        for (row, weight) in &changed {
            (0..*weight).for_each(|_| rows.push(row.clone()));
            (0..-weight).for_each(|_| {
                let at = rows.iter().position(|r| r == row).unwrap();
                rows.remove(at);
            });
        }
        let (rows, weights): (Vec<Row>, Vec<i64>) = changed.into_iter().unzip();
        graph
            .step(Epoch(epoch), 0, vec![(relation, ChangeBatch { rows: batch(&rows), weights: Some(weights.into()) })])
            .unwrap();
        let failures = graph.take_failures();
        assert!(failures.is_empty(), "{failures:?}");
        assert_eq!(contents(&graph.view(RelationId(100)).unwrap()), fresh(&query, &world));
    };
    step(STREAM, vec![(row(2_500), 1)]);
    step(TABLES[0], (0..4_000).map(|v| (row(v), if v % 1_000 == 0 { 3 } else { 1 })).collect());
    // The oldest first, which is the longest way; some only in part, some with what replaces them.
    for round in 0..4 {
        let old = (0..8).map(|v| (row(v * 300 + round), -1));
        step(TABLES[0], old.chain((0..3).map(|v| (row(10_000 + v), 1))).collect());
    }
    step(TABLES[0], vec![(row(1_000), -2), (row(10_001), -4), (row(3_999), -1), (row(10_002), -1), (row(3_999), 1)]);
    step(STREAM, vec![(row(3_990), 1)]);
    step(TABLES[0], (3_000..3_900).map(|v| (row(v), if v == 3_000 { -3 } else { -1 })).collect());
}

/// Small steps do not leave small batches behind, and consolidation keeps what is left whole.
#[test]
fn a_store_stays_compact() {
    let mut graph = Graph::new();
    graph.add_view(RelationId(100), &scan(TABLES[0]), &ENV).unwrap();
    let row = |v: i64| (Some(v), None, None, None, None, None);
    for v in 0..3000 {
        let change = ChangeBatch { rows: batch(&[row(v)]), weights: None };
        graph.step(Epoch(v as u64 + 1), 0, vec![(TABLES[0], change)]).unwrap();
    }
    let view = graph.view(RelationId(100)).unwrap();
    assert_eq!(view.rows(), 3000);
    assert!(view.scan(&[0]).unwrap().len() < 100);
    for round in 0..70 {
        let rows: Vec<Row> = (0..3000).map(|v| row(v + round * 10_000)).collect();
        let next: Vec<Row> = (0..3000).map(|v| row(v + (round + 1) * 10_000)).collect();
        let all: Vec<Row> = rows.into_iter().chain(next).collect();
        let weights: Vec<i64> = (0..6000).map(|i| if i < 3000 { -1 } else { 1 }).collect();
        let change = ChangeBatch { rows: batch(&all), weights: Some(weights.into()) };
        graph.step(Epoch(5000 + round as u64), 0, vec![(TABLES[0], change)]).unwrap();
    }
    let expected: Vec<Row> = (0..3000).map(|v| row(v + 700_000)).collect();
    let view = graph.view(RelationId(100)).unwrap();
    assert_eq!(contents(&view), shown(&[batch(&expected)]));
}
