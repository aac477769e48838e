//! The groups of several threads come together: few in the order in which their first rows came, many in parts by the
//! hash of their keys, each part by one thread.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow_array::ArrayRef;
use arrow_array::cast::AsArray;
use millrace_base::Result;
use millrace_base::limits::BATCH_ROWS;
use millrace_kernels::{RawColumn, group_rows, hash_columns};
use parking_lot::Mutex;

use super::Grouping;
use super::groups::Groups;
use super::output::{Output, Part};
use super::spilled::Spilled;
use super::states::{Pairs, States};
use crate::apart::{Apart, PARTS, part_of};
use crate::batch::Batch;
use crate::control::Control;
use crate::memory::Held;
use crate::need::Need;
use crate::pipeline::Branch;
use crate::workers::parallel;

/// More groups than this are merged in parts; tests have few.
const MERGED_WHOLE_MAX: usize = if cfg!(test) { 64 } else { 1 << 16 };

/// The groups of all threads as rows.
pub(crate) fn merge<'a>(
    control: &Arc<Control<'a>>,
    grouping: &Arc<Grouping>,
    mut threads: Vec<Groups<'a>>,
    need: Need,
) -> Result<Branch<'a>> {
    if threads.iter().any(|thread| thread.apart.is_some()) {
        let spilled = threads.iter().any(|thread| thread.apart.as_ref().is_some_and(Apart::is_spilled));
        if spilled || !grouping.is_plain() {
            return Ok(Branch::of(Spilled::new(control, grouping, threads, need)?));
        }
    }
    let mut held = Held::none(control.memory);
    let parts = parts(control, grouping, &mut threads)?;
    threads.into_iter().for_each(|thread| held.join(thread.held));
    Ok(Branch::of(Output::new(parts, need, held)))
}

fn parts(control: &Control<'_>, grouping: &Grouping, threads: &mut Vec<Groups<'_>>) -> Result<Vec<Part>> {
    if grouping.group_columns() == 0 {
        // The one group is there without rows, too.
        let mut merged = States::new(grouping)?;
        merged.table.intern(&[], 1)?;
        merged.first.push(0);
        for thread in threads {
            let states = &mut thread.states;
            states.table.intern(&[], 1)?;
            states.first.resize(1, 0);
            states.calls.iter_mut().for_each(|call| call.accumulator.resize(1));
            merged.absorb_all(control, states)?;
        }
        return Ok(vec![merged.into_part(control, true)?]);
    }
    let apart = threads.iter().any(|thread| thread.apart.is_some());
    if threads.len() == 1
        && !apart
        && let Some(only) = threads.pop()
    {
        return Ok(vec![only.states.into_part(control, false)?]);
    }
    let total: usize = threads.iter().map(|thread| thread.states.table.len()).sum();
    if !apart && (total <= MERGED_WHOLE_MAX || !grouping.is_plain()) {
        let mut merged = States::new(grouping)?;
        for thread in threads {
            merged.absorb_all(control, &thread.states)?;
        }
        return Ok(vec![merged.into_part(control, true)?]);
    }
    in_parts(control, grouping, threads)
}

/// The groups of one thread, listed by part.
pub(super) struct Listed {
    pub ids: Vec<Vec<u32>>,
    pub pairs: Vec<Option<Pairs>>,
    /// By part and call: places among the pairs.
    pub pair_rows: Vec<Vec<Vec<u32>>>,
}

impl Listed {
    pub fn of(control: &Control<'_>, states: &States, level: u32) -> Result<Self> {
        let mut listed: Vec<Vec<u32>> = vec![Vec::new(); PARTS];
        let mut part_of_group = Vec::with_capacity(states.table.len());
        let ids: Vec<u32> = (0..states.table.len() as u32).collect();
        for ids in ids.chunks(BATCH_ROWS) {
            control.check()?;
            let keys = RawColumn::all(&states.table.keys(ids)?)?;
            for (&id, hash) in ids.iter().zip(hash_columns(&keys, ids.len())) {
                let part = part_of(hash, level);
                listed[part].push(id);
                part_of_group.push(part as u8);
            }
        }
        let pairs = states.pairs()?;
        let mut pair_rows: Vec<Vec<Vec<u32>>> = (0..PARTS).map(|_| Vec::with_capacity(pairs.len())).collect();
        for pairs in &pairs {
            match pairs {
                None => pair_rows.iter_mut().for_each(|part| part.push(Vec::new())),
                Some(pairs) => {
                    let listed = pairs.listed(&part_of_group, PARTS);
                    pair_rows.iter_mut().zip(listed).for_each(|(part, rows)| part.push(rows));
                }
            }
        }
        Ok(Self { ids: listed, pairs, pair_rows })
    }
}

/// The groups and rows of every part, one part at a time a thread: its table stays in the processor's caches.
fn in_parts(control: &Control<'_>, grouping: &Grouping, threads: &[Groups<'_>]) -> Result<Vec<Part>> {
    let next = AtomicUsize::new(0);
    let listed: Mutex<Vec<(usize, Listed)>> = Mutex::new(Vec::new());
    parallel(control, threads.len(), &|| {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(thread) = threads.get(number) else { return Ok(()) };
            let parts = Listed::of(control, &thread.states, 0)?;
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
            let own = listed.iter().map(|(number, listed)| (&threads[*number], listed.ids[part].as_slice()));
            done.lock().push((part, one_part(grouping, own.collect(), part)?));
        }
    })?;
    let mut done = done.into_inner();
    done.sort_by_key(|(part, _)| *part);
    Ok(done.into_iter().map(|(_, part)| part).collect())
}

/// The rows that a thread has put apart, in memory.
fn rows_apart<'g>(thread: &'g Groups<'_>, part: usize) -> &'g [Batch] {
    thread.apart.as_ref().map_or(&[], |apart| &apart.part(part).batches)
}

/// One part of each thread's groups (by their ids) and rows.
fn one_part(grouping: &Grouping, threads: Vec<(&Groups<'_>, &[u32])>, part: usize) -> Result<Part> {
    let width = grouping.group_columns();
    let mut keys: Vec<Vec<ArrayRef>> = vec![Vec::new(); width];
    let mut rows = 0;
    for (thread, ids) in &threads {
        thread.states.table.keys(ids)?.into_iter().zip(&mut keys).for_each(|(key, keys)| keys.push(key));
        rows += ids.len();
        for batch in rows_apart(thread, part) {
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
        for (call, other) in calls.iter_mut().zip(&thread.states.calls) {
            if !ids.is_empty() {
                call.accumulator.merge(&other.accumulator, ids, into)?;
            }
        }
        at += ids.len();
        for batch in rows_apart(thread, part) {
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
