//! BIT_AND, BIT_OR and BIT_XOR: how many values of a group have each bit. Counts can be taken back, so that rows can go.

use std::sync::Arc;

use arrow_array::{ArrayRef, Int16Array, Int32Array, Int64Array};
use arrow_schema::DataType;
use millrace_base::{Error, Result};

use crate::group_bytes::{load_bytes, save_bytes};
use crate::group_state::{GroupState, Weight, counted, same};
use crate::raw::sortable_i64;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BitOp {
    And,
    Or,
    Xor,
}

#[derive(Debug, Clone)]
struct Group {
    values: i64,
    with_bit: [i64; 64],
}

const EMPTY: Group = Group { values: 0, with_bit: [0; 64] };

#[derive(Debug)]
pub(crate) struct Bits {
    op: BitOp,
    output: DataType,
    groups: Vec<Group>,
}

impl Bits {
    pub fn new(op: BitOp, output: DataType) -> Self {
        Self { op, output, groups: Vec::new() }
    }

    fn result(&self, group: &Group) -> Option<i64> {
        let set = |count: i64| match self.op {
            BitOp::And => count == group.values,
            BitOp::Or => count != 0,
            BitOp::Xor => count % 2 != 0,
        };
        let bits = group.with_bit.iter().enumerate().filter(|(_, count)| set(**count));
        (group.values != 0).then(|| bits.fold(0, |value, (bit, _)| value | (1 << bit)))
    }
}

impl GroupState for Bits {
    fn resize(&mut self, groups: usize) {
        self.groups.resize(groups.max(self.groups.len()), EMPTY);
    }

    fn reset(&mut self, group: usize) {
        self.groups[group] = EMPTY;
    }

    fn update(&mut self, groups: &[u32], values: &ArrayRef, weight: Weight<'_>) -> Result<()> {
        let words = sortable_i64(values.as_ref())?.ok_or_else(|| Error::internal("a bit aggregate of another type"))?;
        for (row, group, weight) in counted(groups, values, weight) {
            let group = &mut self.groups[group];
            group.values += weight;
            for (bit, count) in group.with_bit.iter_mut().enumerate() {
                *count += weight * (words[row] >> bit & 1);
            }
        }
        Ok(())
    }

    fn finish(&self, groups: &[u32]) -> Result<ArrayRef> {
        let results = groups.iter().map(|&g| self.result(&self.groups[g as usize]));
        // Narrower integers are sign-extended in 64 bits, and all three operations keep that.
        Ok(match &self.output {
            DataType::Int16 => Arc::new(results.map(|r| r.map(|v| v as i16)).collect::<Int16Array>()),
            DataType::Int32 => Arc::new(results.map(|r| r.map(|v| v as i32)).collect::<Int32Array>()),
            DataType::Int64 => Arc::new(results.collect::<Int64Array>()),
            other => return Err(Error::internal(format!("a bit aggregate of {other}"))),
        })
    }

    fn merge(&mut self, other: &dyn GroupState, pairs: &[(usize, usize)]) -> Result<()> {
        let other: &Self = same(other)?;
        for &(from, into) in pairs {
            let (from, into) = (&other.groups[from], &mut self.groups[into]);
            into.values += from.values;
            into.with_bit.iter_mut().zip(&from.with_bit).for_each(|(into, from)| *into += from);
        }
        Ok(())
    }

    fn save(&self, groups: &[u32]) -> Result<Vec<ArrayRef>> {
        Ok(save_bytes(groups, |group, into| {
            let group = &self.groups[group];
            let counts = std::iter::once(&group.values).chain(&group.with_bit);
            counts.for_each(|count| into.extend_from_slice(&count.to_le_bytes()));
        }))
    }

    fn load(&mut self, columns: &[ArrayRef], groups: &[u32]) -> Result<()> {
        load_bytes(columns, groups, |group, from| {
            let group = &mut self.groups[group];
            group.values = from.i64()?;
            group.with_bit.iter_mut().try_for_each(|count| {
                *count = from.i64()?;
                Some(())
            })
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
    fn bits_come_and_go() {
        let values: ArrayRef = Arc::new(Int32Array::from(vec![Some(-2), Some(6), None, Some(3)]));
        let groups = [0, 0, 0, 0];
        for (op, all, rest) in [(BitOp::And, 2, 6), (BitOp::Or, -1, 6), (BitOp::Xor, -5, 6)] {
            let mut bits = Bits::new(op, DataType::Int32);
            bits.resize(1);
            let shown = |bits: &Bits| bits.result(&bits.groups[0]);
            assert_eq!(shown(&bits), None);
            bits.update(&groups, &values, &|_| 1).unwrap();
            assert_eq!(shown(&bits), Some(all));
            bits.update(&groups, &values, &|row| if row == 1 { 0 } else { -1 }).unwrap();
            assert_eq!(shown(&bits), Some(rest));
        }
    }
}
