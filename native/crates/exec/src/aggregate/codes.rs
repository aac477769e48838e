//! Groups by texts that come with their dictionary: a row's group is looked up by its codes, and a key is hashed once a
//! batch instead of once a row.

use arrow_array::{ArrayRef, UInt32Array};
use arrow_select::take::take;
use millrace_base::Result;
use millrace_kernels::{GroupTable, NO_ROW, arrow_error};

use crate::batch::Column;

/// Combinations of codes that are looked up in a table.
const COMBINATIONS_MAX: usize = 1 << 14;

/// The group of each row, if all columns are codes of few entries.
pub(crate) fn intern(table: &mut GroupTable, columns: &[Column], rows: usize) -> Result<Option<Vec<u32>>> {
    let mut coded = Vec::with_capacity(columns.len());
    let mut combinations = 1usize;
    for column in columns {
        let Column::Coded(dictionary) = column else { return Ok(None) };
        combinations = combinations.saturating_mul(dictionary.entries.len());
        coded.push(dictionary);
    }
    if coded.is_empty() || combinations > COMBINATIONS_MAX || combinations > rows {
        return Ok(None);
    }
    // One number a row for its combination of codes.
    let mut numbers: Vec<u32> = coded[0].codes.values().to_vec();
    for dictionary in &coded[1..] {
        let entries = dictionary.entries.len() as u32;
        numbers
            .iter_mut()
            .zip(dictionary.codes.values())
            .for_each(|(number, &code)| *number = *number * entries + code);
    }
    let mut groups = vec![NO_ROW; combinations];
    let mut met: Vec<u32> = Vec::new();
    for &number in &numbers {
        let group = &mut groups[number as usize];
        if *group == NO_ROW {
            *group = 0;
            met.push(number);
        }
    }
    let mut keys: Vec<ArrayRef> = Vec::with_capacity(coded.len());
    let mut rest = met.clone();
    for dictionary in coded.iter().rev() {
        let entries = dictionary.entries.len() as u32;
        let codes: UInt32Array = rest.iter().map(|number| Some(number % entries)).collect();
        rest.iter_mut().for_each(|number| *number /= entries);
        keys.push(take(&dictionary.entries, &codes, None).map_err(arrow_error)?);
    }
    keys.reverse();
    // In the order in which they were met, so that new groups are in the order of the rows.
    let ids = table.intern(&keys, met.len())?;
    met.iter().zip(ids).for_each(|(&number, id)| groups[number as usize] = id);
    Ok(Some(numbers.into_iter().map(|number| groups[number as usize]).collect()))
}
