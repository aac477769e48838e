//! `+ - * / %` and negation on numbers. Integers by Arrow's checked kernels (overflow is 22003, never a wrap); floats
//! by loops that then check for PostgreSQL's overflow, underflow and division by zero.

use std::sync::Arc;

use arrow::compute::kernels::numeric;
use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Decimal128Type, Float32Type, Float64Type, Int16Type, Int32Type, Int64Type,
};
use arrow_array::{ArrayRef, PrimitiveArray};
use millrace_base::{Error, Result};
use millrace_plan::{BinaryOp, DataType};

use crate::fault;
use crate::value::{Column, Value, build, shape, strict_nulls};

pub(crate) fn integers(operator: BinaryOp, args: &[Value], kind: DataType) -> Result<Value> {
    let (left, right) = (&args[0], &args[1]);
    let array = match operator {
        BinaryOp::Add => numeric::add(left, right),
        BinaryOp::Subtract => numeric::sub(left, right),
        BinaryOp::Multiply => numeric::mul(left, right),
        BinaryOp::Divide => numeric::div(left, right),
        BinaryOp::Modulo => numeric::rem(left, right),
        other => return Err(Error::internal(format!("{other:?} is not arithmetic"))),
    };
    let array = array.map_err(|e| fault::from_arrow(e, kind))?;
    Ok(if left.is_scalar() && right.is_scalar() { Value::scalar(array) } else { Value::array(array) })
}

pub(crate) fn floats(operator: BinaryOp, args: &[Value], kind: DataType) -> Result<Value> {
    match kind {
        DataType::Real => {
            let (a, b) = (args[0].column::<Float32Type>()?, args[1].column::<Float32Type>()?);
            float_loop::<Float32Type>(operator, args, a, b)
        }
        _ => {
            let (a, b) = (args[0].column::<Float64Type>()?, args[1].column::<Float64Type>()?);
            float_loop::<Float64Type>(operator, args, a, b)
        }
    }
}

trait Float: Copy + PartialOrd + Default {
    fn is_infinite(self) -> bool;
    fn is_nan(self) -> bool;
}

impl Float for f32 {
    fn is_infinite(self) -> bool {
        f32::is_infinite(self)
    }
    fn is_nan(self) -> bool {
        f32::is_nan(self)
    }
}

impl Float for f64 {
    fn is_infinite(self) -> bool {
        f64::is_infinite(self)
    }
    fn is_nan(self) -> bool {
        f64::is_nan(self)
    }
}

fn float_loop<T: ArrowPrimitiveType>(
    operator: BinaryOp,
    args: &[Value],
    a: Column<T::Native>,
    b: Column<T::Native>,
) -> Result<Value>
where
    T::Native: Float
        + std::ops::Add<Output = T::Native>
        + std::ops::Sub<Output = T::Native>
        + std::ops::Mul<Output = T::Native>
        + std::ops::Div<Output = T::Native>
        + std::ops::Rem<Output = T::Native>,
{
    let (rows, scalar) = shape(args);
    let nulls = strict_nulls(args, rows);
    let values: Vec<T::Native> = match operator {
        BinaryOp::Add => (0..rows).map(|i| a.at(i) + b.at(i)).collect(),
        BinaryOp::Subtract => (0..rows).map(|i| a.at(i) - b.at(i)).collect(),
        BinaryOp::Multiply => (0..rows).map(|i| a.at(i) * b.at(i)).collect(),
        BinaryOp::Divide => (0..rows).map(|i| a.at(i) / b.at(i)).collect(),
        BinaryOp::Modulo => (0..rows).map(|i| a.at(i) % b.at(i)).collect(),
        other => return Err(Error::internal(format!("{other:?} is not arithmetic"))),
    };
    let zero = T::Native::default();
    // Only an infinity, a NaN or a zero can stand for an error, and batches with none need no second look.
    if values.iter().any(|v| v.is_infinite() || v.is_nan() || *v == zero) {
        for (i, value) in values.iter().enumerate() {
            if nulls.as_ref().is_none_or(|n| n.is_valid(i)) {
                check_float(operator, a.at(i), b.at(i), *value)?;
            }
        }
    }
    let array: ArrayRef = Arc::new(PrimitiveArray::<T>::new(values.into(), nulls));
    Ok(if scalar { Value::scalar(array) } else { Value::array(array) })
}

fn check_float<N: Float>(operator: BinaryOp, left: N, right: N, result: N) -> Result<()> {
    let zero = N::default();
    if matches!(operator, BinaryOp::Divide | BinaryOp::Modulo) && right == zero && !left.is_nan() {
        return Err(fault::division_by_zero());
    }
    if result.is_infinite() && !left.is_infinite() && !right.is_infinite() {
        return Err(fault::overflow());
    }
    let vanished = match operator {
        BinaryOp::Multiply => left != zero && right != zero,
        BinaryOp::Divide => left != zero && !right.is_infinite(),
        _ => false,
    };
    if result == zero && vanished { Err(fault::underflow()) } else { Ok(()) }
}

pub(crate) fn negate(arg: &Value, kind: DataType) -> Result<Value> {
    let args = std::slice::from_ref(arg);
    macro_rules! checked {
        ($t:ty) => {{
            let column = arg.column::<$t>()?;
            build::<$t>(args, kind, |i| column.at(i).checked_neg().ok_or_else(|| fault::out_of_range(kind)))
        }};
    }
    match kind {
        DataType::Smallint => checked!(Int16Type),
        DataType::Integer => checked!(Int32Type),
        DataType::Bigint => checked!(Int64Type),
        DataType::Numeric { .. } => checked!(Decimal128Type),
        DataType::Real => {
            Ok(arg.with(Arc::new(arg.inner().as_primitive::<Float32Type>().unary::<_, Float32Type>(|v| -v))))
        }
        DataType::Double => {
            Ok(arg.with(Arc::new(arg.inner().as_primitive::<Float64Type>().unary::<_, Float64Type>(|v| -v))))
        }
        other => Err(Error::internal(format!("negation of {other}"))),
    }
}
