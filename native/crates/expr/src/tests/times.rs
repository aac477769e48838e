//! Dates, times and intervals.

use millrace_base::Code;
use millrace_plan::BinaryOp::*;
use millrace_plan::DataType as T;

use super::*;

#[test]
fn arithmetic() {
    check(op(Add, timestamp("2024-01-31"), interval("1 month"), T::Timestamp), "2024-02-29 00:00:00");
    check(op(Subtract, timestamp("2024-03-31"), interval("1 month"), T::Timestamp), "2024-02-29 00:00:00");
    check(
        op(Add, interval("90 minutes"), timestamptz("2024-01-01 23:00:00"), T::Timestamptz),
        "2024-01-02 00:30:00+00",
    );
    check(op(Add, date("2001-09-28"), interval("1 hour"), T::Timestamp), "2001-09-28 01:00:00");
    check(op(Add, date("2001-09-28"), int(7), T::Date), "2001-10-05");
    check(op(Add, int(7), date("2001-09-28"), T::Date), "2001-10-05");
    check(op(Subtract, date("2001-10-01"), date("2001-09-28"), T::Integer), "3");
    check(op(Subtract, timestamp("2001-09-29 03:00"), timestamp("2001-07-27 12:00"), T::Interval), "63 days 15:00:00");
    check(op(Subtract, timestamp("2001-01-01"), timestamp("2001-01-02 01:00"), T::Interval), "-1 days -01:00:00");
    check(op(Add, time("23:00"), interval("3 hours"), T::Time), "02:00:00");
    check(op(Subtract, time("05:00"), time("03:30"), T::Interval), "01:30:00");
    check(op(Multiply, interval("1 hour"), double(3.5), T::Interval), "03:30:00");
    check(op(Multiply, double(21.0), interval("1 day"), T::Interval), "21 days");
    check(op(Divide, interval("1 month"), double(2.0), T::Interval), "15 days");
    check(op(Divide, interval("1 hour"), double(1.5), T::Interval), "00:40:00");
    check(op(Add, interval("1 day"), interval("-2 hours"), T::Interval), "1 day -02:00:00");
    check(millrace_plan::Expr::Negate { input: Box::new(interval("1 mon -2 days")) }, "-1 mons +2 days");
    check(op(Equal, interval("1 month"), interval("30 days"), T::Boolean), "true");
    check(op(Less, interval("29 days 23:59:59"), interval("1 month"), T::Boolean), "true");
    fails(op(Divide, interval("1 hour"), double(0.0), T::Interval), Code::DivisionByZero, "division by zero");
    fails(op(Add, date("2001-01-01"), int(i32::MAX), T::Date), Code::DatetimeFieldOverflow, "date out of range");
}

#[test]
fn truncation() {
    let at = "2024-02-29 13:45:30.123456";
    for (unit, expected) in [
        ("microseconds", at),
        ("milliseconds", "2024-02-29 13:45:30.123"),
        ("second", "2024-02-29 13:45:30"),
        ("minute", "2024-02-29 13:45:00"),
        ("hour", "2024-02-29 13:00:00"),
        ("day", "2024-02-29 00:00:00"),
        ("week", "2024-02-26 00:00:00"),
        ("month", "2024-02-01 00:00:00"),
        ("quarter", "2024-01-01 00:00:00"),
        ("year", "2024-01-01 00:00:00"),
        ("decade", "2020-01-01 00:00:00"),
        ("century", "2001-01-01 00:00:00"),
        ("millennium", "2001-01-01 00:00:00"),
    ] {
        check(call("date_trunc", &[text(unit), timestamp(at)]), expected);
    }
    check(call("date_trunc", &[text("hour"), timestamp("1969-12-31 23:59:59")]), "1969-12-31 23:00:00");
    check(call("date_trunc", &[text("day"), timestamptz("2024-01-01 05:00")]), "2024-01-01 00:00:00+00");
    check(call("date_trunc", &[text("hour"), interval("3 days 02:47:33")]), "3 days 02:00:00");
    let bin =
        |stride: &str| call("date_bin", &[interval(stride), timestamp("2020-02-11 15:44:17"), timestamp("2001-01-01")]);
    check(bin("15 minutes"), "2020-02-11 15:30:00");
    fails(
        bin("1 month"),
        Code::FeatureNotSupported,
        "timestamps cannot be binned into intervals containing months or years",
    );
    fails(
        call("date_trunc", &[text("fortnight"), timestamp(at)]),
        Code::InvalidParameterValue,
        "unit \"fortnight\" not recognized for type timestamp without time zone",
    );
}

#[test]
fn parts() {
    let at = timestamp("2001-02-16 20:38:40.12");
    for (unit, expected) in [
        ("century", "21"),
        ("day", "16"),
        ("decade", "200"),
        ("dow", "5"),
        ("isodow", "5"),
        ("doy", "47"),
        ("epoch", "982355920.12"),
        ("hour", "20"),
        ("isoyear", "2001"),
        ("microseconds", "40120000"),
        ("millennium", "3"),
        ("milliseconds", "40120"),
        ("minute", "38"),
        ("month", "2"),
        ("quarter", "1"),
        ("second", "40.12"),
        ("week", "7"),
        ("year", "2001"),
    ] {
        check(call("date_part", &[text(unit), at.clone()]), expected);
    }
    check(call("date_part", &[text("week"), date("2012-12-31")]), "1");
    check(call("date_part", &[text("isoyear"), date("2006-01-01")]), "2005");
    check(call("date_part", &[text("dow"), date("2024-02-25")]), "0");
    check(call("date_part", &[text("epoch"), interval("5 days 3 hours")]), "442800");
    check(call("date_part", &[text("hour"), time("17:30")]), "17");
    check(call("date_part", &[text("year"), interval("14 months")]), "1");
}

#[test]
fn making_and_zones() {
    check(call("now", &[]), "2023-11-14 22:13:20+00");
    check(call("make_date", &[int(2013), int(7), int(15)]), "2013-07-15");
    check(call("to_timestamp", &[double(1284352323.5)]), "2010-09-13 04:32:03.5+00");
    check(call("timezone", &[text("America/Denver"), timestamptz("2001-02-16 20:38:40-05")]), "2001-02-16 18:38:40");
    check(call("timezone", &[text("america/denver"), timestamp("2001-02-16 20:38:40")]), "2001-02-17 03:38:40+00");
    check(call("age", &[timestamp("2001-04-10"), timestamp("1957-06-13")]), "43 years 9 mons 27 days");
    check(call("justify_hours", &[interval("27 hours")]), "1 day 03:00:00");
    fails(
        call("make_date", &[int(2013), int(2), int(30)]),
        Code::DatetimeFieldOverflow,
        "date field value out of range: 2013-02-30",
    );
    fails(
        call("timezone", &[text("Mars/Olympus"), timestamp("2001-02-16")]),
        Code::InvalidParameterValue,
        "time zone \"Mars/Olympus\" not recognized",
    );
}

#[test]
fn templates() {
    let at = timestamp("2002-04-20 17:31:12.66");
    for (format, expected) in [
        ("HH12:MI:SS", "05:31:12"),
        ("YYYY-MM-DD HH24:MI:SS.MS", "2002-04-20 17:31:12.660"),
        ("Day, DD  HH12:MI:SS", "Saturday , 20  05:31:12"),
        ("FMDay, FMDD Mon", "Saturday, 20 Apr"),
        ("\"Year\" YY am", "Year 02 pm"),
        ("DDth", "20th"),
    ] {
        check(call("to_char", &[at.clone(), text(format)]), expected);
    }
    check(call("to_char", &[int(125), text("999")]), " 125");
    check(call("to_char", &[int(-125), text("999")]), "-125");
    check(call("to_char", &[int(1485), text("9,999")]), " 1,485");
    check(call("to_char", &[numeric("0.1"), text("0.9")]), " 0.1");
    check(call("to_char", &[numeric("148.5"), text("999.999")]), " 148.500");
    check(call("to_char", &[numeric("148.5"), text("FM999.999")]), "148.5");
    check(call("to_char", &[numeric("-12.454"), text("999.99")]), " -12.45");
    check(call("to_char", &[double(1234.5), text("FM9,999.00")]), "1,234.50");
    check(call("to_char", &[int(12), text("9990999")]), "    0012");
    check(call("to_char", &[int(12345), text("999")]), " ###");
}

/// The calendar against chrono's, over four thousand years.
#[test]
fn the_calendar_is_right() {
    use chrono::Datelike;
    for days in (-719_000..800_000).step_by(13) {
        let ours = crate::calendar::date_of(days);
        let theirs = chrono::NaiveDate::from_ymd_opt(1970, 1, 1).unwrap() + chrono::TimeDelta::days(days);
        assert_eq!(
            (ours.year, ours.month, ours.day),
            (theirs.year().into(), theirs.month().into(), theirs.day().into())
        );
        assert_eq!(crate::calendar::days_of(ours.year, ours.month, ours.day), days);
        assert_eq!(crate::calendar::weekday(days), i64::from(theirs.weekday().num_days_from_sunday()));
        let week = theirs.iso_week();
        assert_eq!(crate::calendar::iso_week(days), (week.year().into(), week.week().into()));
    }
}
