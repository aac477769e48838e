//! ISO 8601 ↔ Arrow's days and microseconds. Strict: a message whose time is doubtful belongs to the dead letters.

/// Why a text is not the value that it should be; the caller adds column and type.
pub type Reason = &'static str;

const DAY_US: i64 = 86_400_000_000;
const YEAR_MIN: i64 = -4712;
/// Microseconds since 1970 fit in 64 bits up to here and some more.
const YEAR_MAX: i64 = 262_142;

/// `2026-03-01` → days since 1970-01-01.
pub fn parse_date(text: &str) -> Result<i32, Reason> {
    let mut scan = Scan::new(text);
    let days = scan.date()?;
    scan.end()?;
    i32::try_from(days).map_err(|_| "date is out of range")
}

/// `12:34:56.789` → microseconds since midnight.
pub fn parse_time(text: &str) -> Result<i64, Reason> {
    let mut scan = Scan::new(text);
    let time = scan.time()?;
    scan.end()?;
    if time >= DAY_US { Err("time is out of range") } else { Ok(time) }
}

/// A date and a time without a zone; `Z` is let through, as it moves nothing.
pub fn parse_timestamp(text: &str) -> Result<i64, Reason> {
    let (local, offset) = parse_instant(text)?;
    match offset {
        None | Some(0) => Ok(local),
        Some(_) => Err("a zone offset does not fit a timestamp without time zone"),
    }
}

/// A date and a time with `Z` or an offset; without one it is UTC.
pub fn parse_timestamptz(text: &str) -> Result<i64, Reason> {
    let (local, offset) = parse_instant(text)?;
    Ok(local - offset.unwrap_or(0))
}

fn parse_instant(text: &str) -> Result<(i64, Option<i64>), Reason> {
    let mut scan = Scan::new(text);
    let days = scan.date()?;
    if scan.at == scan.text.len() {
        return Ok((days * DAY_US, None));
    }
    if !(scan.eat(b'T') || scan.eat(b' ') || scan.eat(b't')) {
        return Err("a date and a time are parted by T or a space");
    }
    let time = scan.time()?;
    let offset = scan.offset()?;
    scan.end()?;
    Ok((days * DAY_US + time, offset))
}

struct Scan<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Scan<'a> {
    fn new(text: &'a str) -> Self {
        Self { text: text.as_bytes(), at: 0 }
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn end(&self) -> Result<(), Reason> {
        if self.at == self.text.len() { Ok(()) } else { Err("there is text after the value") }
    }

    fn two(&mut self) -> Result<i64, Reason> {
        match self.text.get(self.at..self.at + 2) {
            Some(&[a @ b'0'..=b'9', b @ b'0'..=b'9']) => {
                self.at += 2;
                Ok(i64::from(a - b'0') * 10 + i64::from(b - b'0'))
            }
            _ => Err("two digits are expected in a date or a time"),
        }
    }

    fn year(&mut self) -> Result<i64, Reason> {
        let negative = self.eat(b'-');
        if !negative {
            self.eat(b'+');
        }
        let start = self.at;
        let mut year = 0i64;
        while let Some(digit @ b'0'..=b'9') = self.peek() {
            if self.at - start == 6 {
                return Err("year is out of range");
            }
            year = year * 10 + i64::from(digit - b'0');
            self.at += 1;
        }
        if self.at - start < 4 {
            return Err("a year has at least four digits");
        }
        let year = if negative { -year } else { year };
        if (YEAR_MIN..=YEAR_MAX).contains(&year) { Ok(year) } else { Err("year is out of range") }
    }

    fn date(&mut self) -> Result<i64, Reason> {
        let year = self.year()?;
        if !self.eat(b'-') {
            return Err("a date is written year-month-day");
        }
        let month = self.two()?;
        if !self.eat(b'-') {
            return Err("a date is written year-month-day");
        }
        let day = self.two()?;
        if !(1..=12).contains(&month) || day < 1 || day > days_in_month(year, month) {
            return Err("there is no such day");
        }
        Ok(days_from_civil(year, month, day))
    }

    fn time(&mut self) -> Result<i64, Reason> {
        let hour = self.two()?;
        if !self.eat(b':') {
            return Err("a time is written hour:minute:second");
        }
        let minute = self.two()?;
        let mut micros = 0;
        let mut second = 0;
        if self.eat(b':') {
            second = self.two()?;
            if self.eat(b'.') || self.eat(b',') {
                micros = self.fraction()?;
            }
        }
        if hour > 23 || minute > 59 || second > 59 {
            return Err("there is no such time of day");
        }
        Ok(((hour * 60 + minute) * 60 + second) * 1_000_000 + micros)
    }

    /// Rounds to microseconds, as PostgreSQL does; Java and Go write nanoseconds.
    fn fraction(&mut self) -> Result<i64, Reason> {
        let start = self.at;
        let (mut micros, mut scale, mut round) = (0i64, 100_000i64, 0i64);
        while let Some(digit @ b'0'..=b'9') = self.peek() {
            let value = i64::from(digit - b'0');
            if self.at - start == 6 {
                round = i64::from(value >= 5);
            }
            micros += value * scale;
            scale /= 10;
            self.at += 1;
        }
        if self.at == start { Err("a fraction of a second has digits") } else { Ok(micros + round) }
    }

    /// `Z`, `+02`, `+02:00` or `+0200`, in microseconds east of Greenwich.
    fn offset(&mut self) -> Result<Option<i64>, Reason> {
        if self.eat(b'Z') || self.eat(b'z') {
            return Ok(Some(0));
        }
        let sign = match self.peek() {
            Some(b'+') => 1,
            Some(b'-') => -1,
            _ => return Ok(None),
        };
        self.at += 1;
        let hours = self.two()?;
        let minutes = if self.eat(b':') || self.peek().is_some() { self.two()? } else { 0 };
        if hours > 18 || minutes > 59 {
            return Err("there is no such zone offset");
        }
        Ok(Some(sign * (hours * 60 + minutes) * 60_000_000))
    }
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Howard Hinnant's days_from_civil: exact for the proleptic Gregorian calendar.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_shifted + 2) / 5 + 1;
    let month = if month_shifted < 10 { month_shifted + 3 } else { month_shifted - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

pub fn write_date(days: i64, out: &mut Vec<u8>) {
    let (year, month, day) = civil_from_days(days);
    match year {
        0..=9999 => push_digits(year, 4, out),
        _ => out.extend_from_slice(format!("{year:+07}").as_bytes()),
    }
    out.push(b'-');
    push_digits(month, 2, out);
    out.push(b'-');
    push_digits(day, 2, out);
}

pub fn write_time(micros: i64, out: &mut Vec<u8>) {
    let seconds = micros / 1_000_000;
    push_digits(seconds / 3600, 2, out);
    out.push(b':');
    push_digits(seconds / 60 % 60, 2, out);
    out.push(b':');
    push_digits(seconds % 60, 2, out);
    out.push(b'.');
    push_digits(micros % 1_000_000, 6, out);
}

/// Always with six digits of fraction, so that texts sort as their times do.
pub fn write_timestamp(micros: i64, out: &mut Vec<u8>) {
    write_date(micros.div_euclid(DAY_US), out);
    out.push(b'T');
    write_time(micros.rem_euclid(DAY_US), out);
}

fn push_digits(value: i64, width: u32, out: &mut Vec<u8>) {
    for place in (0..width).rev() {
        out.push(b'0' + (value / 10i64.pow(place) % 10) as u8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(micros: i64) -> String {
        let mut out = Vec::new();
        write_timestamp(micros, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn reads_what_producers_write() {
        let noon = 1_772_366_400_000_000; // 2026-03-01 12:00 UTC
        for (text, want) in [
            ("2026-03-01T12:00:00Z", noon),
            ("2026-03-01 12:00:00", noon),
            ("2026-03-01T12:00Z", noon),
            ("2026-03-01T14:00:00+02:00", noon),
            ("2026-03-01T06:30:00-0530", noon),
            ("2026-03-01T13:00:00+01", noon),
            ("2026-03-01T12:00:00.000001Z", noon + 1),
            ("2026-03-01T12:00:00.123456789Z", noon + 123_457),
            ("2026-03-01T12:00:00.5Z", noon + 500_000),
            ("1969-12-31T23:59:59.999999Z", -1),
            ("2024-02-29", 1_709_164_800_000_000),
        ] {
            assert_eq!(parse_timestamptz(text), Ok(want), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_doubtful() {
        for text in [
            "",
            "2026",
            "2026-3-1",
            "2026-02-29",
            "2026-13-01",
            "2026-03-01T",
            "2026-03-01T24:00:00Z",
            "2026-03-01T12:00:60Z",
            "2026-03-01T12:00:00Zx",
            "2026-03-01T12:00:00.Z",
            "2026-03-01T12:00:00+19:00",
            "26-03-01",
            "99999999-01-01",
            "2026-03-01x12:00:00",
            "-",
            "２026-03-01",
        ] {
            assert!(parse_timestamptz(text).is_err(), "{text}");
        }
        assert!(parse_timestamp("2026-03-01T12:00:00+02:00").is_err());
        assert!(parse_timestamp("2026-03-01T12:00:00Z").is_ok());
        assert!(parse_time("24:00:00").is_err());
        assert!(parse_date("2026-03-01T12:00:00").is_err());
    }

    #[test]
    fn every_day_comes_back() {
        for days in (-2_000_000..80_000_000).step_by(9973) {
            let (year, month, day) = civil_from_days(days);
            assert_eq!(days_from_civil(year, month, day), days);
        }
        for micros in [0, -1, 1_772_366_400_123_456, -62_167_219_200_000_000, 253_402_300_800_000_000] {
            assert_eq!(parse_timestamp(&written(micros)), Ok(micros), "{}", written(micros));
        }
        assert_eq!(written(1), "1970-01-01T00:00:00.000001");
        assert_eq!(written(253_402_300_800_000_000), "+010000-01-01T00:00:00.000000");
    }
}
