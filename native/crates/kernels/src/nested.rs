//! Arrays, rows, maps and UUIDs as byte strings, which is how tables of keys, stores of rows and MIN/MAX hold them: a UUID
//! as its 16 bytes, a nested value as its row in Arrow's row format, whose bytes compare as the values do (NULLs
//! within, last), and from which the very value is read back.

use std::sync::Arc;

use arrow_array::{
    Array, ArrayRef, BinaryArray, FixedSizeBinaryArray, ListArray, MapArray, StructArray, cast::AsArray, new_null_array,
};
use arrow_buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow_row::{RowConverter, SortField};
use arrow_schema::{DataType, SortOptions};
use millrace_base::Result;

use crate::interval::is_interval;
use crate::raw::normalized;
use crate::{arrow_error, out_of_range};

pub(crate) fn is_nested(data_type: &DataType) -> bool {
    matches!(data_type, DataType::List(_) | DataType::Struct(_) | DataType::Map(..))
}

/// PostgreSQL's order has NULLs last, those in arrays and rows too.
fn converter(data_type: &DataType) -> Result<RowConverter> {
    let options = SortOptions { descending: false, nulls_first: false };
    RowConverter::new(vec![SortField::new_with_options(data_type.clone(), options)]).map_err(arrow_error)
}

/// Each value's bytes. Under a NULL there is something that reads back as NULL.
pub(crate) fn bytes_of_nested(array: &dyn Array) -> Result<(OffsetBuffer<i32>, Buffer)> {
    let array = arrow_array::make_array(array.to_data());
    let rows = converter(array.data_type())?.convert_columns(&[array]).map_err(arrow_error)?;
    let (offsets, values, _) = rows.try_into_binary().map_err(arrow_error)?.into_parts();
    Ok((offsets, values))
}

/// Bytes that compare as the column's values do; NULL stays NULL.
pub fn comparable_bytes(array: &ArrayRef) -> Result<BinaryArray> {
    let (offsets, values) = bytes_of_nested(normalized(array)?.as_ref())?;
    BinaryArray::try_new(offsets, values, array.nulls().cloned()).map_err(arrow_error)
}

/// The inverse of `bytes_of_nested`. Under a NULL `values` may have nothing.
pub(crate) fn nested_of_bytes(
    data_type: &DataType,
    offsets: OffsetBuffer<i32>,
    values: Buffer,
    nulls: Option<&NullBuffer>,
) -> Result<ArrayRef> {
    let converter = converter(data_type)?;
    let rows = BinaryArray::try_new(offsets, values, None).map_err(arrow_error)?;
    let null = converter.convert_columns(&[new_null_array(data_type, 1)]).map_err(arrow_error)?;
    let parser = converter.parser();
    let parsed = (0..rows.len()).map(|at| match nulls {
        Some(nulls) if nulls.is_null(at) => parser.parse(null.row(0).data()),
        _ => parser.parse(rows.value(at)),
    });
    let mut columns = converter.convert_rows(parsed).map_err(arrow_error)?;
    Ok(columns.swap_remove(0))
}

/// The bytes of values of one size, which lie side by side.
pub(crate) fn bytes_of_fixed(array: &FixedSizeBinaryArray) -> Result<(OffsetBuffer<i32>, Buffer)> {
    let width = array.value_length();
    let end = i32::try_from(array.len()).ok().and_then(|rows| rows.checked_mul(width));
    let end = end.ok_or_else(|| out_of_range("the size of a column of uuid"))?;
    let offsets: ScalarBuffer<i32> = (0..=array.len() as i32).map(|row| row * width).collect();
    let data = array.to_data();
    let values = data.buffers()[0].slice_with_length(data.offset() * width as usize, end as usize);
    Ok((OffsetBuffer::new(offsets), values))
}

/// The inverse. Under a NULL `values` may have nothing.
pub(crate) fn fixed_of_bytes(
    width: i32,
    lengths: impl Iterator<Item = usize>,
    values: &[u8],
    nulls: Option<NullBuffer>,
) -> Result<ArrayRef> {
    let mut out = Vec::with_capacity(values.len());
    let mut at = 0;
    let mut rows = 0;
    for length in lengths {
        rows += 1;
        out.extend_from_slice(&values[at..at + length]);
        out.resize(rows * width as usize, 0);
        at += length;
    }
    Ok(Arc::new(FixedSizeBinaryArray::try_new(width, Buffer::from_vec(out), nulls).map_err(arrow_error)?))
}

/// The entries of each map in the order of their keys; of equal keys the last one stays, as in a JSON object.
pub fn canonical_map(map: &MapArray) -> Result<MapArray> {
    let DataType::Map(field, sorted) = map.data_type() else { unreachable!("a map array has a map's type") };
    let keys = normalized(map.keys())?;
    let order = sort_key_bytes(&keys)?;
    let mut kept: Vec<u32> = Vec::with_capacity(map.keys().len());
    let mut lengths = Vec::with_capacity(map.len());
    for row in 0..map.len() {
        let start = kept.len();
        if map.is_valid(row) {
            let (from, to) = (map.value_offsets()[row] as u32, map.value_offsets()[row + 1] as u32);
            kept.extend(from..to);
        }
        kept[start..].sort_by(|&a, &b| order.value(a as usize).cmp(order.value(b as usize)));
        let mut last = start;
        for at in start..kept.len() {
            let next = kept.get(at + 1);
            if next.is_none_or(|&next| order.value(next as usize) != order.value(kept[at] as usize)) {
                kept[last] = kept[at];
                last += 1;
            }
        }
        kept.truncate(last);
        lengths.push(last - start);
    }
    let kept = arrow_array::UInt32Array::from(kept);
    let entries = arrow_select::take::take(map.entries(), &kept, None).map_err(arrow_error)?.as_struct().clone();
    let offsets = OffsetBuffer::from_lengths(lengths);
    MapArray::try_new(field.clone(), offsets, entries, map.nulls().cloned(), *sorted).map_err(arrow_error)
}

fn sort_key_bytes(keys: &ArrayRef) -> Result<BinaryArray> {
    let keys = if is_interval(keys.data_type()) { crate::interval::interval_spans(keys) } else { keys.clone() };
    converter(keys.data_type())?.convert_columns(&[keys]).and_then(|rows| rows.try_into_binary()).map_err(arrow_error)
}

/// The nested column with what is in it normalized.
pub(crate) fn normalized_nested(array: &ArrayRef) -> Result<ArrayRef> {
    let rebuilt: ArrayRef = match array.data_type() {
        DataType::List(field) => {
            let list = array.as_list::<i32>();
            let values = normalized(list.values())?;
            Arc::new(
                ListArray::try_new(field.clone(), list.offsets().clone(), values, list.nulls().cloned())
                    .map_err(arrow_error)?,
            )
        }
        DataType::Struct(fields) => {
            let row = array.as_struct();
            let columns = row.columns().iter().map(normalized).collect::<Result<_>>()?;
            Arc::new(StructArray::try_new(fields.clone(), columns, row.nulls().cloned()).map_err(arrow_error)?)
        }
        DataType::Map(field, sorted) => {
            let map = array.as_map();
            let entries: ArrayRef = Arc::new(map.entries().clone());
            let entries = normalized_nested(&entries)?.as_struct().clone();
            let nulls = map.nulls().cloned();
            Arc::new(
                MapArray::try_new(field.clone(), map.offsets().clone(), entries, nulls, *sorted)
                    .map_err(arrow_error)?,
            )
        }
        _ => array.clone(),
    };
    Ok(rebuilt)
}
