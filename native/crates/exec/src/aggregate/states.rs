//! Groups with their states: what a thread folds rows into, and what those of several threads become together.

use arrow_array::cast::AsArray;
use arrow_array::{ArrayRef, UInt32Array};
use arrow_select::take::take;
use millrace_base::Result;
use millrace_base::limits::BATCH_ROWS;
use millrace_kernels::{DistinctSet, GroupTable, NO_ROW, arrow_error};

use super::output::Part;
use super::{CallState, Grouping};
use crate::control::Control;

pub(crate) struct States {
    pub table: GroupTable,
    pub calls: Vec<CallState>,
    /// By group: the place of its first row. A thread gives groups out in that order.
    pub first: Vec<u64>,
}

/// A call's distinct values, by group: they are unpacked once, however many parts take their own.
pub(crate) struct Pairs {
    groups: Vec<u32>,
    values: ArrayRef,
}

impl States {
    pub fn new(grouping: &Grouping) -> Result<Self> {
        Ok(Self { table: GroupTable::new(&grouping.group_types)?, calls: grouping.states()?, first: Vec::new() })
    }

    /// By call: its distinct values, if it has any.
    pub fn pairs(&self) -> Result<Vec<Option<Pairs>>> {
        let of = |call: &CallState| {
            call.distinct.as_ref().map(|set| set.pairs().map(|(groups, values)| Pairs { groups, values })).transpose()
        };
        self.calls.iter().map(of).collect()
    }

    /// Takes over some of another's groups, and their distinct values among `pairs` (the other's, as `listed` places).
    pub fn absorb(
        &mut self,
        control: &Control<'_>,
        from: &States,
        ids: &[u32],
        (pairs, listed): (&[Option<Pairs>], &[Vec<u32>]),
    ) -> Result<()> {
        let mut here = vec![NO_ROW; from.table.capacity()];
        for ids in ids.chunks(BATCH_ROWS) {
            control.check()?;
            let keys = from.table.keys(ids)?;
            let into = self.table.intern(&keys, ids.len())?;
            self.first.resize(self.table.capacity(), u64::MAX);
            for (&id, &into) in ids.iter().zip(&into) {
                here[id as usize] = into;
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
        for ((call, pairs), rows) in self.calls.iter_mut().zip(pairs).zip(listed) {
            let (Some(distinct), Some(pairs)) = (&mut call.distinct, pairs) else { continue };
            for rows in rows.chunks(BATCH_ROWS) {
                control.check()?;
                let groups: Vec<u32> = rows.iter().map(|&row| here[pairs.groups[row as usize] as usize]).collect();
                let values = take(&pairs.values, &UInt32Array::from(rows.to_vec()), None).map_err(arrow_error)?;
                distinct.update(&groups, &values, None, None)?;
            }
        }
        Ok(())
    }

    /// All of another's groups.
    pub fn absorb_all(&mut self, control: &Control<'_>, from: &States) -> Result<()> {
        let ids: Vec<u32> = (0..from.table.len() as u32).collect();
        let pairs = from.pairs()?;
        let listed = pairs.iter().map(|pairs| (0..pairs.as_ref().map_or(0, |p| p.groups.len() as u32)).collect());
        self.absorb(control, from, &ids, (&pairs, &listed.collect::<Vec<_>>()))
    }

    /// Pairs of a group and a value that are kept.
    pub fn distinct_values(&self) -> usize {
        self.calls.iter().filter_map(|call| call.distinct.as_ref()).map(DistinctSet::len).sum()
    }

    /// Rows join their groups.
    pub fn fold(&mut self, grouping: &Grouping, ids: &[u32], arguments: &mut Arguments<'_>, place: u64) -> Result<()> {
        for (call, &(argument, mask)) in self.calls.iter_mut().zip(&grouping.places) {
            let values = argument.map(|at| arguments.array(at)).transpose()?;
            let mask = mask.map(|at| arguments.array(at)).transpose()?;
            let (values, mask) = (values.as_ref(), mask.as_ref().map(|mask| mask.as_boolean()));
            match (&mut call.distinct, values) {
                (Some(distinct), Some(values)) => {
                    distinct.update(ids, values, mask, None)?;
                }
                (_, values) => {
                    call.accumulator.resize(self.table.capacity());
                    call.accumulator.arrive(place);
                    call.accumulator.update(ids, values, mask, None)?;
                }
            }
        }
        Ok(())
    }

    /// The groups as they come out. Distinct values are counted here, when all have come together.
    pub fn into_part(mut self, control: &Control<'_>, in_order: bool) -> Result<Part> {
        let count = self.table.len();
        for call in &mut self.calls {
            call.accumulator.resize(count.max(1));
            let Some(distinct) = &call.distinct else { continue };
            let (groups, values) = distinct.pairs()?;
            for from in (0..groups.len()).step_by(BATCH_ROWS) {
                control.check()?;
                let rows = BATCH_ROWS.min(groups.len() - from);
                call.accumulator.update(&groups[from..from + rows], Some(&values.slice(from, rows)), None, None)?;
            }
        }
        let mut order: Vec<u32> = (0..count as u32).collect();
        if in_order && !self.first.is_sorted() {
            order.sort_unstable_by_key(|&id| self.first[id as usize]);
        }
        Ok(Part::new(self.table, self.calls, order))
    }
}

impl Pairs {
    /// The places of each part's pairs, by the parts of their groups.
    pub fn listed(&self, part_of_group: &[u8], parts: usize) -> Vec<Vec<u32>> {
        let mut listed = vec![Vec::new(); parts];
        for (row, &group) in self.groups.iter().enumerate() {
            listed[usize::from(part_of_group[group as usize])].push(row as u32);
        }
        listed
    }
}

/// Columns that are unpacked when a call first asks for them.
pub(crate) struct Arguments<'c> {
    columns: &'c [crate::batch::Column],
    arrays: Vec<Option<ArrayRef>>,
}

impl<'c> Arguments<'c> {
    pub fn of(columns: &'c [crate::batch::Column]) -> Self {
        Self { columns, arrays: vec![None; columns.len()] }
    }

    pub fn array(&mut self, at: usize) -> Result<ArrayRef> {
        if let Some(array) = &self.arrays[at] {
            return Ok(array.clone());
        }
        Ok(self.arrays[at].insert(self.columns[at].flat()?).clone())
    }
}
