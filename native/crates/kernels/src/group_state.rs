//! The form of an aggregate whose groups are more than a word: `Accumulator` holds one behind this trait.

use arrow_array::{Array, ArrayRef};
use millrace_base::Result;

/// How often a row counts; 0 where the argument is NULL or the row is masked out.
pub(crate) type Weight<'a> = &'a dyn Fn(usize) -> i64;

pub(crate) trait GroupState: std::fmt::Debug + Send + Sync {
    /// Makes room for group ids below `groups`.
    fn resize(&mut self, groups: usize);
    /// Back to the state of a group without rows.
    fn reset(&mut self, group: usize);
    fn update(&mut self, groups: &[u32], values: &ArrayRef, weight: Weight<'_>) -> Result<()>;
    fn finish(&self, groups: &[u32]) -> Result<ArrayRef>;
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
