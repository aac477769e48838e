//! to_char: times by PostgreSQL's common template patterns, numbers by 9, 0, point, comma, sign and FM.

use std::fmt::Write;

use arrow_array::types::{Decimal128Type, Float64Type, Int32Type, Int64Type, TimestampMicrosecondType};
use millrace_base::Result;
use millrace_plan::DataType;

use crate::calendar::{date_of, day_of_year, iso_week, split, weekday};
use crate::decimal::{self, scale_of};
use crate::interval::clock;
use crate::registry::{BIGINT, DOUBLE, Entry, INTEGER, NUMERIC, TEXT, TIMESTAMP, TIMESTAMPTZ, entry, gives};
use crate::value::{Present, Value, build_text};

pub(crate) fn table() -> Vec<Entry> {
    let text = || gives(DataType::Text);
    vec![
        entry("to_char", &[TIMESTAMP, TEXT], text(), |a, _| times(a, "")).infallible(),
        entry("to_char", &[TIMESTAMPTZ, TEXT], text(), |a, _| times(a, "UTC")).infallible(),
        entry("to_char", &[INTEGER, TEXT], text(), |a, _| {
            let x = a[0].column::<Int32Type>()?;
            numbers(a, |i, _| (i128::from(x.at(i)), 0))
        })
        .infallible(),
        entry("to_char", &[BIGINT, TEXT], text(), |a, _| {
            let x = a[0].column::<Int64Type>()?;
            numbers(a, |i, _| (i128::from(x.at(i)), 0))
        })
        .infallible(),
        entry("to_char", &[NUMERIC, TEXT], text(), |a, _| {
            let x = a[0].column::<Decimal128Type>()?;
            let scale = scale_of(&a[0]);
            numbers(a, |i, _| (x.at(i), scale))
        })
        .infallible(),
        entry("to_char", &[DOUBLE, TEXT], text(), |a, _| {
            let x = a[0].column::<Float64Type>()?;
            numbers(a, |i, digits| {
                let text = format!("{:.*}", digits, x.at(i));
                // What has too many digits fills the pattern with #.
                let value = decimal::parse(&text, 38, digits as u8).ok().flatten().unwrap_or(i128::MAX);
                (value, digits as i8)
            })
        })
        .infallible(),
    ]
}

pub(super) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
pub(super) const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/// Longest first, so that `HH24` is not read as `HH`.
const PATTERNS: [&str; 34] = [
    "MONTH", "Month", "month", "IYYY", "YYYY", "HH24", "HH12", "MON", "Mon", "mon", "DAY", "Day", "day", "DDD", "HH",
    "MI", "SS", "MS", "US", "MM", "DY", "Dy", "dy", "DD", "ID", "IW", "WW", "YY", "AM", "PM", "am", "pm", "TZ", "Q",
];

fn times(args: &[Value], zone: &str) -> Result<Value> {
    let (times, formats) = (args[0].column::<TimestampMicrosecondType>()?, args[1].texts()?);
    build_text(args, |i, out| {
        write_time(times.at(i), formats.at(i), zone, out);
        Ok(Present::Yes)
    })
}

fn write_time(timestamp: i64, format: &str, zone: &str, out: &mut String) {
    let mut rest = format;
    while !rest.is_empty() {
        if let Some(quoted) = rest.strip_prefix('"') {
            let end = quoted.find('"').unwrap_or(quoted.len());
            out.push_str(&quoted[..end]);
            rest = quoted.get(end + 1..).unwrap_or_default();
            continue;
        }
        let (plain, body) = rest.strip_prefix("FM").map_or((false, rest), |b| (true, b));
        let single = ["D", "J"].iter().find(|p| body.starts_with(**p));
        match PATTERNS.iter().find(|p| body.starts_with(**p)).or(single) {
            Some(pattern) => {
                write_field(timestamp, pattern, plain, zone, out);
                rest = &body[pattern.len()..];
                if let Some(after) = rest.strip_prefix("th").or_else(|| rest.strip_prefix("TH")) {
                    out.push_str(ordinal(out));
                    rest = after;
                }
            }
            None => {
                let mut chars = rest.chars();
                out.extend(chars.next());
                rest = chars.as_str();
            }
        }
    }
}

fn ordinal(written: &str) -> &'static str {
    let digits: String = written.chars().rev().take_while(char::is_ascii_digit).take(2).collect();
    match digits.as_bytes() {
        [_, b'1'] => "th",
        [b'1', ..] => "st",
        [b'2', ..] => "nd",
        [b'3', ..] => "rd",
        _ => "th",
    }
}

fn write_field(timestamp: i64, pattern: &str, plain: bool, zone: &str, out: &mut String) {
    let (days, time) = split(timestamp);
    let date = date_of(days);
    let (hours, minutes, rest) = clock(time);
    let mut number = |value: i64, width: usize| {
        let width = if plain { 0 } else { width };
        write!(out, "{value:0width$}").expect("writing to a string");
    };
    match pattern {
        "YYYY" => number(date.year, 4),
        "IYYY" => number(iso_week(days).0, 4),
        "YY" => number(date.year.rem_euclid(100), 2),
        "MM" => number(date.month, 2),
        "DD" => number(date.day, 2),
        "DDD" => number(day_of_year(days), 3),
        "D" => number(weekday(days) + 1, 1),
        "ID" => number((weekday(days) + 6) % 7 + 1, 1),
        "IW" => number(iso_week(days).1, 2),
        "WW" => number((day_of_year(days) - 1) / 7 + 1, 2),
        "Q" => number((date.month - 1) / 3 + 1, 1),
        "J" => number(days + 2_440_588, 1),
        "HH24" => number(hours, 2),
        "HH12" | "HH" => number((hours + 11) % 12 + 1, 2),
        "MI" => number(minutes, 2),
        "SS" => number(rest / 1_000_000, 2),
        "MS" => number(rest % 1_000_000 / 1000, 3),
        "US" => number(rest % 1_000_000, 6),
        "AM" | "PM" => out.push_str(if hours < 12 { "AM" } else { "PM" }),
        "am" | "pm" => out.push_str(if hours < 12 { "am" } else { "pm" }),
        "TZ" => out.push_str(zone),
        name => write_name(name, date.month, weekday(days), plain, out),
    }
}

/// Names come in the pattern's case; full names are padded to nine characters unless FM is given.
fn write_name(pattern: &str, month: i64, weekday: i64, plain: bool, out: &mut String) {
    let lower = pattern.to_ascii_lowercase();
    let full = if lower.starts_with('m') { MONTHS[month as usize - 1] } else { DAYS[weekday as usize] };
    let short = matches!(lower.as_str(), "mon" | "dy");
    let name = if short { &full[..3] } else { full };
    let name = if pattern == lower {
        name.to_lowercase()
    } else if pattern == pattern.to_ascii_uppercase() {
        name.to_uppercase()
    } else {
        name.to_string()
    };
    let width = if short || plain { 0 } else { 9 };
    write!(out, "{name:<width$}").expect("writing to a string");
}

fn numbers(args: &[Value], value: impl Fn(usize, usize) -> (i128, i8)) -> Result<Value> {
    let formats = args[1].texts()?;
    build_text(args, |i, out| {
        write_number(formats.at(i), |digits| value(i, digits), out);
        Ok(Present::Yes)
    })
}

/// `value` is asked with the digits that the pattern has after its point.
fn write_number(format: &str, value: impl Fn(usize) -> (i128, i8), out: &mut String) {
    let plain = format.contains("FM");
    let pattern: String = format.replace("FM", "").replace('G', ",").replace('D', ".");
    let (whole, fraction) = pattern.split_once('.').unwrap_or((&pattern, ""));
    let is_digit = |c: &char| matches!(c, '9' | '0');
    let (whole_digits, fraction_digits) =
        (whole.chars().filter(is_digit).count(), fraction.chars().filter(is_digit).count());
    let (number, scale) = value(fraction_digits);
    let scaled = decimal::rescale(number, scale, 38, fraction_digits.min(38) as u8).unwrap_or(i128::MAX);
    let mut text = String::new();
    decimal::write(scaled.checked_abs().unwrap_or(i128::MAX), fraction_digits as i8, &mut text);
    let (mut digits, decimals) = text.split_once('.').map_or((text.as_str(), ""), |(w, f)| (w, f));
    if digits == "0" && whole_digits > 0 && !whole.contains('0') && fraction_digits > 0 {
        digits = "";
    }
    let mut body = String::new();
    if digits.len() > whole_digits {
        body.extend(
            pattern.chars().filter(|c| !matches!(c, 'S' | 'M' | 'I')).map(|c| if is_digit(&c) { '#' } else { c }),
        );
    } else {
        write_whole(whole, digits, &mut body);
        if !fraction.is_empty() {
            body.push('.');
            let kept = if plain { trimmed(decimals, fraction) } else { decimals };
            body.push_str(kept);
        }
    }
    let sign = if scaled < 0 {
        "-"
    } else if pattern.contains('S') && !pattern.contains("MI") {
        "+"
    } else {
        " "
    };
    let trailing = pattern.ends_with('S') || pattern.ends_with("MI");
    let blanks = body.len() - body.trim_start().len();
    let (padding, body) = body.split_at(blanks);
    let sign = if plain && sign == " " { "" } else { sign };
    let padding = if plain { "" } else { padding };
    if trailing {
        out.extend([padding, body, sign]);
    } else {
        out.extend([padding, sign, body]);
    }
}

/// With FM, trailing zeros go where the pattern has 9.
fn trimmed<'a>(decimals: &'a str, fraction: &str) -> &'a str {
    let wanted: Vec<char> = fraction.chars().filter(|c| matches!(c, '9' | '0')).collect();
    let fixed = wanted.iter().rposition(|c| *c == '0').map_or(0, |at| at + 1);
    let end = decimals.trim_end_matches('0').len().max(fixed);
    &decimals[..end]
}

fn write_whole(pattern: &str, digits: &str, out: &mut String) {
    let mut places = pattern.chars().filter(|c| matches!(c, '9' | '0')).count();
    let mut started = false;
    let mut next = digits.chars();
    for c in pattern.chars() {
        match c {
            '9' | '0' => {
                if places <= digits.len() {
                    out.extend(next.next());
                    started = true;
                } else if c == '0' || started {
                    out.push('0');
                    started = true;
                } else {
                    out.push(' ');
                }
                places -= 1;
            }
            ',' => out.push(if started { ',' } else { ' ' }),
            'S' | 'M' | 'I' => {}
            other => out.push(other),
        }
    }
}
