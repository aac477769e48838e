//! Arithmetic of dates, times, timestamps and intervals by PostgreSQL's rules: an interval is months, days and
//! microseconds, added in this order; times are in UTC.

use arrow_array::types::{
    Date32Type, Float64Type, Int32Type, IntervalMonthDayNano, IntervalMonthDayNanoType, Time64MicrosecondType,
    TimestampMicrosecondType,
};
use millrace_base::{Error, Result};
use millrace_plan::{BinaryOp, DataType};

use crate::calendar::{DAY, HOUR, add_months, split};
use crate::fault;
use crate::value::{Value, build};

/// An interval of PostgreSQL's parts in Arrow's layout, which counts nanoseconds.
pub(crate) fn interval(months: i64, days: i64, microseconds: i64) -> Result<IntervalMonthDayNano> {
    let nanoseconds = microseconds.checked_mul(1000).ok_or_else(fault::interval_out_of_range)?;
    let months = i32::try_from(months).map_err(|_| fault::interval_out_of_range())?;
    let days = i32::try_from(days).map_err(|_| fault::interval_out_of_range())?;
    Ok(IntervalMonthDayNano::new(months, days, nanoseconds))
}

pub(crate) fn microseconds(interval: IntervalMonthDayNano) -> i64 {
    interval.nanoseconds / 1000
}

pub(crate) fn negated(interval: IntervalMonthDayNano) -> Result<IntervalMonthDayNano> {
    let parts = (interval.months.checked_neg(), interval.days.checked_neg(), interval.nanoseconds.checked_neg());
    match parts {
        (Some(months), Some(days), Some(nanoseconds)) => Ok(IntervalMonthDayNano::new(months, days, nanoseconds)),
        _ => Err(fault::interval_out_of_range()),
    }
}

pub(crate) fn add_to_timestamp(timestamp: i64, interval: IntervalMonthDayNano) -> Result<i64> {
    let days = i64::from(interval.days) * DAY;
    add_months(timestamp, i64::from(interval.months))?
        .checked_add(days)
        .and_then(|t| t.checked_add(microseconds(interval)))
        .ok_or_else(fault::timestamp_out_of_range)
}

/// Whole days and the rest, of one sign, as PostgreSQL's subtraction of timestamps gives them.
pub(crate) fn difference(left: i64, right: i64) -> Result<IntervalMonthDayNano> {
    let span = left.checked_sub(right).ok_or_else(fault::interval_out_of_range)?;
    interval(0, span / DAY, span % DAY)
}

fn scaled(value: IntervalMonthDayNano, factor: f64) -> Result<IntervalMonthDayNano> {
    let in_range = |v: f64, limit: f64| {
        if v.is_finite() && v.abs() <= limit { Ok(v) } else { Err(fault::interval_out_of_range()) }
    };
    // PostgreSQL's cascade: fractions of a month become days, fractions of a day become microseconds.
    let months = in_range(f64::from(value.months) * factor, f64::from(i32::MAX))?;
    let days = in_range(f64::from(value.days) * factor, f64::from(i32::MAX))?;
    let month_days = rounded_to_microseconds((months - months.trunc()) * 30.0);
    let mut seconds = rounded_to_microseconds((days - days.trunc() + month_days - month_days.trunc()) * 86_400.0);
    let mut whole_days = days.trunc() + month_days.trunc();
    if seconds.abs() >= 86_400.0 {
        whole_days += (seconds / 86_400.0).trunc();
        seconds -= (seconds / 86_400.0).trunc() * 86_400.0;
    }
    let time = (microseconds(value) as f64 * factor + seconds * 1e6).round_ties_even();
    let time = in_range(time, 9.2e15)?;
    interval(months.trunc() as i64, whole_days as i64, time as i64)
}

/// The interval that lies `rest` of the way from one to another.
pub(crate) fn lerp(low: IntervalMonthDayNano, high: IntervalMonthDayNano, rest: f64) -> Result<IntervalMonthDayNano> {
    if rest == 0.0 {
        return Ok(low);
    }
    let sum = |a: IntervalMonthDayNano, b: IntervalMonthDayNano| {
        let months = i64::from(a.months) + i64::from(b.months);
        interval(months, i64::from(a.days) + i64::from(b.days), microseconds(a) + microseconds(b))
    };
    sum(scaled(sum(high, negated(low)?)?, rest)?, low)
}

fn rounded_to_microseconds(value: f64) -> f64 {
    (value * 1e6).round_ties_even() / 1e6
}

type Interval = IntervalMonthDayNanoType;

/// The operation on two operands of these types; the binder has checked that it exists.
pub(crate) fn arithmetic(
    operator: BinaryOp,
    types: (DataType, DataType),
    args: &[Value],
    result: DataType,
) -> Result<Value> {
    use DataType as T;
    let minus = operator == BinaryOp::Subtract;
    let flipped = [args[1].clone(), args[0].clone()];
    match types {
        (T::Interval, T::Timestamp | T::Timestamptz | T::Date) | (T::Double, T::Interval) | (T::Integer, T::Date) => {
            arithmetic(operator, (types.1, types.0), &flipped, result)
        }
        (T::Timestamp | T::Timestamptz, T::Interval) => {
            let (a, b) = (args[0].column::<TimestampMicrosecondType>()?, args[1].column::<Interval>()?);
            build::<TimestampMicrosecondType>(args, result, |i| {
                let by = if minus { negated(b.at(i))? } else { b.at(i) };
                add_to_timestamp(a.at(i), by)
            })
        }
        (T::Date, T::Interval) => {
            let (a, b) = (args[0].column::<Date32Type>()?, args[1].column::<Interval>()?);
            build::<TimestampMicrosecondType>(args, result, |i| {
                let by = if minus { negated(b.at(i))? } else { b.at(i) };
                add_to_timestamp(i64::from(a.at(i)) * DAY, by)
            })
        }
        (T::Time, T::Interval) => {
            let (a, b) = (args[0].column::<Time64MicrosecondType>()?, args[1].column::<Interval>()?);
            build::<Time64MicrosecondType>(args, result, |i| {
                let by = microseconds(b.at(i)) % DAY;
                Ok((a.at(i) + if minus { -by } else { by }).rem_euclid(DAY))
            })
        }
        (T::Timestamp | T::Timestamptz, T::Timestamp | T::Timestamptz) => {
            let a = args[0].column::<TimestampMicrosecondType>()?;
            let b = args[1].column::<TimestampMicrosecondType>()?;
            build::<Interval>(args, result, |i| difference(a.at(i), b.at(i)))
        }
        (T::Time, T::Time) => {
            let (a, b) = (args[0].column::<Time64MicrosecondType>()?, args[1].column::<Time64MicrosecondType>()?);
            build::<Interval>(args, result, |i| interval(0, 0, a.at(i) - b.at(i)))
        }
        (T::Date, T::Date) => {
            let (a, b) = (args[0].column::<Date32Type>()?, args[1].column::<Date32Type>()?);
            build::<Int32Type>(args, result, |i| {
                a.at(i).checked_sub(b.at(i)).ok_or_else(|| fault::out_of_range(T::Integer))
            })
        }
        (T::Date, T::Integer) => {
            let (a, b) = (args[0].column::<Date32Type>()?, args[1].column::<Int32Type>()?);
            build::<Date32Type>(args, result, |i| {
                let sum = if minus { a.at(i).checked_sub(b.at(i)) } else { a.at(i).checked_add(b.at(i)) };
                sum.ok_or_else(fault::date_out_of_range)
            })
        }
        (T::Interval, T::Interval) => {
            let (a, b) = (args[0].column::<Interval>()?, args[1].column::<Interval>()?);
            build::<Interval>(args, result, |i| {
                let by = if minus { negated(b.at(i))? } else { b.at(i) };
                let months = i64::from(a.at(i).months) + i64::from(by.months);
                let days = i64::from(a.at(i).days) + i64::from(by.days);
                interval(months, days, microseconds(a.at(i)) + microseconds(by))
            })
        }
        (T::Interval, T::Double) => {
            let (a, b) = (args[0].column::<Interval>()?, args[1].column::<Float64Type>()?);
            build::<Interval>(args, result, |i| match operator {
                BinaryOp::Divide if b.at(i) == 0.0 => Err(fault::division_by_zero()),
                BinaryOp::Divide => scaled(a.at(i), 1.0 / b.at(i)),
                _ => scaled(a.at(i), b.at(i)),
            })
        }
        (left, right) => Err(Error::internal(format!("{operator:?} of {left} and {right}"))),
    }
}

pub(crate) fn negate(arg: &Value) -> Result<Value> {
    let column = arg.column::<Interval>()?;
    build::<Interval>(std::slice::from_ref(arg), DataType::Interval, |i| negated(column.at(i)))
}

/// A time of day, however many days it lies from midnight.
pub(crate) fn time_of_day(value: i64) -> i64 {
    split(value).1
}

/// Hours, minutes, and microseconds of the minute, of a span that is not negative.
pub(crate) fn clock(time: i64) -> (i64, i64, i64) {
    (time / HOUR, time % HOUR / 60_000_000, time % 60_000_000)
}
