//! Days and microseconds since 1970-01-01 as calendar fields, in plain integer arithmetic: a chrono value a row
//! would cost more than the work itself. The algorithms are Howard Hinnant's "chrono-compatible low-level date
//! algorithms"; the calendar is the proleptic Gregorian one.

use millrace_base::Result;

use crate::fault;

pub(crate) const SECOND: i64 = 1_000_000;
pub(crate) const MINUTE: i64 = 60 * SECOND;
pub(crate) const HOUR: i64 = 60 * MINUTE;
pub(crate) const DAY: i64 = 24 * HOUR;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Date {
    pub year: i64,
    /// 1 to 12.
    pub month: i64,
    /// 1 to 31.
    pub day: i64,
}

pub(crate) fn date_of(days: i64) -> Date {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    Date { year: yoe + era * 400 + i64::from(month <= 2), month, day: doy - (153 * mp + 2) / 5 + 1 }
}

pub(crate) fn days_of(year: i64, month: i64, day: i64) -> i64 {
    let y = if month <= 2 { year - 1 } else { year };
    let era = y.div_euclid(400);
    let yoe = y.rem_euclid(400);
    let doy = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    era * 146_097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719_468
}

pub(crate) fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// The days of a date that exists.
pub(crate) fn checked_days(year: i64, month: i64, day: i64) -> Option<i64> {
    let fits = (-4712..=294_276).contains(&year)
        && (1..=12).contains(&month)
        && (1..=days_in_month(year, month)).contains(&day);
    fits.then(|| days_of(year, month, day))
}

/// Days and the microseconds of that day.
pub(crate) fn split(timestamp: i64) -> (i64, i64) {
    (timestamp.div_euclid(DAY), timestamp.rem_euclid(DAY))
}

/// The timestamp some months later; a day that the month lacks becomes its last.
pub(crate) fn add_months(timestamp: i64, months: i64) -> Result<i64> {
    if months == 0 {
        return Ok(timestamp);
    }
    let (days, time) = split(timestamp);
    let date = date_of(days);
    let total = date.year * 12 + date.month - 1 + months;
    let (year, month) = (total.div_euclid(12), total.rem_euclid(12) + 1);
    let day = date.day.min(days_in_month(year, month));
    join(checked_days(year, month, day).ok_or_else(fault::timestamp_out_of_range)?, time)
}

pub(crate) fn join(days: i64, time: i64) -> Result<i64> {
    days.checked_mul(DAY).and_then(|d| d.checked_add(time)).ok_or_else(fault::timestamp_out_of_range)
}

/// 0 is Sunday.
pub(crate) fn weekday(days: i64) -> i64 {
    (days + 4).rem_euclid(7)
}

pub(crate) fn day_of_year(days: i64) -> i64 {
    days - days_of(date_of(days).year, 1, 1) + 1
}

/// The ISO 8601 year and week: weeks begin on Monday, week 1 holds January 4th.
pub(crate) fn iso_week(days: i64) -> (i64, i64) {
    // The Thursday of the week decides its year.
    let thursday = days - (weekday(days) + 6) % 7 + 3;
    let year = date_of(thursday).year;
    (year, (thursday - days_of(year, 1, 1)) / 7 + 1)
}
