//! A view equals its query: random changes in random batches through operators and their compositions; after every
//! step the view must hold what a fresh graph makes of the current rows in one go, and what the query returns. Rows are compared as text,
//! multisets with multisets.

mod graphs;
mod intervals;
mod properties;
mod queries;
mod saved;

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
use crate::{ChangeBatch, FlowEnv, Graph, SavedView, ViewSnapshot};

pub(super) const NUMERIC: DataType = DataType::Numeric { precision: 10, scale: 2 };
/// key, integer, double, text, time, numeric
pub(super) const TYPES: [DataType; 6] =
    [DataType::Bigint, DataType::Bigint, DataType::Double, DataType::Text, DataType::Timestamp, NUMERIC];
/// Relations 1 and 2 can retract, 3 is a stream.
pub(super) const TABLES: [RelationId; 3] = [RelationId(1), RelationId(2), RelationId(3)];
pub(super) const STREAM: RelationId = RelationId(3);

pub(super) type Row = (Option<i64>, Option<i64>, Option<u64>, Option<String>, Option<i64>, Option<i128>);

pub(super) struct Catalog;

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

pub(super) const ENV: FlowEnv<'static> = FlowEnv { models: &NoModels, relations: &Catalog };

pub(super) fn random_row(rng: &mut StdRng) -> Row {
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

pub(super) fn batch(rows: &[Row]) -> RecordBatch {
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

pub(super) fn shown(batches: &[RecordBatch]) -> Vec<String> {
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

pub(super) fn contents(view: &ViewSnapshot) -> Vec<String> {
    let columns: Vec<u32> = (0..view.schema().fields().len() as u32).collect();
    let lines = shown(&view.scan(&columns).unwrap());
    assert_eq!(lines.len() as i64, view.rows());
    lines
}

/// The rows of the three relations.
#[derive(Default)]
pub(super) struct World {
    pub(super) rows: BTreeMap<RelationId, Vec<Row>>,
}

impl World {
    pub(super) fn change(&mut self, rng: &mut StdRng) -> Vec<(RelationId, ChangeBatch)> {
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

    pub(super) fn all(&self) -> Vec<(RelationId, ChangeBatch)> {
        self.rows.iter().map(|(&id, rows)| (id, ChangeBatch { rows: batch(rows), weights: None })).collect()
    }
}

pub(super) fn fresh(query: &Rel, world: &World) -> Vec<String> {
    let mut graph = Graph::new();
    graph.add_view(RelationId(9), query, &ENV).unwrap();
    graph.backfill(RelationId(9), Epoch(1), 0, world.all()).unwrap();
    contents(&graph.view(RelationId(9)).unwrap())
}

impl millrace_exec::Snapshot for World {
    fn scan(
        &self,
        relation: RelationId,
        columns: &[u32],
    ) -> millrace_base::Result<Box<dyn Iterator<Item = millrace_base::Result<RecordBatch>> + Send + '_>> {
        let rows = self.rows.get(&relation).map_or(&[][..], Vec::as_slice);
        let columns: Vec<usize> = columns.iter().map(|&c| c as usize).collect();
        // In small batches, so that operators see several.
        Ok(Box::new(rows.chunks(7).map(move |rows| Ok(batch(rows).project(&columns).unwrap()))))
    }
}

/// What the query returns now.
pub(super) fn asked(query: &Rel, world: &World) -> Vec<String> {
    let cancel = std::sync::atomic::AtomicBool::new(false);
    let workers = millrace_exec::Workers::new(2);
    let (storage, rng) = (Arc::new(millrace_base::RealStorage), Arc::new(millrace_base::SystemRng));
    let folder = millrace_exec::SpillFolder::new(storage, rng, std::env::temp_dir());
    let memory = Arc::new(millrace_exec::Memory::new(usize::MAX, folder));
    let context = millrace_exec::ExecContext {
        now_us: 0,
        models: &NoModels,
        relations: &Catalog,
        cancel: &cancel,
        workers: &workers,
        memory: &memory,
    };
    shown(&millrace_exec::execute(query, world, &context).unwrap())
}

pub(super) fn check(query: &Rel) {
    check_against(query, asked);
}

/// `oracle` is what the query returns.
pub(super) fn check_against(query: &Rel, oracle: fn(&Rel, &World) -> Vec<String>) {
    for _ in 0..8 {
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
            // Sometimes it goes on from what a checkpoint holds.
            if step > 0 && rng.random_bool(0.2) {
                let saved = graph.save_view(RelationId(100)).unwrap().expect("a view that has run can be saved");
                let saved = SavedView::decode(&saved.encode().unwrap()).unwrap();
                graph = Graph::new();
                graph.add_view(RelationId(100), query, &ENV).unwrap();
                graph.load_view(RelationId(100), Epoch(step + 1), saved).unwrap();
            }
            let changes = world.change(&mut rng);
            let outputs = graph.step(Epoch(step + 2), 0, changes).unwrap();
            let failures = graph.take_failures();
            assert!(failures.is_empty(), "seed {seed} step {step}: {failures:?}");
            let Some(view) = graph.view(RelationId(100)) else { panic!("the view is gone") };
            let expected = fresh(query, &world);
            if step % 3 == 0 {
                assert_eq!(oracle(query, &world), expected, "seed {seed} step {step}: the query");
            }
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
