//! JSONB keeps what was written, and its bytes are in the order of its values.

use rand::{Rng, SeedableRng, rngs::StdRng};

use super::*;

fn value(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    parse(text, &mut out).unwrap_or_else(|error| panic!("{text}: {error:?}"));
    out
}

fn text(text: &str) -> String {
    let mut out = String::new();
    write_text(Json::new(&value(text)), &mut out);
    out
}

#[test]
fn texts_as_postgresql_prints_them() {
    for (json, want) in [
        (" null ", "null"),
        (r#"{"bb":1,"a":2,"c":{"x":[]},"a":3}"#, r#"{"a": 3, "c": {"x": []}, "bb": 1}"#),
        ("[1,2.50,-0,-0.0,1e3,1E-3,12345678901234567890123]", "[1, 2.5, 0, 0, 1000, 0.001, 12345678901234567890123]"),
        (r#""a\u00e9\ud83d\ude00\n\/\u0001""#, "\"aé😀\\n/\\u0001\""),
        ("[]", "[]"),
        ("{}", "{}"),
        ("[[],[[]],{}]", "[[], [[]], {}]"),
        ("-1.5e70", &format!("-15{}", "0".repeat(69))),
        ("1e-70", &format!("0.{}1", "0".repeat(69))),
    ] {
        assert_eq!(text(json), want, "{json}");
    }
}

#[test]
fn what_is_no_json() {
    for (json, want) in [
        ("", JsonError::Syntax),
        ("{\"a\"}", JsonError::Syntax),
        ("[1,]", JsonError::Syntax),
        ("01", JsonError::Syntax),
        ("1.", JsonError::Syntax),
        ("+1", JsonError::Syntax),
        ("nul", JsonError::Syntax),
        ("1 2", JsonError::Syntax),
        ("\"a\nb\"", JsonError::Syntax),
        ("\"\\ud800\"", JsonError::Syntax),
        ("\"\\u0000\"", JsonError::Zero),
        ("1e200000", JsonError::Number),
        ("1e-99999", JsonError::Number),
        (&"[".repeat(100_000), JsonError::Depth),
    ] {
        assert_eq!(parse(json, &mut Vec::new()), Err(want), "{}", &json[..json.len().min(40)]);
    }
}

/// Each is greater than the one before, as `SELECT … ORDER BY` of PostgreSQL 16 gives them.
#[test]
fn order() {
    let sorted = [
        "[]",
        "null",
        "\"\"",
        "\"a\"",
        "\"aa\"",
        "\"b\"",
        "-1e100",
        "-100",
        "-99.5",
        "-1",
        "-0.5",
        "-1e-100",
        "0",
        "1e-100",
        "0.5",
        "0.51",
        "1",
        "9",
        "10",
        "99.99",
        "100",
        "1e59",
        "1e60",
        "1e61",
        "1e100",
        "false",
        "true",
        "[null]",
        "[1]",
        "[[]]",
        "[1, 1]",
        "[1, 2]",
        "[2, 0]",
        "{}",
        "{\"a\": 1}",
        "{\"a\": 2}",
        "{\"b\": 1}",
        "{\"b\": 1, \"d\": 1}",
        "{\"aa\": 1, \"c\": 1}",
    ];
    for pair in sorted.windows(2) {
        assert!(value(pair[0]) < value(pair[1]), "{} < {}", pair[0], pair[1]);
    }
}

#[test]
fn equal_values_have_equal_bytes() {
    for (a, b) in
        [("1", "1.0"), ("1", "10e-1"), ("0", "-0.00"), ("{\"a\":1,\"b\":2}", "{\"b\":2,\"a\":1e0}"), ("[]", " [ ] ")]
    {
        assert_eq!(value(a), value(b), "{a} = {b}");
    }
}

#[test]
fn containment_as_in_the_manual_of_postgresql() {
    for (a, b, want) in [
        ("\"foo\"", "\"foo\"", true),
        ("[1, 2, 3]", "[1, 3]", true),
        ("[1, 2, 3]", "[3, 1]", true),
        ("[1, 2, 3]", "[1, 2, 2]", true),
        (r#"{"product": "x", "version": 9.4, "jsonb": true}"#, r#"{"version": 9.40}"#, true),
        ("[1, 2, [1, 3]]", "[1, 3]", false),
        ("[1, 2, [1, 3]]", "[[1, 3]]", true),
        (r#"{"foo": {"bar": "baz"}}"#, r#"{"bar": "baz"}"#, false),
        (r#"{"foo": {"bar": "baz"}}"#, r#"{"foo": {}}"#, true),
        (r#"["foo", "bar"]"#, "\"bar\"", true),
        ("\"bar\"", r#"["bar"]"#, false),
        ("[[1]]", "1", false),
        ("[]", "[]", true),
        ("[[]]", "[]", true),
        ("[[]]", "[[]]", true),
        ("{\"a\": []}", "{\"a\": []}", true),
    ] {
        assert_eq!(Json::new(&value(a)).contains(Json::new(&value(b))), want, "{a} @> {b}");
    }
}

#[test]
fn numbers_are_ordered_as_numbers() {
    let seed: u64 = rand::rng().random();
    eprintln!("seed {seed}");
    let mut rng = StdRng::seed_from_u64(seed);
    let mut any = || {
        let (scale, shift) = (rng.random_range(0..20u32), rng.random_range(0..100u32));
        let unscaled = (rng.random::<i128>() >> 20) >> shift;
        // All at a scale of 20, so that they compare as integers.
        let value = unscaled / 10i128.pow(20).max(1) * 10i128.pow(20 - scale);
        let digits = format!("{:021}", value.unsigned_abs());
        let sign = if value < 0 { "-" } else { "" };
        let (whole, fraction) = digits.split_at(digits.len() - 20);
        (value, format!("{sign}{whole}.{fraction}"))
    };
    for _ in 0..20_000 {
        let ((a, x), (b, y)) = (any(), any());
        assert_eq!(value(&x).cmp(&value(&y)), a.cmp(&b), "{x} and {y}");
        assert_eq!(text(&text(&x)), text(&x));
    }
}
