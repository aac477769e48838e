//! Dates, times, timestamps and intervals from text: ISO 8601 and the common forms of PostgreSQL. `Err(Unreadable)`
//! tells apart what is no date at all (22007) from a field that is out of range (22008).

use chrono::{LocalResult, NaiveDate, TimeZone};

use crate::calendar::{DAY, HOUR, MINUTE, SECOND, checked_days, split};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unreadable {
    Syntax,
    Range,
}

type Read<T> = Result<T, Unreadable>;

const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// A timestamp and the offset of its zone from UTC, if the text has one.
struct Instant {
    local: i64,
    offset: Option<i64>,
}

pub(crate) fn date(text: &str) -> Read<i32> {
    let instant = instant(text)?;
    Ok(split(instant.local).0 as i32)
}

/// The zone of the text, if any, is ignored, as in PostgreSQL.
pub(crate) fn timestamp(text: &str) -> Read<i64> {
    Ok(instant(text)?.local)
}

/// Without a zone the text is in UTC.
pub(crate) fn timestamptz(text: &str) -> Read<i64> {
    let instant = instant(text)?;
    instant.local.checked_sub(instant.offset.unwrap_or(0)).ok_or(Unreadable::Range)
}

pub(crate) fn time(text: &str) -> Read<i64> {
    let text = text.trim();
    let (clock, _) = clock_and_zone(text, 0)?;
    if clock == DAY { Ok(0) } else { Ok(clock) }
}

fn instant(text: &str) -> Read<Instant> {
    let text = text.trim();
    if text.eq_ignore_ascii_case("epoch") {
        return Ok(Instant { local: 0, offset: None });
    }
    let (date, rest) = calendar_date(text)?;
    let rest = rest.strip_prefix(['T', 't']).unwrap_or(rest).trim_start();
    if rest.is_empty() {
        return Ok(Instant { local: date * DAY, offset: None });
    }
    let (clock, offset) = clock_and_zone(rest, date)?;
    let local = date.checked_mul(DAY).and_then(|d| d.checked_add(clock)).ok_or(Unreadable::Range)?;
    Ok(Instant { local, offset })
}

/// Takes the digits at the front.
fn digits(text: &str) -> Read<(i64, usize, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    if end == 0 || end > 9 {
        return Err(Unreadable::Syntax);
    }
    Ok((text[..end].parse().map_err(|_| Unreadable::Syntax)?, end, &text[end..]))
}

/// `2024-02-29`, `20240229`, `2024/2/29`, `Feb 29, 2024`, `29 Feb 2024`.
fn calendar_date(text: &str) -> Read<(i64, &str)> {
    if text.starts_with(|c: char| c.is_ascii_alphabetic()) {
        let (month, rest) = month_name(text)?;
        let (day, _, rest) = digits(rest.trim_start())?;
        let (year, _, rest) = digits(rest.trim_start_matches([',', ' ']))?;
        return Ok((checked_days(year, month, day).ok_or(Unreadable::Range)?, rest));
    }
    let (first, length, rest) = digits(text)?;
    if length == 8 {
        let (year, month, day) = (first / 10_000, first / 100 % 100, first % 100);
        return Ok((checked_days(year, month, day).ok_or(Unreadable::Range)?, rest));
    }
    let Some(separator) = rest.chars().next().filter(|c| "-/. ".contains(*c)) else { return Err(Unreadable::Syntax) };
    let rest = &rest[1..];
    if rest.starts_with(|c: char| c.is_ascii_alphabetic()) {
        let (month, rest) = month_name(rest)?;
        let (year, _, rest) = digits(rest.trim_start_matches(['-', ' ', ',']))?;
        return Ok((checked_days(year, month, first).ok_or(Unreadable::Range)?, rest));
    }
    if separator == ' ' {
        return Err(Unreadable::Syntax);
    }
    let (second, _, rest) = digits(rest)?;
    let rest = rest.strip_prefix(separator).ok_or(Unreadable::Syntax)?;
    let (third, _, rest) = digits(rest)?;
    // PostgreSQL's default order of fields is month, day, year when the year is not first.
    let (year, month, day) = if length > 2 { (first, second, third) } else { (third, first, second) };
    let year = match rest.trim_start() {
        era if era.len() >= 2 && era.as_bytes()[..2].eq_ignore_ascii_case(b"bc") && era.len() == 2 => 1 - year,
        _ => year,
    };
    let rest = if year <= 0 { "" } else { rest };
    if year == 0 && !text.to_ascii_lowercase().ends_with("bc") {
        return Err(Unreadable::Range);
    }
    Ok((checked_days(year, month, day).ok_or(Unreadable::Range)?, rest))
}

fn month_name(text: &str) -> Read<(i64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(text.len());
    let name = text[..end].to_ascii_lowercase();
    let month = MONTHS.iter().position(|m| name.len() >= 3 && name.starts_with(m)).ok_or(Unreadable::Syntax)?;
    Ok((month as i64 + 1, &text[end..]))
}

/// `12:34`, `12:34:56.789`, `1:30 pm`, then `Z`, `+02`, `-05:30` or a zone's name.
fn clock_and_zone(text: &str, date: i64) -> Read<(i64, Option<i64>)> {
    let (hour, _, rest) = digits(text)?;
    let rest = rest.strip_prefix(':').ok_or(Unreadable::Syntax)?;
    let (minute, _, mut rest) = digits(rest)?;
    let (mut second, mut micros) = (0, 0);
    if let Some(after) = rest.strip_prefix(':') {
        (second, _, rest) = digits(after)?;
        if let Some(after) = rest.strip_prefix('.') {
            let end = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
            micros = fraction(&after[..end])?;
            rest = &after[end..];
        }
    }
    let mut hour = hour;
    let lower = rest.trim_start().to_ascii_lowercase();
    if lower.starts_with("am") || lower.starts_with("pm") {
        if !(1..=12).contains(&hour) {
            return Err(Unreadable::Range);
        }
        hour = hour % 12 + if lower.starts_with("pm") { 12 } else { 0 };
        rest = &rest.trim_start()[2..];
    }
    // 60 seconds and 24:00:00 are allowed and carry over.
    let clock = hour * HOUR + minute * MINUTE + second * SECOND + micros;
    if hour > 24 || minute > 59 || second > 60 || clock > DAY {
        return Err(Unreadable::Range);
    }
    let zone = rest.trim();
    let offset = if zone.is_empty() { None } else { Some(zone_offset(zone, date * DAY + clock)?) };
    Ok((clock, offset))
}

/// Up to six digits after the point, rounded.
fn fraction(digits: &str) -> Read<i64> {
    if digits.is_empty() {
        return Ok(0);
    }
    let value: f64 = format!("0.{digits}").parse().map_err(|_| Unreadable::Syntax)?;
    Ok((value * 1e6).round_ties_even() as i64)
}

fn zone_offset(zone: &str, local: i64) -> Read<i64> {
    if zone.eq_ignore_ascii_case("z") || zone.eq_ignore_ascii_case("utc") || zone.eq_ignore_ascii_case("gmt") {
        return Ok(0);
    }
    let sign = match zone.as_bytes()[0] {
        b'+' => 1,
        b'-' => -1,
        _ => return named_zone(zone, local),
    };
    let (first, length, rest) = digits(&zone[1..])?;
    let (hours, minutes) = match (length, rest.strip_prefix(':')) {
        (1 | 2, None) if rest.is_empty() => (first, 0),
        (1 | 2, Some(minutes)) => {
            let (minutes, 2, "") = digits(minutes)? else { return Err(Unreadable::Syntax) };
            (first, minutes)
        }
        (4, None) if rest.is_empty() => (first / 100, first % 100),
        _ => return Err(Unreadable::Syntax),
    };
    if hours > 15 || minutes > 59 {
        return Err(Unreadable::Range);
    }
    Ok(sign * (hours * HOUR + minutes * MINUTE))
}

fn named_zone(zone: &str, local: i64) -> Read<i64> {
    let zone = find_zone(zone).ok_or(Unreadable::Syntax)?;
    to_utc(zone, local).map(|utc| local - utc).ok_or(Unreadable::Range)
}

/// A zone of the IANA database, in any case.
pub(crate) fn find_zone(name: &str) -> Option<chrono_tz::Tz> {
    let any_case = || chrono_tz::TZ_VARIANTS.iter().find(|z| z.name().eq_ignore_ascii_case(name)).copied();
    name.parse().ok().or_else(any_case)
}

/// The instant of a local time in a zone. A time that a clock change repeats is the later one (standard time), one
/// that it skips is read with the offset before the change, as PostgreSQL does.
pub(crate) fn to_utc(zone: chrono_tz::Tz, local: i64) -> Option<i64> {
    let naive = chrono::DateTime::from_timestamp_micros(local)?.naive_utc();
    match zone.from_local_datetime(&naive) {
        LocalResult::Single(one) => Some(one.timestamp_micros()),
        LocalResult::Ambiguous(_, later) => Some(later.timestamp_micros()),
        LocalResult::None => {
            let before = naive.checked_sub_signed(chrono::TimeDelta::hours(3))?;
            let offset = match zone.from_local_datetime(&before) {
                LocalResult::Single(one) | LocalResult::Ambiguous(one, _) => before - one.naive_utc(),
                LocalResult::None => return None,
            };
            Some(local - offset.num_microseconds()?)
        }
    }
}

/// The local time of an instant in a zone.
pub(crate) fn from_utc(zone: chrono_tz::Tz, utc: i64) -> Option<i64> {
    let naive = chrono::DateTime::from_timestamp_micros(utc)?.naive_utc();
    // chrono's dates end before PostgreSQL's do; beyond them no zone has rules.
    debug_assert!(naive.date() <= NaiveDate::MAX);
    Some(zone.from_utc_datetime(&naive).naive_local().and_utc().timestamp_micros())
}

/// Months, days and microseconds from `1 year 2 months`, `3 days 04:05:06`, `-1.5 hours`, `P1DT2H`, `1 day ago`.
pub(crate) fn interval(text: &str) -> Read<(i64, i64, i64)> {
    let text = text.trim();
    if let Some(iso) = text.strip_prefix(['P', 'p']) {
        return iso_interval(iso);
    }
    let lower = text.to_ascii_lowercase();
    let body = lower.strip_prefix('@').unwrap_or(&lower).trim();
    let (body, ago) = body.strip_suffix("ago").map_or((body, false), |b| (b.trim_end(), true));
    let mut total = Parts::default();
    let mut rest = body;
    let mut any = false;
    while !rest.is_empty() {
        let (word, after) = word(rest);
        if word.contains(':') {
            total.time += signed_clock(word)? as f64;
            rest = after.trim_start();
            any = true;
            continue;
        }
        // The number and its unit may stand together or apart; a bare number counts days before a time, else seconds.
        let split = word.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(word.len());
        let (number, mut unit) = word.split_at(split);
        let number: f64 = number.parse().map_err(|_| Unreadable::Syntax)?;
        let mut next = after.trim_start();
        if unit.is_empty() {
            let (candidate, after) = self::word(next);
            if candidate.starts_with(|c: char| c.is_ascii_alphabetic()) {
                unit = candidate;
                next = after.trim_start();
            } else {
                unit = if candidate.contains(':') { "days" } else { "seconds" };
            }
        }
        total.add(number, unit)?;
        rest = next;
        any = true;
    }
    if !any {
        return Err(Unreadable::Syntax);
    }
    total.finish(if ago { -1.0 } else { 1.0 })
}

fn word(text: &str) -> (&str, &str) {
    text.split_at(text.find(char::is_whitespace).unwrap_or(text.len()))
}

fn signed_clock(text: &str) -> Read<i64> {
    let (sign, body) = match text.as_bytes()[0] {
        b'-' => (-1, &text[1..]),
        b'+' => (1, &text[1..]),
        _ => (1, text),
    };
    let mut fields = body.split(':');
    let mut field = || fields.next().map(str::to_string);
    let hours: i64 = field().and_then(|f| f.parse().ok()).ok_or(Unreadable::Syntax)?;
    let minutes: i64 = field().and_then(|f| f.parse().ok()).ok_or(Unreadable::Syntax)?;
    let seconds: f64 = field().map_or(Ok(0.0), |f| f.parse()).map_err(|_| Unreadable::Syntax)?;
    if field().is_some() || !(0..60).contains(&minutes) || !(0.0..=60.0).contains(&seconds) || hours > 2_000_000_000 {
        return Err(Unreadable::Range);
    }
    Ok(sign * (hours * HOUR + minutes * MINUTE + (seconds * 1e6).round_ties_even() as i64))
}

/// Sums with fractions; what is left of a month becomes days, of a day microseconds.
#[derive(Default)]
struct Parts {
    months: f64,
    days: f64,
    time: f64,
}

impl Parts {
    fn add(&mut self, number: f64, unit: &str) -> Read<()> {
        let months = |of: f64, parts: &mut Parts| {
            let total = number * of;
            // A fraction of a year is rounded to months; only a fraction of a month reaches the days.
            if of > 1.0 {
                parts.months += total.round_ties_even();
            } else {
                parts.months += total.trunc();
                parts.days += (total - total.trunc()) * 30.0;
            }
        };
        match unit {
            "millennium" | "millennia" | "millenniums" => months(12_000.0, self),
            "century" | "centuries" | "c" => months(1200.0, self),
            "decade" | "decades" => months(120.0, self),
            "year" | "years" | "y" | "yr" | "yrs" => months(12.0, self),
            "month" | "months" | "mon" | "mons" => months(1.0, self),
            "week" | "weeks" | "w" => self.days += number * 7.0,
            "day" | "days" | "d" => self.days += number,
            "hour" | "hours" | "h" | "hr" | "hrs" => self.time += number * HOUR as f64,
            "minute" | "minutes" | "min" | "mins" | "m" => self.time += number * MINUTE as f64,
            "second" | "seconds" | "sec" | "secs" | "s" => self.time += number * SECOND as f64,
            "millisecond" | "milliseconds" | "ms" | "msec" | "msecs" => self.time += number * 1e3,
            "microsecond" | "microseconds" | "us" | "usec" | "usecs" => self.time += number,
            _ => return Err(Unreadable::Syntax),
        }
        Ok(())
    }

    fn finish(self, sign: f64) -> Read<(i64, i64, i64)> {
        let days = self.days.trunc();
        let time = (self.time + (self.days - days) * DAY as f64).round_ties_even();
        if self.months.abs() > 2e9 || days.abs() > 2e9 || time.abs() > 9.2e15 {
            return Err(Unreadable::Range);
        }
        Ok(((sign * self.months) as i64, (sign * days) as i64, (sign * time) as i64))
    }
}

fn iso_interval(text: &str) -> Read<(i64, i64, i64)> {
    let mut total = Parts::default();
    let mut rest = text;
    let mut in_time = false;
    let mut any = false;
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix(['T', 't']) {
            in_time = true;
            rest = after;
            continue;
        }
        let end = rest.find(|c: char| c.is_ascii_alphabetic()).ok_or(Unreadable::Syntax)?;
        let number: f64 = rest[..end].parse().map_err(|_| Unreadable::Syntax)?;
        let unit = match (rest.as_bytes()[end].to_ascii_uppercase(), in_time) {
            (b'Y', false) => "year",
            (b'M', false) => "month",
            (b'W', false) => "week",
            (b'D', false) => "day",
            (b'H', true) => "hour",
            (b'M', true) => "minute",
            (b'S', true) => "second",
            _ => return Err(Unreadable::Syntax),
        };
        total.add(number, unit)?;
        rest = &rest[end + 1..];
        any = true;
    }
    if any { total.finish(1.0) } else { Err(Unreadable::Syntax) }
}
