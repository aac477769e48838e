//! What is known of a column block without reading it, and which blocks a condition can leave out.

use std::cmp::Ordering;

use arrow_array::cast::AsArray;
use arrow_array::types::*;
use arrow_array::{Array, ArrowPrimitiveType};
use arrow_schema::{DataType, TimeUnit};
use millrace_plan::Literal;
use serde::{Deserialize, Serialize};

/// Bytes of a text kept as a bound; a longer one is cut, and its upper bound rounded up.
const TEXT_BYTES_MAX: usize = 32;

/// A value in an order that statistics know.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Stat {
    Int(i64),
    Wide(i128),
    Double(f64),
    Bytes(#[serde(with = "serde_bytes")] Vec<u8>),
}

impl Stat {
    /// `None` for values of different kinds and for NaN, which PostgreSQL sorts last.
    fn compare(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Stat::Int(a), Stat::Int(b)) => Some(a.cmp(b)),
            (Stat::Wide(a), Stat::Wide(b)) => Some(a.cmp(b)),
            (Stat::Double(a), Stat::Double(b)) => a.partial_cmp(b),
            (Stat::Bytes(a), Stat::Bytes(b)) => Some(a.cmp(b)),
            _ => None,
        }
    }
}

/// Least and greatest value that is not NULL; `None` where the type or the values have none that can be used.
pub fn min_max(array: &dyn Array) -> Option<(Stat, Stat)> {
    if array.len() == array.logical_null_count() {
        return None;
    }
    match array.data_type() {
        DataType::Int8 => ints::<Int8Type>(array),
        DataType::Int16 => ints::<Int16Type>(array),
        DataType::Int32 => ints::<Int32Type>(array),
        DataType::Date32 => ints::<Date32Type>(array),
        DataType::Int64 => ints::<Int64Type>(array),
        DataType::Time64(TimeUnit::Microsecond) => ints::<Time64MicrosecondType>(array),
        DataType::Timestamp(TimeUnit::Microsecond, _) => ints::<TimestampMicrosecondType>(array),
        DataType::Decimal128(_, _) => {
            let array = array.as_primitive::<Decimal128Type>();
            let (min, max) = (arrow::compute::min(array)?, arrow::compute::max(array)?);
            Some((Stat::Wide(min), Stat::Wide(max)))
        }
        DataType::Float64 => doubles(array.as_primitive::<Float64Type>().iter().flatten()),
        DataType::Float32 => doubles(array.as_primitive::<Float32Type>().iter().flatten().map(f64::from)),
        DataType::Boolean => {
            let array = array.as_boolean();
            let (min, max) = (arrow::compute::min_boolean(array)?, arrow::compute::max_boolean(array)?);
            Some((Stat::Int(min.into()), Stat::Int(max.into())))
        }
        DataType::Utf8 => {
            let array = array.as_string::<i32>();
            texts(array.iter().flatten().map(str::as_bytes))
        }
        DataType::Binary => texts(array.as_binary::<i32>().iter().flatten()),
        DataType::FixedSizeBinary(_) => texts(array.as_fixed_size_binary().iter().flatten()),
        // Intervals are ordered by their lengths, not by their parts; unsigned integers are not of SQL.
        _ => None,
    }
}

/// NaN is above all other values, and no bound can say so.
fn doubles(values: impl Iterator<Item = f64>) -> Option<(Stat, Stat)> {
    let mut bounds: Option<(f64, f64)> = None;
    for value in values {
        if value.is_nan() {
            return None;
        }
        let (min, max) = bounds.unwrap_or((value, value));
        bounds = Some((min.min(value), max.max(value)));
    }
    bounds.map(|(min, max)| (Stat::Double(min), Stat::Double(max)))
}

/// The bounds of two sets of values together.
pub fn merge(a: (Stat, Stat), b: &(Stat, Stat)) -> Option<(Stat, Stat)> {
    let min = if b.0.compare(&a.0)? == Ordering::Less { b.0.clone() } else { a.0 };
    let max = if b.1.compare(&a.1)? == Ordering::Greater { b.1.clone() } else { a.1 };
    Some((min, max))
}

fn ints<T: ArrowPrimitiveType>(array: &dyn Array) -> Option<(Stat, Stat)>
where
    T::Native: Into<i64>,
{
    let array = array.as_primitive::<T>();
    let (min, max) = (arrow::compute::min(array)?, arrow::compute::max(array)?);
    Some((Stat::Int(min.into()), Stat::Int(max.into())))
}

fn texts<'a>(mut values: impl Iterator<Item = &'a [u8]>) -> Option<(Stat, Stat)> {
    let first = values.next()?;
    let (min, max) = values.fold((first, first), |(min, max), value| (min.min(value), max.max(value)));
    let low = min[..min.len().min(TEXT_BYTES_MAX)].to_vec();
    let mut high = max[..max.len().min(TEXT_BYTES_MAX)].to_vec();
    if max.len() > TEXT_BYTES_MAX {
        // The least byte string above all that begin like this one.
        while high.last() == Some(&u8::MAX) {
            high.pop();
        }
        *high.last_mut()? += 1;
    }
    Some((Stat::Bytes(low), Stat::Bytes(high)))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BoundOp {
    Less,
    LessOrEqual,
    Equal,
    GreaterOrEqual,
    Greater,
    IsNull,
    IsNotNull,
}

/// A condition on one column that every wanted row satisfies.
#[derive(Debug, Clone)]
pub struct Bound {
    /// Of the relation's stored columns.
    pub column: usize,
    pub op: BoundOp,
    /// What the column is compared with; not used for NULL tests.
    pub value: Option<Stat>,
}

impl Stat {
    /// A constant as statistics of a column of its own type have it; `None` where they have no order for it.
    pub fn of(literal: &Literal) -> Option<Self> {
        Some(match literal {
            Literal::Boolean { value } => Stat::Int((*value).into()),
            Literal::Smallint { value } => Stat::Int((*value).into()),
            Literal::Integer { value } | Literal::Date { value } => Stat::Int((*value).into()),
            Literal::Bigint { value }
            | Literal::Time { value }
            | Literal::Timestamp { value }
            | Literal::Timestamptz { value } => Stat::Int(*value),
            Literal::Real { value } => Stat::Double((*value).into()),
            Literal::Double { value } => Stat::Double(*value),
            // Written with exactly `scale` digits, so without the point it is the stored integer.
            Literal::Numeric { value, .. } => Stat::Wide(value.replace('.', "").parse().ok()?),
            Literal::Text { value } => Stat::Bytes(value.as_bytes().to_vec()),
            Literal::Bytea { value } | Literal::Uuid { value } => Stat::Bytes(value.clone()),
            Literal::Null { .. } | Literal::Interval { .. } | Literal::Jsonb { .. } => return None,
        })
    }
}

impl Bound {
    /// A comparison of a column with a constant; `None` where their types are not compared as they are stored.
    pub fn compare(column: usize, data_type: &DataType, op: BoundOp, literal: &Literal) -> Option<Self> {
        let same = match (data_type, literal) {
            (DataType::Decimal128(_, scale), Literal::Numeric { scale: other, .. }) => *scale == *other as i8,
            (DataType::Timestamp(_, zone), _) => match literal.data_type().to_arrow() {
                DataType::Timestamp(_, other) => zone.is_some() == other.is_some(),
                _ => false,
            },
            (DataType::Float32 | DataType::Float64, _) => literal.data_type().is_float(),
            (DataType::Int16 | DataType::Int32 | DataType::Int64, _) => literal.data_type().is_integer(),
            _ => literal.data_type().to_arrow() == *data_type,
        };
        let value = if same { Stat::of(literal) } else { None };
        Some(Self { column, op, value: Some(value?) })
    }

    /// False only if no row of a block with these statistics can satisfy the condition.
    pub fn may_hold(&self, rows: u64, nulls: u64, bounds: Option<&(Stat, Stat)>) -> bool {
        match self.op {
            BoundOp::IsNull => return nulls > 0,
            BoundOp::IsNotNull => return nulls < rows,
            _ if nulls == rows => return false,
            _ => {}
        }
        let (Some((min, max)), Some(value)) = (bounds, &self.value) else { return true };
        let (Some(low), Some(high)) = (min.compare(value), max.compare(value)) else { return true };
        match self.op {
            BoundOp::Less => low == Ordering::Less,
            BoundOp::LessOrEqual => low != Ordering::Greater,
            BoundOp::Equal => low != Ordering::Greater && high != Ordering::Less,
            BoundOp::GreaterOrEqual => high != Ordering::Less,
            BoundOp::Greater => high == Ordering::Greater,
            BoundOp::IsNull | BoundOp::IsNotNull => true,
        }
    }
}

/// About how many distinct values a column block has, from a sample of its rows: for the planner, which needs no more.
pub fn distinct(array: &dyn Array) -> u32 {
    use arrow_row::{RowConverter, SortField};
    const SAMPLE: usize = 1024;
    let rows = array.len();
    let step = rows.div_ceil(SAMPLE).max(1);
    let places: arrow_array::UInt32Array = (0..rows as u32).step_by(step).collect();
    let Ok(sample) = arrow_select::take::take(array, &places, None) else { return 0 };
    let Ok(converter) = RowConverter::new(vec![SortField::new(array.data_type().clone())]) else { return 0 };
    let Ok(encoded) = converter.convert_columns(&[sample]) else { return 0 };
    let mut seen = std::collections::HashMap::<&[u8], u32>::new();
    encoded.iter().for_each(|row| *seen.entry(row.data()).or_insert(0) += 1);
    // Values seen once say how many more there are (the estimator of Chao).
    let once = seen.values().filter(|&&n| n == 1).count() as u64;
    let twice = seen.values().filter(|&&n| n == 2).count() as u64;
    let unseen = if step == 1 { 0 } else { once * once / (2 * twice.max(1)) };
    (seen.len() as u64 + unseen).min(rows as u64) as u32
}
