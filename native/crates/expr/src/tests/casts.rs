//! CAST: rounding, ranges, text in and out.

use millrace_base::Code;
use millrace_plan::DataType as T;
use millrace_plan::Literal;

use super::*;

const TWO: T = T::Numeric { precision: 10, scale: 2 };

#[test]
fn numbers_round_by_their_own_rule() {
    for (value, whole) in [(0.5, "0"), (1.5, "2"), (2.5, "2"), (-2.5, "-2"), (2.5000001, "3")] {
        check(cast(double(value), T::Integer), whole);
    }
    for (value, whole) in [("0.5", "1"), ("1.5", "2"), ("2.5", "3"), ("-2.5", "-3"), ("2.49", "2")] {
        check(cast(numeric(value), T::Integer), whole);
    }
    check(cast(numeric("1.005"), TWO), "1.01");
    check(cast(numeric("-1.005"), TWO), "-1.01");
    check(cast(double(1.005), TWO), "1.01");
    check(cast(double(0.1), T::Numeric { precision: 38, scale: 20 }), "0.10000000000000000000");
    check(cast(int(5), TWO), "5.00");
    check(cast(numeric("123.45"), T::Double), "123.45");
    check(cast(bigint(9007199254740993), T::Double), "9.007199254740992e+15");
    check(cast(boolean(Some(true)), T::Integer), "1");
    check(cast(int(7), T::Boolean), "true");
}

#[test]
fn what_does_not_fit_is_an_error() {
    let out = Code::NumericValueOutOfRange;
    fails(cast(int(40_000), T::Smallint), out, "smallint out of range");
    fails(cast(bigint(1 << 40), T::Integer), out, "integer out of range");
    fails(cast(double(2147483647.6), T::Integer), out, "integer out of range");
    check(cast(double(2147483647.4), T::Integer), "2147483647");
    fails(cast(double(9.3e18), T::Bigint), out, "bigint out of range");
    fails(cast(double(f64::NAN), T::Integer), out, "integer out of range");
    fails(cast(double(1e39), T::Real), out, "value out of range: overflow");
    fails(cast(numeric("123456789.00"), T::Numeric { precision: 5, scale: 2 }), out, "numeric field overflow");
    fails(cast(text("99999999999"), T::Integer), out, "value \"99999999999\" is out of range for type integer");
    fails(cast(text("1e400"), T::Double), out, "\"1e400\" is out of range for type double precision");
    let cannot = Evaluator::compile(&cast(date("2024-01-01"), T::Integer), &[], &NoModels).err().unwrap();
    assert_eq!((cannot.code, cannot.message.as_str()), (Code::CannotCoerce, "cannot cast type date to integer"));
}

#[test]
fn text_is_read_as_postgresql_reads_it() {
    check(cast(text("  42 "), T::Integer), "42");
    check(cast(text("+7"), T::Bigint), "7");
    check(cast(text("1e3"), T::Double), "1000");
    check(cast(text("infinity"), T::Double), "Infinity");
    check(cast(text("12.345e1"), TWO), "123.45");
    check(cast(text(".5"), TWO), "0.50");
    check(cast(text("0.004999"), TWO), "0.00");
    check(cast(text("0.005"), TWO), "0.01");
    for yes in ["t", "true", "TRUE", "yes", "y", "on", "1", " tr "] {
        check(cast(text(yes), T::Boolean), "true");
    }
    for no in ["f", "false", "no", "of", "off", "0"] {
        check(cast(text(no), T::Boolean), "false");
    }
    check(cast(text("\\x01FF"), T::Bytea), "\\x01ff");
    check(cast(text("a\\\\b"), T::Bytea), "\\x615c62");
    let bad = Code::InvalidTextRepresentation;
    fails(cast(text("abc"), T::Integer), bad, "invalid input syntax for type integer: \"abc\"");
    fails(cast(text(""), T::Integer), bad, "invalid input syntax for type integer: \"\"");
    fails(cast(text("1.5"), T::Integer), bad, "invalid input syntax for type integer: \"1.5\"");
    fails(cast(text("x"), T::Double), bad, "invalid input syntax for type double precision: \"x\"");
    fails(cast(text("1.2.3"), TWO), bad, "invalid input syntax for type numeric: \"1.2.3\"");
    fails(cast(text("o"), T::Boolean), bad, "invalid input syntax for type boolean: \"o\"");
}

#[test]
fn values_are_printed_as_postgresql_prints_them() {
    for (value, shown) in [
        (0.1, "0.1"),
        (100.0, "100"),
        (1e15, "1e+15"),
        (123456789012345.0, "123456789012345"),
        (0.0001, "0.0001"),
        (0.00001, "1e-05"),
        (-1.5e-7, "-1.5e-07"),
        (1.0 / 3.0, "0.3333333333333333"),
        (-0.0, "-0"),
        (f64::NEG_INFINITY, "-Infinity"),
    ] {
        check(double(value), shown);
    }
    check(lit(Literal::Real { value: 0.1 }), "0.1");
    check(lit(Literal::Real { value: 1e6 }), "1e+06");
    check(numeric("-0.05"), "-0.05");
    check(boolean(Some(false)), "false");
    check(lit(Literal::Bytea { value: vec![0, 255] }), "\\x00ff");
}

#[test]
fn null_stays_null_in_every_cast() {
    let all = [
        T::Boolean,
        T::Smallint,
        T::Integer,
        T::Bigint,
        T::Real,
        T::Double,
        TWO,
        T::Text,
        T::Bytea,
        T::Date,
        T::Time,
        T::Timestamp,
        T::Timestamptz,
        T::Interval,
    ];
    let mut possible = 0;
    for from in all {
        for to in all {
            if Evaluator::compile(&cast(null(from), to), &[], &NoModels).is_ok() {
                check(cast(null(from), to), "NULL");
                possible += 1;
            }
        }
    }
    assert!(possible > 60, "{possible} casts");
}

#[test]
fn times_are_read_and_printed() {
    for (input, shown) in [
        ("2024-02-29", "2024-02-29 00:00:00"),
        ("2024-02-29 12:34:56.7", "2024-02-29 12:34:56.7"),
        ("2024-02-29T12:34:56Z", "2024-02-29 12:34:56"),
        ("20240229 1:02", "2024-02-29 01:02:00"),
        ("Feb 29, 2024 1:30 pm", "2024-02-29 13:30:00"),
        ("29 Feb 2024", "2024-02-29 00:00:00"),
        ("2/29/2024", "2024-02-29 00:00:00"),
        ("1969-12-31 23:59:59.999999", "1969-12-31 23:59:59.999999"),
        ("2024-01-01 24:00:00", "2024-01-02 00:00:00"),
        ("epoch", "1970-01-01 00:00:00"),
    ] {
        check(timestamp(input), shown);
    }
    check(timestamptz("2024-06-01 12:00:00+02"), "2024-06-01 10:00:00+00");
    check(timestamptz("2024-06-01 12:00:00 Europe/London"), "2024-06-01 11:00:00+00");
    check(timestamptz("2024-06-01 12:00:00-05:30"), "2024-06-01 17:30:00+00");
    check(cast(timestamp("1969-12-31 23:00:00"), T::Date), "1969-12-31");
    check(cast(timestamp("2024-01-01 23:00:00"), T::Time), "23:00:00");
    check(time("04:05:06.789"), "04:05:06.789");
    let (syntax, range) = (Code::InvalidDatetimeFormat, Code::DatetimeFieldOverflow);
    fails(timestamp("yesterday-ish"), syntax, "invalid input syntax for type timestamp: \"yesterday-ish\"");
    fails(date("2023-02-29"), range, "date/time field value out of range: \"2023-02-29\"");
    fails(time("25:00:00"), range, "date/time field value out of range: \"25:00:00\"");
    fails(date(""), syntax, "invalid input syntax for type date: \"\"");
}

#[test]
fn intervals_are_read_and_printed() {
    for (input, shown) in [
        ("1 year 2 months 3 days 04:05:06.789", "1 year 2 mons 3 days 04:05:06.789"),
        ("5 seconds", "00:00:05"),
        ("1.5 hours", "01:30:00"),
        ("1.5 months", "1 mon 15 days"),
        ("-1 day", "-1 days"),
        ("1 day ago", "-1 days"),
        ("90 minutes", "01:30:00"),
        ("36 hours", "36:00:00"),
        ("P1Y2M3DT4H5M6S", "1 year 2 mons 3 days 04:05:06"),
        ("2 weeks", "14 days"),
        ("-1 day 02:00:00", "-1 days +02:00:00"),
        ("0 days", "00:00:00"),
        ("1h", "01:00:00"),
    ] {
        check(interval(input), shown);
    }
    fails(interval("soon"), Code::InvalidDatetimeFormat, "invalid input syntax for type interval: \"soon\"");
}

#[test]
fn every_double_reads_back() {
    let seed = rand::random::<u64>();
    eprintln!("seed {seed}");
    let mut random = <rand::rngs::StdRng as rand::SeedableRng>::seed_from_u64(seed);
    for _ in 0..2000 {
        let value = f64::from_bits(rand::Rng::random(&mut random));
        if value.is_finite() {
            let back = cast(cast(double(value), T::Text), T::Double);
            let array = run(&back, &[], &batch(vec![], 1)).unwrap();
            let array: &arrow_array::Float64Array = array.as_primitive();
            assert_eq!(array.value(0).to_bits(), value.to_bits());
        }
    }
}
