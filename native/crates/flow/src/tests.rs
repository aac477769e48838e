//! A view equals its query: random changes in random batches through operators and their compositions; after every
//! step the view must hold what a fresh graph makes of the current rows in one go. Rows are compared as text,
//! multisets with multisets.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::util::display::{ArrayFormatter, FormatOptions};
use arrow_array::{
    ArrayRef, Decimal128Array, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use millrace_base::{Epoch, RelationId};
use millrace_expr::NoModels;
use millrace_plan::*;
use rand::{Rng, SeedableRng, rngs::StdRng, seq::IndexedRandom};

use crate::change::{batch_of, schema_of};
use crate::{ChangeBatch, FlowEnv, Graph, ViewSnapshot};

const NUMERIC: DataType = DataType::Numeric { precision: 10, scale: 2 };
/// key, integer, double, text, time, numeric
const TYPES: [DataType; 6] =
    [DataType::Bigint, DataType::Bigint, DataType::Double, DataType::Text, DataType::Timestamp, NUMERIC];
/// Relations 1 and 2 can retract, 3 is a stream.
const TABLES: [RelationId; 3] = [RelationId(1), RelationId(2), RelationId(3)];
const STREAM: RelationId = RelationId(3);

type Row = (Option<i64>, Option<i64>, Option<u64>, Option<String>, Option<i64>, Option<i128>);

struct Catalog;

impl Relations for Catalog {
    fn columns(&self, id: RelationId) -> Option<Vec<DataType>> {
        match id.0 {
            1..=3 => Some(TYPES.to_vec()),
            100 => Some(vec![DataType::Bigint, DataType::Bigint, DataType::Double, DataType::Bigint]),
            _ => None,
        }
    }

    fn model_inputs(&self, _: RelationId) -> Option<u32> {
        None
    }

    fn append_only(&self, id: RelationId) -> bool {
        id == STREAM
    }
}

const ENV: FlowEnv<'static> = FlowEnv { models: &NoModels, relations: &Catalog };

fn random_row(rng: &mut StdRng) -> Row {
    let mut some = |likely: f64| rng.random_bool(likely);
    let there = [some(0.9), some(0.9), some(0.9), some(0.9), some(0.95), some(0.9)];
    let doubles = [0.1, 0.25, -3.7, 1e10, -0.0, 0.0, 1e-30, f64::NAN, 12.34, 1e200];
    (
        there[0].then(|| rng.random_range(0..4)),
        there[1].then(|| rng.random_range(-5..5)),
        there[2].then(|| doubles.choose(rng).unwrap().to_bits()),
        there[3].then(|| ["a", "bb", "a text longer than twelve bytes"].choose(rng).unwrap().to_string()),
        there[4].then(|| rng.random_range(0..12) * 1_000_000),
        there[5].then(|| rng.random_range(-300..300)),
    )
}

fn batch(rows: &[Row]) -> RecordBatch {
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from_iter(rows.iter().map(|r| r.0))),
        Arc::new(Int64Array::from_iter(rows.iter().map(|r| r.1))),
        Arc::new(Float64Array::from_iter(rows.iter().map(|r| r.2.map(f64::from_bits)))),
        Arc::new(StringArray::from_iter(rows.iter().map(|r| r.3.clone()))),
        Arc::new(TimestampMicrosecondArray::from_iter(rows.iter().map(|r| r.4))),
        Arc::new(Decimal128Array::from_iter(rows.iter().map(|r| r.5)).with_precision_and_scale(10, 2).unwrap()),
    ];
    let types: Vec<_> = TYPES.iter().map(|t| t.to_arrow()).collect();
    batch_of(&schema_of(&types), columns, rows.len()).unwrap()
}

fn shown(batches: &[RecordBatch]) -> Vec<String> {
    let options = FormatOptions::default().with_null("NULL");
    let mut lines = Vec::new();
    for batch in batches {
        let columns: Vec<_> =
            batch.columns().iter().map(|c| ArrayFormatter::try_new(c.as_ref(), &options).unwrap()).collect();
        for row in 0..batch.num_rows() {
            lines.push(columns.iter().map(|c| c.value(row).to_string()).collect::<Vec<_>>().join(" | "));
        }
    }
    lines.sort();
    lines
}

fn contents(view: &ViewSnapshot) -> Vec<String> {
    let columns: Vec<u32> = (0..view.schema().fields().len() as u32).collect();
    let lines = shown(&view.scan(&columns).unwrap());
    assert_eq!(lines.len() as i64, view.rows());
    lines
}

/// The rows of the three relations.
#[derive(Default)]
struct World {
    rows: BTreeMap<RelationId, Vec<Row>>,
}

impl World {
    fn change(&mut self, rng: &mut StdRng) -> Vec<(RelationId, ChangeBatch)> {
        let mut changes = Vec::new();
        for relation in TABLES {
            let rows = self.rows.entry(relation).or_default();
            for _ in 0..rng.random_range(0..3) {
                let mut changed: Vec<(Row, i64)> = Vec::new();
                for _ in 0..rng.random_range(1..8) {
                    if relation != STREAM && rng.random_bool(0.45) && !rows.is_empty() {
                        let gone = rows.swap_remove(rng.random_range(0..rows.len()));
                        changed.push((gone.clone(), -1));
                        if rng.random_bool(0.5) {
                            // An update that changes little.
                            let mut new = gone;
                            new.1 = Some(rng.random_range(-5..5));
                            rows.push(new.clone());
                            changed.push((new, 1));
                        }
                    } else {
                        let new = random_row(rng);
                        let times = if rng.random_bool(0.1) { 2 } else { 1 };
                        (0..times).for_each(|_| rows.push(new.clone()));
                        changed.push((new, times));
                    }
                }
                let weights: Vec<i64> = changed.iter().map(|c| c.1).collect();
                let weights = weights.iter().any(|&w| w != 1).then(|| weights.into());
                let only: Vec<Row> = changed.into_iter().map(|c| c.0).collect();
                changes.push((relation, ChangeBatch { rows: batch(&only), weights }));
            }
        }
        changes
    }

    fn all(&self) -> Vec<(RelationId, ChangeBatch)> {
        self.rows.iter().map(|(&id, rows)| (id, ChangeBatch { rows: batch(rows), weights: None })).collect()
    }
}

fn fresh(query: &Rel, world: &World) -> Vec<String> {
    let mut graph = Graph::new();
    graph.add_view(RelationId(9), query, &ENV).unwrap();
    graph.backfill(RelationId(9), Epoch(1), 0, world.all()).unwrap();
    contents(&graph.view(RelationId(9)).unwrap())
}

fn check(query: &Rel) {
    for _ in 0..12 {
        let seed: u64 = rand::rng().random();
        let mut rng = StdRng::seed_from_u64(seed);
        let mut world = World::default();
        let mut graph = Graph::new();
        graph.add_view(RelationId(100), query, &ENV).unwrap();
        // Sometimes the view is made over rows that are there already.
        if rng.random_bool(0.5) {
            for _ in 0..rng.random_range(0..6) {
                world.change(&mut rng);
            }
            graph.backfill(RelationId(100), Epoch(1), 0, world.all()).unwrap();
        }
        let mut followed: BTreeMap<String, i64> = BTreeMap::new();
        let tally = |followed: &mut BTreeMap<String, i64>, changes: &[ChangeBatch]| {
            for change in changes {
                for row in 0..change.len() {
                    let line = shown(&[change.rows.slice(row, 1)]).remove(0);
                    *followed.entry(line).or_default() += change.weight(row);
                }
            }
            followed.retain(|_, w| *w != 0);
        };
        contents(&graph.view(RelationId(100)).unwrap())
            .into_iter()
            .for_each(|line| *followed.entry(line).or_default() += 1);
        for step in 0..25 {
            let changes = world.change(&mut rng);
            let outputs = graph.step(Epoch(step + 2), 0, changes).unwrap();
            let failures = graph.take_failures();
            assert!(failures.is_empty(), "seed {seed} step {step}: {failures:?}");
            let Some(view) = graph.view(RelationId(100)) else { panic!("the view is gone") };
            let expected = fresh(query, &world);
            let found = if rng.random_bool(0.3) { None } else { Some(contents(&view)) };
            if let Some(found) = found {
                assert_eq!(found, expected, "seed {seed} step {step}");
            }
            // The changes that come out lead from one state to the next.
            outputs.values().for_each(|changes| tally(&mut followed, changes));
            let lines: Vec<String> = followed.iter().flat_map(|(l, &w)| (0..w).map(|_| l.clone())).collect();
            assert_eq!(lines, expected, "seed {seed} step {step}: changes");
        }
    }
}

fn scan(relation: RelationId) -> Rel {
    Rel::Scan { relation, columns: (0..6).collect() }
}

fn column(index: u32) -> Expr {
    Expr::Column { index }
}

fn bigint(value: i64) -> Expr {
    Expr::Literal { literal: Literal::Bigint { value } }
}

fn greater(left: Expr, right: Expr) -> Expr {
    Expr::Binary { operator: BinaryOp::Greater, left: left.into(), right: right.into(), data_type: DataType::Boolean }
}

fn filter(input: Rel) -> Rel {
    Rel::Filter { input: input.into(), predicate: greater(column(1), bigint(-2)) }
}

fn join(kind: JoinKind, left: Rel, right: Rel, residual: bool) -> Rel {
    let keys = vec![JoinKey { left: column(0), right: column(0) }];
    let residual = residual.then(|| greater(column(1), column(7)));
    Rel::Join { kind, left: left.into(), right: right.into(), keys, residual }
}

fn call(function: AggregateFunction, arg: Option<u32>, data_type: DataType) -> AggregateCall {
    AggregateCall { function, arg: arg.map(column), distinct: false, filter: None, data_type }
}

fn aggregates() -> Vec<AggregateCall> {
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

fn group(input: Rel, by: &[u32]) -> Rel {
    Rel::Aggregate { input: input.into(), group: by.iter().map(|&c| column(c)).collect(), aggregates: aggregates() }
}

fn ascending(index: u32) -> SortKey {
    SortKey { expr: column(index), descending: false, nulls_first: false }
}

fn seconds(n: i64) -> Literal {
    Literal::Interval { months: 0, days: 0, microseconds: n * 1_000_000 }
}

fn window_calls(range: bool) -> Vec<WindowCall> {
    use WindowFunction as W;
    let so_far = Frame { unit: FrameUnit::Range, start: FrameBound::UnboundedPreceding, end: FrameBound::CurrentRow };
    let rows = |back, ahead| Frame {
        unit: FrameUnit::Rows,
        start: FrameBound::Preceding { offset: Literal::Bigint { value: back } },
        end: FrameBound::Following { offset: Literal::Bigint { value: ahead } },
    };
    let recent = Frame {
        unit: FrameUnit::Range,
        start: FrameBound::Preceding { offset: seconds(3) },
        end: FrameBound::CurrentRow,
    };
    let around = Frame {
        unit: FrameUnit::Range,
        start: FrameBound::Preceding { offset: seconds(1) },
        end: FrameBound::Following { offset: seconds(2) },
    };
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

fn window(input: Rel, partition: &[u32], order: Vec<SortKey>, calls: Vec<WindowCall>) -> Rel {
    Rel::Window { input: input.into(), partition: partition.iter().map(|&c| column(c)).collect(), order, calls }
}

/// Only what does not look beyond a few neighbours: what the flagship asks for.
fn short_calls() -> Vec<WindowCall> {
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
        for residual in [false, true] {
            check(&join(kind, scan(TABLES[0]), scan(TABLES[1]), residual));
            check(&join(kind, scan(STREAM), scan(TABLES[1]), residual));
            check(&join(kind, scan(STREAM), filter(scan(STREAM)), residual));
        }
        let keys = vec![
            JoinKey { left: column(0), right: column(0) },
            JoinKey { left: column(3), right: column(3) },
            JoinKey { left: column(2), right: column(2) },
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
    check(&cross(Inner));
    check(&cross(Left));
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
        input: Rel::Scan { relation: RelationId(100), columns: vec![3, 0] }.into(),
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
    let limit = Rel::Limit { input: scan(TABLES[0]).into(), limit: Some(1), offset: 0 };
    let error = Graph::new().add_view(RelationId(100), &limit, &ENV).unwrap_err();
    assert_eq!(error.code.sqlstate(), "0A000");
    let now = Expr::Call { function: "now".into(), args: Vec::new(), data_type: DataType::Timestamptz };
    let query = Rel::Project { input: scan(TABLES[0]).into(), exprs: vec![now] };
    let error = Graph::new().add_view(RelationId(100), &query, &ENV).unwrap_err();
    assert_eq!(error.code.sqlstate(), "0A000");
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
