//! Sort keys for the kernels.

use millrace_base::Result;
use millrace_kernels::{SortField, is_sortable};
use millrace_plan::{DataType, Relations, SortKey, expr_type};

pub fn sort_fields(keys: &[SortKey]) -> Vec<SortField> {
    keys.iter().map(|k| SortField { descending: k.descending, nulls_first: k.nulls_first }).collect()
}

/// The type of the only key, if there is one: RANGE offsets are distances of it.
pub(super) fn single_key(keys: &[SortKey], input: &[DataType], relations: &dyn Relations) -> Result<Option<DataType>> {
    match keys {
        [key] => expr_type(&key.expr, input, relations).map(Some),
        _ => Ok(None),
    }
}

/// Whether the rows' places are single integers: without a key all are equal.
pub(super) fn is_integer_key(keys: &[SortKey], single: Option<DataType>) -> bool {
    keys.is_empty() || single.is_some_and(|key| is_sortable(&key.to_arrow()))
}
