//! The order keys of a window, ready to compare: one integer-like key as an integer, everything else as bytes.

use arrow_array::{Array, ArrayRef};
use millrace_base::Result;

use crate::order::{SortField, key_rows};
use crate::raw::sortable_i64;

pub trait OrderKey: Ord + Clone {
    /// The key at a distance, for RANGE offsets: only integer keys have distances. A zero distance is the key itself.
    fn shift(&self, distance: i64) -> Self;
}

/// A key in ascending order; descending keys are stored complemented, which keeps distances. `class` puts NULLs
/// before (-1) or after (1) the values (0).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct IntKey {
    pub class: i8,
    pub value: i64,
}

impl OrderKey for IntKey {
    #[inline]
    fn shift(&self, distance: i64) -> Self {
        let value = if self.class == 0 { self.value.saturating_add(distance) } else { 0 };
        Self { class: self.class, value }
    }
}

pub type BytesKey = Box<[u8]>;

impl OrderKey for BytesKey {
    fn shift(&self, _distance: i64) -> Self {
        self.clone()
    }
}

/// The keys as integers, if there is one integer-like key (or none: then all rows are equal).
pub fn int_keys(order: &[ArrayRef], fields: &[SortField], rows: usize) -> Result<Option<Vec<IntKey>>> {
    let (key, field) = match (order, fields) {
        ([], _) => return Ok(Some(vec![IntKey { class: 0, value: 0 }; rows])),
        ([key], [field]) => (key, field),
        _ => return Ok(None),
    };
    let Some(values) = sortable_i64(key.as_ref())? else { return Ok(None) };
    let flip = if field.descending { -1 } else { 0 };
    let nulls = key.nulls().filter(|n| n.null_count() > 0);
    let class = if field.nulls_first { -1 } else { 1 };
    let one = |(row, &value): (usize, &i64)| match nulls {
        Some(nulls) if nulls.is_null(row) => IntKey { class, value: 0 },
        _ => IntKey { class: 0, value: value ^ flip },
    };
    Ok(Some(values.iter().enumerate().map(one).collect()))
}

pub fn byte_keys(order: &[ArrayRef], fields: &[SortField]) -> Result<Vec<BytesKey>> {
    Ok(key_rows(order, fields)?.iter().map(|row| row.as_ref().into()).collect())
}
