//! The form of an aggregate whose groups are more than a word: `Accumulator` holds one behind this trait.

use std::any::Any;

use arrow_array::{Array, ArrayRef};
use millrace_base::{Error, Result};

/// How often a row counts; 0 where the argument is NULL or the row is masked out.
pub(crate) type Weight<'a> = &'a dyn Fn(usize) -> i64;

pub(crate) trait GroupState: std::fmt::Debug + Send + Sync {
    /// Makes room for group ids below `groups`.
    fn resize(&mut self, groups: usize);
    /// Back to the state of a group without rows.
    fn reset(&mut self, group: usize);
    fn update(&mut self, groups: &[u32], values: &ArrayRef, weight: Weight<'_>) -> Result<()>;
    fn finish(&self, groups: &[u32]) -> Result<ArrayRef>;
    /// Adds the states of another's groups, which is of the same aggregate: the first of each pair to the second.
    fn merge(&mut self, other: &dyn GroupState, pairs: &[(usize, usize)]) -> Result<()>;
    /// The states of the listed groups as columns, exactly as they are kept.
    fn save(&self, groups: &[u32]) -> Result<Vec<ArrayRef>>;
    /// Brings what `save` gave into groups without rows: the first one listed then into the first one listed now.
    fn load(&mut self, columns: &[ArrayRef], groups: &[u32]) -> Result<()>;
    fn as_any(&self) -> &dyn Any;
    /// Where among all rows the next ones are, for states that keep the order in which rows came.
    fn arrive(&mut self, _place: u64) {}
    /// Bytes of values that the next rows leave behind.
    fn keeps(&self, _values: &ArrayRef) -> usize {
        0
    }
}

/// The other state as what it is.
pub(crate) fn same<T: 'static>(other: &dyn GroupState) -> Result<&T> {
    other.as_any().downcast_ref().ok_or_else(|| Error::internal("states of another aggregate"))
}

/// The rows that count, with their groups and weights.
pub(crate) fn counted<'a>(
    groups: &'a [u32],
    values: &'a ArrayRef,
    weight: Weight<'a>,
) -> impl Iterator<Item = (usize, usize, i64)> + 'a {
    let nulls = values.nulls().filter(|n| n.null_count() > 0);
    groups.iter().enumerate().filter_map(move |(row, &group)| {
        if nulls.is_some_and(|n| n.is_null(row)) {
            return None;
        }
        let weight = weight(row);
        (weight != 0).then_some((row, group as usize, weight))
    })
}
