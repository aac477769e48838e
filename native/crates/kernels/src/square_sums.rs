//! Variance and standard deviation of integers and NUMERICs: exact sums of values and of their squares, one rounding to
//! the scale of the result, as PostgreSQL computes them (the root is that of the rounded variance).

use std::sync::Arc;

use arrow_array::{ArrayRef, Decimal128Array};
use arrow_buffer::i256;
use arrow_schema::DataType;
use millrace_base::{Error, Result};

use crate::group_bytes::{load_bytes, save_bytes};
use crate::group_state::{GroupState, Weight, counted, same};
use crate::raw::{RawColumn, Words, sortable_i64};
use crate::sums::{divide_rounded, scale_of};
use crate::{arrow_error, out_of_range};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Spread {
    pub sample: bool,
    pub root: bool,
}

#[derive(Debug, Clone, Default)]
struct Group {
    values: i64,
    sum: i256,
    squares: i256,
}

#[derive(Debug)]
pub(crate) struct SquareSums {
    spread: Spread,
    /// Digits after the point of the argument.
    scale: u32,
    precision: u8,
    result_scale: i8,
    groups: Vec<Group>,
}

impl SquareSums {
    pub fn new(spread: Spread, argument: &DataType, output: &DataType) -> Result<Self> {
        let DataType::Decimal128(precision, result_scale) = *output else {
            return Err(Error::internal(format!("a variance of {argument} as {output}")));
        };
        let scale = u32::from(scale_of(argument).unsigned_abs());
        Ok(Self { spread, scale, precision, result_scale, groups: Vec::new() })
    }

    fn result(&self, group: &Group) -> Result<Option<i128>> {
        let overflow = || out_of_range("numeric");
        let least = if self.spread.sample { 2 } else { 1 };
        if group.values < least {
            return Ok(None);
        }
        let count = i256::from_i128(i128::from(group.values));
        let divisor =
            i256::from_i128(i128::from(group.values) * i128::from(group.values - i64::from(self.spread.sample)));
        let all = group.squares.checked_mul(count).ok_or_else(overflow)?;
        let spread = all.checked_sub(group.sum.checked_mul(group.sum).ok_or_else(overflow)?).ok_or_else(overflow)?;
        // The squares have twice the scale of the values.
        let digits = i32::from(self.result_scale) - 2 * self.scale as i32;
        let power = |digits: u32| i256::from_i128(10).checked_pow(digits).ok_or_else(overflow);
        let variance = if digits >= 0 {
            divide_rounded(spread.checked_mul(power(digits as u32)?).ok_or_else(overflow)?, divisor)
        } else {
            divide_rounded(spread, divisor.checked_mul(power(digits.unsigned_abs())?).ok_or_else(overflow)?)
        }
        .ok_or_else(overflow)?;
        let result = if self.spread.root {
            root(variance.checked_mul(power(self.result_scale as u32)?).ok_or_else(overflow)?)
        } else {
            variance
        };
        let limit = 10i128.pow(u32::from(self.precision));
        result.to_i128().filter(|v| *v < limit).map(Some).ok_or_else(overflow)
    }
}

/// The integer next to the square root.
fn root(value: i256) -> i256 {
    let (zero, one) = (i256::ZERO, i256::ONE);
    if value <= zero {
        return zero;
    }
    // Newton's steps from above fall until they reach the root's floor.
    let bits = 256 - value.leading_zeros();
    let mut guess = one << (bits.div_ceil(2).min(254) as u8);
    loop {
        let next = guess.wrapping_add(value.wrapping_div(guess)) >> 1;
        if next >= guess {
            break;
        }
        guess = next;
    }
    // Halfway between two integers is never a square's root: value > floor² + floor means nearer to the next.
    let above = value.wrapping_sub(guess.wrapping_mul(guess)) > guess;
    if above { guess.wrapping_add(one) } else { guess }
}

impl GroupState for SquareSums {
    fn resize(&mut self, groups: usize) {
        self.groups.resize(groups.max(self.groups.len()), Group::default());
    }

    fn reset(&mut self, group: usize) {
        self.groups[group] = Group::default();
    }

    fn update(&mut self, groups: &[u32], values: &ArrayRef, weight: Weight<'_>) -> Result<()> {
        let narrow = sortable_i64(values.as_ref())?;
        let raw = RawColumn::of(values.as_ref())?;
        let overflow = || out_of_range("numeric");
        for (row, group, weight) in counted(groups, values, weight) {
            let value = match (&narrow, &raw.words) {
                (Some(words), _) => i128::from(words[row]),
                (None, Words::W16(words)) => words[row],
                _ => return Err(Error::internal("a variance of another type")),
            };
            let (value, times) = (i256::from_i128(value), i256::from_i128(i128::from(weight)));
            let square = value.wrapping_mul(value).checked_mul(times).ok_or_else(overflow)?;
            let group = &mut self.groups[group];
            group.values += weight;
            group.sum = group.sum.wrapping_add(value.wrapping_mul(times));
            group.squares = group.squares.checked_add(square).ok_or_else(overflow)?;
        }
        Ok(())
    }

    fn finish(&self, groups: &[u32]) -> Result<ArrayRef> {
        let results = groups.iter().map(|&g| self.result(&self.groups[g as usize]));
        let array = results.collect::<Result<Decimal128Array>>()?;
        Ok(Arc::new(array.with_precision_and_scale(self.precision, self.result_scale).map_err(arrow_error)?))
    }

    fn merge(&mut self, other: &dyn GroupState, pairs: &[(usize, usize)]) -> Result<()> {
        let other: &Self = same(other)?;
        for &(from, into) in pairs {
            let (from, into) = (&other.groups[from], &mut self.groups[into]);
            into.values += from.values;
            into.sum = into.sum.wrapping_add(from.sum);
            into.squares = into.squares.checked_add(from.squares).ok_or_else(|| out_of_range("numeric"))?;
        }
        Ok(())
    }

    fn save(&self, groups: &[u32]) -> Result<Vec<ArrayRef>> {
        Ok(save_bytes(groups, |group, into| {
            let group = &self.groups[group];
            into.extend_from_slice(&group.values.to_le_bytes());
            into.extend_from_slice(&group.sum.to_le_bytes());
            into.extend_from_slice(&group.squares.to_le_bytes());
        }))
    }

    fn load(&mut self, columns: &[ArrayRef], groups: &[u32]) -> Result<()> {
        load_bytes(columns, groups, |group, from| {
            self.groups[group] = Group { values: from.i64()?, sum: from.i256()?, squares: from.i256()? };
            Some(())
        })
    }

    fn as_any(&self) -> &dyn std::any::Any {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roots_are_rounded() {
        for (value, expected) in
            [(0, 0), (1, 1), (2, 1), (3, 2), (6, 2), (7, 3), (99, 10), (10_100, 100), (10_101, 101)]
        {
            assert_eq!(root(i256::from_i128(value)), i256::from_i128(expected), "{value}");
        }
        let big = i256::from_i128(i128::MAX);
        assert_eq!(root(big.wrapping_mul(big)), big);
    }
}
