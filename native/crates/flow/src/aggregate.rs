//! GROUP BY. A changed group gives its old row with -1 and its new one with +1, unless they are equal. State: the group
//! table, a row count a group (a group is there while it has rows; without group columns always), the accumulators.
//! Groups without rows are freed.

use arrow_array::{ArrayRef, BooleanArray, RecordBatch};
use arrow_schema::SchemaRef;
use millrace_base::{Error, Result};
use millrace_expr::Evaluator;
use millrace_kernels::{Accumulator, DistinctSet, GroupTable, RawColumn};

use crate::change::{ChangeBatch, batch_of, take_columns};
use crate::computed::Computed;
use crate::node::Operator;
use crate::saved::{Kept, plain, split_integers, unfit, weighted};

pub(crate) struct Call {
    pub argument: Option<Computed>,
    pub filter: Option<Evaluator>,
    pub distinct: Option<DistinctSet>,
    pub accumulator: Accumulator,
}

pub(crate) struct Aggregate {
    group: Vec<Computed>,
    calls: Vec<Call>,
    table: GroupTable,
    /// By group: rows in it.
    counts: Vec<i64>,
    /// By group: its place among this step's old rows, plus one; 0 outside of a step.
    places: Vec<u32>,
    started: bool,
    schema: SchemaRef,
}

impl Aggregate {
    pub fn new(group: Vec<Computed>, calls: Vec<Call>, schema: SchemaRef) -> Result<Self> {
        let table = GroupTable::new(&Computed::arrow_types(&group))?;
        Ok(Self { group, calls, table, counts: Vec::new(), places: Vec::new(), started: false, schema })
    }

    fn global(&self) -> bool {
        self.group.is_empty()
    }

    fn resize(&mut self) {
        let groups = if self.global() { 1 } else { self.table.capacity() };
        self.counts.resize(groups.max(self.counts.len()), 0);
        self.places.resize(self.counts.len(), 0);
        self.calls.iter_mut().for_each(|c| c.accumulator.resize(groups));
    }

    fn results(&self, groups: &[u32]) -> Result<Vec<ArrayRef>> {
        self.calls.iter().map(|c| c.accumulator.finish(groups)).collect()
    }

    fn update(&mut self, input: &ChangeBatch, ids: &[u32], now_us: i64) -> Result<()> {
        for (row, &id) in ids.iter().enumerate() {
            self.counts[id as usize] += input.weight(row);
        }
        let weights = input.weights.as_deref();
        for call in &mut self.calls {
            let argument = call.argument.as_ref().map(|a| a.evaluate(&input.rows, now_us)).transpose()?;
            let mask: Option<BooleanArray> = call.filter.as_ref().map(|f| f.select(&input.rows, now_us)).transpose()?;
            match (&mut call.distinct, &argument) {
                (Some(distinct), Some(values)) => {
                    let changes = distinct.update(ids, values, mask.as_ref(), weights)?;
                    call.accumulator.update(ids, argument.as_ref(), None, Some(&changes))?;
                }
                _ => call.accumulator.update(ids, argument.as_ref(), mask.as_ref(), weights)?,
            }
        }
        Ok(())
    }

    fn emit(&self, old: &[u32], old_results: &[ArrayRef], new: &[u32]) -> Result<Option<ChangeBatch>> {
        let new_results = self.results(new)?;
        let (old_raw, new_raw) = (RawColumn::all(old_results)?, RawColumn::all(&new_results)?);
        let mut stays = vec![false; old.len()];
        let mut new_rows = Vec::with_capacity(new.len());
        for (row, &group) in new.iter().enumerate() {
            let same = self.places[group as usize]
                .checked_sub(1)
                .filter(|&place| old_raw.iter().zip(&new_raw).all(|(o, n)| o.same(place as usize, n, row)));
            match same {
                Some(place) => stays[place as usize] = true,
                None => new_rows.push(row as u32),
            }
        }
        let old_rows: Vec<u32> = (0..old.len() as u32).filter(|&r| !stays[r as usize]).collect();
        let groups: Vec<u32> =
            old_rows.iter().map(|&r| old[r as usize]).chain(new_rows.iter().map(|&r| new[r as usize])).collect();
        let keys = if self.global() { Vec::new() } else { self.table.keys(&groups)? };
        let part = |columns: &[ArrayRef], rows: &[u32], of: std::ops::Range<usize>, weight: i64| {
            let mut all: Vec<ArrayRef> = keys.iter().map(|k| k.slice(of.start, of.len())).collect();
            all.extend(take_columns(columns, rows)?);
            let weights = (weight != 1).then(|| std::iter::repeat_n(weight, rows.len()).collect());
            Ok(ChangeBatch { rows: batch_of(&self.schema, all, rows.len())?, weights })
        };
        let gone = part(old_results, &old_rows, 0..old_rows.len(), -1)?;
        let come = part(&new_results, &new_rows, old_rows.len()..groups.len(), 1)?;
        ChangeBatch::concat(vec![gone, come])
    }
}

impl Operator for Aggregate {
    fn step(&mut self, mut inputs: Vec<Option<ChangeBatch>>, now_us: i64) -> Result<Option<ChangeBatch>> {
        let input = inputs.pop().flatten();
        let first = !std::mem::replace(&mut self.started, true);
        let Some(input) = input else {
            if !(self.global() && first) {
                return Ok(None);
            }
            self.resize();
            return self.emit(&[], &self.results(&[])?, &[0]);
        };
        let keys = Computed::evaluate_all(&self.group, &input.rows, now_us)?;
        let ids = self.table.intern(&keys, input.len())?;
        self.resize();
        // What groups this step touches; those with rows have an old row.
        let mut touched = Vec::new();
        let mut old = Vec::new();
        const SEEN: u32 = u32::MAX;
        for &id in &ids {
            if std::mem::replace(&mut self.places[id as usize], SEEN) == 0 {
                touched.push(id);
                if self.counts[id as usize] != 0 || (self.global() && !first) {
                    old.push(id);
                }
            }
        }
        let old_results = self.results(&old)?;
        self.update(&input, &ids, now_us)?;
        touched.iter().for_each(|&id| self.places[id as usize] = 0);
        old.iter().enumerate().for_each(|(place, &id)| self.places[id as usize] = place as u32 + 1);
        if touched.iter().any(|&id| self.counts[id as usize] < 0) {
            return Err(Error::internal("a group lost more rows than it had"));
        }
        let there = |id: &u32| self.counts[*id as usize] > 0 || self.global();
        let (new, empty): (Vec<u32>, Vec<u32>) = touched.iter().copied().partition(there);
        let output = self.emit(&old, &old_results, &new)?;
        touched.iter().for_each(|&id| self.places[id as usize] = 0);
        for id in empty {
            self.calls.iter_mut().for_each(|c| c.accumulator.reset(id));
            self.table.release(id);
        }
        Ok(output)
    }

    fn kept(&mut self) -> Option<&mut dyn Kept> {
        Some(self)
    }
}

/// A row a group that has rows, then the calls' states and pairs of those groups.
impl Kept for Aggregate {
    fn save(&self) -> Result<Vec<RecordBatch>> {
        let groups: Vec<u32> = if self.global() {
            vec![0]
        } else {
            (0..self.counts.len() as u32).filter(|&g| self.counts[g as usize] > 0).collect()
        };
        let keys = if self.global() { Vec::new() } else { self.table.keys(&groups)? };
        let counts = groups.iter().map(|&g| self.counts[g as usize]).collect();
        let mut saved = vec![weighted(keys, counts)?];
        for call in &self.calls {
            saved.push(plain(call.accumulator.save(&groups)?)?);
            if let Some(distinct) = &call.distinct {
                saved.push(plain(distinct.save(&groups)?)?);
            }
        }
        Ok(saved)
    }

    fn load(&mut self, saved: Vec<RecordBatch>) -> Result<()> {
        let mut saved = saved.into_iter();
        let mut keys = saved.next().ok_or_else(unfit)?.columns().to_vec();
        let counts = split_integers(&mut keys)?;
        let types = Computed::arrow_types(&self.group);
        if !keys.iter().map(|k| k.data_type()).eq(&types) || (self.global() && counts.len() != 1) {
            return Err(unfit());
        }
        let groups = self.table.intern(&keys, counts.len())?;
        self.started = true;
        self.resize();
        groups.iter().zip(counts).for_each(|(&group, count)| self.counts[group as usize] = count);
        for call in &mut self.calls {
            call.accumulator.load(saved.next().ok_or_else(unfit)?.columns(), &groups)?;
            if let Some(distinct) = &mut call.distinct {
                distinct.load(saved.next().ok_or_else(unfit)?.columns(), &groups)?;
            }
        }
        Ok(())
    }
}
