//! Window functions over a whole input: what a query runs, and what a view must equal.

use arrow_array::{Array, ArrayRef, UInt32Array, cast::AsArray, types::Float32Type, types::Float64Type};
use arrow_buffer::ScalarBuffer;
use arrow_row::Rows;
use arrow_schema::DataType;
use millrace_base::Result;

use super::key::{OrderKey, byte_keys, int_keys};
use super::measure::WindowValues;
use super::output::WindowOutput;
use super::partition::Partition;
use super::plan::WindowPlan;
use crate::group_table::GroupTable;
use crate::order::{SortField, row_order};
use crate::polled::{Check, sort_by};
use crate::raw::{RawColumn, Words, sortable_i64};
use crate::{NO_ROW, arrow_error};

/// One column a call, in the order of the input's rows. `inputs` are the calls' argument columns, `columns` all of
/// the input's columns (they order ties). `check` may end the work.
#[expect(clippy::too_many_arguments, reason = "columns of three roles, and how long they are")]
pub fn compute_window(
    plan: &WindowPlan,
    partition: &[ArrayRef],
    order: &[ArrayRef],
    fields: &[SortField],
    columns: &[ArrayRef],
    inputs: &[ArrayRef],
    rows: usize,
    check: &Check<'_>,
) -> Result<Vec<ArrayRef>> {
    check()?;
    let values = ArrayValues::new(inputs)?;
    let types: Vec<DataType> = partition.iter().map(|c| c.data_type().clone()).collect();
    let partitions = GroupTable::new(&types)?.intern(partition, rows)?;
    match int_keys(order, fields, rows)? {
        Some(keys) => compute(plan, &partitions, &keys, columns, &values, check),
        None => compute(plan, &partitions, &byte_keys(order, fields)?, columns, &values, check),
    }
}

/// Rows between two questions whether to go on.
const ROWS_UNASKED: usize = 1 << 13;

fn compute<K: OrderKey>(
    plan: &WindowPlan,
    partitions: &[u32],
    keys: &[K],
    columns: &[ArrayRef],
    values: &ArrayValues<'_>,
    check: &Check<'_>,
) -> Result<Vec<ArrayRef>> {
    let rows = partitions.len();
    let mut order: Vec<u32> = (0..rows as u32).collect();
    let place = |row: &u32| (partitions[*row as usize], &keys[*row as usize]);
    sort_by(&mut order, check, |a, b| place(a).cmp(&place(b)).then(a.cmp(b)))?;
    if plan.tie_sensitive() && !columns.is_empty() {
        let mut whole: Option<Rows> = None;
        for peers in order.chunk_by_mut(|a, b| place(a) == place(b)).filter(|peers| peers.len() > 1) {
            if whole.is_none() {
                whole = Some(row_order(columns)?);
            }
            let whole = whole.as_ref().expect("made above");
            peers.sort_unstable_by(|&a, &b| whole.row(a as usize).cmp(&whole.row(b as usize)));
        }
    }
    let mut output = WindowOutput::new(plan);
    let mut partition = Partition::new(plan);
    let mut unasked = 0;
    for chunk in order.chunk_by(|&a, &b| partitions[a as usize] == partitions[b as usize]) {
        unasked += chunk.len();
        if unasked >= ROWS_UNASKED {
            check()?;
            unasked = 0;
        }
        partition.fill(plan, chunk.iter().map(|&row| (keys[row as usize].clone(), row)), values);
        for from in (0..chunk.len()).step_by(ROWS_UNASKED) {
            if from > 0 {
                check()?;
            }
            let to = chunk.len().min(from + ROWS_UNASKED);
            (from..to).for_each(|position| output.push(plan, &partition, position, values));
        }
    }
    check()?;
    let mut back = vec![0u32; rows];
    order.iter().enumerate().for_each(|(at, &row)| back[row as usize] = at as u32);
    let back = UInt32Array::from(back);
    let sorted = output.polled_finish(plan, values, check)?;
    sorted.iter().map(|column| arrow_select::take::take(column, &back, None).map_err(arrow_error)).collect()
}

/// Argument columns as Arrow arrays; a row id is a row number.
struct ArrayValues<'a> {
    arrays: &'a [ArrayRef],
    raw: Vec<RawColumn>,
    sortable: Vec<Option<ScalarBuffer<i64>>>,
}

impl<'a> ArrayValues<'a> {
    fn new(arrays: &'a [ArrayRef]) -> Result<Self> {
        let sortable = arrays.iter().map(|a| sortable_i64(a.as_ref())).collect::<Result<_>>()?;
        Ok(Self { arrays, raw: RawColumn::all(arrays)?, sortable })
    }
}

impl WindowValues for ArrayValues<'_> {
    #[inline]
    fn is_valid(&self, input: usize, row: u32) -> bool {
        !self.raw[input].is_null(row as usize)
    }

    #[inline]
    fn sortable(&self, input: usize, row: u32) -> i64 {
        self.sortable[input].as_ref().map_or(0, |v| v[row as usize])
    }

    #[inline]
    fn wide(&self, input: usize, row: u32) -> i128 {
        match &self.raw[input].words {
            Words::W16(v) => v[row as usize],
            _ => i128::from(self.sortable(input, row)),
        }
    }

    #[inline]
    fn float(&self, input: usize, row: u32) -> f64 {
        let array = &self.arrays[input];
        match array.data_type() {
            DataType::Float32 => f64::from(array.as_primitive::<Float32Type>().value(row as usize)),
            _ => array.as_primitive::<Float64Type>().value(row as usize),
        }
    }

    fn bytes(&self, input: usize, row: u32) -> &[u8] {
        self.raw[input].bytes(row as usize)
    }

    fn gather(&self, input: usize, rows: &[u32]) -> Result<ArrayRef> {
        let indices = UInt32Array::from_iter(rows.iter().map(|&r| (r != NO_ROW).then_some(r)));
        arrow_select::take::take(&self.arrays[input], &indices, None).map_err(arrow_error)
    }
}
