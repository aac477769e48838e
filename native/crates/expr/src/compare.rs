//! Comparisons. Arrow's kernels where their order is PostgreSQL's; our own for floats (Arrow's total order parts 0.0
//! from -0.0), NUMERICs of different scales, and intervals, of which `kernels` says when they are equal.

use std::sync::Arc;

use arrow::compute::kernels::cmp;
use arrow_array::cast::AsArray;
use arrow_array::types::{ArrowPrimitiveType, Decimal128Type, Float32Type, Float64Type, IntervalMonthDayNanoType};
use arrow_array::{Array, BooleanArray, Decimal128Array};
use arrow_buffer::{BooleanBuffer, NullBuffer};
use arrow_schema::DataType as Arrow;
use millrace_base::{Error, Result};
use millrace_kernels::{comparable_bytes, interval_span};
use millrace_plan::{BinaryOp, DataType};

use crate::decimal::{power_of_ten, scale_of};
use crate::value::{Value, shape, strict_nulls};

/// Of two values of one type (NUMERICs: of any precision and scale).
pub(crate) fn compare(operator: BinaryOp, args: &[Value], kind: DataType) -> Result<Value> {
    let [left, right] = args else { return Err(Error::internal("a comparison takes two operands")) };
    let values = match kind {
        DataType::Double => floats::<Float64Type>(operator, args)?,
        DataType::Real => floats::<Float32Type>(operator, args)?,
        DataType::Numeric { .. } => {
            let scale = scale_of(left).max(scale_of(right));
            arrow_compare(operator, &aligned(left, scale)?, &aligned(right, scale)?)?
        }
        DataType::Interval => arrow_compare(operator, &spans(left)?, &spans(right)?)?,
        nested if nested.is_nested() => arrow_compare(operator, &bytes(left)?, &bytes(right)?)?,
        _ => arrow_compare(operator, left, right)?,
    };
    let values = Arc::new(values);
    Ok(if left.is_scalar() && right.is_scalar() { Value::scalar(values) } else { Value::array(values) })
}

/// Of two values of one Arrow type.
pub(crate) fn compare_arrays(operator: BinaryOp, args: &[Value]) -> Result<Value> {
    let kind = match args[0].inner().data_type() {
        Arrow::Float64 => DataType::Double,
        Arrow::Float32 => DataType::Real,
        Arrow::Decimal128(precision, scale) => DataType::Numeric { precision: *precision, scale: *scale as u8 },
        Arrow::Interval(_) => DataType::Interval,
        nested if nested.is_nested() => DataType::array(DataType::Text),
        // All others are compared by Arrow, each in its own way.
        _ => DataType::Text,
    };
    compare(operator, args, kind)
}

/// Texts that are equal, or are not, to a constant. Arrow hands the empty text's bytes to memcmp, and where these lie nowhere
/// (a constant has no buffer) the processor takes a hundred times as long to compare nothing.
fn equal_texts(operator: BinaryOp, left: &Value, right: &Value) -> Option<BooleanArray> {
    let wanted = match operator {
        BinaryOp::Equal => true,
        BinaryOp::NotEqual => false,
        _ => return None,
    };
    let (texts, constant) = match (left.is_scalar(), right.is_scalar()) {
        (false, true) => (left, right),
        (true, false) => (right, left),
        _ => return None,
    };
    let texts = texts.inner().as_string_opt::<i32>()?;
    let constant = constant.inner().as_string_opt::<i32>().filter(|c| c.is_valid(0))?.value(0).as_bytes();
    let (offsets, bytes) = (texts.value_offsets(), texts.value_data());
    let length = |row: usize| (offsets[row + 1] - offsets[row]) as usize;
    let values = BooleanBuffer::collect_bool(texts.len(), |row| {
        let same = length(row) == constant.len()
            && (constant.is_empty() || &bytes[offsets[row] as usize..offsets[row + 1] as usize] == constant);
        same == wanted
    });
    Some(BooleanArray::new(values, texts.nulls().cloned()))
}

fn arrow_compare(operator: BinaryOp, left: &Value, right: &Value) -> Result<BooleanArray> {
    if let Some(values) = equal_texts(operator, left, right) {
        return Ok(values);
    }
    let result = match operator {
        BinaryOp::Equal => cmp::eq(left, right),
        BinaryOp::NotEqual => cmp::neq(left, right),
        BinaryOp::Less => cmp::lt(left, right),
        BinaryOp::LessEqual => cmp::lt_eq(left, right),
        BinaryOp::Greater => cmp::gt(left, right),
        BinaryOp::GreaterEqual => cmp::gt_eq(left, right),
        BinaryOp::IsDistinctFrom => cmp::distinct(left, right),
        BinaryOp::IsNotDistinctFrom => cmp::not_distinct(left, right),
        other => return Err(Error::internal(format!("{other:?} is not a comparison"))),
    };
    result.map_err(|e| Error::internal(e.to_string()))
}

/// NaN equals NaN and is greater than every number; 0 equals -0.
fn floats<T: ArrowPrimitiveType>(operator: BinaryOp, args: &[Value]) -> Result<BooleanArray>
where
    T::Native: PartialOrd,
{
    let (a, b) = (args[0].column::<T>()?, args[1].column::<T>()?);
    #[expect(clippy::eq_op, reason = "only NaN differs from itself")]
    let nan = |v: T::Native| v != v;
    let equal = |l: T::Native, r: T::Native| l == r || (nan(l) && nan(r));
    let less = |l: T::Native, r: T::Native| l < r || (nan(r) && !nan(l));
    let (rows, _) = shape(args);
    let collect = |test: &dyn Fn(usize) -> bool| BooleanBuffer::collect_bool(rows, test);
    let values = match operator {
        BinaryOp::Equal | BinaryOp::IsDistinctFrom | BinaryOp::IsNotDistinctFrom => {
            BooleanBuffer::collect_bool(rows, |i| equal(a.at(i), b.at(i)))
        }
        BinaryOp::NotEqual => BooleanBuffer::collect_bool(rows, |i| !equal(a.at(i), b.at(i))),
        BinaryOp::Less => BooleanBuffer::collect_bool(rows, |i| less(a.at(i), b.at(i))),
        BinaryOp::LessEqual => BooleanBuffer::collect_bool(rows, |i| !less(b.at(i), a.at(i))),
        BinaryOp::Greater => BooleanBuffer::collect_bool(rows, |i| less(b.at(i), a.at(i))),
        BinaryOp::GreaterEqual => BooleanBuffer::collect_bool(rows, |i| !less(a.at(i), b.at(i))),
        other => return Err(Error::internal(format!("{other:?} is not a comparison"))),
    };
    if !matches!(operator, BinaryOp::IsDistinctFrom | BinaryOp::IsNotDistinctFrom) {
        return Ok(BooleanArray::new(values, strict_nulls(args, rows)));
    }
    let valid = |arg: &Value| -> BooleanBuffer {
        if arg.is_scalar() {
            let valid = !arg.is_scalar_null();
            return collect(&|_| valid);
        }
        arg.inner().nulls().map_or_else(|| BooleanBuffer::new_set(rows), |n: &NullBuffer| n.inner().clone())
    };
    let (l, r) = (valid(&args[0]), valid(&args[1]));
    let same = &(&(&l & &r) & &values) | &(&!&l & &!&r);
    Ok(BooleanArray::new(if operator == BinaryOp::IsDistinctFrom { !&same } else { same }, None))
}

/// The NUMERIC at a larger scale, for comparison only: a value that no longer fits is larger than any that does.
fn aligned(value: &Value, scale: i8) -> Result<Value> {
    let array = value.inner().as_primitive::<Decimal128Type>();
    let by = scale - scale_of(value);
    let array: Decimal128Array = if by == 0 {
        array.clone()
    } else {
        let factor = power_of_ten(by as u32);
        array.unary(|v| v.checked_mul(factor).unwrap_or(if v < 0 { i128::MIN } else { i128::MAX }))
    };
    // One type on both sides; these values are compared and never shown.
    Ok(value.with(Arc::new(array.with_precision_and_scale(38, 0).map_err(|e| Error::internal(e.to_string()))?)))
}

/// A nested value as bytes of its order.
fn bytes(value: &Value) -> Result<Value> {
    Ok(value.with(Arc::new(comparable_bytes(value.inner())?)))
}

fn spans(value: &Value) -> Result<Value> {
    let array = value.inner().as_primitive::<IntervalMonthDayNanoType>();
    let spans: Decimal128Array = array.unary(interval_span);
    Ok(value.with(Arc::new(spans.with_precision_and_scale(38, 0).map_err(|e| Error::internal(e.to_string()))?)))
}

#[cfg(test)]
mod tests {
    use arrow_array::StringArray;

    use super::*;

    #[test]
    fn texts_beside_a_constant_are_compared_as_arrow_does() {
        let texts = StringArray::from(vec![Some(""), Some("a"), None, Some("ab"), Some("é"), Some("")]);
        let texts = Value::array(Arc::new(texts.slice(1, 5)));
        for constant in ["", "a", "ab", "é", "b"] {
            let constant = Value::scalar(Arc::new(StringArray::from(vec![constant])));
            for operator in [BinaryOp::Equal, BinaryOp::NotEqual] {
                for (left, right) in [(&texts, &constant), (&constant, &texts)] {
                    let arrow = if operator == BinaryOp::Equal { cmp::eq(left, right) } else { cmp::neq(left, right) };
                    assert_eq!(arrow_compare(operator, left, right).unwrap(), arrow.unwrap());
                }
            }
        }
        let null = Value::scalar(Arc::new(StringArray::from(vec![None::<&str>])));
        assert!(equal_texts(BinaryOp::Equal, &texts, &null).is_none());
    }
}
