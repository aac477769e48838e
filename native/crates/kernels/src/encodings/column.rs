//! A column of one block as it lies in a segment, with the bytes that it is made of: who has it can compute on it without
//! unpacking, or unpack only the rows that are wanted.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, BooleanArray, StringArray, UInt32Array};
use arrow_buffer::{BooleanBuffer, NullBuffer, OffsetBuffer};
use arrow_schema::DataType;

use super::bytes::{Malformed, Result};
use super::view::{Encoded, Values};

/// Picking single values costs about this many times what unpacking one among many costs.
const PICKING_COSTS: usize = 8;

/// A column of one block as it is encoded.
pub struct EncodedColumn {
    /// Behind the general codec.
    plain: Arc<Vec<u8>>,
    data_type: DataType,
    rows: usize,
}

impl EncodedColumn {
    pub fn new(plain: Arc<Vec<u8>>, data_type: &DataType, rows: usize) -> Self {
        Self { plain, data_type: data_type.clone(), rows }
    }

    /// The values for kernels (`scan`).
    pub fn view(&self) -> Result<Encoded<'_>> {
        Encoded::new(&self.plain, &self.data_type, self.rows)
    }

    pub fn rows(&self) -> usize {
        self.rows
    }
}

/// A column of texts whose values come again: the distinct ones, and for each row the place of its value among them.
#[derive(Debug, Clone)]
pub struct Dictionary {
    /// A NULL, if there is any, is the last entry.
    pub entries: ArrayRef,
    /// Each is a place in `entries`.
    pub codes: UInt32Array,
}

impl Encoded<'_> {
    /// The rows that are kept (there are `kept` of them), in their order.
    pub fn filter(&self, keep: &BooleanBuffer, kept: usize) -> Result<ArrayRef> {
        if kept * PICKING_COSTS <= self.rows && !matches!(self.values, Values::Other) {
            let rows: Vec<u32> = keep.set_indices().map(|row| row as u32).collect();
            return self.take(&rows);
        }
        let whole = self.decode()?;
        arrow_select::filter::filter(&whole, &BooleanArray::new(keep.clone(), None))
            .map_err(|_| Malformed("has values that cannot be picked"))
    }

    /// The values by their places in a dictionary, if the column is texts that were written so.
    pub fn dictionary(&self) -> Result<Option<Dictionary>> {
        let (Values::Texts(texts), DataType::Utf8) = (&self.values, self.data_type()) else { return Ok(None) };
        let Some(codes) = &texts.codes else { return Ok(None) };
        let (mut offsets, bytes) = texts.entries.to_parts();
        let count = offsets.len() - 1;
        let codes = codes.to_codes();
        let (codes, nulls) = match &self.nulls {
            None => (codes, None),
            Some(nulls) => {
                let mut spread = vec![count as u32; self.rows];
                nulls.valid_indices().zip(codes).for_each(|(row, code)| spread[row] = code);
                offsets.push(bytes.len() as i32);
                let valid: NullBuffer = (0..=count).map(|at| at < count).collect::<Vec<bool>>().into();
                (spread, Some(valid))
            }
        };
        let entries = StringArray::try_new(OffsetBuffer::new(offsets.into()), bytes.into(), nulls)
            .map_err(|_| Malformed("has texts that cannot be picked"))?;
        debug_assert!(codes.iter().all(|&code| (code as usize) < entries.len()));
        Ok(Some(Dictionary { entries: Arc::new(entries), codes: codes.into() }))
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::Int64Array;

    use super::*;
    use crate::encodings::encode;

    fn encoded(array: &dyn Array) -> EncodedColumn {
        let mut bytes = Vec::new();
        encode(array, &mut bytes).unwrap();
        EncodedColumn::new(Arc::new(bytes), array.data_type(), array.len())
    }

    #[test]
    fn a_dictionary_gives_the_same_texts() {
        for nulls in [false, true] {
            let text = |i: usize| (!nulls || !i.is_multiple_of(5)).then(|| ["TRUCK", "", "REG AIR"][i * i % 3]);
            let array: StringArray = (0..1000).map(text).collect();
            let column = encoded(&array);
            let dictionary = column.view().unwrap().dictionary().unwrap().expect("three texts");
            assert!(dictionary.entries.len() <= 4);
            let back = arrow_select::take::take(&dictionary.entries, &dictionary.codes, None).unwrap();
            assert_eq!(back.as_ref(), &array as &dyn Array);
        }
        let distinct: StringArray = (0..100).map(|i| Some(i.to_string())).collect();
        assert!(encoded(&distinct).view().unwrap().dictionary().unwrap().is_none());
    }

    #[test]
    fn few_and_many_rows_are_kept_alike() {
        let array: Int64Array = (0..3000i64).map(|i| (i % 7 != 0).then_some(i * 37 % 1001)).collect();
        let column = encoded(&array);
        let view = column.view().unwrap();
        for step in [1usize, 2, 9, 100] {
            let keep: BooleanBuffer = (0..3000).map(|row| row % step == 0).collect();
            let expected = arrow_select::filter::filter(&array, &BooleanArray::new(keep.clone(), None)).unwrap();
            assert_eq!(&view.filter(&keep, keep.count_set_bits()).unwrap(), &expected);
        }
    }
}
