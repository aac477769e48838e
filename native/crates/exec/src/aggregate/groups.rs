//! One thread's groups.

use std::ops::ControlFlow;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::UInt64Type;
use arrow_array::{ArrayRef, UInt64Array};
use millrace_base::Result;
use millrace_kernels::{RawColumn, hash_columns};

use super::states::{Arguments, States};
use super::{Grouping, codes};
use crate::apart::{Apart, LEVEL_MAX, normalize_keys};
use crate::batch::{Batch, Column};
use crate::control::Control;
use crate::memory::Held;
use crate::pipeline::Sink;
use crate::spill::LazyFile;

/// Groups after which a thread looks at whether folding pays (tests have few), …
const GROUPS_MIN: usize = if cfg!(test) { 16 } else { 1 << 14 };
/// … and rows a group below which it does not: rows are then only put apart by the hash of their keys.
const ROWS_PER_GROUP_MIN: usize = 4;

/// What a slot of the table and its neighbours take beside the key.
const GROUP_BYTES: usize = 40;

pub(crate) struct Groups<'a> {
    grouping: Arc<Grouping>,
    control: Arc<Control<'a>>,
    /// How often its rows were put apart before they came here.
    level: u32,
    pub states: States,
    /// Rows that are not folded, by the part that their keys fall into; none before that is given up.
    pub apart: Option<Apart>,
    file: Arc<LazyFile>,
    folded: usize,
    pub held: Held,
}

impl<'a> Groups<'a> {
    pub fn new(grouping: &Arc<Grouping>, control: &Arc<Control<'a>>, file: &Arc<LazyFile>, level: u32) -> Result<Self> {
        let (held, states) = (Held::none(control.memory), States::new(grouping)?);
        let (grouping, control, file) = (grouping.clone(), control.clone(), file.clone());
        Ok(Self { grouping, control, level, states, apart: None, file, folded: 0, held })
    }

    pub fn file(&self) -> &Arc<LazyFile> {
        &self.file
    }

    /// The group of each row.
    fn ids(&mut self, columns: &[Column], rows: usize) -> Result<Vec<u32>> {
        if let Some(ids) = codes::intern(&mut self.states.table, columns, rows)? {
            return Ok(ids);
        }
        let keys: Vec<ArrayRef> = columns.iter().map(Column::flat).collect::<Result<_>>()?;
        self.states.table.intern(&keys, rows)
    }

    /// Whether folding makes of these rows little fewer groups. Distinct values are counted here only, and rows apart
    /// have lost their places.
    fn gives_up(&self) -> bool {
        self.level == 0
            && self.states.table.len() >= GROUPS_MIN
            && self.states.table.len() * ROWS_PER_GROUP_MIN > self.folded
            && self.grouping.is_plain()
    }

    /// Holds what came with some rows; where there is too little memory, rows that come later are put apart.
    fn hold(&mut self, bytes: usize) -> Result<()> {
        let fits = if self.level == 0 { self.held.grow_lasting(bytes) } else { self.held.grow(bytes) };
        if fits {
            return Ok(());
        }
        if self.level > LEVEL_MAX || self.grouping.group_columns() == 0 {
            return self.held.need(bytes, "the values of one group have to be in memory together");
        }
        self.held.force(bytes);
        self.go_apart();
        Ok(())
    }

    fn go_apart(&mut self) {
        let (file, level) = (&self.file, self.level);
        self.apart.get_or_insert_with(|| Apart::new(file, level));
    }

    fn put_apart(&mut self, mut columns: Vec<Column>, rows: usize, place: u64) -> Result<()> {
        let keys = normalize_keys(&mut columns[..self.grouping.group_columns()])?;
        if self.grouping.is_ordered() {
            columns.push(Column::Flat(Arc::new(UInt64Array::from_value(place, rows))));
        }
        let hashes = hash_columns(&RawColumn::all(&keys)?, rows);
        match &mut self.apart {
            Some(apart) => apart.put(&self.control, &Batch { columns, rows }, &hashes),
            None => Ok(()),
        }
    }

    /// Takes rows that were put apart before, with the columns that they had then.
    pub fn push_again(&mut self, mut batch: Batch) -> Result<()> {
        if !self.grouping.is_ordered() {
            return self.take(batch.columns, batch.rows, 0);
        }
        // Rows that came together stay together: places within them are counted.
        let Some(places) = batch.columns.pop() else { return Ok(()) };
        let places = places.flat()?;
        let places = places.as_primitive::<UInt64Type>().values();
        let mut from = 0;
        for run in places.chunk_by(|a, b| a == b) {
            let rows = batch.slice(from, run.len());
            from += run.len();
            self.take(rows.columns, rows.rows, run[0])?;
        }
        Ok(())
    }

    fn take(&mut self, columns: Vec<Column>, rows: usize, place: u64) -> Result<()> {
        if self.apart.is_none() && self.gives_up() {
            self.go_apart();
        }
        if self.apart.is_some() {
            return self.put_apart(columns, rows, place);
        }
        self.folded += rows;
        let width = self.grouping.group_columns();
        let keys = &columns[..width];
        let before = self.states.table.len();
        let ids = self.ids(keys, rows)?;
        let added = self.states.table.len() - before;
        let mut bytes = 0;
        if added > 0 {
            // Ids are given in the order of the rows.
            let mut next = before as u32;
            for (row, &id) in ids.iter().enumerate() {
                if id == next {
                    self.states.first.push(place + row as u64);
                    next += 1;
                }
            }
            let keys: usize = keys.iter().map(|key| key.bytes() / rows.max(1) + size_of::<u64>()).sum();
            let states: usize = self.states.calls.iter().map(|call| call.accumulator.bytes_a_group()).sum();
            bytes += added * (GROUP_BYTES + keys + states);
        }
        let before = self.states.distinct_values();
        let mut arguments = Arguments::of(&columns);
        for (call, &(argument, _)) in self.states.calls.iter().zip(&self.grouping.places) {
            if let (None, Some(at)) = (&call.distinct, argument)
                && call.accumulator.is_ordered()
            {
                bytes += call.accumulator.keeps(&arguments.array(at)?);
            }
        }
        self.states.fold(&self.grouping, &ids, &mut arguments, place)?;
        let values: usize = columns[width..].iter().map(Column::bytes).sum();
        bytes += (self.states.distinct_values() - before) * (GROUP_BYTES + values / rows.max(1));
        self.hold(bytes)
    }
}

impl Sink for Groups<'_> {
    fn push(&mut self, place: u64, batch: Batch) -> Result<ControlFlow<()>> {
        let columns = self.grouping.inputs.evaluate(&batch, self.control.now_us)?;
        self.take(columns, batch.rows, place)?;
        Ok(ControlFlow::Continue(()))
    }
}
