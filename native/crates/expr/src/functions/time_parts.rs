//! Times and intervals made of parts, brought to another form, or asked about.

use arrow_array::types::{
    Float64Type, Int32Type, IntervalMonthDayNano, IntervalMonthDayNanoType, Time64MicrosecondType,
    TimestampMicrosecondType,
};
use millrace_base::{Code, Error, Result};
use millrace_plan::{DataType, Volatility};

use crate::calendar::{DAY, HOUR, MINUTE};
use crate::fault;
use crate::interval::{interval, microseconds};
use crate::node::Call;
use crate::registry::{DATE, DOUBLE, Entry, INTEGER, INTERVAL, TEXT, TIME, TIMESTAMP, TIMESTAMPTZ, entry, gives, like};
use crate::value::{Value, build, build_bool};

pub(crate) fn table() -> Vec<Entry> {
    let span = || gives(DataType::Interval);
    let mut table = vec![
        entry("make_time", &[INTEGER, INTEGER, DOUBLE], gives(DataType::Time), make_time),
        entry("justify_days", &[INTERVAL], span(), |a, _| {
            justify(a, |months, days, us| {
                let (months, days) = carried(months, days, 30);
                (months, days, us)
            })
        }),
        entry("justify_interval", &[INTERVAL], span(), |a, _| justify(a, justified)),
        entry("date_trunc", &[TEXT, TIMESTAMPTZ, TEXT], like(1), super::time::truncate_in_zone),
        entry("timezone", &[INTERVAL, TIMESTAMPTZ], gives(DataType::Timestamp), |a, c| offset(a, c, 1)),
        entry("timezone", &[INTERVAL, TIMESTAMP], gives(DataType::Timestamptz), |a, c| offset(a, c, -1)),
        entry("clock_timestamp", &[], gives(DataType::Timestamptz), super::time::now)
            .infallible()
            .volatility(Volatility::Volatile),
    ];
    let parts = [INTEGER, INTEGER, INTEGER, INTEGER, INTEGER, INTEGER, DOUBLE];
    for arity in 0..=7 {
        table.push(entry("make_interval", &parts[..arity], span(), make_interval));
    }
    for kind in [DATE, TIMESTAMP, TIMESTAMPTZ, INTERVAL, TIME] {
        // No value is infinite here.
        table.push(
            entry("isfinite", &[kind], gives(DataType::Boolean), |a, _| build_bool(a, |_| Ok(true))).infallible(),
        );
    }
    table
}

fn make_time(args: &[Value], _: &Call) -> Result<Value> {
    let (hours, minutes) = (args[0].column::<Int32Type>()?, args[1].column::<Int32Type>()?);
    let seconds = args[2].column::<Float64Type>()?;
    build::<Time64MicrosecondType>(args, DataType::Time, |i| {
        let (h, m, s) = (i64::from(hours.at(i)), i64::from(minutes.at(i)), seconds.at(i));
        let us = (s * 1e6).round_ties_even() as i64;
        let time = h * HOUR + m * MINUTE + us;
        if !(0..=24).contains(&h) || !(0..60).contains(&m) || !(0.0..=60.0).contains(&s) || time > DAY {
            let message = format!("time field value out of range: {h}:{m:02}:{s:02}");
            return Err(Error::new(Code::DatetimeFieldOverflow, message));
        }
        Ok(time)
    })
}

fn make_interval(args: &[Value], call: &Call) -> Result<Value> {
    let whole = |which: usize, i: usize| -> Result<i64> {
        args.get(which).map_or(Ok(0), |value| Ok(value.column::<Int32Type>()?.at(i).into()))
    };
    let made = |i: usize| -> Result<IntervalMonthDayNano> {
        let seconds = args.get(6).map_or(Ok(0.0), |value| value.column::<Float64Type>().map(|c| c.at(i)))?;
        let us = (seconds * 1e6).round_ties_even();
        if !us.is_finite() || us.abs() > 9e18 {
            return Err(fault::interval_out_of_range());
        }
        let time = whole(4, i)? * HOUR + whole(5, i)? * MINUTE + us as i64;
        interval(whole(0, i)? * 12 + whole(1, i)?, whole(2, i)? * 7 + whole(3, i)?, time)
    };
    if args.is_empty() {
        let none = arrow_array::IntervalMonthDayNanoArray::from(vec![made(0)?]);
        return Ok(Value::scalar(std::sync::Arc::new(none)));
    }
    build::<IntervalMonthDayNanoType>(args, call.result, made)
}

fn justify(args: &[Value], f: impl Fn(i64, i64, i64) -> (i64, i64, i64)) -> Result<Value> {
    let x = args[0].column::<IntervalMonthDayNanoType>()?;
    build::<IntervalMonthDayNanoType>(args, DataType::Interval, |i| {
        let value = x.at(i);
        let (months, days, us) = f(value.months.into(), value.days.into(), microseconds(value));
        interval(months, days, us)
    })
}

/// Whole units of the small one carried over, with one sign for both.
fn carried(large: i64, small: i64, unit: i64) -> (i64, i64) {
    let (large, small) = (large + small / unit, small % unit);
    match (large.signum(), small.signum()) {
        (1, -1) => (large - 1, small + unit),
        (-1, 1) => (large + 1, small - unit),
        _ => (large, small),
    }
}

/// PostgreSQL's steps: time into days, days into months, then one sign for all three.
fn justified(months: i64, days: i64, us: i64) -> (i64, i64, i64) {
    let (mut days, mut us) = (days + us / DAY, us % DAY);
    let mut months = months + days / 30;
    days %= 30;
    if months > 0 && (days < 0 || (days == 0 && us < 0)) {
        (months, days) = (months - 1, days + 30);
    } else if months < 0 && (days > 0 || (days == 0 && us > 0)) {
        (months, days) = (months + 1, days - 30);
    }
    if days > 0 && us < 0 {
        (days, us) = (days - 1, us + DAY);
    } else if days < 0 && us > 0 {
        (days, us) = (days + 1, us - DAY);
    }
    (months, days, us)
}

/// AT TIME ZONE INTERVAL: `sign` is 1 towards local time.
fn offset(args: &[Value], call: &Call, sign: i64) -> Result<Value> {
    let (zones, times) = (args[0].column::<IntervalMonthDayNanoType>()?, args[1].column::<TimestampMicrosecondType>()?);
    build::<TimestampMicrosecondType>(args, call.result, |i| {
        let zone = zones.at(i);
        if zone.months != 0 || zone.days != 0 {
            return Err(fault::parameter("interval time zone must not include months or days"));
        }
        times.at(i).checked_add(sign * microseconds(zone)).ok_or_else(fault::timestamp_out_of_range)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_are_made_one() {
        assert_eq!(justified(1, 0, -HOUR), (0, 29, 23 * HOUR));
        assert_eq!(justified(0, 35, 25 * HOUR), (1, 6, HOUR));
        assert_eq!(carried(1, -1, 30), (0, 29));
    }
}
