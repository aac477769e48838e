//! What flows between expression nodes: an array, or one value that stands for every row. A constant is never
//! spread over a batch before the end, and kernels of Arrow take both through `Datum`.
//!
//! Row functions are written against `Column` and the `build_*` functions: NULL in gives NULL out, and the closure
//! runs only for rows whose arguments are all present, so it never sees a NULL slot's leftover bytes.

use std::sync::Arc;

use arrow_array::builder::BooleanBufferBuilder;
use arrow_array::cast::AsArray;
use arrow_array::types::ArrowPrimitiveType;
use arrow_array::{
    Array, ArrayRef, BinaryArray, BooleanArray, Datum, PrimitiveArray, StringArray, UInt32Array, new_null_array,
};
use arrow_buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use millrace_base::limits::VALUE_BYTES_MAX;
use millrace_base::{Code, Error, Result};
use millrace_plan::DataType;

#[derive(Debug, Clone)]
pub(crate) struct Value {
    array: ArrayRef,
    scalar: bool,
}

impl Datum for Value {
    fn get(&self) -> (&dyn Array, bool) {
        (self.array.as_ref(), self.scalar)
    }
}

impl Value {
    pub fn array(array: ArrayRef) -> Self {
        Self { array, scalar: false }
    }

    /// `array` has one slot.
    pub fn scalar(array: ArrayRef) -> Self {
        assert_eq!(array.len(), 1);
        Self { array, scalar: true }
    }

    pub fn null(kind: DataType) -> Self {
        Self::scalar(new_null_array(&kind.to_arrow(), 1))
    }

    pub fn is_scalar(&self) -> bool {
        self.scalar
    }

    pub fn is_scalar_null(&self) -> bool {
        self.scalar && self.array.is_null(0)
    }

    /// The array as it is: one slot when scalar.
    pub fn inner(&self) -> &ArrayRef {
        &self.array
    }

    /// The same value with another array of the same length.
    pub fn with(&self, array: ArrayRef) -> Self {
        debug_assert_eq!(array.len(), self.array.len());
        Self { array, scalar: self.scalar }
    }

    /// One slot a row.
    pub fn into_array(self, rows: usize) -> Result<ArrayRef> {
        if !self.scalar || rows == 1 {
            return Ok(self.array);
        }
        if self.array.is_null(0) {
            return Ok(new_null_array(self.array.data_type(), rows));
        }
        let zeros = UInt32Array::from(vec![0u32; rows]);
        arrow_select::take::take(&self.array, &zeros, None).map_err(|e| Error::internal(e.to_string()))
    }

    pub fn booleans(&self, rows: usize) -> Result<BooleanArray> {
        let array = self.clone().into_array(rows)?;
        array.as_boolean_opt().cloned().ok_or_else(|| wrong_type("boolean", self))
    }

    pub fn column<T: ArrowPrimitiveType>(&self) -> Result<Column<'_, T::Native>> {
        let array = self.array.as_primitive_opt::<T>().ok_or_else(|| wrong_type(&T::DATA_TYPE.to_string(), self))?;
        Ok(Column { values: array.values(), step: usize::from(!self.scalar) })
    }

    pub fn texts(&self) -> Result<Texts<'_>> {
        let array = self.array.as_string_opt::<i32>().ok_or_else(|| wrong_type("text", self))?;
        Ok(Texts { array, step: usize::from(!self.scalar) })
    }

    pub fn bytes(&self) -> Result<Bytes<'_>> {
        let array = self.array.as_binary_opt::<i32>().ok_or_else(|| wrong_type("bytea", self))?;
        Ok(Bytes { array, step: usize::from(!self.scalar) })
    }
}

fn wrong_type(wanted: &str, found: &Value) -> Error {
    Error::new(Code::ProtocolViolation, format!("expected {wanted}, found an array of {}", found.array.data_type()))
}

/// A primitive argument: a scalar has step 0, so one loop serves both.
#[derive(Clone, Copy)]
pub(crate) struct Column<'a, N> {
    values: &'a [N],
    step: usize,
}

impl<N: Copy> Column<'_, N> {
    #[inline]
    pub fn at(&self, row: usize) -> N {
        self.values[row * self.step]
    }
}

#[derive(Clone, Copy)]
pub(crate) struct Texts<'a> {
    array: &'a StringArray,
    step: usize,
}

impl<'a> Texts<'a> {
    #[inline]
    pub fn at(&self, row: usize) -> &'a str {
        self.array.value(row * self.step)
    }

    /// The one text that stands for every row.
    pub fn constant(&self) -> Option<&'a str> {
        (self.step == 0 && self.array.is_valid(0)).then(|| self.array.value(0))
    }
}

#[derive(Clone, Copy)]
pub(crate) struct Bytes<'a> {
    array: &'a BinaryArray,
    step: usize,
}

impl<'a> Bytes<'a> {
    #[inline]
    pub fn at(&self, row: usize) -> &'a [u8] {
        self.array.value(row * self.step)
    }
}

/// The number of slots of a result, and whether it is a scalar: it is when every argument is.
pub(crate) fn shape(args: &[Value]) -> (usize, bool) {
    args.iter().find(|a| !a.scalar).map_or((1, true), |a| (a.array.len(), false))
}

/// Where a strict function is NULL: wherever an argument is.
pub(crate) fn strict_nulls(args: &[Value], rows: usize) -> Option<NullBuffer> {
    let mut nulls: Option<NullBuffer> = None;
    for arg in args {
        if arg.scalar {
            if arg.array.is_null(0) {
                return Some(NullBuffer::new_null(rows));
            }
        } else {
            nulls = NullBuffer::union(nulls.as_ref(), arg.array.nulls());
        }
    }
    nulls
}

pub(crate) fn finish(array: ArrayRef, scalar: bool) -> Value {
    if scalar { Value::scalar(array) } else { Value::array(array) }
}

/// A strict function with a primitive result. The result has `kind`'s Arrow type.
pub(crate) fn build<T: ArrowPrimitiveType>(
    args: &[Value],
    kind: DataType,
    mut row: impl FnMut(usize) -> Result<T::Native>,
) -> Result<Value> {
    let (rows, scalar) = shape(args);
    let nulls = strict_nulls(args, rows).filter(|n| n.null_count() > 0);
    let mut values = Vec::with_capacity(rows);
    match &nulls {
        None => {
            for i in 0..rows {
                values.push(row(i)?);
            }
        }
        Some(nulls) => {
            values.resize(rows, T::Native::default());
            for i in nulls.valid_indices() {
                values[i] = row(i)?;
            }
        }
    }
    let array = PrimitiveArray::<T>::new(ScalarBuffer::from(values), nulls).with_data_type(kind.to_arrow());
    Ok(finish(Arc::new(array), scalar))
}

pub(crate) fn build_bool(args: &[Value], mut row: impl FnMut(usize) -> Result<bool>) -> Result<Value> {
    let (rows, scalar) = shape(args);
    let nulls = strict_nulls(args, rows);
    let mut values = BooleanBufferBuilder::new(rows);
    for i in 0..rows {
        values.append(nulls.as_ref().is_none_or(|n| n.is_valid(i)) && row(i)?);
    }
    Ok(finish(Arc::new(BooleanArray::new(values.finish(), nulls)), scalar))
}

/// A strict function whose closure appends its row's text, or says that the row is NULL.
pub(crate) fn build_text(args: &[Value], mut row: impl FnMut(usize, &mut String) -> Result<Present>) -> Result<Value> {
    let (rows, scalar) = shape(args);
    let nulls = strict_nulls(args, rows);
    let mut out = String::new();
    let mut offsets = Vec::with_capacity(rows + 1);
    let mut valid = BooleanBufferBuilder::new(rows);
    offsets.push(0i32);
    for i in 0..rows {
        let before = out.len();
        let present = nulls.as_ref().is_none_or(|n| n.is_valid(i)) && row(i, &mut out)? == Present::Yes;
        check_growth(before, out.len())?;
        valid.append(present);
        offsets.push(out.len() as i32);
    }
    let nulls = NullBuffer::new(valid.finish());
    let nulls = (nulls.null_count() > 0).then_some(nulls);
    let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
    Ok(finish(Arc::new(StringArray::new(offsets, Buffer::from(out.into_bytes()), nulls)), scalar))
}

pub(crate) fn build_bytes(args: &[Value], mut row: impl FnMut(usize, &mut Vec<u8>) -> Result<()>) -> Result<Value> {
    let (rows, scalar) = shape(args);
    let nulls = strict_nulls(args, rows);
    let mut out = Vec::new();
    let mut offsets = Vec::with_capacity(rows + 1);
    offsets.push(0i32);
    for i in 0..rows {
        let before = out.len();
        if nulls.as_ref().is_none_or(|n| n.is_valid(i)) {
            row(i, &mut out)?;
        }
        check_growth(before, out.len())?;
        offsets.push(out.len() as i32);
    }
    let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
    Ok(finish(Arc::new(BinaryArray::new(offsets, Buffer::from(out), nulls)), scalar))
}

/// As `build_text`, of JSONB.
pub(crate) fn build_json(args: &[Value], mut row: impl FnMut(usize, &mut Vec<u8>) -> Result<Present>) -> Result<Value> {
    let (rows, scalar) = shape(args);
    let nulls = strict_nulls(args, rows);
    let mut out = Vec::new();
    let mut offsets = Vec::with_capacity(rows + 1);
    let mut valid = BooleanBufferBuilder::new(rows);
    offsets.push(0i32);
    for i in 0..rows {
        let before = out.len();
        let present = nulls.as_ref().is_none_or(|n| n.is_valid(i)) && row(i, &mut out)? == Present::Yes;
        check_growth(before, out.len())?;
        valid.append(present);
        offsets.push(out.len() as i32);
    }
    let nulls = NullBuffer::new(valid.finish());
    let nulls = (nulls.null_count() > 0).then_some(nulls);
    let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
    Ok(finish(Arc::new(BinaryArray::new(offsets, Buffer::from(out), nulls)), scalar))
}

/// Whether a text function's row has a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Present {
    Yes,
    Null,
}

fn check_growth(before: usize, after: usize) -> Result<()> {
    if after - before > VALUE_BYTES_MAX {
        return Err(Error::new(Code::OutOfMemory, format!("a value may have at most {VALUE_BYTES_MAX} bytes")));
    }
    if after > i32::MAX as usize {
        return Err(Error::new(Code::OutOfMemory, "the texts of one batch are longer than 2 GiB"));
    }
    Ok(())
}
