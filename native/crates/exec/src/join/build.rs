//! The side of a join that is read whole, by its keys.

use std::sync::atomic::{AtomicBool, Ordering};

use arrow_array::ArrayRef;
use millrace_base::Result;
use millrace_kernels::{JoinTable, Member};

use super::{Remaining, Shape};
use crate::batch::Batch;
use crate::memory::Held;

pub(crate) struct Built {
    pub rows: Batch,
    /// `None`: no keys, every row pairs with every row.
    pub table: Option<JoinTable>,
    keys: Vec<ArrayRef>,
    /// Which rows have matched, if someone asks.
    matched: Vec<AtomicBool>,
    /// The memory of the rows and the table.
    _held: Held,
}

/// `held` is what the rows hold already.
pub(crate) fn build(shape: &Shape<'_>, rows: Batch, mut held: Held) -> Result<Built> {
    let control = &*shape.control;
    let nulls_equal = &shape.nulls_equal;
    let keys = if nulls_equal.is_empty() { Vec::new() } else { shape.built_keys.arrays(&rows, control.now_us)? };
    control.check()?;
    let table = if keys.is_empty() { None } else { Some(JoinTable::build(&keys, nulls_equal, &|| control.check())?) };
    let marks = if shape.plan.remaining == Remaining::None { 0 } else { rows.rows };
    held.force(table.as_ref().map_or(0, JoinTable::bytes) + marks);
    let matched = (0..marks).map(|_| AtomicBool::new(false)).collect();
    Ok(Built { rows, table, keys, matched, _held: held })
}

impl Built {
    /// The values of a key, as a filter for the other side.
    pub fn member(&self, key: usize) -> Result<Option<Member>> {
        Member::of(&self.keys[key])
    }

    pub fn mark(&self, row: u32) {
        if let Some(flag) = self.matched.get(row as usize) {
            // Most rows are marked more than once: looking is cheaper than writing.
            if !flag.load(Ordering::Relaxed) {
                flag.store(true, Ordering::Relaxed);
            }
        }
    }

    pub fn marks(&self) -> bool {
        !self.matched.is_empty()
    }

    /// The rows in a range that have matched, or that have not.
    pub fn rows_matched(&self, range: std::ops::Range<usize>, matched: bool) -> Vec<u32> {
        let wanted = |row: &usize| self.matched[*row].load(Ordering::Relaxed) == matched;
        range.filter(wanted).map(|row| row as u32).collect()
    }
}
