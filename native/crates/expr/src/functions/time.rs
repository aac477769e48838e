//! Functions of dates and times. EXTRACT is bound to `date_part`, AT TIME ZONE to `timezone`, CURRENT_TIMESTAMP and
//! its kin to `now` and casts of it.

use std::sync::Arc;

use arrow_array::TimestampMicrosecondArray;
use arrow_array::types::{
    Date32Type, Float64Type, Int32Type, IntervalMonthDayNano, IntervalMonthDayNanoType, Time64MicrosecondType,
    TimestampMicrosecondType,
};
use millrace_base::{Code, Error, Result};
use millrace_plan::{DataType, Volatility};

use crate::calendar::{
    DAY, HOUR, MINUTE, SECOND, checked_days, date_of, day_of_year, days_of, iso_week, join, split, weekday,
};
use crate::fault;
use crate::interval::{clock, difference, interval, microseconds};
use crate::node::Call;
use crate::parse::{find_zone, from_utc, to_utc};
use crate::registry::{DATE, DOUBLE, Entry, INTEGER, INTERVAL, TEXT, TIME, TIMESTAMP, TIMESTAMPTZ, entry, gives, like};
use crate::value::{Texts, Value, build};

pub(crate) fn table() -> Vec<Entry> {
    let double = || gives(DataType::Double);
    let timestamp = || gives(DataType::Timestamp);
    vec![
        entry("now", &[], gives(DataType::Timestamptz), now).infallible().volatility(Volatility::Stable),
        entry("date_trunc", &[TEXT, TIMESTAMP], like(1), truncate),
        entry("date_trunc", &[TEXT, TIMESTAMPTZ], like(1), truncate),
        entry("date_trunc", &[TEXT, INTERVAL], like(1), |a, _| truncate_interval(a)),
        entry("date_part", &[TEXT, TIMESTAMP], double(), |a, _| part_of_timestamp(a)),
        entry("date_part", &[TEXT, TIMESTAMPTZ], double(), |a, _| part_of_timestamp(a)),
        entry("date_part", &[TEXT, DATE], double(), |a, _| part_of_date(a)),
        entry("date_part", &[TEXT, TIME], double(), |a, _| part_of_time(a)),
        entry("date_part", &[TEXT, INTERVAL], double(), |a, _| part_of_interval(a)),
        entry("date_bin", &[INTERVAL, TIMESTAMP, TIMESTAMP], like(1), bin),
        entry("date_bin", &[INTERVAL, TIMESTAMPTZ, TIMESTAMPTZ], like(1), bin),
        entry("make_date", &[INTEGER; 3], gives(DataType::Date), |a, _| make_date(a)),
        entry("make_timestamp", &[INTEGER, INTEGER, INTEGER, INTEGER, INTEGER, DOUBLE], timestamp(), make_timestamp),
        entry("to_timestamp", &[DOUBLE], gives(DataType::Timestamptz), from_seconds),
        entry("timezone", &[TEXT, TIMESTAMPTZ], timestamp(), |a, c| zone(a, c, from_utc)),
        entry("timezone", &[TEXT, TIMESTAMP], gives(DataType::Timestamptz), |a, c| zone(a, c, to_utc)),
        entry("age", &[TIMESTAMP, TIMESTAMP], gives(DataType::Interval), |a, _| age(a)),
        entry("age", &[TIMESTAMPTZ, TIMESTAMPTZ], gives(DataType::Interval), |a, _| age(a)),
        entry("justify_hours", &[INTERVAL], gives(DataType::Interval), |a, _| justify_hours(a)),
    ]
}

pub(super) fn now(_: &[Value], call: &Call) -> Result<Value> {
    let array = TimestampMicrosecondArray::from(vec![call.now_us]).with_data_type(call.result.to_arrow());
    Ok(Value::scalar(Arc::new(array)))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Microseconds,
    Milliseconds,
    Second,
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Quarter,
    Year,
    Decade,
    Century,
    Millennium,
    DayOfWeek,
    IsoDayOfWeek,
    DayOfYear,
    IsoYear,
    Epoch,
    Julian,
}

fn unit(name: &str) -> Option<Unit> {
    Some(match name.to_ascii_lowercase().as_str() {
        "microsecond" | "microseconds" | "us" | "usec" => Unit::Microseconds,
        "millisecond" | "milliseconds" | "ms" | "msec" => Unit::Milliseconds,
        "second" | "seconds" | "sec" | "s" => Unit::Second,
        "minute" | "minutes" | "min" | "m" => Unit::Minute,
        "hour" | "hours" | "h" => Unit::Hour,
        "day" | "days" | "d" => Unit::Day,
        "week" | "weeks" | "w" => Unit::Week,
        "month" | "months" | "mon" => Unit::Month,
        "quarter" | "qtr" => Unit::Quarter,
        "year" | "years" | "y" => Unit::Year,
        "decade" | "decades" => Unit::Decade,
        "century" | "centuries" | "c" => Unit::Century,
        "millennium" | "millennia" => Unit::Millennium,
        "dow" => Unit::DayOfWeek,
        "isodow" => Unit::IsoDayOfWeek,
        "doy" => Unit::DayOfYear,
        "isoyear" => Unit::IsoYear,
        "epoch" => Unit::Epoch,
        "julian" => Unit::Julian,
        _ => return None,
    })
}

fn unknown_unit(name: &str, kind: DataType) -> Error {
    fault::parameter(format!("unit \"{name}\" not recognized for type {kind}"))
}

fn unsupported_unit(name: &str, kind: DataType) -> Error {
    Error::new(Code::FeatureNotSupported, format!("unit \"{name}\" not supported for type {kind}"))
}

/// Reads each row's unit, once when it is constant.
struct Units<'a> {
    constant: Option<Unit>,
    names: Texts<'a>,
    kind: DataType,
}

impl<'a> Units<'a> {
    fn new(names: &'a Value, kind: DataType) -> Result<Self> {
        let names = names.texts()?;
        let constant = names.constant().map(|n| unit(n).ok_or_else(|| unknown_unit(n, kind))).transpose()?;
        Ok(Self { constant, names, kind })
    }

    fn at(&self, row: usize) -> Result<Unit> {
        match self.constant {
            Some(unit) => Ok(unit),
            None => unit(self.names.at(row)).ok_or_else(|| unknown_unit(self.names.at(row), self.kind)),
        }
    }
}

fn truncate(args: &[Value], call: &Call) -> Result<Value> {
    let units = Units::new(&args[0], call.result)?;
    let times = args[1].column::<TimestampMicrosecondType>()?;
    build::<TimestampMicrosecondType>(args, call.result, |i| truncated(times.at(i), &units, i, call.result))
}

/// By the clock of a zone.
pub(super) fn truncate_in_zone(args: &[Value], call: &Call) -> Result<Value> {
    let units = Units::new(&args[0], call.result)?;
    let (times, zones) = (args[1].column::<TimestampMicrosecondType>()?, args[2].texts()?);
    build::<TimestampMicrosecondType>(args, call.result, |i| {
        let name = zones.at(i);
        let unknown = || fault::parameter(format!("time zone \"{name}\" not recognized"));
        let zone = find_zone(name).ok_or_else(unknown)?;
        let local = from_utc(zone, times.at(i)).ok_or_else(fault::timestamp_out_of_range)?;
        let local = truncated(local, &units, i, call.result)?;
        to_utc(zone, local).ok_or_else(fault::timestamp_out_of_range)
    })
}

fn truncated(time: i64, units: &Units<'_>, row: usize, kind: DataType) -> Result<i64> {
    let step = match units.at(row)? {
        Unit::Microseconds => 1,
        Unit::Milliseconds => 1000,
        Unit::Second => SECOND,
        Unit::Minute => MINUTE,
        Unit::Hour => HOUR,
        Unit::Day => DAY,
        unit => {
            let days = split(time).0;
            return truncate_days(days, unit)
                .ok_or_else(|| unsupported_unit(units.names.at(row), kind))
                .and_then(|days| join(days, 0));
        }
    };
    Ok(time - time.rem_euclid(step))
}

fn truncate_days(days: i64, unit: Unit) -> Option<i64> {
    let date = date_of(days);
    // The first century and millennium begin with year 1, the decades with years divisible by 10.
    let since_one = |span: i64| (date.year - 1).div_euclid(span) * span + 1;
    Some(match unit {
        Unit::Week => days - (weekday(days) + 6) % 7,
        Unit::Month => days_of(date.year, date.month, 1),
        Unit::Quarter => days_of(date.year, (date.month - 1) / 3 * 3 + 1, 1),
        Unit::Year => days_of(date.year, 1, 1),
        Unit::Decade => days_of(date.year.div_euclid(10) * 10, 1, 1),
        Unit::Century => days_of(since_one(100), 1, 1),
        Unit::Millennium => days_of(since_one(1000), 1, 1),
        _ => return None,
    })
}

fn truncate_interval(args: &[Value]) -> Result<Value> {
    let units = Units::new(&args[0], DataType::Interval)?;
    let values = args[1].column::<IntervalMonthDayNanoType>()?;
    build::<IntervalMonthDayNanoType>(args, DataType::Interval, |i| {
        let value = values.at(i);
        let (months, days, time) = (i64::from(value.months), i64::from(value.days), microseconds(value));
        let to_months = |span: i64| interval(months / span * span, 0, 0);
        let to_time = |span: i64| interval(months, days, time / span * span);
        match units.at(i)? {
            Unit::Microseconds => Ok(value),
            Unit::Milliseconds => to_time(1000),
            Unit::Second => to_time(SECOND),
            Unit::Minute => to_time(MINUTE),
            Unit::Hour => to_time(HOUR),
            Unit::Day => interval(months, days, 0),
            Unit::Month => to_months(1),
            Unit::Quarter => to_months(3),
            Unit::Year => to_months(12),
            Unit::Decade => to_months(120),
            Unit::Century => to_months(1200),
            Unit::Millennium => to_months(12_000),
            _ => Err(unsupported_unit(units.names.at(i), DataType::Interval)),
        }
    })
}

fn part_of_timestamp(args: &[Value]) -> Result<Value> {
    let units = Units::new(&args[0], DataType::Timestamp)?;
    let times = args[1].column::<TimestampMicrosecondType>()?;
    build::<Float64Type>(args, DataType::Double, |i| {
        let (days, time) = split(times.at(i));
        Ok(match units.at(i)? {
            Unit::Epoch => times.at(i) as f64 / 1e6,
            Unit::Julian => (days + 2_440_588) as f64 + time as f64 / DAY as f64,
            unit => clock_part(time, unit)
                .or_else(|| date_part(days, unit))
                .ok_or_else(|| unsupported_unit(units.names.at(i), DataType::Timestamp))?,
        })
    })
}

fn part_of_date(args: &[Value]) -> Result<Value> {
    let units = Units::new(&args[0], DataType::Date)?;
    let dates = args[1].column::<Date32Type>()?;
    build::<Float64Type>(args, DataType::Double, |i| {
        let days = i64::from(dates.at(i));
        match units.at(i)? {
            Unit::Epoch => Ok((days * 86_400) as f64),
            Unit::Julian => Ok((days + 2_440_588) as f64),
            unit => date_part(days, unit).ok_or_else(|| unsupported_unit(units.names.at(i), DataType::Date)),
        }
    })
}

fn part_of_time(args: &[Value]) -> Result<Value> {
    let units = Units::new(&args[0], DataType::Time)?;
    let times = args[1].column::<Time64MicrosecondType>()?;
    build::<Float64Type>(args, DataType::Double, |i| match units.at(i)? {
        Unit::Epoch => Ok(times.at(i) as f64 / 1e6),
        unit => clock_part(times.at(i), unit).ok_or_else(|| unsupported_unit(units.names.at(i), DataType::Time)),
    })
}

fn clock_part(time: i64, unit: Unit) -> Option<f64> {
    let (hours, minutes, rest) = clock(time);
    Some(match unit {
        Unit::Microseconds => rest as f64,
        Unit::Milliseconds => rest as f64 / 1e3,
        Unit::Second => rest as f64 / 1e6,
        Unit::Minute => minutes as f64,
        Unit::Hour => hours as f64,
        _ => return None,
    })
}

fn date_part(days: i64, unit: Unit) -> Option<f64> {
    let date = date_of(days);
    // There is no year 0: year 0 of the calendar is 1 BC, which PostgreSQL writes as -1.
    let year = if date.year > 0 { date.year } else { date.year - 1 };
    let period = |span: i64| {
        if date.year > 0 { (date.year + span - 1) / span } else { -((span - date.year) / span) }
    };
    let part = match unit {
        Unit::Day => date.day,
        Unit::Month => date.month,
        Unit::Quarter => (date.month - 1) / 3 + 1,
        Unit::Year => year,
        Unit::Decade => date.year.div_euclid(10),
        Unit::Century => period(100),
        Unit::Millennium => period(1000),
        Unit::Week => iso_week(days).1,
        Unit::IsoYear => iso_week(days).0,
        Unit::DayOfWeek => weekday(days),
        Unit::IsoDayOfWeek => (weekday(days) + 6) % 7 + 1,
        Unit::DayOfYear => day_of_year(days),
        _ => return None,
    };
    Some(part as f64)
}

fn part_of_interval(args: &[Value]) -> Result<Value> {
    let units = Units::new(&args[0], DataType::Interval)?;
    let values = args[1].column::<IntervalMonthDayNanoType>()?;
    build::<Float64Type>(args, DataType::Double, |i| {
        let value = values.at(i);
        let (months, time) = (value.months, microseconds(value));
        let rest = time % MINUTE;
        Ok(match units.at(i)? {
            Unit::Microseconds => rest as f64,
            Unit::Milliseconds => rest as f64 / 1e3,
            Unit::Second => rest as f64 / 1e6,
            Unit::Minute => (time % HOUR / MINUTE) as f64,
            Unit::Hour => (time / HOUR) as f64,
            Unit::Day => f64::from(value.days),
            Unit::Month => f64::from(months % 12),
            Unit::Quarter => f64::from(months % 12 / 3 + 1),
            Unit::Year => f64::from(months / 12),
            Unit::Decade => f64::from(months / 120),
            Unit::Century => f64::from(months / 1200),
            Unit::Millennium => f64::from(months / 12_000),
            // A year has 365.25 days here, a month 30, a day 24 hours.
            Unit::Epoch => {
                let days = f64::from(months / 12) * 365.25 + f64::from(months % 12) * 30.0 + f64::from(value.days);
                days * 86_400.0 + time as f64 / 1e6
            }
            _ => return Err(unsupported_unit(units.names.at(i), DataType::Interval)),
        })
    })
}

/// The beginning of the stride that holds the time, counted from the origin.
fn bin(args: &[Value], call: &Call) -> Result<Value> {
    let strides = args[0].column::<IntervalMonthDayNanoType>()?;
    let times = args[1].column::<TimestampMicrosecondType>()?;
    let origins = args[2].column::<TimestampMicrosecondType>()?;
    build::<TimestampMicrosecondType>(args, call.result, |i| {
        let stride = strides.at(i);
        if stride.months != 0 {
            let message = "timestamps cannot be binned into intervals containing months or years";
            return Err(Error::new(Code::FeatureNotSupported, message));
        }
        let span = (i64::from(stride.days) * DAY)
            .checked_add(microseconds(stride))
            .ok_or_else(fault::interval_out_of_range)?;
        if span <= 0 {
            return Err(Error::new(Code::DatetimeFieldOverflow, "stride must be greater than zero"));
        }
        let since = times.at(i).checked_sub(origins.at(i)).ok_or_else(fault::interval_out_of_range)?;
        times.at(i).checked_sub(since.rem_euclid(span)).ok_or_else(fault::timestamp_out_of_range)
    })
}

fn make_date(args: &[Value]) -> Result<Value> {
    let (years, months) = (args[0].column::<Int32Type>()?, args[1].column::<Int32Type>()?);
    let days = args[2].column::<Int32Type>()?;
    build::<Date32Type>(args, DataType::Date, |i| {
        field_date(years.at(i), months.at(i), days.at(i)).map(|days| days as i32)
    })
}

/// A negative year is BC.
fn field_date(year: i32, month: i32, day: i32) -> Result<i64> {
    let wrong = || {
        Error::new(Code::DatetimeFieldOverflow, format!("date field value out of range: {year}-{month:02}-{day:02}"))
    };
    let calendar = if year < 0 { i64::from(year) + 1 } else { i64::from(year) };
    if year == 0 {
        return Err(wrong());
    }
    checked_days(calendar, i64::from(month), i64::from(day)).ok_or_else(wrong)
}

fn make_timestamp(args: &[Value], call: &Call) -> Result<Value> {
    let fields: Vec<_> = args[..5].iter().map(Value::column::<Int32Type>).collect::<Result<_>>()?;
    let seconds = args[5].column::<Float64Type>()?;
    build::<TimestampMicrosecondType>(args, call.result, |i| {
        let days = field_date(fields[0].at(i), fields[1].at(i), fields[2].at(i))?;
        let (hour, minute, second) = (fields[3].at(i), fields[4].at(i), seconds.at(i));
        if !(0..24).contains(&hour) || !(0..60).contains(&minute) || !(0.0..=60.0).contains(&second) {
            let message = format!("time field value out of range: {hour}:{minute:02}:{second}");
            return Err(Error::new(Code::DatetimeFieldOverflow, message));
        }
        let time = i64::from(hour) * HOUR + i64::from(minute) * MINUTE + (second * 1e6).round_ties_even() as i64;
        join(days, time)
    })
}

fn from_seconds(args: &[Value], call: &Call) -> Result<Value> {
    let seconds = args[0].column::<Float64Type>()?;
    build::<TimestampMicrosecondType>(args, call.result, |i| {
        let micros = (seconds.at(i) * 1e6).round_ties_even();
        if micros.abs() < 9.2e18 { Ok(micros as i64) } else { Err(fault::timestamp_out_of_range()) }
    })
}

fn zone(args: &[Value], call: &Call, shift: fn(chrono_tz::Tz, i64) -> Option<i64>) -> Result<Value> {
    let (names, times) = (args[0].texts()?, args[1].column::<TimestampMicrosecondType>()?);
    let read = |name: &str| -> Result<chrono_tz::Tz> {
        find_zone(name).ok_or_else(|| fault::parameter(format!("time zone \"{name}\" not recognized")))
    };
    let constant = names.constant().map(read).transpose()?;
    build::<TimestampMicrosecondType>(args, call.result, |i| {
        let zone = constant.map_or_else(|| read(names.at(i)), Ok)?;
        shift(zone, times.at(i)).ok_or_else(fault::timestamp_out_of_range)
    })
}

/// Years, months, days and time between two timestamps, counted on the calendar.
fn age(args: &[Value]) -> Result<Value> {
    let a = args[0].column::<TimestampMicrosecondType>()?;
    let b = args[1].column::<TimestampMicrosecondType>()?;
    build::<IntervalMonthDayNanoType>(args, DataType::Interval, |i| calendar_difference(a.at(i), b.at(i)))
}

fn calendar_difference(left: i64, right: i64) -> Result<IntervalMonthDayNano> {
    if left < right {
        return crate::interval::negated(calendar_difference(right, left)?);
    }
    let ((late_days, late_time), (early_days, early_time)) = (split(left), split(right));
    let (late, early) = (date_of(late_days), date_of(early_days));
    let mut time = late_time - early_time;
    let mut days = late.day - early.day;
    let mut months = (late.year - early.year) * 12 + late.month - early.month;
    if time < 0 {
        time += DAY;
        days -= 1;
    }
    if days < 0 {
        // The borrowed month is the earlier date's, as in PostgreSQL.
        days += crate::calendar::days_in_month(early.year, early.month);
        months -= 1;
    }
    interval(months, days, time)
}

fn justify_hours(args: &[Value]) -> Result<Value> {
    let values = args[0].column::<IntervalMonthDayNanoType>()?;
    build::<IntervalMonthDayNanoType>(args, DataType::Interval, |i| {
        let value = values.at(i);
        let spans = difference(microseconds(value), 0)?;
        let (mut days, mut time) = (i64::from(value.days) + i64::from(spans.days), microseconds(spans));
        if days > 0 && time < 0 {
            time += DAY;
            days -= 1;
        } else if days < 0 && time > 0 {
            time -= DAY;
            days += 1;
        }
        interval(i64::from(value.months), days, time)
    })
}
