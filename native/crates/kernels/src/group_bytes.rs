//! The state of groups as bytes, one value a group, for those aggregates whose state has no columns of its own. Only a
//! checkpoint holds them; nothing compares them or reads them on another machine.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, LargeBinaryArray, builder::LargeBinaryBuilder, cast::AsArray};
use arrow_buffer::i256;
use millrace_base::{Code, Error, Result};

use crate::exact::ExactSum;

pub(crate) fn unfit() -> Error {
    Error::new(Code::DataCorrupted, "the saved state of an aggregate is of another form")
}

/// What `put` writes of each group.
pub(crate) fn save_bytes(groups: &[u32], mut put: impl FnMut(usize, &mut Vec<u8>)) -> Vec<ArrayRef> {
    let mut out = LargeBinaryBuilder::with_capacity(groups.len(), 0);
    let mut bytes = Vec::new();
    for &group in groups {
        bytes.clear();
        put(group as usize, &mut bytes);
        out.append_value(&bytes);
    }
    vec![Arc::new(out.finish())]
}

/// Gives the bytes of each group to `read`, which is to take all of them.
pub(crate) fn load_bytes(
    columns: &[ArrayRef],
    groups: &[u32],
    mut read: impl FnMut(usize, &mut Reader<'_>) -> Option<()>,
) -> Result<()> {
    let [column] = columns else { return Err(unfit()) };
    let column: &LargeBinaryArray =
        column.as_binary_opt::<i64>().filter(|a| a.len() == groups.len() && a.null_count() == 0).ok_or_else(unfit)?;
    for (row, &group) in groups.iter().enumerate() {
        let mut reader = Reader(column.value(row));
        read(group as usize, &mut reader).filter(|()| reader.0.is_empty()).ok_or_else(unfit)?;
    }
    Ok(())
}

pub(crate) fn put_bytes(bytes: &[u8], into: &mut Vec<u8>) {
    into.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
    into.extend_from_slice(bytes);
}

pub(crate) fn put_sum(sum: &ExactSum, into: &mut Vec<u8>) {
    let (fixed, odd) = sum.parts();
    into.extend_from_slice(&fixed.to_le_bytes());
    put_bytes(&odd.unwrap_or_default(), into);
}

/// Takes what was put, in the same order. None where there is too little.
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*head)
    }

    pub fn i64(&mut self) -> Option<i64> {
        self.take().map(i64::from_le_bytes)
    }

    pub fn i128(&mut self) -> Option<i128> {
        self.take().map(i128::from_le_bytes)
    }

    pub fn i256(&mut self) -> Option<i256> {
        self.take().map(i256::from_le_bytes)
    }

    pub fn bytes(&mut self) -> Option<&'a [u8]> {
        let len = usize::try_from(self.i64()?).ok()?;
        let (head, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(head)
    }

    pub fn sum(&mut self) -> Option<ExactSum> {
        let fixed = self.i256()?;
        let odd = self.bytes()?;
        ExactSum::from_parts(fixed, (!odd.is_empty()).then_some(odd))
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
