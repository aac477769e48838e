//! One thread's groups.

use std::ops::ControlFlow;

use arrow_array::ArrayRef;
use arrow_array::cast::AsArray;
use millrace_base::Result;
use millrace_kernels::{GroupTable, RawColumn, hash_columns, normalized};

use super::merge::{PARTS, part_of};
use super::{CallState, Grouping, codes};
use crate::batch::{Batch, Column};
use crate::control::Control;
use crate::pipeline::Sink;

/// Groups after which a thread looks at whether folding pays (tests have few), …
const GROUPS_MIN: usize = if cfg!(test) { 16 } else { 1 << 14 };
/// … and rows a group below which it does not: rows are then only put apart by the hash of their keys.
const ROWS_PER_GROUP_MIN: usize = 4;

pub(crate) struct Groups<'a> {
    grouping: &'a Grouping,
    control: &'a Control<'a>,
    pub table: GroupTable,
    pub calls: Vec<CallState>,
    /// By group: the place of its first row. Groups are given out in that order.
    pub first: Vec<u64>,
    /// Rows that are not folded, by the part that their keys fall into; none before that is given up.
    pub apart: Vec<Vec<Batch>>,
    folded: usize,
}

impl<'a> Groups<'a> {
    pub fn new(grouping: &'a Grouping, control: &'a Control<'a>) -> Result<Self> {
        let (table, calls) = (GroupTable::new(&grouping.group_types)?, grouping.states()?);
        Ok(Self { grouping, control, table, calls, first: Vec::new(), apart: Vec::new(), folded: 0 })
    }

    /// The group of each row.
    fn ids(&mut self, columns: &[Column], rows: usize) -> Result<Vec<u32>> {
        if let Some(ids) = codes::intern(&mut self.table, columns, rows)? {
            return Ok(ids);
        }
        let keys: Vec<ArrayRef> = columns.iter().map(Column::flat).collect::<Result<_>>()?;
        self.table.intern(&keys, rows)
    }
}

impl Groups<'_> {
    /// Whether folding makes of these rows little fewer groups. Distinct values are counted here only, and rows apart
    /// have lost their places.
    fn gives_up(&self) -> bool {
        self.table.len() >= GROUPS_MIN
            && self.table.len() * ROWS_PER_GROUP_MIN > self.folded
            && self.calls.iter().all(|call| call.distinct.is_none() && !call.accumulator.is_ordered())
    }

    fn put_apart(&mut self, columns: Vec<Column>, rows: usize) -> Result<()> {
        let mut columns: Vec<ArrayRef> = columns.iter().map(Column::flat).collect::<Result<_>>()?;
        for key in &mut columns[..self.grouping.group_columns()] {
            *key = normalized(key)?;
        }
        let hashes = hash_columns(&RawColumn::all(&columns[..self.grouping.group_columns()])?, rows);
        let mut starts = [0u32; PARTS + 1];
        hashes.iter().for_each(|&hash| starts[part_of(hash) + 1] += 1);
        (0..PARTS).for_each(|part| starts[part + 1] += starts[part]);
        let mut next = starts;
        let mut order = vec![0u32; rows];
        for (row, &hash) in hashes.iter().enumerate() {
            let place = &mut next[part_of(hash)];
            order[*place as usize] = row as u32;
            *place += 1;
        }
        let sorted = Batch::of_arrays(columns, rows).take(&order)?;
        self.control.hold(sorted.bytes())?;
        for part in 0..PARTS {
            let (from, to) = (starts[part] as usize, starts[part + 1] as usize);
            if from < to {
                self.apart[part].push(sorted.slice(from, to - from));
            }
        }
        Ok(())
    }
}

impl Sink for Groups<'_> {
    fn push(&mut self, place: u64, batch: Batch) -> Result<ControlFlow<()>> {
        let columns = self.grouping.inputs.evaluate(&batch, self.control.now_us)?;
        if self.apart.is_empty() && self.gives_up() {
            self.apart = vec![Vec::new(); PARTS];
        }
        if !self.apart.is_empty() {
            self.put_apart(columns, batch.rows)?;
            return Ok(ControlFlow::Continue(()));
        }
        self.folded += batch.rows;
        let (keys, _) = columns.split_at(self.grouping.group_columns());
        let before = self.table.len();
        let ids = self.ids(keys, batch.rows)?;
        let added = self.table.len() - before;
        if added > 0 {
            // Ids are given in the order of the rows.
            let mut next = before as u32;
            for (row, &id) in ids.iter().enumerate() {
                if id == next {
                    self.first.push(place + row as u64);
                    next += 1;
                }
            }
            // An estimate: a key, its slot and the states beside it.
            self.control.hold(added * (56 + 24 * (keys.len() + self.calls.len())))?;
        }
        let mut arrays: Vec<Option<ArrayRef>> = vec![None; columns.len()];
        for (call, &(argument, mask)) in self.calls.iter_mut().zip(&self.grouping.places) {
            for at in [argument, mask].into_iter().flatten() {
                if arrays[at].is_none() {
                    arrays[at] = Some(columns[at].flat()?);
                }
            }
            let values = argument.and_then(|at| arrays[at].as_ref());
            let mask = mask.and_then(|at| arrays[at].as_ref()).map(|mask| mask.as_boolean());
            match (&mut call.distinct, values) {
                (Some(distinct), Some(values)) => {
                    distinct.update(&ids, values, mask, None)?;
                }
                (_, values) => {
                    call.accumulator.resize(self.table.capacity());
                    call.accumulator.arrive(place);
                    self.control.hold(values.map_or(0, |values| call.accumulator.keeps(values)))?;
                    call.accumulator.update(&ids, values, mask, None)?;
                }
            }
        }
        Ok(ControlFlow::Continue(()))
    }
}
