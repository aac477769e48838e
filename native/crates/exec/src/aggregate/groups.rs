//! One thread's groups.

use std::ops::ControlFlow;

use arrow_array::ArrayRef;
use arrow_array::cast::AsArray;
use millrace_base::Result;
use millrace_kernels::GroupTable;

use super::{CallState, Grouping, codes};
use crate::batch::{Batch, Column};
use crate::control::Control;
use crate::pipeline::Sink;

pub(crate) struct Groups<'a> {
    grouping: &'a Grouping,
    control: &'a Control<'a>,
    pub table: GroupTable,
    pub calls: Vec<CallState>,
    /// By group: the place of its first row. Groups are given out in that order.
    pub first: Vec<u64>,
}

impl<'a> Groups<'a> {
    pub fn new(grouping: &'a Grouping, control: &'a Control<'a>) -> Result<Self> {
        let (table, calls) = (GroupTable::new(&grouping.group_types)?, grouping.states()?);
        Ok(Self { grouping, control, table, calls, first: Vec::new() })
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

impl Sink for Groups<'_> {
    fn push(&mut self, place: u64, batch: Batch) -> Result<ControlFlow<()>> {
        let columns = self.grouping.inputs.evaluate(&batch, self.control.now_us)?;
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
                    call.accumulator.update(&ids, values, mask, None)?;
                }
            }
        }
        Ok(ControlFlow::Continue(()))
    }
}
