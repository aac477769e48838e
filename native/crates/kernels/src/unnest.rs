//! UNNEST: rows from the elements of lists. Queries and views share it: which input row each output row comes from, and
//! the elements beside it.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, Int64Array, ListArray, UInt32Array, cast::AsArray};
use arrow_select::take::take;
use millrace_base::{Error, Result};

use crate::arrow_error;

#[derive(Debug)]
pub struct Unnested {
    /// By output row, the input row.
    pub rows: Vec<u32>,
    /// A column a list: elements side by side, NULL past the end of the shorter ones.
    pub elements: Vec<ArrayRef>,
    /// From 1 for each input row.
    pub places: ArrayRef,
}

/// Each input row once for each place of its longest list. With `outer`, a row whose lists have no element once, with
/// NULLs, also as its place.
pub fn unnest(lists: &[ArrayRef], rows: usize, outer: bool) -> Result<Unnested> {
    let lists: Vec<&ListArray> = lists
        .iter()
        .map(|list| list.as_list_opt::<i32>().ok_or_else(|| Error::internal("unnest of another type")))
        .collect::<Result<_>>()?;
    let range = |list: &ListArray, row: usize| -> Range<usize> {
        if list.is_null(row) {
            return 0..0;
        }
        list.value_offsets()[row] as usize..list.value_offsets()[row + 1] as usize
    };
    let longest = |row: usize| lists.iter().map(|list| range(list, row).len()).max().unwrap_or(0);
    let lengths: Vec<usize> = (0..rows).map(|row| longest(row).max(usize::from(outer))).collect();
    let total = lengths.iter().sum();
    if u32::try_from(total).is_err() {
        return Err(crate::too_many_rows());
    }
    let mut from = Vec::with_capacity(total);
    let mut places = Vec::with_capacity(total);
    for (row, &length) in lengths.iter().enumerate() {
        from.extend(std::iter::repeat_n(row as u32, length));
        let none = outer && longest(row) == 0;
        places.extend((1..=length as i64).map(|place| (!none).then_some(place)));
    }
    let elements = lists.iter().map(|list| {
        let mut indices = Vec::with_capacity(total);
        for (row, &length) in lengths.iter().enumerate() {
            let own = range(list, row);
            let there = own.len();
            indices.extend(own.map(|at| Some(at as u32)));
            indices.extend(std::iter::repeat_n(None, length - there));
        }
        take(list.values(), &UInt32Array::from(indices), None).map_err(arrow_error)
    });
    Ok(Unnested { rows: from, elements: elements.collect::<Result<_>>()?, places: Arc::new(Int64Array::from(places)) })
}

#[cfg(test)]
mod tests {
    use arrow_array::types::Int32Type;

    use super::*;

    #[test]
    fn lists_go_side_by_side() {
        let a: ArrayRef = Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>([
            Some(vec![Some(1), Some(2)]),
            None,
            Some(vec![]),
            Some(vec![None]),
        ]));
        let b: ArrayRef = Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>([
            Some(vec![Some(7)]),
            None,
            None,
            Some(vec![Some(8), Some(9)]),
        ]));
        let shown = |outer| {
            let out = unnest(&[a.clone(), b.clone()], 4, outer).unwrap();
            let column = |array: &ArrayRef| array.as_primitive::<Int32Type>().iter().collect::<Vec<_>>();
            (out.rows.clone(), column(&out.elements[0]), column(&out.elements[1]))
        };
        assert_eq!(
            shown(false),
            (vec![0, 0, 3, 3], vec![Some(1), Some(2), None, None], vec![Some(7), None, Some(8), Some(9)])
        );
        assert_eq!(shown(true).0, [0, 0, 1, 2, 3, 3]);
    }
}
