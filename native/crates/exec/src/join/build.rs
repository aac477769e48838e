//! The side of a join that is read whole, by its keys.

use std::sync::atomic::{AtomicBool, Ordering};

use arrow_array::ArrayRef;
use millrace_base::Result;
use millrace_kernels::{JoinTable, Member};

use crate::batch::Batch;
use crate::inputs::Inputs;
use crate::lower::Query;

pub(crate) struct Built {
    pub rows: Batch,
    /// `None`: no keys, every row pairs with every row.
    pub table: Option<JoinTable>,
    keys: Vec<ArrayRef>,
    /// Which rows have matched, if someone asks.
    matched: Vec<AtomicBool>,
}

pub(crate) fn build(query: &Query<'_>, rows: Batch, keys: &Inputs, nulls_equal: &[bool], marks: bool) -> Result<Built> {
    let keys = if nulls_equal.is_empty() { Vec::new() } else { keys.arrays(&rows, query.context.now_us)? };
    query.control.check()?;
    let table = if keys.is_empty() { None } else { Some(JoinTable::build(&keys, nulls_equal)?) };
    query.control.hold(table.as_ref().map_or(0, JoinTable::bytes))?;
    let matched = (0..if marks { rows.rows } else { 0 }).map(|_| AtomicBool::new(false)).collect();
    Ok(Built { rows, table, keys, matched })
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
