//! Which partition of a stream a row goes to: by the hash of its key columns, so that rows of one key keep their order
//! and their partition also after a restart; without a key the partitions take turns.

use arrow_array::{ArrayRef, RecordBatch, UInt32Array};
use arrow_row::{RowConverter, SortField};
use millrace_base::{Error, Result};
use millrace_plan::RelationOptions;

/// The rows of each partition that gets some, in their order. `turn` counts the writes that have no key.
pub fn split(batch: RecordBatch, options: &RelationOptions, turn: u64) -> Result<Vec<(u32, RecordBatch)>> {
    let partitions = options.partitions;
    if partitions <= 1 || batch.num_rows() == 0 {
        return Ok(vec![(0, batch)]);
    }
    if options.partition_by.is_empty() {
        return Ok(vec![((turn % u64::from(partitions)) as u32, batch)]);
    }
    let failed = |e: arrow_schema::ArrowError| Error::internal(format!("could not part rows: {e}"));
    let keys: Vec<ArrayRef> = options.partition_by.iter().map(|&c| batch.column(c as usize).clone()).collect();
    let fields = keys.iter().map(|key| SortField::new(key.data_type().clone())).collect();
    let encoded = RowConverter::new(fields).and_then(|converter| converter.convert_columns(&keys)).map_err(failed)?;
    let mut places: Vec<Vec<u32>> = vec![Vec::new(); partitions as usize];
    for (row, key) in encoded.iter().enumerate() {
        // A hash that is the same in every release: a key must not change its partition.
        places[(spread(key.as_ref()) % u64::from(partitions)) as usize].push(row as u32);
    }
    let mut parts = Vec::new();
    for (partition, rows) in (0u32..).zip(places) {
        if rows.len() == batch.num_rows() {
            return Ok(vec![(partition, batch)]);
        }
        if !rows.is_empty() {
            let taken = arrow_select::take::take_record_batch(&batch, &UInt32Array::from(rows)).map_err(failed)?;
            parts.push((partition, taken));
        }
    }
    Ok(parts)
}

/// A checksum's low bits are alike for small integers; the high bits of a product are not.
fn spread(key: &[u8]) -> u64 {
    u64::from(crc32c::crc32c(key)).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::Int64Array;
    use arrow_array::cast::AsArray;
    use arrow_array::types::Int64Type;
    use std::sync::Arc;

    fn batch(values: Vec<i64>) -> RecordBatch {
        let column: ArrayRef = Arc::new(Int64Array::from(values));
        RecordBatch::try_from_iter([("a", column)]).unwrap()
    }

    #[test]
    fn a_key_always_goes_to_one_partition_and_keeps_its_order() {
        let options = RelationOptions { partitions: 4, partition_by: vec![0], ..RelationOptions::default() };
        let parts = split(batch((0..1000).map(|i| i % 50).collect()), &options, 0).unwrap();
        assert_eq!(parts.iter().map(|(_, rows)| rows.num_rows()).sum::<usize>(), 1000);
        assert!(parts.len() == 4 && parts.iter().all(|(_, rows)| rows.num_rows() > 100));
        for (partition, rows) in &parts {
            for &key in rows.column(0).as_primitive::<Int64Type>().values() {
                let alone = split(batch(vec![key]), &options, 9).unwrap();
                assert_eq!(alone[0].0, *partition, "{key}");
            }
        }
        // Written down, since no release may change it.
        assert_eq!([1, 2, 3].map(|key| split(batch(vec![key]), &options, 0).unwrap()[0].0), [3, 0, 0]);
    }

    #[test]
    fn without_a_key_the_partitions_take_turns() {
        let options = RelationOptions { partitions: 3, ..RelationOptions::default() };
        let turns: Vec<u32> = (0..4).map(|turn| split(batch(vec![1]), &options, turn).unwrap()[0].0).collect();
        assert_eq!(turns, [0, 1, 2, 0]);
    }
}
