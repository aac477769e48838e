//! to_date, to_timestamp and to_number: texts read by a template. Blanks and other separators of the template match any
//! run of them in the text, as PostgreSQL has it; what the template does not name is the first of its kind.

use arrow_array::types::{Date32Type, Decimal128Type, TimestampMicrosecondType};
use millrace_base::{Code, Error, Result};
use millrace_plan::{DataType, ReturnRule};

use super::to_char::{DAYS, MONTHS};
use crate::calendar::{HOUR, MINUTE, SECOND, checked_days, days_of, join};
use crate::decimal;
use crate::fault;
use crate::registry::{Entry, TEXT, entry, gives};
use crate::value::build;

pub(crate) fn table() -> Vec<Entry> {
    vec![
        entry("to_date", &[TEXT, TEXT], gives(DataType::Date), |a, _| {
            let (texts, templates) = (a[0].texts()?, a[1].texts()?);
            build::<Date32Type>(a, DataType::Date, |i| {
                let days = read(texts.at(i), templates.at(i))?.days(texts.at(i))?;
                i32::try_from(days).map_err(|_| fault::date_out_of_range())
            })
        }),
        entry("to_timestamp", &[TEXT, TEXT], gives(DataType::Timestamptz), |a, _| {
            let (texts, templates) = (a[0].texts()?, a[1].texts()?);
            build::<TimestampMicrosecondType>(a, DataType::Timestamptz, |i| {
                let parts = read(texts.at(i), templates.at(i))?;
                join(parts.days(texts.at(i))?, parts.time(texts.at(i))?)
            })
        }),
        entry("to_number", &[TEXT, TEXT], ReturnRule::Numeric { scale: 16 }, |a, c| {
            let (texts, templates) = (a[0].texts()?, a[1].texts()?);
            build::<Decimal128Type>(a, c.result, |i| number(texts.at(i), templates.at(i)))
        }),
    ]
}

#[derive(Default)]
struct Parts {
    year: Option<i64>,
    before_christ: bool,
    month: Option<i64>,
    day: Option<i64>,
    day_of_year: Option<i64>,
    julian: Option<i64>,
    hours: i64,
    twelve: bool,
    afternoon: Option<bool>,
    minutes: i64,
    seconds: i64,
    microseconds: i64,
    day_seconds: Option<i64>,
}

impl Parts {
    fn days(&self, text: &str) -> Result<i64> {
        if let Some(julian) = self.julian {
            return Ok(julian - 2_440_588);
        }
        // Without a year it is the year 0 of astronomers, 1 BC.
        let year = self.year.map_or(0, |year| if self.before_christ { 1 - year } else { year });
        if let Some(day) = self.day_of_year {
            return Ok(days_of(year, 1, 1) + day - 1);
        }
        checked_days(year, self.month.unwrap_or(1), self.day.unwrap_or(1))
            .ok_or_else(|| fault::field_out_of_range(text))
    }

    fn time(&self, text: &str) -> Result<i64> {
        if let Some(seconds) = self.day_seconds {
            return Ok(seconds * SECOND);
        }
        let mut hours = self.hours;
        if self.twelve || self.afternoon.is_some() {
            if !(1..=12).contains(&hours) {
                let message = format!("hour \"{hours}\" is invalid for the 12-hour clock");
                return Err(Error::new(Code::InvalidDatetimeFormat, message)
                    .with_hint("Use the 24-hour clock, or give an hour between 1 and 12."));
            }
            hours = hours % 12 + if self.afternoon == Some(true) { 12 } else { 0 };
        }
        if hours > 23 || self.minutes > 59 || self.seconds > 59 {
            return Err(fault::field_out_of_range(text));
        }
        Ok(hours * HOUR + self.minutes * MINUTE + self.seconds * SECOND + self.microseconds)
    }
}

/// Longer ones before their beginnings.
const FIELDS: [&str; 37] = [
    "Y,YYY", "YYYY", "YYY", "YY", "Y", "A.M.", "P.M.", "AM", "PM", "B.C.", "A.D.", "BC", "AD", "MONTH", "MON", "MM",
    "MI", "MS", "DAY", "DDD", "DD", "DY", "D", "HH24", "HH12", "HH", "SSSSS", "SSSS", "SS", "US", "J", "FF6", "FF3",
    "Q", "WW", "CC", "TZ",
];

fn read(text: &str, template: &str) -> Result<Parts> {
    let mut parts = Parts::default();
    let mut rest = text;
    let mut template = template;
    let (mut fill, mut quoted) = (true, false);
    while let Some(first) = template.chars().next() {
        if first == '"' {
            (template, quoted) = (&template[1..], !quoted);
            continue;
        }
        if !quoted {
            let upper = template.get(..2).map(str::to_ascii_uppercase);
            if matches!(upper.as_deref(), Some("FM" | "FX" | "TM")) {
                fill &= upper.as_deref() != Some("FM");
                template = &template[2..];
                continue;
            }
            let starts = |field: &&&str| template.get(..field.len()).is_some_and(|t| t.eq_ignore_ascii_case(field));
            if let Some(field) = FIELDS.iter().find(starts) {
                template = &template[field.len()..];
                let suffix = template.get(..2).is_some_and(|t| t.eq_ignore_ascii_case("TH"));
                let next_is_digits =
                    FIELDS.iter().any(|f| template.get(..f.len()).is_some_and(|t| t.eq_ignore_ascii_case(f)));
                rest = rest.trim_start();
                read_field(field, &mut rest, &mut parts, text, fill && next_is_digits)?;
                if suffix {
                    template = &template[2..];
                    rest = rest.trim_start_matches(|c: char| c.is_ascii_alphabetic());
                }
                continue;
            }
        }
        template = &template[first.len_utf8()..];
        let separator = |c: char| !c.is_alphanumeric();
        if separator(first) {
            // A run of separators stands for any run of them.
            template = template.trim_start_matches(|c: char| separator(c) && c != '"');
            let signed = rest.starts_with(['-', '+']) && first == ' ';
            rest = if signed { rest } else { rest.trim_start_matches(separator) };
        } else {
            rest = rest.strip_prefix(|c: char| c.is_alphanumeric()).unwrap_or(rest);
        }
    }
    Ok(parts)
}

/// `width` digits at most where another field follows at once.
fn digits<'a>(rest: &mut &'a str, width: usize, fixed: bool, field: &str) -> Result<&'a str> {
    let most = if fixed { width } else { usize::MAX };
    let length = rest.bytes().take(most).take_while(u8::is_ascii_digit).count();
    if length == 0 {
        let shown: String = rest.chars().take(width.max(1)).collect();
        return Err(Error::new(Code::InvalidDatetimeFormat, format!("invalid value \"{shown}\" for \"{field}\""))
            .with_detail("Value must be an integer."));
    }
    let (found, after) = rest.split_at(length);
    *rest = after;
    Ok(found)
}

fn read_field(field: &str, rest: &mut &str, parts: &mut Parts, text: &str, fixed: bool) -> Result<()> {
    let mut whole = |width: usize| -> Result<i64> {
        digits(rest, width, fixed, field)?.parse().map_err(|_| fault::field_out_of_range(text))
    };
    match field {
        "YYYY" => parts.year = Some(whole(4)?),
        "Y,YYY" => {
            let thousands = whole(3)?;
            *rest = rest.strip_prefix(',').unwrap_or(rest);
            let more: i64 = digits(rest, 3, true, field)?.parse().map_err(|_| fault::field_out_of_range(text))?;
            parts.year = Some(thousands * 1000 + more);
        }
        "YYY" | "YY" | "Y" => {
            let year = whole(field.len())?;
            // Two digits are the year nearest to 2020.
            parts.year = Some(match year {
                0..=69 => 2000 + year,
                70..=99 => 1900 + year,
                100..=519 => 2000 + year,
                520..=999 => 1000 + year,
                other => other,
            });
        }
        "MM" => parts.month = Some(whole(2)?),
        "DD" => parts.day = Some(whole(2)?),
        "DDD" => parts.day_of_year = Some(whole(3)?),
        "J" => parts.julian = Some(whole(9)?),
        "HH24" => parts.hours = whole(2)?,
        "HH12" | "HH" => (parts.hours, parts.twelve) = (whole(2)?, true),
        "MI" => parts.minutes = whole(2)?,
        "SS" => parts.seconds = whole(2)?,
        "SSSS" | "SSSSS" => parts.day_seconds = Some(whole(5)?),
        "MS" | "US" | "FF3" | "FF6" => {
            let width = if matches!(field, "MS" | "FF3") { 3 } else { 6 };
            let found = digits(rest, width, true, field)?;
            // A fraction of a second: `.5` is 500 milliseconds.
            parts.microseconds = format!("{found:0<6}").parse().map_err(|_| fault::field_out_of_range(text))?;
        }
        "D" | "Q" | "WW" | "CC" => {
            whole(2)?;
        }
        "AM" | "PM" | "A.M." | "P.M." | "BC" | "AD" | "B.C." | "A.D." => {
            let found = rest.get(..field.len()).map(|found| found.to_ascii_uppercase().replace('.', ""));
            match found.as_deref() {
                Some("AM") => parts.afternoon = Some(false),
                Some("PM") => parts.afternoon = Some(true),
                Some("BC") => parts.before_christ = true,
                Some("AD") => parts.before_christ = false,
                _ => return Err(invalid(rest, field)),
            }
            *rest = &rest[field.len()..];
        }
        "MONTH" | "MON" => {
            let place = name(rest, &MONTHS, field == "MON").ok_or_else(|| invalid(rest, field))?;
            parts.month = Some(place.0 as i64 + 1);
            *rest = &rest[place.1..];
        }
        "DAY" | "DY" => {
            let place = name(rest, &DAYS, field == "DY").ok_or_else(|| invalid(rest, field))?;
            *rest = &rest[place.1..];
        }
        other => {
            let message = format!("\"{other}\" cannot be read by a template");
            return Err(Error::new(Code::FeatureNotSupported, message));
        }
    }
    Ok(())
}

fn invalid(rest: &str, field: &str) -> Error {
    let shown: String = rest.chars().take(field.len()).collect();
    Error::new(Code::InvalidDatetimeFormat, format!("invalid value \"{shown}\" for \"{field}\""))
        .with_detail("The given value did not match any of the allowed values for this field.")
}

/// Which name the text begins with, and how long it is.
fn name(text: &str, names: &[&str], short: bool) -> Option<(usize, usize)> {
    names.iter().enumerate().find_map(|(place, name)| {
        let name = if short { &name[..3] } else { name };
        text.get(..name.len()).filter(|found| found.eq_ignore_ascii_case(name)).map(|_| (place, name.len()))
    })
}

/// Digits, a point and a sign of the text, as far as the template has places for them.
fn number(text: &str, template: &str) -> Result<i128> {
    let upper = template.to_ascii_uppercase();
    let has = |part: &str| upper.contains(part);
    let mut whole = upper.split(['.', 'D']).map(|part| part.chars().filter(|c| matches!(c, '9' | '0')).count());
    let (mut places, mut decimals) = (whole.next().unwrap_or(0), whole.next().unwrap_or(0));
    let negative = text.contains('-') && (has("S") || has("MI") || text.trim_start().starts_with('-'))
        || (has("PR") && text.contains('<'));
    let mut found = String::new();
    let mut point = false;
    for c in text.chars() {
        match c {
            '0'..='9' if !point && places > 0 => {
                places -= 1;
                found.push(c);
            }
            '0'..='9' if point && decimals > 0 => {
                decimals -= 1;
                found.push(c);
            }
            '.' if !point && decimals > 0 => {
                point = true;
                found.push('.');
            }
            '.' => break,
            _ => {}
        }
    }
    if !found.contains(|c: char| c.is_ascii_digit()) {
        return Err(Error::new(
            Code::InvalidTextRepresentation,
            format!("invalid input syntax for type numeric: \"{}\"", text.trim()),
        ));
    }
    let value = decimal::parse(&found, 38, 16)?.ok_or_else(|| fault::numeric_overflow(38, 16))?;
    Ok(if negative { -value } else { value })
}
