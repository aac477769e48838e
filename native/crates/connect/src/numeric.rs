//! Decimal text ↔ NUMERIC's scaled integer, digit by digit: a double in between would change cents.

use crate::time::Reason;

/// Far beyond any exponent that can matter, and far from overflow.
const EXPONENT_MAX: i64 = 100_000;

/// Reads a JSON number (or the same text from a JSON string). Digits beyond the scale are rounded half away from
/// zero, as PostgreSQL does when it stores a value.
pub fn parse_numeric(text: &str, precision: u8, scale: u8) -> Result<i128, Reason> {
    let (negative, text) = match text.as_bytes() {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        all => (false, all),
    };
    let mantissa_len = text.iter().position(|byte| matches!(byte, b'e' | b'E')).unwrap_or(text.len());
    let (mantissa, exponent) = text.split_at(mantissa_len);
    let exponent = if exponent.is_empty() { 0 } else { parse_exponent(&exponent[1..])? };

    let (whole, fraction) = match mantissa.iter().position(|&byte| byte == b'.') {
        Some(point) => (&mantissa[..point], &mantissa[point + 1..]),
        None => (mantissa, &mantissa[..0]),
    };
    if whole.is_empty() && fraction.is_empty() {
        return Err("a number has digits");
    }

    // The digits that stay are those before the scale's last place.
    let kept = whole.len() as i64 + exponent + i64::from(scale);
    let mut value = 0i128;
    for (place, &byte) in whole.iter().chain(fraction).enumerate() {
        if !byte.is_ascii_digit() {
            return Err("it is not a number");
        }
        let digit = i128::from(byte - b'0');
        let place = place as i64;
        if place < kept {
            value = value.checked_mul(10).and_then(|v| v.checked_add(digit)).ok_or("numeric field overflow")?;
        } else if place == kept && digit >= 5 {
            value = value.checked_add(1).ok_or("numeric field overflow")?;
        }
    }
    let digits = (whole.len() + fraction.len()) as i64;
    if value != 0 && kept > digits {
        let places = u32::try_from(kept - digits).map_err(|_| "numeric field overflow")?;
        value = 10i128.checked_pow(places).and_then(|by| value.checked_mul(by)).ok_or("numeric field overflow")?;
    }
    if value >= 10i128.pow(u32::from(precision)) {
        return Err("numeric field overflow");
    }
    Ok(if negative { -value } else { value })
}

fn parse_exponent(text: &[u8]) -> Result<i64, Reason> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        all => (false, all),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err("it is not a number");
    }
    let value = digits.iter().fold(0i64, |value, byte| (value * 10 + i64::from(byte - b'0')).min(EXPONENT_MAX));
    Ok(if negative { -value } else { value })
}

/// The exact decimal text with all digits of the scale, as PostgreSQL prints it.
pub fn write_numeric(value: i128, scale: i8, out: &mut Vec<u8>) {
    if value < 0 {
        out.push(b'-');
    }
    let digits = value.unsigned_abs().to_string();
    let scale = usize::try_from(scale).unwrap_or(0);
    if scale == 0 {
        out.extend_from_slice(digits.as_bytes());
        return;
    }
    let whole = digits.len().saturating_sub(scale);
    out.extend_from_slice(if whole == 0 { b"0" } else { &digits.as_bytes()[..whole] });
    out.push(b'.');
    out.resize(out.len() + scale.saturating_sub(digits.len()), b'0');
    out.extend_from_slice(&digits.as_bytes()[whole..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exact_and_rounded_half_away_from_zero() {
        for (text, want) in [
            ("0", 0),
            ("12.34", 1234),
            ("-12.34", -1234),
            ("12.3", 1230),
            ("12", 1200),
            ("0.005", 1),
            ("-0.005", -1),
            ("0.0049999999999999999999999999999999999999999999999", 0),
            ("1.005", 101),
            ("1e3", 100_000),
            ("1.5E-1", 15),
            ("123456e-4", 1235),
            ("0e99999999999", 0),
            ("1e-99999999999", 0),
            ("00000000000000000000000000000000000000000000012.34", 1234),
            ("99999999.99", 9_999_999_999),
        ] {
            assert_eq!(parse_numeric(text, 10, 2), Ok(want), "{text}");
        }
        assert_eq!(parse_numeric("99999999999999999999999999999999999999", 38, 0), Ok(10i128.pow(38) - 1));
    }

    #[test]
    fn refuses_overflow_and_nonsense() {
        for text in [
            "100000000",
            "99999999.995",
            "1e99",
            "1e99999999999999999999",
            "",
            "-",
            ".",
            "1.2.3",
            "1e",
            "1e+",
            "0x1",
            "1_0",
            " 1",
            "NaN",
        ] {
            assert!(parse_numeric(text, 10, 2).is_err(), "{text}");
        }
    }

    #[test]
    fn writes_all_digits_of_the_scale() {
        for (value, scale, want) in [
            (1234, 2, "12.34"),
            (-5, 2, "-0.05"),
            (0, 3, "0.000"),
            (7, 0, "7"),
            (-100, 2, "-1.00"),
            (i128::MAX, 0, "170141183460469231731687303715884105727"),
        ] {
            let mut out = Vec::new();
            write_numeric(value, scale, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), want);
        }
    }
}
