//! A table against a plain model: a map from each epoch to the rows at it. Random commits, sealings that succeed or are
//! cut short, compactions with commits in between, moves of the horizon and reopenings; after each, every epoch that may
//! be read is read, with several projections.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray, UInt64Array};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use arrow_select::concat::concat_batches;
use arrow_select::take::take_record_batch;
use millrace_base::{Code, Epoch, Result};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::cold::ColdBatches;
use super::{ColdRows, Rewrite, TableScan, TableState};
use crate::segment::{Bound, CommitRun, SegmentId};

/// Part of the key, rest of the key, value.
type Row = (i64, Option<String>, i64);

fn schema() -> SchemaRef {
    let field = |name: &str, data_type| Field::new(name, data_type, true);
    Arc::new(Schema::new(vec![field("a", DataType::Int64), field("v", DataType::Int64), field("b", DataType::Utf8)]))
}

const KEY: [u32; 2] = [0, 2];

fn batch(rows: &[Row]) -> RecordBatch {
    let a: ArrayRef = Arc::new(rows.iter().map(|r| r.0).collect::<Int64Array>());
    let v: ArrayRef = Arc::new(rows.iter().map(|r| r.2).collect::<Int64Array>());
    let b: ArrayRef = Arc::new(rows.iter().map(|r| r.1.clone()).collect::<StringArray>());
    RecordBatch::try_new(schema(), vec![a, v, b]).unwrap()
}

fn rows(batch: &RecordBatch) -> Vec<Row> {
    let (a, v) = (batch.column(0).as_primitive::<Int64Type>(), batch.column(1).as_primitive::<Int64Type>());
    let b = batch.column(2).as_string::<i32>();
    (0..batch.num_rows()).map(|r| (a.value(r), b.iter().nth(r).unwrap().map(str::to_string), v.value(r))).collect()
}

fn read(scan: TableScan) -> Vec<Row> {
    let mut out: Vec<Row> = scan.flat_map(|batch| rows(&batch.unwrap())).collect();
    out.sort();
    out
}

/// A segment in memory that gives its rows in blocks of `block` and counts what is read.
#[derive(Clone)]
struct Fake {
    id: SegmentId,
    rows: RecordBatch,
    runs: Arc<[CommitRun]>,
    block: usize,
    reads: Arc<AtomicUsize>,
}

impl ColdRows for Fake {
    fn id(&self) -> SegmentId {
        self.id
    }

    fn rows(&self) -> u64 {
        self.rows.num_rows() as u64
    }

    fn bytes(&self) -> u64 {
        self.rows() * 20
    }

    fn epochs(&self) -> (Epoch, Epoch) {
        (self.runs[0].epoch, self.runs[self.runs.len() - 1].epoch)
    }

    fn runs(&self) -> Result<Arc<[CommitRun]>> {
        Ok(self.runs.clone())
    }

    fn scan(&self, projection: &[usize], _: &[Bound], rows: Range<u64>) -> ColdBatches {
        self.reads.fetch_add(1, Ordering::Relaxed);
        let (batch, block) = (self.rows.project(projection).unwrap(), self.block);
        let mut at = rows.start as usize;
        Box::new(std::iter::from_fn(move || {
            let end = (at / block * block + block).min(rows.end as usize);
            let from = std::mem::replace(&mut at, end);
            (from < end).then(|| Ok((from as u64, batch.slice(from, end - from))))
        }))
    }

    fn take(&self, rows: &[u64], projection: &[usize]) -> Result<RecordBatch> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        assert!(rows.is_sorted());
        let batch = self.rows.project(projection).unwrap();
        Ok(take_record_batch(&batch, &UInt64Array::from(rows.to_vec())).unwrap())
    }
}

/// What a database would have on disk.
#[derive(Clone, Default)]
struct Disk {
    segments: BTreeMap<SegmentId, (Fake, Vec<(u32, Epoch)>)>,
    next: u64,
    sealed: u64,
    horizon: u64,
}

impl Disk {
    fn write(&mut self, rewrite: &Rewrite, block: usize) -> Option<Fake> {
        let (mut batches, mut runs): (Vec<RecordBatch>, Vec<CommitRun>) = Default::default();
        for found in rewrite.batches(7) {
            let (batch, of) = found.unwrap();
            assert_eq!(of.iter().map(|r| r.rows as usize).sum::<usize>(), batch.num_rows());
            batches.push(batch);
            runs.extend(of);
        }
        assert!(runs.is_sorted_by_key(|r| r.epoch), "rows come in commit order");
        let rows = concat_batches(&schema(), &batches).unwrap();
        assert_eq!(rows.num_rows() as u64, rewrite.rows);
        for id in &rewrite.removed {
            assert!(self.segments.remove(id).is_some());
        }
        self.horizon = self.horizon.max(rewrite.buried.0);
        if rewrite.rows == 0 {
            assert!(rewrite.deaths.is_empty());
            return None;
        }
        self.next += 1;
        let id = SegmentId { file: self.next, index: 0 };
        let fake = Fake { id, rows, runs: runs.into(), block, reads: Arc::default() };
        self.segments.insert(id, (fake.clone(), rewrite.deaths.clone()));
        Some(fake)
    }
}

struct Commit {
    rows: Vec<Row>,
    weights: Vec<i64>,
}

struct World {
    rng: StdRng,
    keyed: bool,
    table: TableState,
    disk: Disk,
    /// The rows at each epoch.
    model: Vec<Vec<Row>>,
    journal: Vec<Commit>,
    horizon: u64,
    /// Transactions do not outlive the process.
    opened: u64,
    /// Per key, the epoch of its last birth or death.
    touched: BTreeMap<(i64, Option<String>), u64>,
}

impl World {
    fn new(seed: u64, keyed: bool) -> Self {
        let key: &[u32] = if keyed { &KEY } else { &[] };
        Self {
            rng: StdRng::seed_from_u64(seed),
            keyed,
            table: TableState::new(schema(), key).unwrap(),
            disk: Disk::default(),
            model: vec![Vec::new()],
            journal: Vec::new(),
            horizon: 0,
            opened: 0,
            touched: BTreeMap::new(),
        }
    }

    fn epoch(&self) -> u64 {
        self.model.len() as u64 - 1
    }

    fn row(&mut self) -> Row {
        let b = self.rng.random_bool(0.8).then(|| "x".repeat(self.rng.random_range(0..4)));
        let values = if self.keyed { 1000 } else { 3 };
        (self.rng.random_range(0..40), b, self.rng.random_range(0..values))
    }

    fn commit(&mut self) {
        let now = self.model.last().unwrap().clone();
        let (mut kept, mut commit) = (Vec::new(), Commit { rows: Vec::new(), weights: Vec::new() });
        let share = [0.0, 0.05, 0.5, 1.0][self.rng.random_range(0..4)];
        for row in now {
            if self.rng.random_bool(share) {
                if self.rng.random_bool(0.5) && self.keyed {
                    commit.rows.push((row.0, row.1.clone(), row.2 + 1));
                    commit.weights.push(1);
                }
                commit.rows.push(row);
                commit.weights.push(-1);
            } else {
                kept.push(row);
            }
        }
        for _ in 0..[0, 1, 3, 30][self.rng.random_range(0..4)] {
            let row = self.row();
            let taken = |rows: &[Row]| rows.iter().any(|r| (r.0, &r.1) == (row.0, &row.1));
            let added: Vec<Row> =
                commit.rows.iter().zip(&commit.weights).filter(|(_, w)| **w > 0).map(|(r, _)| r.clone()).collect();
            if !self.keyed || (!taken(&kept) && !taken(&added)) {
                commit.rows.push(row);
                commit.weights.push(1);
            }
        }
        let epoch = self.epoch() + 1;
        for (row, weight) in commit.rows.iter().zip(&commit.weights) {
            if *weight > 0 {
                kept.push(row.clone());
            }
            self.touched.insert(self.key_of(row), epoch);
        }
        kept.sort();
        let all_new = commit.weights.iter().all(|&w| w > 0) && self.rng.random_bool(0.5);
        let weights = (!all_new).then_some(commit.weights.as_slice());
        self.table.apply(Epoch(epoch), &batch(&commit.rows), weights).unwrap();
        self.model.push(kept);
        self.journal.push(commit);
    }

    fn key_of(&self, row: &Row) -> (i64, Option<String>) {
        // Without a key, equal rows have one: the value is put into it.
        if self.keyed { (row.0, row.1.clone()) } else { (row.0 * 1000 + row.2, row.1.clone()) }
    }

    /// A commit that must be refused, and change nothing.
    fn refused(&mut self) {
        let now = self.model.last().unwrap();
        let mut rows = vec![(900, None, 1), (901, Some("new".into()), 1)];
        let mut weights = vec![1, 1];
        let code = if self.keyed && !now.is_empty() && self.rng.random_bool(0.5) {
            rows.push((now[0].0, now[0].1.clone(), 12345));
            weights.push(1);
            Code::UniqueViolation
        } else {
            if let Some(row) = now.first() {
                rows.push(row.clone());
                weights.push(-1);
            }
            rows.push((-1, None, 0));
            weights.push(-1);
            Code::InternalError
        };
        let error = self.table.apply(Epoch(self.epoch() + 1), &batch(&rows), Some(&weights)).unwrap_err();
        assert_eq!(error.code, code);
    }

    fn seal(&mut self) {
        if self.disk.sealed == self.epoch() {
            return;
        }
        let upto = self.rng.random_range(self.disk.sealed + 1..=self.epoch());
        let mut disk = self.disk.clone();
        let rewrite = self.table.unsealed(Epoch(upto)).unwrap();
        if self.rng.random_bool(0.3) {
            self.commit();
        }
        let block = self.rng.random_range(1..20);
        let segment = disk.write(&rewrite, block);
        for (of, deaths) in self.table.deaths(Epoch(upto)).unwrap() {
            disk.segments.get_mut(&of).unwrap().1.extend(deaths);
        }
        if self.rng.random_bool(0.2) {
            return; // cut short: nobody has heard of it
        }
        disk.sealed = upto;
        self.disk = disk;
        if let Some(segment) = segment {
            self.table.install(segment).unwrap();
        }
        if self.rng.random_bool(0.3) {
            self.commit();
        }
        self.table.mark_deaths_sealed(Epoch(upto)).unwrap();
    }

    fn compact(&mut self) {
        let Some(plan) = self.table.plan_compaction().unwrap() else { return };
        if self.rng.random_bool(0.5) {
            self.commit();
        }
        let mut disk = self.disk.clone();
        let block = self.rng.random_range(1..20);
        let segment = disk.write(&plan, block);
        if self.rng.random_bool(0.2) {
            return; // cut short
        }
        self.disk = disk;
        self.table.install_compacted(&plan, segment).unwrap();
        self.check_deaths();
    }

    /// The table tells the deaths that the disk has.
    fn check_deaths(&self) {
        for (&id, (_, deaths)) in &self.disk.segments {
            let told: BTreeSet<u32> = self.table.deaths_of(id).unwrap().into_iter().map(|(row, _)| row).collect();
            assert_eq!(told, deaths.iter().map(|d| d.0).collect());
        }
    }

    fn reopen(&mut self) {
        let key: &[u32] = if self.keyed { &KEY } else { &[] };
        for (fake, _) in self.disk.segments.values() {
            fake.reads.store(0, Ordering::Relaxed);
        }
        let segments = self.disk.segments.values().cloned();
        let (sealed, horizon) = (Epoch(self.disk.sealed), Epoch(self.disk.horizon));
        self.table = TableState::restore(schema(), key, segments, sealed, horizon).unwrap();
        for epoch in self.disk.sealed + 1..=self.epoch() {
            let Commit { rows, weights } = &self.journal[epoch as usize - 1];
            self.table.replay(Epoch(epoch), &batch(rows), Some(weights.as_slice().into())).unwrap();
        }
        assert_eq!(self.table.len(), self.model.last().unwrap().len());
        let reads: usize = self.disk.segments.values().map(|(fake, _)| fake.reads.load(Ordering::Relaxed)).sum();
        assert_eq!(reads, 0, "opening reads no rows");
        self.horizon = self.horizon.max(self.disk.horizon);
        self.opened = self.epoch();
    }

    fn check(&mut self) {
        assert_eq!(self.table.len(), self.model.last().unwrap().len());
        for epoch in self.horizon..=self.epoch() {
            let (model, at) = (&self.model[epoch as usize], Epoch(epoch));
            assert_eq!(&read(self.table.scan(at, &[0, 1, 2]).unwrap()), model, "at epoch {epoch}");
            let counted = self.table.scan(at, &[]).unwrap().map(|b| b.unwrap().num_rows()).sum::<usize>();
            assert_eq!(counted, model.len());
            let mut values: Vec<i64> = Vec::new();
            for found in self.table.scan(at, &[1]).unwrap() {
                values.extend(found.unwrap().column(0).as_primitive::<Int64Type>().values());
            }
            values.sort_unstable();
            let mut expected: Vec<i64> = model.iter().map(|r| r.2).collect();
            expected.sort_unstable();
            assert_eq!(values, expected);
        }
        assert_eq!(&read(self.table.latest().unwrap()), self.model.last().unwrap());
        let probes: Vec<Row> = (0..20).map(|_| self.row()).collect();
        let now = self.model.last().unwrap();
        let held = |probe: &Row| now.iter().any(|row| self.key_of(row) == self.key_of(probe));
        let probed = batch(&probes);
        assert_eq!(self.table.contains(&probed).unwrap(), probes.iter().map(held).collect::<Vec<_>>());
        let wanted: BTreeSet<_> = probes.iter().map(|probe| self.key_of(probe)).collect();
        let expected: Vec<Row> = now.iter().filter(|row| wanted.contains(&self.key_of(row))).cloned().collect();
        let mut found = rows(&self.table.matching(&probed).unwrap());
        found.sort();
        assert_eq!(found, expected);
        let keys: Vec<ArrayRef> = self.table.key_columns().iter().map(|&c| probed.column(c).clone()).collect();
        assert_eq!(self.table.find(&keys).unwrap().num_rows(), expected.len());
        let since = self.rng.random_range(self.horizon.max(self.opened)..=self.epoch());
        let newer = |probe: &Row| self.touched.get(&self.key_of(probe)).is_some_and(|&touched| touched > since);
        assert_eq!(self.table.conflicts(&probed, Epoch(since)).unwrap(), probes.iter().position(newer));
    }
}

#[test]
fn a_table_is_at_every_epoch_what_a_plain_model_says() {
    let from: u64 = std::env::var("SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(0);
    for seed in from..from + 150 {
        let world = std::panic::catch_unwind(|| run(seed));
        assert!(world.is_ok(), "seed {seed} fails: run with SEED={seed}");
    }
}

fn run(seed: u64) {
    let mut world = World::new(seed, !seed.is_multiple_of(3));
    let mut held: Vec<(TableScan, Vec<Row>)> = Vec::new();
    for _ in 0..60 {
        match world.rng.random_range(0..20) {
            0..8 => world.commit(),
            8 => world.refused(),
            9..12 => world.seal(),
            12..16 => world.compact(),
            16 => world.reopen(),
            17 => {
                world.horizon = world.rng.random_range(world.horizon..=world.epoch());
                world.table.set_horizon(Epoch(world.horizon));
            }
            18 => {
                // A reader that goes on whatever happens meanwhile.
                let epoch = world.rng.random_range(world.horizon..=world.epoch());
                let scan = world.table.scan(Epoch(epoch), &[0, 1, 2]).unwrap();
                held.push((scan, world.model[epoch as usize].clone()));
            }
            _ => {
                for (scan, expected) in held.drain(..) {
                    assert_eq!(read(scan), expected);
                }
            }
        }
        if world.rng.random_bool(0.3) {
            world.check();
        }
    }
    world.check();
    for (scan, expected) in held {
        assert_eq!(read(scan), expected);
    }
}

/// Chunks of more than one block, deaths in all of them, compaction to half and reopening.
#[test]
fn large_tables_keep_their_rows_through_sealing_and_compaction() {
    const ROWS: i64 = 200_000;
    let row = |n: i64| (n, Some(format!("k{}", n % 7)), n * 3);
    let table = TableState::new(schema(), &KEY).unwrap();
    table.apply(Epoch(1), &batch(&(0..ROWS).map(row).collect::<Vec<_>>()), None).unwrap();
    let mut disk = Disk::default();
    let rewrite = table.unsealed(Epoch(1)).unwrap();
    table.install(disk.write(&rewrite, 1 << 16).unwrap()).unwrap();
    table.mark_deaths_sealed(Epoch(1)).unwrap();
    assert!(table.plan_compaction().unwrap().is_none());
    let gone: Vec<Row> = (0..ROWS).filter(|n| n % 3 != 0).map(row).collect();
    table.apply(Epoch(2), &batch(&gone), Some(&vec![-1; gone.len()])).unwrap();
    let before = table.scan(Epoch(1), &[0]).unwrap();
    for (id, deaths) in table.deaths(Epoch(2)).unwrap() {
        disk.segments.get_mut(&id).unwrap().1.extend(deaths);
    }
    table.set_horizon(Epoch(2));
    assert!(table.plan_compaction().unwrap().is_none(), "deaths that are not sealed are not final");
    table.mark_deaths_sealed(Epoch(2)).unwrap();
    let plan = table.plan_compaction().unwrap().unwrap();
    assert_eq!((plan.rows as i64, plan.removed.len()), ((ROWS + 2) / 3, 1));
    table.apply(Epoch(3), &batch(&[row(0), row(3)]), Some(&[-1, -1])).unwrap();
    table.install_compacted(&plan, disk.write(&plan, 1 << 16)).unwrap();
    assert_eq!(before.map(|b| b.unwrap().num_rows() as i64).sum::<i64>(), ROWS, "a reader is not disturbed");
    assert_eq!(table.len() as i64, (ROWS + 2) / 3 - 2);
    assert_eq!(rows(&table.matching(&batch(&[row(0), row(6), row(7), row(199_998)])).unwrap()), [row(6), row(199_998)]);
    let expected: Vec<Row> = (6..ROWS).filter(|n| n % 3 == 0).map(row).collect();
    assert_eq!(read(table.latest().unwrap()), expected);
    let again = TableState::restore(schema(), &KEY, disk.segments.into_values(), Epoch(2), Epoch(2)).unwrap();
    again.replay(Epoch(3), &batch(&[row(0), row(3)]), Some([-1, -1].into())).unwrap();
    assert_eq!(read(again.latest().unwrap()), expected);
}

#[test]
fn a_segment_that_does_not_fit_is_refused() {
    let table = TableState::new(schema(), &KEY).unwrap();
    let row = (1, None, 1);
    table.apply(Epoch(1), &batch(&[row.clone(), (2, None, 2)]), None).unwrap();
    let mut disk = Disk::default();
    let segment = disk.write(&table.unsealed(Epoch(1)).unwrap(), 8).unwrap();
    for deaths in [vec![(2, Epoch(1))], vec![(0, Epoch(1)), (0, Epoch(2))]] {
        let opened = TableState::restore(schema(), &KEY, [(segment.clone(), deaths)], Epoch(1), Epoch::ZERO);
        assert_eq!(opened.err().unwrap().code, Code::DataCorrupted);
    }
    let twice = [(segment.clone(), Vec::new()), (segment, Vec::new())];
    let opened = TableState::restore(schema(), &KEY, twice, Epoch(1), Epoch::ZERO).unwrap();
    assert_eq!(opened.contains(&batch(std::slice::from_ref(&row))).unwrap_err().code, Code::DataCorrupted);
    let opened = TableState::restore(schema(), &KEY, disk.segments.into_values(), Epoch(1), Epoch::ZERO).unwrap();
    opened.replay(Epoch(2), &batch(&[(3, None, 0)]), Some([-1].into())).unwrap();
    assert_eq!(opened.latest().err().unwrap().code, Code::DataCorrupted);
    assert_eq!(opened.contains(&batch(&[row])).unwrap_err().code, Code::DataCorrupted);
}
