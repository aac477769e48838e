//! What a checkpoint's content costs in memory and time, for a view of COUNT and SUM by a BIGINT key and for a join with as
//! many rows: batches made of the state, their bytes, and the way back. Files are not part of it.
//! `cargo run --release -p millrace-flow --example bench_saved [-- keys]`

use std::io::Write;
use std::sync::Arc;
use std::time::Instant;

use arrow_array::{ArrayRef, Int64Array, RecordBatch};
use millrace_base::{Epoch, RelationId, Result};
use millrace_expr::NoModels;
use millrace_flow::{ChangeBatch, FlowEnv, Graph, SavedView};
use millrace_plan::*;

const EVENTS: RelationId = RelationId(1);
const USERS: RelationId = RelationId(2);
const VIEW: RelationId = RelationId(10);
const STEP: i64 = 1 << 16;

struct Catalog;

impl Relations for Catalog {
    fn columns(&self, _: RelationId) -> Option<Vec<DataType>> {
        Some(vec![DataType::Bigint, DataType::Bigint])
    }

    fn model_inputs(&self, _: RelationId) -> Option<u32> {
        None
    }

    fn append_only(&self, id: RelationId) -> bool {
        id == EVENTS
    }
}

const ENV: FlowEnv<'static> = FlowEnv { models: &NoModels, relations: &Catalog };

fn scan(relation: RelationId) -> Box<Rel> {
    Rel::Scan { relation, columns: vec![0, 1], as_of: None }.into()
}

fn column(index: u32) -> Expr {
    Expr::Column { index }
}

fn group() -> Rel {
    let call = |function, arg, data_type| AggregateCall {
        function,
        arg,
        distinct: false,
        filter: None,
        data_type,
        order: Vec::new(),
    };
    let aggregates = vec![
        call(AggregateFunction::CountStar, None, DataType::Bigint),
        call(AggregateFunction::Sum, Some(column(1)), DataType::Numeric { precision: 38, scale: 0 }),
    ];
    Rel::Aggregate { input: scan(EVENTS), group: vec![column(0)], aggregates }
}

fn join() -> Rel {
    let keys = vec![JoinKey { left: column(0), right: column(0), nulls_equal: false }];
    Rel::Join { kind: JoinKind::Left, left: scan(EVENTS), right: scan(USERS), keys, residual: None }
}

fn changes(relation: RelationId, from: i64, to: i64) -> Result<(RelationId, ChangeBatch)> {
    let keys: ArrayRef = Arc::new(Int64Array::from_iter_values((from..to).map(|k| k.wrapping_mul(0x9e37_79b9) >> 3)));
    let values: ArrayRef = Arc::new(Int64Array::from_iter_values(from..to));
    let rows = RecordBatch::try_from_iter([("c0", keys), ("c1", values)]);
    let rows = rows.map_err(|e| millrace_base::Error::internal(e.to_string()))?;
    Ok((relation, ChangeBatch { rows, weights: None }))
}

fn measure(name: &str, query: &Rel, keys: i64, relations: &[RelationId]) -> Result<()> {
    let mut graph = Graph::new();
    graph.add_view(VIEW, query, &ENV)?;
    let start = Instant::now();
    for from in (0..keys).step_by(STEP as usize) {
        let parts = relations.iter().map(|&r| changes(r, from, (from + STEP).min(keys))).collect::<Result<_>>()?;
        graph.backfill(VIEW, Epoch(1), 0, parts)?;
    }
    let filled = start.elapsed();
    let start = Instant::now();
    let saved = graph.save_view(VIEW)?.ok_or_else(|| millrace_base::Error::internal("a view that cannot be saved"))?;
    let taken = start.elapsed();
    let start = Instant::now();
    let bytes = saved.encode()?;
    let encoded = start.elapsed();
    drop((graph, saved));
    let mut again = Graph::new();
    again.add_view(VIEW, query, &ENV)?;
    let start = Instant::now();
    again.load_view(VIEW, Epoch(1), SavedView::decode(&bytes)?)?;
    let loaded = start.elapsed();
    let size = bytes.len() as f64 / keys as f64;
    writeln!(
        std::io::stdout(),
        "{name}: {keys} keys, {size:.0} bytes a key; filled in {filled:.2?}, taken in {taken:.2?}, to bytes in {encoded:.2?}, \
         from bytes into the operators in {loaded:.2?}"
    )
    .map_err(|e| millrace_base::Error::internal(e.to_string()))
}

fn main() -> Result<()> {
    let keys = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(10_000_000);
    measure("group", &group(), keys, &[EVENTS])?;
    measure("join", &join(), keys / 2, &[USERS, EVENTS])
}
