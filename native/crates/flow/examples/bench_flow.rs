//! How many swipes a second one core takes through a graph like the fraud pipeline's: filter and project, an inner join
//! with a keyed table, a left join with a GROUP BY view, a window with neighbours and range sums, thirty expressions,
//! a model (a stand-in: a logistic function), a filter. Prints rows a second.
//! `cargo run --release -p millrace-flow --example bench_flow [-- rows step]`

use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use millrace_base::{Epoch, RelationId, Result};
use millrace_expr::{Model, Models};
use millrace_flow::{ChangeBatch, FlowEnv, Graph};
use millrace_plan::*;
use rand::{Rng, SeedableRng, rngs::StdRng};

const SWIPES: RelationId = RelationId(1);
const CARDS: RelationId = RelationId(2);
const PAST: RelationId = RelationId(3);
const MODEL: RelationId = RelationId(4);
const STATS: RelationId = RelationId(10);
const SCORED: RelationId = RelationId(11);
const FLAGGED: RelationId = RelationId(12);
const CARD_COUNT: i64 = 20_000;
const FEATURES: usize = 30;

struct Catalog;

fn swipe_types() -> Vec<DataType> {
    use DataType::*;
    // id, card, amount, currency, merchant, category, city, latitude, longitude, time
    vec![Bigint, Bigint, Double, Text, Text, Text, Text, Double, Double, Timestamptz]
}

impl Relations for Catalog {
    fn columns(&self, id: RelationId) -> Option<Vec<DataType>> {
        use DataType::*;
        match id {
            SWIPES => Some(swipe_types()),
            CARDS => Some(vec![Bigint, Text, Double, Double, Double]),
            PAST => Some(vec![Bigint, Double]),
            STATS => Some(vec![Bigint, Bigint, Double, Double]),
            SCORED => {
                let mut types = vec![Bigint, Bigint, Double, Timestamptz];
                types.extend([Double; FEATURES + 1]);
                Some(types)
            }
            _ => None,
        }
    }

    fn model_inputs(&self, _: RelationId) -> Option<u32> {
        Some(FEATURES as u32)
    }

    fn append_only(&self, id: RelationId) -> bool {
        matches!(id, SWIPES | PAST)
    }
}

struct Logistic;

impl Model for Logistic {
    fn inputs(&self) -> usize {
        FEATURES
    }

    fn predict(&self, features: &[Float64Array]) -> Result<Float64Array> {
        let mut sums = vec![-4.0; features[0].len()];
        for feature in features {
            sums.iter_mut().zip(feature.values()).for_each(|(s, f)| *s += f * 0.001);
        }
        Ok(sums.into_iter().map(|s: f64| Some(1.0 / (1.0 + (-s).exp()))).collect())
    }
}

impl Models for Catalog {
    fn model(&self, _: RelationId) -> Option<Arc<dyn Model>> {
        Some(Arc::new(Logistic))
    }
}

fn batch(columns: Vec<ArrayRef>) -> ChangeBatch {
    let rows = RecordBatch::try_from_iter_with_nullable(
        columns.into_iter().enumerate().map(|(i, c)| (format!("c{i}"), c, true)),
    );
    ChangeBatch { rows: rows.expect("columns of one length"), weights: None }
}

fn doubles(rows: usize, mut value: impl FnMut() -> f64) -> ArrayRef {
    Arc::new(Float64Array::from_iter_values((0..rows).map(|_| value())))
}

fn texts(rows: usize, mut value: impl FnMut() -> String) -> ArrayRef {
    Arc::new(StringArray::from_iter_values((0..rows).map(|_| value())))
}

fn swipes(rng: &mut StdRng, first: usize, rows: usize) -> ChangeBatch {
    let cards: Vec<i64> = (0..rows)
        .map(|_| {
            // A skew like Zipf's: a few cards have a large part of the swipes.
            let u: f64 = rng.random();
            ((CARD_COUNT as f64).powf(u) - 1.0) as i64
        })
        .collect();
    let late: Vec<i64> =
        (0..rows).map(|_| if rng.random_bool(0.02) { rng.random_range(0..5_000_000) } else { 0 }).collect();
    let times = (0..rows).map(|i| 1_700_000_000_000_000 + (first + i) as i64 * 20_000 - late[i]);
    let mut pick = |prefix: &str, of: u32| format!("{prefix}{}", rng.random_range(0..of));
    let (currency, merchant, category, city) = (
        texts(rows, || pick("C", 4)),
        texts(rows, || pick("a merchant of some name ", 5000)),
        texts(rows, || pick("category", 12)),
        texts(rows, || pick("city", 50)),
    );
    let amount = doubles(rows, || (rng.random_range(1.0..30_000.0_f64)).round() / 100.0);
    let (latitude, longitude) =
        (doubles(rows, || rng.random_range(-60.0..60.0)), doubles(rows, || rng.random_range(-180.0..180.0)));
    batch(vec![
        Arc::new(Int64Array::from_iter_values((first..first + rows).map(|i| i as i64))),
        Arc::new(Int64Array::from(cards)),
        amount,
        currency,
        merchant,
        category,
        city,
        latitude,
        longitude,
        Arc::new(TimestampMicrosecondArray::from_iter_values(times).with_timezone("UTC")),
    ])
}

fn column(index: u32) -> Expr {
    Expr::Column { index }
}

fn double(value: f64) -> Expr {
    Expr::Literal { literal: Literal::Double { value } }
}

fn binary(operator: BinaryOp, left: Expr, right: Expr, data_type: DataType) -> Expr {
    Expr::Binary { operator, left: left.into(), right: right.into(), data_type }
}

fn arithmetic(operator: BinaryOp, left: Expr, right: Expr) -> Expr {
    binary(operator, left, right, DataType::Double)
}

fn coalesce_double(input: Expr) -> Expr {
    let known = Expr::IsNull { input: input.clone().into(), negated: true };
    let input = Expr::Cast { input: input.into(), to: DataType::Double };
    let branches = vec![CaseBranch { when: known, then: input }];
    Expr::Case { branches, otherwise: Some(double(0.0).into()), data_type: DataType::Double }
}

fn scan(relation: RelationId, columns: u32) -> Rel {
    Rel::Scan { relation, columns: (0..columns).collect(), as_of: None }
}

fn join(kind: JoinKind, left: Rel, key: u32, right: Rel) -> Rel {
    let keys = vec![JoinKey { left: column(key), right: column(0), nulls_equal: false }];
    Rel::Join { kind, left: left.into(), right: right.into(), keys, residual: None }
}

fn stats() -> Rel {
    let call = |function, data_type, arg: Option<u32>| AggregateCall {
        function,
        arg: arg.map(column),
        distinct: false,
        filter: None,
        data_type,
        order: Vec::new(),
    };
    Rel::Aggregate {
        input: scan(PAST, 2).into(),
        group: vec![column(0)],
        aggregates: vec![
            call(AggregateFunction::CountStar, DataType::Bigint, None),
            call(AggregateFunction::Avg, DataType::Double, Some(1)),
            call(AggregateFunction::Max, DataType::Double, Some(1)),
        ],
    }
}

fn windowed() -> Rel {
    let positive = binary(BinaryOp::Greater, column(2), double(0.0), DataType::Boolean);
    let swipes = Rel::Filter { input: scan(SWIPES, 10).into(), predicate: positive };
    // 0..10 swipe, 10..15 card, 15..19 stats
    let with_card = join(JoinKind::Inner, swipes, 1, scan(CARDS, 5));
    let with_stats = join(JoinKind::Left, with_card, 1, scan(STATS, 4));
    let range = |minutes: i64| Frame {
        unit: FrameUnit::Range,
        start: FrameBound::Preceding {
            offset: Literal::Interval { months: 0, days: 0, microseconds: minutes * 60_000_000 },
        },
        end: FrameBound::CurrentRow,
        exclude: Default::default(),
    };
    let types = swipe_types();
    let lag = |index: u32| WindowCall {
        function: WindowFunction::Lag { offset: 1, default: None },
        args: vec![column(index)],
        filter: None,
        frame: range(10),
        data_type: types[index as usize],
    };
    let aggregate = |aggregate, args: Vec<Expr>, minutes, data_type| WindowCall {
        function: WindowFunction::Aggregate { aggregate },
        args,
        filter: None,
        frame: range(minutes),
        data_type,
    };
    use AggregateFunction::{CountStar, Sum};
    // 19..23 neighbours, 23..27 sums
    let calls = vec![
        lag(6),
        lag(7),
        lag(8),
        lag(9),
        aggregate(CountStar, Vec::new(), 10, DataType::Bigint),
        aggregate(Sum, vec![column(2)], 10, DataType::Double),
        aggregate(CountStar, Vec::new(), 1440, DataType::Bigint),
        aggregate(Sum, vec![column(2)], 1440, DataType::Double),
    ];
    let order = vec![SortKey { expr: column(9), descending: false, nulls_first: false }];
    Rel::Window { input: with_stats.into(), partition: vec![column(1)], order, calls }
}

fn scored() -> Rel {
    use BinaryOp::{Add, Divide, Multiply, Subtract};
    let numbers = [2u32, 7, 8, 12, 13, 14, 16, 17, 18, 20, 21, 23, 24, 25, 26];
    let mut exprs = vec![column(0), column(1), column(2), column(9)];
    for &n in &numbers {
        exprs.push(coalesce_double(column(n)));
        let difference = arithmetic(Subtract, coalesce_double(column(n)), coalesce_double(column(17)));
        let scaled = arithmetic(
            Divide,
            difference,
            arithmetic(Add, arithmetic(Multiply, coalesce_double(column(18)), double(2.0)), double(1.0)),
        );
        exprs.push(scaled);
    }
    let features = Rel::Project { input: windowed().into(), exprs };
    let mut exprs: Vec<Expr> = (0..4 + FEATURES as u32).map(column).collect();
    exprs.push(Expr::Predict { model: MODEL, args: (4..4 + FEATURES as u32).map(column).collect() });
    Rel::Project { input: features.into(), exprs }
}

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1).filter_map(|a| a.parse::<usize>().ok());
    let rows = arguments.next().unwrap_or(1_000_000);
    let step = arguments.next().unwrap_or(5_000);
    let mut rng = StdRng::seed_from_u64(7);
    let env = FlowEnv { models: &Catalog, relations: &Catalog };
    let mut graph = Graph::new();
    graph.add_view(STATS, &stats(), &env)?;
    graph.add_view(SCORED, &scored(), &env)?;
    let score = 4 + FEATURES as u32;
    let high = binary(BinaryOp::Greater, column(4), double(0.9), DataType::Boolean);
    let flagged = Rel::Scan { relation: SCORED, columns: vec![0, 1, 2, 3, score], as_of: None };
    graph.add_view(FLAGGED, &Rel::Filter { input: flagged.into(), predicate: high }, &env)?;

    let count = CARD_COUNT as usize;
    let cards = batch(vec![
        Arc::new(Int64Array::from_iter_values(0..CARD_COUNT)),
        texts(count, || format!("city{}", rng.random_range(0..50))),
        doubles(count, || rng.random_range(-60.0..60.0)),
        doubles(count, || rng.random_range(-180.0..180.0)),
        doubles(count, || rng.random_range(100.0..5000.0)),
    ]);
    let past = count * 10;
    let past = batch(vec![
        Arc::new(Int64Array::from_iter_values((0..past).map(|_| rng.random_range(0..CARD_COUNT)))),
        doubles(past, || rng.random_range(1.0..300.0)),
    ]);
    graph.step(Epoch(1), 0, vec![(CARDS, cards), (PAST, past)])?;

    let mut spent = Duration::ZERO;
    let mut slowest = Duration::ZERO;
    let mut flagged = 0;
    let mut done = 0;
    while done < rows {
        let input = swipes(&mut rng, done, step);
        let start = Instant::now();
        let output = graph.step(Epoch(2 + done as u64), 0, vec![(SWIPES, input)])?;
        let took = start.elapsed();
        spent += took;
        slowest = slowest.max(took);
        flagged += output.get(&FLAGGED).map_or(0, |c| c.iter().map(ChangeBatch::len).sum());
        done += step;
    }
    let failures = graph.take_failures();
    assert!(failures.is_empty(), "{failures:?}");
    let scored = graph.view(SCORED).map_or(0, |v| v.rows());
    let line = format!(
        "{done} swipes in steps of {step}: {:.0} rows/s, slowest step {:.1} ms, {scored} scored, {flagged} changes of flagged\n",
        done as f64 / spent.as_secs_f64(),
        slowest.as_secs_f64() * 1e3,
    );
    let _ = std::io::stdout().write_all(line.as_bytes());
    Ok(())
}
