//! Sort orders of rows. Keys go through Arrow's row format (bytes in the order of the keys); one integer-like key is
//! sorted as integers. The tie rule lives here: rows equal in all keys of a window are ordered by the bytes of the
//! whole row, so that a view and its query number them alike.

use std::cmp::Ordering;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef};
use arrow_buffer::BooleanBuffer;
use arrow_row::{RowConverter, Rows, SortField as ArrowSortField};
use arrow_schema::SortOptions;
use millrace_base::Result;

use crate::arrow_error;
use crate::interval::{interval_spans, is_interval};
use crate::polled::{Check, sort_by, steps};
use crate::raw::{normalized, sortable_i64};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SortField {
    pub descending: bool,
    pub nulls_first: bool,
}

/// A key column as Arrow's row format must see it: floats canonical, intervals by span.
fn comparable(array: &ArrayRef) -> Result<ArrayRef> {
    if is_interval(array.data_type()) { Ok(interval_spans(array)) } else { normalized(array) }
}

/// Bytes whose order is that of the keys.
pub(crate) fn key_rows(keys: &[ArrayRef], fields: &[SortField]) -> Result<Rows> {
    polled_key_rows(keys, fields, &|| Ok(()))
}

fn polled_key_rows(keys: &[ArrayRef], fields: &[SortField], check: &Check<'_>) -> Result<Rows> {
    let keys: Vec<ArrayRef> = keys.iter().map(comparable).collect::<Result<_>>()?;
    let fields = keys
        .iter()
        .zip(fields)
        .map(|(key, f)| {
            let options = SortOptions { descending: f.descending, nulls_first: f.nulls_first };
            ArrowSortField::new_with_options(key.data_type().clone(), options)
        })
        .collect();
    let converter = RowConverter::new(fields).map_err(arrow_error)?;
    let rows = keys.first().map_or(0, |key| key.len());
    let mut bytes = converter.empty_rows(rows, 0);
    for range in steps(rows) {
        check()?;
        let keys: Vec<ArrayRef> = keys.iter().map(|key| key.slice(range.start, range.len())).collect();
        converter.append(&mut bytes, &keys).map_err(arrow_error)?;
    }
    Ok(bytes)
}

/// The bytes of whole rows, which order ties.
pub fn row_order(columns: &[ArrayRef]) -> Result<Rows> {
    let fields = columns.iter().map(|c| ArrowSortField::new(c.data_type().clone())).collect();
    let converter = RowConverter::new(fields).map_err(arrow_error)?;
    converter.convert_columns(columns).map_err(arrow_error)
}

fn single_int(keys: &[ArrayRef], fields: &[SortField]) -> Result<Option<Vec<(i8, i64)>>> {
    let ([key], [field]) = (keys, fields) else { return Ok(None) };
    let Some(values) = sortable_i64(key.as_ref())? else { return Ok(None) };
    let null = if field.nulls_first { -1 } else { 1 };
    let one = |(row, &v): (usize, &i64)| match key.is_null(row) {
        true => (null, 0),
        false => (0, if field.descending { !v } else { v }),
    };
    Ok(Some(values.iter().enumerate().map(one).collect()))
}

/// The rows in the order of the keys; equal rows stay in input order.
pub fn sort_order(keys: &[ArrayRef], fields: &[SortField], rows: usize) -> Result<Vec<u32>> {
    polled_sort_order(keys, fields, rows, &|| Ok(()))
}

fn polled_sort_order(keys: &[ArrayRef], fields: &[SortField], rows: usize, check: &Check<'_>) -> Result<Vec<u32>> {
    let mut order: Vec<u32> = (0..rows as u32).collect();
    if keys.is_empty() {
        return Ok(order);
    }
    if let Some(ints) = single_int(keys, fields)? {
        sort_by(&mut order, check, |&a, &b| (ints[a as usize], a).cmp(&(ints[b as usize], b)))?;
        return Ok(order);
    }
    let bytes = polled_key_rows(keys, fields, check)?;
    sort_by(&mut order, check, |&a, &b| bytes.row(a as usize).cmp(&bytes.row(b as usize)).then(a.cmp(&b)))?;
    Ok(order)
}

/// More of the first rows are sorted with all others: choosing them cannot be ended.
const CHOSEN_MAX: usize = 1 << 17;

/// The first `n` rows in the order of the keys, as `sort_order` would give them.
pub fn top_n(keys: &[ArrayRef], fields: &[SortField], rows: usize, n: usize, check: &Check<'_>) -> Result<Vec<u32>> {
    if n >= rows || n > CHOSEN_MAX || keys.is_empty() {
        let mut order = polled_sort_order(keys, fields, rows, check)?;
        order.truncate(n);
        return Ok(order);
    }
    if n == 0 {
        return Ok(Vec::new());
    }
    let ints = single_int(keys, fields)?;
    let bytes = if ints.is_none() { Some(polled_key_rows(keys, fields, check)?) } else { None };
    let compare = |a: &u32, b: &u32| -> Ordering {
        let by_key = match (&ints, &bytes) {
            (Some(ints), _) => ints[*a as usize].cmp(&ints[*b as usize]),
            (_, Some(bytes)) => bytes.row(*a as usize).cmp(&bytes.row(*b as usize)),
            _ => Ordering::Equal,
        };
        by_key.then(a.cmp(b))
    };
    let mut order: Vec<u32> = (0..rows as u32).collect();
    order.select_nth_unstable_by(n - 1, compare);
    order.truncate(n);
    order.sort_unstable_by(compare);
    Ok(order)
}

/// The key of one row as bytes, for `rows_upto`.
pub fn key_bytes(keys: &[ArrayRef], fields: &[SortField], row: usize) -> Result<Vec<u8>> {
    let one: Vec<ArrayRef> = keys.iter().map(|key| key.slice(row, 1)).collect();
    Ok(key_rows(&one, fields)?.row(0).as_ref().to_vec())
}

/// Every row's key as bytes in the order of the keys.
pub fn key_column(keys: &[ArrayRef], fields: &[SortField]) -> Result<ArrayRef> {
    Ok(Arc::new(key_rows(keys, fields)?.try_into_binary().map_err(arrow_error)?))
}

/// One bit a row: whether its key does not come after one that `key_bytes` gave, of keys of the same types.
pub fn rows_upto(keys: &[ArrayRef], fields: &[SortField], bound: &[u8]) -> Result<BooleanBuffer> {
    let rows = key_rows(keys, fields)?;
    Ok(BooleanBuffer::collect_bool(rows.num_rows(), |row| rows.row(row).as_ref() <= bound))
}

/// As `sort_order`, with ties ordered by the bytes of the whole row (`columns`).
pub fn tied_sort_order(keys: &[ArrayRef], fields: &[SortField], columns: &[ArrayRef], rows: usize) -> Result<Vec<u32>> {
    let mut order = sort_order(keys, fields, rows)?;
    let same: Box<dyn Fn(u32, u32) -> bool> = if keys.is_empty() {
        Box::new(|_, _| true)
    } else if let Some(ints) = single_int(keys, fields)? {
        Box::new(move |a, b| ints[a as usize] == ints[b as usize])
    } else {
        let bytes = key_rows(keys, fields)?;
        Box::new(move |a, b| bytes.row(a as usize) == bytes.row(b as usize))
    };
    let mut whole: Option<Rows> = None;
    let mut start = 0;
    while start < rows {
        let mut end = start + 1;
        while end < rows && same(order[start], order[end]) {
            end += 1;
        }
        if end - start > 1 && !columns.is_empty() {
            if whole.is_none() {
                whole = Some(row_order(columns)?);
            }
            let whole = whole.as_ref().expect("made above");
            order[start..end].sort_unstable_by(|&a, &b| whole.row(a as usize).cmp(&whole.row(b as usize)));
        }
        start = end;
    }
    Ok(order)
}

#[cfg(test)]
mod tests {
    use arrow_array::{Float64Array, Int64Array, StringArray};

    use super::*;

    #[test]
    fn top_n_is_the_head_of_the_sort() {
        let ints: ArrayRef = Arc::new(Int64Array::from_iter((0..500i64).map(|i| (i % 7 != 0).then_some(i * 37 % 50))));
        let texts: ArrayRef = Arc::new(StringArray::from_iter_values((0..500).map(|i| (i * 53 % 20).to_string())));
        for (descending, nulls_first) in [(false, false), (false, true), (true, false), (true, true)] {
            let field = SortField { descending, nulls_first };
            for keys in [vec![ints.clone()], vec![texts.clone(), ints.clone()]] {
                let fields = vec![field; keys.len()];
                let all = sort_order(&keys, &fields, 500).unwrap();
                for n in [0, 1, 10, 499, 500, 900] {
                    assert_eq!(top_n(&keys, &fields, 500, n, &|| Ok(())).unwrap(), all[..n.min(500)]);
                }
                let bound = key_bytes(&keys, &fields, all[100] as usize).unwrap();
                let upto = rows_upto(&keys, &fields, &bound).unwrap();
                assert!(all[..=100].iter().all(|&row| upto.value(row as usize)));
                assert!(all[300..].iter().all(|&row| !upto.value(row as usize)));
            }
        }
    }

    #[test]
    fn ties_go_by_the_whole_row_and_zeros_are_equal() {
        let key: ArrayRef = Arc::new(Float64Array::from(vec![0.0, -0.0, f64::NAN, -f64::NAN, 1.0]));
        let rest: ArrayRef = Arc::new(StringArray::from(vec!["b", "a", "b", "a", "c"]));
        let field = SortField { descending: false, nulls_first: false };
        let order = tied_sort_order(std::slice::from_ref(&key), &[field], &[rest, key.clone()], 5).unwrap();
        assert_eq!(order, [1, 0, 4, 3, 2]);
    }
}
