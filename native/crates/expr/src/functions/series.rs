//! GENERATE_SERIES as arrays, which UNNEST makes rows of. The binder calls them; a series of constant integers is an
//! operator of its own and never an array.

use std::sync::Arc;

use arrow_array::types::{Decimal128Type, Int32Type, Int64Type, IntervalMonthDayNanoType, TimestampMicrosecondType};
use arrow_array::{ArrayRef, Decimal128Array, Int32Array, Int64Array, TimestampMicrosecondArray};
use arrow_buffer::{NullBuffer, OffsetBuffer};
use millrace_base::{Code, Error, Result};
use millrace_kernels::Series;
use millrace_plan::{DataType, ReturnRule};

use crate::decimal::{power_of_ten, scale_of};
use crate::fault;
use crate::interval::{add_to_timestamp, microseconds};
use crate::nested::list_of;
use crate::node::Call;
use crate::registry::{BIGINT, Entry, INTEGER, INTERVAL, NUMERIC, TIMESTAMP, TIMESTAMPTZ, entry};
use crate::value::{Value, finish, shape, strict_nulls};

pub(crate) fn table() -> Vec<Entry> {
    let bound = || ReturnRule::Bound;
    vec![
        entry("series_of", &[INTEGER, INTEGER, INTEGER], bound(), |a, c| {
            let (start, stop, step) =
                (a[0].column::<Int32Type>()?, a[1].column::<Int32Type>()?, a[2].column::<Int32Type>()?);
            integers(
                a,
                c,
                |i| (start.at(i).into(), stop.at(i).into(), step.at(i).into()),
                |values| Arc::new(Int32Array::from_iter_values(values.into_iter().map(|v| v as i32))),
            )
        }),
        entry("series_of", &[BIGINT, BIGINT, BIGINT], bound(), |a, c| {
            let (start, stop, step) =
                (a[0].column::<Int64Type>()?, a[1].column::<Int64Type>()?, a[2].column::<Int64Type>()?);
            integers(
                a,
                c,
                |i| (start.at(i).into(), stop.at(i).into(), step.at(i).into()),
                |values| Arc::new(Int64Array::from_iter_values(values.into_iter().map(|v| v as i64))),
            )
        }),
        entry("series_of", &[NUMERIC, NUMERIC, NUMERIC], bound(), numerics),
        entry("series_of", &[TIMESTAMP, TIMESTAMP, INTERVAL], bound(), times),
        entry("series_of", &[TIMESTAMPTZ, TIMESTAMPTZ, INTERVAL], bound(), times),
    ]
}

/// Values of the arrays of one batch: more would fill the memory before any limit of the query is asked.
const VALUES_MAX: u128 = 1 << 27;

fn too_long() -> Error {
    Error::new(Code::InsufficientResources, "the series of one batch have too many values")
        .with_hint("A series of constant integers in FROM can have any length.")
}

fn lists(
    args: &[Value],
    call: &Call,
    mut row: impl FnMut(usize) -> Result<usize>,
) -> Result<(Vec<usize>, Option<NullBuffer>, bool)> {
    debug_assert!(matches!(call.result, DataType::Array { .. }));
    let (rows, scalar) = shape(args);
    let nulls = strict_nulls(args, rows).filter(|n| n.null_count() > 0);
    let there = |i: usize| nulls.as_ref().is_none_or(|n| n.is_valid(i));
    let lengths = (0..rows).map(|i| if there(i) { row(i) } else { Ok(0) }).collect::<Result<Vec<usize>>>()?;
    Ok((lengths, nulls, scalar))
}

fn integers(
    args: &[Value],
    call: &Call,
    bounds: impl Fn(usize) -> (i128, i128, i128),
    array: impl FnOnce(Vec<i128>) -> ArrayRef,
) -> Result<Value> {
    let mut values = Vec::new();
    let (lengths, nulls, scalar) = lists(args, call, |i| {
        let (start, stop, step) = bounds(i);
        if step == 0 {
            return Err(fault::parameter("step size cannot equal zero"));
        }
        let series = Series::new(start, stop, step);
        if series.remaining().saturating_add(values.len() as u128) > VALUES_MAX {
            return Err(too_long());
        }
        let before = values.len();
        values.extend(series);
        Ok(values.len() - before)
    })?;
    Ok(finish(list_of(call.result, OffsetBuffer::from_lengths(lengths), array(values), nulls)?, scalar))
}

/// The elements have the scale of the finest of the arguments.
fn numerics(args: &[Value], call: &Call) -> Result<Value> {
    let DataType::Array { element } = call.result else { return Err(Error::internal("a series that is no array")) };
    let DataType::Numeric { precision, scale } = *element else {
        return Err(Error::internal("a series of numeric of another type"));
    };
    let columns: Vec<_> = args.iter().map(|a| a.column::<Decimal128Type>()).collect::<Result<_>>()?;
    let factors: Vec<i128> = args
        .iter()
        .map(|a| {
            let digits = u32::try_from(scale as i8 - scale_of(a));
            digits.map(power_of_ten).map_err(|_| Error::internal("a series with too few digits"))
        })
        .collect::<Result<_>>()?;
    let at = |which: usize, i: usize| columns[which].at(i).saturating_mul(factors[which]);
    integers(
        args,
        call,
        |i| (at(0, i), at(1, i), at(2, i)),
        |values| {
            let array = Decimal128Array::from(values);
            Arc::new(array.with_data_type(arrow_schema::DataType::Decimal128(precision, scale as i8)))
        },
    )
}

/// Each value is the one before plus the step, so that a month's end stays where it has fallen.
fn times(args: &[Value], call: &Call) -> Result<Value> {
    let DataType::Array { element } = call.result else { return Err(Error::internal("a series that is no array")) };
    let (start, stop) = (args[0].column::<TimestampMicrosecondType>()?, args[1].column::<TimestampMicrosecondType>()?);
    let steps = args[2].column::<IntervalMonthDayNanoType>()?;
    let mut values: Vec<i64> = Vec::new();
    let (lengths, nulls, scalar) = lists(args, call, |i| {
        let step = steps.at(i);
        let span = millrace_kernels::interval_span(step);
        if span == 0 {
            return Err(fault::parameter("step size cannot equal zero"));
        }
        let before = values.len();
        let mut next = start.at(i);
        while if span > 0 { next <= stop.at(i) } else { next >= stop.at(i) } {
            if values.len() as u128 >= VALUES_MAX {
                return Err(too_long());
            }
            values.push(next);
            let after = add_to_timestamp(next, step)?;
            // A step of mixed signs may stand still: PostgreSQL would go on for ever.
            if (after <= next) == (span > 0) {
                let message = format!("a step of {} microseconds does not move", microseconds(step));
                return Err(fault::parameter(message));
            }
            next = after;
        }
        Ok(values.len() - before)
    })?;
    let array: ArrayRef = Arc::new(TimestampMicrosecondArray::from(values).with_data_type(element.to_arrow()));
    Ok(finish(list_of(call.result, OffsetBuffer::from_lengths(lengths), array, nulls)?, scalar))
}
