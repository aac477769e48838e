//! The groups of several threads come together: few in the order in which their first rows came, many in parts by the
//! hash of their keys, each part by one thread.

use std::sync::atomic::{AtomicUsize, Ordering};

use arrow_array::ArrayRef;
use arrow_array::cast::AsArray;
use millrace_base::Result;
use millrace_base::limits::BATCH_ROWS;
use millrace_kernels::{GroupTable, RawColumn, group_rows, hash_columns};
use parking_lot::Mutex;

use super::groups::Groups;
use super::output::Part;
use super::{CallState, Grouping};
use crate::control::Control;
use crate::workers::parallel;

/// More groups than this are merged in parts; tests have few.
const MERGED_WHOLE_MAX: usize = if cfg!(test) { 64 } else { 1 << 16 };
const PARTS_BITS: u32 = 6;
pub(super) const PARTS: usize = 1 << PARTS_BITS;

/// Groups with their states, and where they were first met.
struct Merged {
    table: GroupTable,
    calls: Vec<CallState>,
    first: Vec<u64>,
}

impl Merged {
    fn new(grouping: &Grouping) -> Result<Self> {
        Ok(Self { table: GroupTable::new(&grouping.group_types)?, calls: grouping.states()?, first: Vec::new() })
    }

    /// Takes over some of a thread's groups.
    fn absorb(&mut self, from: &Groups<'_>, ids: &[u32]) -> Result<()> {
        for ids in ids.chunks(BATCH_ROWS) {
            let keys = from.table.keys(ids)?;
            let into = self.table.intern(&keys, ids.len())?;
            self.first.resize(self.table.capacity(), u64::MAX);
            for (&id, &into) in ids.iter().zip(&into) {
                let first = &mut self.first[into as usize];
                *first = (*first).min(from.first[id as usize]);
            }
            for (call, other) in self.calls.iter_mut().zip(&from.calls) {
                if call.distinct.is_none() {
                    call.accumulator.resize(self.table.capacity());
                    call.accumulator.merge(&other.accumulator, ids, &into)?;
                }
            }
        }
        Ok(())
    }

    /// Counts the distinct values of all threads' groups; `into` gives each group's number here, if it is here.
    fn absorb_distinct(&mut self, from: &Groups<'_>, into: &[Option<u32>]) -> Result<()> {
        for (call, other) in self.calls.iter_mut().zip(&from.calls) {
            if let (Some(distinct), Some(other)) = (&mut call.distinct, &other.distinct) {
                let (groups, values) = other.pairs()?;
                call.accumulator.resize(self.table.capacity());
                let mut at = 0;
                while at < groups.len() {
                    let rows = (groups.len() - at).min(BATCH_ROWS);
                    let here: Vec<u32> = (at..at + rows)
                        .filter(|&row| into[groups[row] as usize].is_some())
                        .map(|row| row as u32)
                        .collect();
                    let ids: Vec<u32> = here.iter().filter_map(|&row| into[groups[row as usize] as usize]).collect();
                    let places = arrow_array::UInt32Array::from(here);
                    let values: ArrayRef =
                        arrow_select::take::take(&values, &places, None).map_err(millrace_kernels::arrow_error)?;
                    let weights = distinct.update(&ids, &values, None, None)?;
                    call.accumulator.update(&ids, Some(&values), None, Some(&weights))?;
                    at += rows;
                }
            }
        }
        Ok(())
    }

    fn into_part(mut self, in_order: bool) -> Part {
        let count = self.table.len();
        self.calls.iter_mut().for_each(|call| call.accumulator.resize(count.max(1)));
        let mut order: Vec<u32> = (0..count as u32).collect();
        if in_order && !self.first.is_sorted() {
            order.sort_unstable_by_key(|&id| self.first[id as usize]);
        }
        Part::new(self.table, self.calls, order)
    }
}

/// Groups and rows are put apart by the hash of their keys.
pub(super) fn part_of(hash: u64) -> usize {
    (hash >> (64 - PARTS_BITS)) as usize
}

pub(crate) fn merge(control: &Control<'_>, grouping: &Grouping, mut threads: Vec<Groups<'_>>) -> Result<Vec<Part>> {
    let distinct = grouping.lowered.calls.iter().any(|call| call.is_distinct());
    if grouping.group_columns() == 0 {
        // The one group is there without rows, too.
        let mut merged = Merged::new(grouping)?;
        merged.table.intern(&[], 1)?;
        merged.first.push(0);
        for thread in &mut threads {
            thread.table.intern(&[], 1)?;
            thread.first.resize(1, 0);
            thread.calls.iter_mut().for_each(|call| call.accumulator.resize(1));
            merged.absorb(thread, &[0])?;
            merged.absorb_distinct(thread, &[Some(0)])?;
        }
        return Ok(vec![merged.into_part(true)]);
    }
    let apart = threads.iter().any(|thread| !thread.apart.is_empty());
    if threads.len() == 1
        && !distinct
        && !apart
        && let Some(only) = threads.pop()
    {
        return Ok(vec![Merged { table: only.table, calls: only.calls, first: only.first }.into_part(false)]);
    }
    let total: usize = threads.iter().map(|thread| thread.table.len()).sum();
    if (total <= MERGED_WHOLE_MAX && !apart) || distinct {
        let mut merged = Merged::new(grouping)?;
        for thread in &threads {
            control.check()?;
            let ids: Vec<u32> = (0..thread.table.len() as u32).collect();
            merged.absorb(thread, &ids)?;
            if distinct {
                let mut into = Vec::with_capacity(ids.len());
                for ids in ids.chunks(BATCH_ROWS) {
                    into.extend(merged.table.find(&thread.table.keys(ids)?, ids.len())?.into_iter().map(Some));
                }
                merged.absorb_distinct(thread, &into)?;
            }
        }
        return Ok(vec![merged.into_part(true)]);
    }
    in_parts(control, grouping, &threads)
}

/// The groups and rows of every part, one part at a time a thread: its table stays in the processor's caches.
fn in_parts(control: &Control<'_>, grouping: &Grouping, threads: &[Groups<'_>]) -> Result<Vec<Part>> {
    let next = AtomicUsize::new(0);
    let listed: Mutex<Vec<(usize, Vec<Vec<u32>>)>> = Mutex::new(Vec::new());
    parallel(control, threads.len(), &|| {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(thread) = threads.get(number) else { return Ok(()) };
            let mut parts: Vec<Vec<u32>> = vec![Vec::new(); PARTS];
            let ids: Vec<u32> = (0..thread.table.len() as u32).collect();
            for ids in ids.chunks(BATCH_ROWS) {
                let keys = RawColumn::all(&thread.table.keys(ids)?)?;
                let hashes = hash_columns(&keys, ids.len());
                ids.iter().zip(hashes).for_each(|(&id, hash)| parts[part_of(hash)].push(id));
            }
            listed.lock().push((number, parts));
        }
    })?;
    let mut listed = listed.into_inner();
    listed.sort_by_key(|(number, _)| *number);
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<(usize, Part)>> = Mutex::new(Vec::new());
    parallel(control, PARTS, &|| {
        loop {
            control.check()?;
            let part = next.fetch_add(1, Ordering::Relaxed);
            if part >= PARTS {
                return Ok(());
            }
            let own = listed.iter().map(|(number, parts)| (&threads[*number], parts[part].as_slice()));
            done.lock().push((part, one_part(grouping, own.collect(), part)?));
        }
    })?;
    let mut done = done.into_inner();
    done.sort_by_key(|(part, _)| *part);
    Ok(done.into_iter().map(|(_, part)| part).collect())
}

/// One part of each thread's groups (by their ids) and rows.
fn one_part(grouping: &Grouping, threads: Vec<(&Groups<'_>, &[u32])>, part: usize) -> Result<Part> {
    let width = grouping.group_columns();
    let mut keys: Vec<Vec<ArrayRef>> = vec![Vec::new(); width];
    let mut rows = 0;
    for (thread, ids) in &threads {
        thread.table.keys(ids)?.into_iter().zip(&mut keys).for_each(|(key, keys)| keys.push(key));
        rows += ids.len();
        for batch in thread.apart.get(part).into_iter().flatten() {
            for (column, keys) in batch.columns.iter().zip(&mut keys) {
                keys.push(column.flat()?);
            }
            rows += batch.rows;
        }
    }
    let join = |parts: &Vec<ArrayRef>| {
        let parts: Vec<&dyn arrow_array::Array> = parts.iter().map(AsRef::as_ref).collect();
        arrow_select::concat::concat(&parts).map_err(millrace_kernels::arrow_error)
    };
    let keys: Vec<ArrayRef> = keys.iter().map(join).collect::<Result<_>>()?;
    crate::batch::check_rows(rows)?;
    let groups = group_rows(&keys, rows)?;
    let mut calls = grouping.states()?;
    calls.iter_mut().for_each(|call| call.accumulator.resize(groups.firsts.len()));
    let mut at = 0;
    for (thread, ids) in &threads {
        let into = &groups.ids[at..at + ids.len()];
        for (call, other) in calls.iter_mut().zip(&thread.calls) {
            if !ids.is_empty() {
                call.accumulator.merge(&other.accumulator, ids, into)?;
            }
        }
        at += ids.len();
        for batch in thread.apart.get(part).into_iter().flatten() {
            let into = &groups.ids[at..at + batch.rows];
            for (call, &(argument, mask)) in calls.iter_mut().zip(&grouping.places) {
                let flat = |place: usize| batch.columns[place].flat();
                let (values, mask) = (argument.map(flat).transpose()?, mask.map(flat).transpose()?);
                call.accumulator.update(into, values.as_ref(), mask.as_ref().map(|mask| mask.as_boolean()), None)?;
            }
            at += batch.rows;
        }
    }
    let firsts = arrow_array::UInt32Array::from(groups.firsts);
    let taken = |key: &ArrayRef| arrow_select::take::take(key, &firsts, None).map_err(millrace_kernels::arrow_error);
    let keys = keys.iter().map(taken).collect::<Result<_>>()?;
    Ok(Part::of_arrays(keys, calls, firsts.len()))
}
