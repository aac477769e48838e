//! States as columns and back, for checkpoints. What is written is exactly what is kept, so that a state that was read
//! goes on as the one that was written would have.

use std::sync::Arc;

use arrow_array::types::{Decimal128Type, Decimal256Type, Int64Type, UInt32Type};
use arrow_array::{
    Array, ArrayRef, BinaryArray, Decimal128Array, Decimal256Array, Int64Array, UInt32Array, cast::AsArray,
};
use millrace_base::{Code, Error, Result};

use super::{Accumulator, State};
use crate::exact::ExactSum;

impl Accumulator {
    /// The states of the listed groups as columns of equal length; None for an aggregate that cannot be written.
    pub fn save(&self, groups: &[u32]) -> Result<Option<Vec<ArrayRef>>> {
        let each = || groups.iter().map(|&g| g as usize);
        let counted =
            |counts: &[i64]| -> ArrayRef { Arc::new(Int64Array::from_iter_values(each().map(|g| counts[g]))) };
        Ok(Some(match &self.state {
            State::Count(counts) => vec![counted(counts)],
            State::Narrow(s) => {
                vec![Arc::new(Decimal128Array::from_iter_values(each().map(|g| s.sums[g]))), counted(&s.counts)]
            }
            State::Wide(s) => {
                vec![Arc::new(Decimal256Array::from_iter_values(each().map(|g| s.sums[g]))), counted(&s.counts)]
            }
            State::Float(s) => {
                let (fixed, odd): (Vec<_>, Vec<_>) = each().map(|g| s.sums[g].parts()).unzip();
                let odd: BinaryArray = odd.iter().map(Option::as_deref).collect();
                vec![Arc::new(Decimal256Array::from_iter_values(fixed)), Arc::new(odd), counted(&s.counts)]
            }
            State::Booleans(v) => {
                let (no, yes): (Vec<i64>, Vec<i64>) = each().map(|g| v[g]).unzip();
                vec![Arc::new(Int64Array::from(no)), Arc::new(Int64Array::from(yes))]
            }
            State::Extreme(e) => {
                let (places, values, counts) = e.entries(groups)?;
                vec![Arc::new(UInt32Array::from(places)), values, Arc::new(Int64Array::from(counts))]
            }
            State::Other(_) => return Ok(None),
        }))
    }

    /// Brings what `save` gave into groups without rows, for which there is room: the state of the first one that was
    /// listed then into the first one that is listed now, and so on.
    pub fn load(&mut self, columns: &[ArrayRef], groups: &[u32]) -> Result<()> {
        let each = || groups.iter().map(|&g| g as usize).enumerate();
        match (&mut self.state, columns) {
            (State::Count(counts), [saved]) => {
                let saved = integers(saved, groups.len())?;
                each().for_each(|(row, g)| counts[g] = saved[row]);
            }
            (State::Narrow(s), [sums, counts]) => {
                let sums = sums.as_primitive_opt::<Decimal128Type>().filter(|a| a.len() == groups.len());
                let (sums, counts) = (sums.ok_or_else(unfit)?, integers(counts, groups.len())?);
                each().for_each(|(row, g)| (s.sums[g], s.counts[g]) = (sums.value(row), counts[row]));
            }
            (State::Wide(s), [sums, counts]) => {
                let sums = sums.as_primitive_opt::<Decimal256Type>().filter(|a| a.len() == groups.len());
                let (sums, counts) = (sums.ok_or_else(unfit)?, integers(counts, groups.len())?);
                each().for_each(|(row, g)| (s.sums[g], s.counts[g]) = (sums.value(row), counts[row]));
            }
            (State::Float(s), [fixed, odd, counts]) => {
                let fixed = fixed.as_primitive_opt::<Decimal256Type>().filter(|a| a.len() == groups.len());
                let odd = odd.as_binary_opt::<i32>().filter(|a| a.len() == groups.len());
                let (fixed, odd) = (fixed.ok_or_else(unfit)?, odd.ok_or_else(unfit)?);
                let counts = integers(counts, groups.len())?;
                for (row, g) in each() {
                    let odd = odd.is_valid(row).then(|| odd.value(row));
                    s.sums[g] = ExactSum::from_parts(fixed.value(row), odd).ok_or_else(unfit)?;
                    s.counts[g] = counts[row];
                }
            }
            (State::Booleans(v), [no, yes]) => {
                let (no, yes) = (integers(no, groups.len())?, integers(yes, groups.len())?);
                each().for_each(|(row, g)| v[g] = (no[row], yes[row]));
            }
            (State::Extreme(e), [places, values, counts]) => {
                let counts = integers(counts, values.len())?;
                e.update(&placed(places, values.len(), groups)?, values, |row| counts[row])?;
            }
            _ => return Err(unfit()),
        }
        Ok(())
    }
}

/// The groups that stand at these places of the list.
pub(crate) fn placed(places: &ArrayRef, rows: usize, groups: &[u32]) -> Result<Vec<u32>> {
    let places = places.as_primitive_opt::<UInt32Type>().filter(|a| a.len() == rows).ok_or_else(unfit)?;
    places.values().iter().map(|&place| groups.get(place as usize).copied().ok_or_else(unfit)).collect()
}

fn integers(column: &ArrayRef, rows: usize) -> Result<&[i64]> {
    let column = column.as_primitive_opt::<Int64Type>().filter(|a| a.len() == rows && a.null_count() == 0);
    column.map(|a| a.values().as_ref()).ok_or_else(unfit)
}

fn unfit() -> Error {
    Error::new(Code::DataCorrupted, "the saved state of an aggregate is of another form")
}
